"""What the disk has, read by the relay while the writer is at work.

Only what a power cut cannot take any more may go to Redis, or Redis would remember what
the record forgot. SQLite shows what was committed. In the durable file that is on the disk;
in the telemetry file it may still be on its way there, so its write-ahead log is synced
before its events leave.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from stairway.adapters.journal.files import sync_folder
from stairway.adapters.journal.pair import FILES, ReadingPair, file_of
from stairway.base.errors import RecordError
from stairway.events.envelope import Envelope
from stairway.events.streams import is_durable

BATCH_BYTES = 4_194_304
"""Where a batch ends, however few events it holds."""


class Committed:
    """The outbox as its relay sees it. Used by one thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reading = ReadingPair(folder)
        self._walks: dict[str, tuple[int, Iterator[Envelope]]] = {}
        self._syncing: int | None = None

    def streams(self) -> tuple[str, ...]:
        """Names of streams on disk, sorted."""
        return self._reading.streams()

    def end(self, stream: str) -> int:
        """Last position of ``stream`` on disk."""
        return self._reading.of(stream).head(stream).position

    def at(self, stream: str, position: int) -> Envelope | None:
        """Return one event; ``None`` where the disk has none there.

        Raises
        ------
        DamagedLogError
            If it should be there and is not, or is not what was written.
        """
        if not 0 < position <= self.end(stream):
            return None
        return next(self._reading.of(stream).read(stream, position - 1), None)

    def after(self, stream: str, position: int, limit: int) -> list[Envelope]:
        """Return the next events, at most ``limit``, that no power cut can take any more."""
        batch = list(self._some(stream, position, limit))
        if batch and not is_durable(stream):
            self._sync()
        return batch

    def _some(self, stream: str, position: int, limit: int) -> Iterator[Envelope]:
        place, walk = self._walks.pop(stream, (-1, iter(())))
        if place != position:
            walk = self._reading.of(stream).read(stream, position)
        size = 0
        for envelope in walk:
            place = envelope.position
            size += len(envelope.payload)
            limit -= 1
            if limit <= 0 or size >= BATCH_BYTES:
                # Where the walk has ended, a new one finds what came meanwhile.
                self._walks[stream] = (place, walk)
                yield envelope
                return
            yield envelope

    def _sync(self) -> None:
        path = self._folder / f"{file_of('timing')}-wal"
        try:
            if self._syncing is None:
                self._syncing = os.open(path, os.O_RDWR)
                sync_folder(self._folder)
            os.fdatasync(self._syncing)
        except OSError as error:
            msg = (
                f"{path} cannot be synced ({error.strerror}): look after the disk, start again"
            )
            raise RecordError(msg) from error

    def kept(self) -> tuple[int, int]:
        """Bytes that the databases take up, and events that lie in them."""
        paths = [self._folder / f"{name}{end}" for name in FILES for end in ("", "-wal")]
        size = sum(path.stat().st_size for path in paths if path.exists())
        events = 0
        for stream in self.streams():
            events += self.end(stream) - self._reading.of(stream).archived(stream)
        return size, events

    def close(self) -> None:
        """Let go of the files."""
        self._walks.clear()
        self._reading.close()
        if self._syncing is not None:
            os.close(self._syncing)
            self._syncing = None
