"""What is still whole of a damaged log, for carrying it away. Nothing is repaired.

Every event that is handed out has the checksum and the chain that it was written with, from
the first of its stream on; a stream ends at its first event of which that cannot be said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from stairway.adapters.journal.archive import FOLDER, Archive
from stairway.adapters.journal.failures import Complaint
from stairway.adapters.journal.files import require_plain
from stairway.adapters.journal.journal import mark_path
from stairway.adapters.journal.mark import read_mark
from stairway.adapters.journal.pair import FILES, file_of, open_reader
from stairway.adapters.journal.store import Store
from stairway.base.errors import ConfigError, DamagedLogError, RecordError
from stairway.events.envelope import Envelope, Head, chain
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
        If it was written by another version, or the archive beside it is another log's: the
        two are never mixed.
    """

    def __init__(self, folder: Path) -> None:
        self.complaints: list[str] = []
        self._stores: dict[str, Store] = {}
        self._archive: Archive | None = None
        try:
            self._archive = Archive(folder)
        except DamagedLogError as error:
            self.complaints.append(str(error))
        with ExitStack() as undo:
            undo.callback(self.close)
            for name in FILES:
                self._open(folder, name)
            if self._archive is not None:
                _require_same(folder, self._archive, self._stores)
            undo.pop_all()

    def _open(self, folder: Path, name: str) -> None:
        try:
            with closing(open_reader(folder, name)):
                pass
        except (DamagedLogError, RecordError) as error:
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
            is_named = isinstance(error, DamagedLogError) and error.stream is not None
            self.complaints.append(str(error) if is_named else f"{stream!r}: {error}")

    def close(self) -> None:
        """Let go of the files."""
        for store in set(self._stores.values()):
            store.close(checkpoint=False)


def lost(
    folder: Path, reached: Mapping[str, int], found: Sequence[Complaint]
) -> tuple[str, ...]:
    """Say of each file that is damaged as a whole which events of it can still be read.

    Parameters
    ----------
    reached
        Last position of each stream that was found to be what was written.
    found
        What is known to be damaged. A file of which only single streams are named needs no
        more words, and of streams that are named nothing is said twice.
    """
    whole = {one.file for one in found if one.stream is None}
    named = {one.stream for one in found if one.stream is not None}
    files = [name for name in FILES if name in whole]
    if not files:
        return ()
    lines: list[str] = []
    with suppress(ConfigError), closing(Salvage(folder)) as salvage:
        for name in files:
            goals, marked = _goals(folder / name, salvage)
            ends = {one: _end(salvage, one, reached.get(one, 0), goals[one]) for one in goals}
            lines += [
                f"{name}: stream {one!r}, position {end + 1}: this event cannot be read, nor "
                f"what follows it up to {goals[one]}, where its "
                f"{'high-water mark stands' if one in marked else 'table says that it ends'}"
                for one, end in ends.items()
                if end < goals[one] and one not in named
            ]
            whole = ", ".join(f"{one!r} to {end}" for one, end in ends.items() if end)
            lines += [f"{name}: what was written can be read of {whole}"] if whole else []
    return tuple(lines)


def _goals(path: Path, salvage: Salvage) -> tuple[dict[str, int], set[str]]:
    """Position up to which each stream of a file went, as far as anybody knows.

    Also of which of them the high-water mark says so.
    """
    known = {one: salvage.head(one).position for one in salvage.streams()}
    marked: set[str] = set()
    with suppress(DamagedLogError, OSError):
        for stream, head in read_mark(mark_path(path)).items():
            if head.position >= known.get(stream, 0):
                known[stream] = head.position
                marked.add(stream)
    return {one: known[one] for one in sorted(known) if file_of(one) == path.name}, marked


def _end(salvage: Salvage, stream: str, reached: int, goal: int) -> int:
    """Last position of ``stream`` up to which everything is what was written."""
    if reached >= goal:
        return reached
    return max((event.position for event in salvage.read(stream)), default=0)


def _require_same(folder: Path, archive: Archive, stores: Mapping[str, Store]) -> None:
    """Refuse databases and an archive of which sound events show that they are not one log.

    Damage on either side shows nothing: what is still whole of such a log is carried away.
    """
    for stream in archive.streams():
        position = 0
        if stream in stores:
            with suppress(DamagedLogError, RecordError):
                position = _parted(archive, stores[stream], stream)
        if position:
            msg = (
                f"{folder / FOLDER} is the archive of another log than {stores[stream].path}: "
                f"event {position} of {stream!r} does not fit the other's, though both are "
                f"what was written. Move one of the two out of {folder}, and carry each away "
                "by itself"
            )
            raise ConfigError(msg)


def _parted(archive: Archive, store: Store, stream: str) -> int:
    """Position at which the two tell different stories; 0 where nothing shows that."""
    end = archive.end(stream)
    event = store.sound(stream, end.position) or store.sound(
        stream, store.last(stream).position
    )
    if event is None:
        return 0
    there = archive.at(stream, event.position)
    if there is not None:
        return 0 if there.hash == event.hash else event.position
    follows = chain(end.hash, stream, end.position + 1, event.payload)
    is_next = event.position == end.position + 1
    return event.position if is_next and event.hash != follows else 0


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
