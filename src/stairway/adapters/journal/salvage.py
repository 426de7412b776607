"""What is still whole of a damaged log, for carrying it away. Nothing is repaired.

Every event that is handed out has the checksum and the chain that it was written with, from
the first of its stream on; a stream ends at its first event of which that cannot be said.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from stairway.adapters.journal.archive import Archive
from stairway.adapters.journal.files import require_plain
from stairway.adapters.journal.pair import FILES, open_reader
from stairway.adapters.journal.store import Store
from stairway.base.errors import ConfigError, DamagedLogError, RecordError
from stairway.events.envelope import Envelope, Head
from stairway.events.ports import EventLog


class Salvage:
    """The whole part of the log in ``folder``.

    Attributes
    ----------
    complaints
        What is damaged, as far as has been read: first what opening found, then the place
        at which each stream ends too early.

    Raises
    ------
    ConfigError
        If it was written by another version.
    """

    def __init__(self, folder: Path) -> None:
        self.complaints: list[str] = []
        self._stores: dict[str, Store] = {}
        self._archive: Archive | None = None
        try:
            self._archive = Archive(folder)
        except DamagedLogError as error:
            self.complaints.append(str(error))
        for name in FILES:
            self._open(folder, name)

    def _open(self, folder: Path, name: str) -> None:
        try:
            with closing(open_reader(folder, name)):
                pass
        except DamagedLogError as error:
            self.complaints.append(str(error))
        except ConfigError:
            if (folder / name).exists():
                raise
            self.complaints.append(f"{folder / name} is missing")
            return
        path = folder / name
        if not path.exists():
            return
        try:
            require_plain([path], folder)
            store = Store(path)
        except (ConfigError, DamagedLogError, RecordError) as error:
            self.complaints.append(str(error))
            return
        self._stores |= dict.fromkeys(store.streams(), store)

    def streams(self) -> tuple[str, ...]:
        """Names of streams of which anything can be read, sorted."""
        archived = self._archive.segments() if self._archive is not None else ()
        return tuple(sorted({*self._stores, *(one.stream for one in archived)}))

    def head(self, stream: str) -> Head:
        """Last position and hash as the database says it, unchecked; empty if it cannot."""
        store = self._stores.get(stream)
        if store is not None:
            with suppress(DamagedLogError, RecordError):
                return store.last(stream)
        return self._archive.end(stream) if self._archive is not None else Head()

    def read(self, stream: str) -> Iterator[Envelope]:
        """Yield the events of ``stream`` up to the first that is not what was written."""
        seen = Head()
        try:
            if self._archive is not None:
                for envelope in self._archive.read(stream, 0):
                    seen = Head(envelope.position, envelope.hash)
                    yield envelope
            if stream in self._stores:
                yield from self._stores[stream].read(stream, seen)
        except (DamagedLogError, RecordError) as error:
            # Where a whole file is beyond reading, the error does not say of which stream.
            said = str(error)
            self.complaints.append(said if repr(stream) in said else f"{stream!r}: {said}")

    def close(self) -> None:
        """Let go of the files."""
        for store in set(self._stores.values()):
            store.close(checkpoint=False)


class SalvageElsewhere:
    """The whole part of a log that a server keeps; ``complaints`` are as with ``Salvage``."""

    def __init__(self, log: EventLog) -> None:
        self.complaints: list[str] = []
        self._log = log

    def streams(self) -> tuple[str, ...]:
        """Names of streams, sorted."""
        return self._log.streams()

    def head(self, stream: str) -> Head:
        """Last position and hash as the server says it; empty if it cannot."""
        with suppress(DamagedLogError):
            return self._log.head(stream)
        return Head()

    def read(self, stream: str) -> Iterator[Envelope]:
        """Yield the events of ``stream`` up to the first that is not what was written."""
        try:
            yield from self._log.read(stream)
        except DamagedLogError as error:
            self.complaints.append(str(error))

    def close(self) -> None:
        """Let go of the connection."""
        self._log.close()
