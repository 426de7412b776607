"""Where a group's events come from: the disk of this machine, or Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import redis

from stairway.adapters.journal.pair import ReadingPair
from stairway.adapters.outbox.remote import RemoteReader
from stairway.events.envelope import Envelope, Head


class DiskSource:
    """The outbox. It has everything, also what Redis has lost or not got yet.

    Parameters
    ----------
    flush
        Puts on the disk what was appended before.
    """

    is_whole = True

    def __init__(self, folder: Path, flush: Callable[[], None]) -> None:
        self._reading, self._flush = ReadingPair(folder), flush

    def read(self, stream: str, after: int, page_events: int) -> Iterator[Envelope]:
        """Yield the events behind ``after``, each checked."""
        self._flush()
        return self._reading.of(stream).read(stream, after, page_events)

    def at(self, stream: str, position: int) -> Head | None:
        """Position and hash of one event; ``None`` where the disk ends before it."""
        self._flush()
        reader = self._reading.of(stream)
        return None if reader.head(stream).position < position else reader.at(stream, position)

    def close(self) -> None:
        """Let go of the files."""
        self._reading.close()


class RemoteSource:
    """Redis, where there is no disk of the log."""

    is_whole = False

    def __init__(self, reader: RemoteReader, client: redis.Redis) -> None:
        self._reader, self._client = reader, client

    def read(self, stream: str, after: int, page_events: int) -> Iterator[Envelope]:
        """Yield the events behind ``after``, each checked."""
        return self._reader.read(stream, after, page_events)

    def at(self, stream: str, position: int) -> Head | None:
        """Position and hash of one event; ``None`` where Redis has not come that far."""
        return self._reader.at(stream, position)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()
