"""A store with its mark: one file of the record that knows how long it has to be.

Opening checks the store against the mark. A store that ends before the mark has lost
its tail; one that ends behind it was killed between commit and mark, and what lies
behind is checked and taken over.

The mark may claim only what survives. Under ``Sync.FULL`` that is every commit; under
``Sync.NORMAL`` it is what a completed checkpoint has synced into the database.

The mark is written with each commit and synced when the writer comes to rest, at the
latest after ``MARK_COMMITS`` commits: waiting for the disk a second time each time would
halve the rate, and gain only that a disk which lost a commit that it had called safe is
found out also where the power went within milliseconds of it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from operator import itemgetter
from pathlib import Path

from stairway.adapters.journal.archive import Archive
from stairway.adapters.journal.failures import damaged, no_room, way_out
from stairway.adapters.journal.files import is_no_room
from stairway.adapters.journal.layout import create
from stairway.adapters.journal.mark import Mark, read_mark
from stairway.adapters.journal.opening import require_joined, require_sound, require_whole
from stairway.adapters.journal.store import PAGE_EVENTS, Pause, Sealed, Store, Sync
from stairway.adapters.journal.told import Told
from stairway.base.errors import DamagedLogError, DiskFullError, RecordError
from stairway.events.envelope import Envelope, Head
from stairway.events.streams import is_durable

FILES = {"durable.db": Sync.FULL, "telemetry.db": Sync.NORMAL}
"""The files of a log, and what a commit to each waits for."""

MARK_COMMITS = 16


def file_of(stream: str) -> str:
    """Name of the file that holds ``stream``.

    Examples
    --------
    >>> file_of("fill"), file_of("timing")
    ('durable.db', 'telemetry.db')
    """
    return "durable.db" if is_durable(stream) else "telemetry.db"


def mark_path(path: Path) -> Path:
    """Where the mark of the database at ``path`` lies."""
    return path.with_suffix(".mark")


class Reader:
    """One file of the record, for reading; a writer may be at work on it."""

    def __init__(self, path: Path) -> None:
        # The mark is read first: the store can only be ahead of it.
        marked = _is_marked(path)
        self._mark = read_mark(mark_path(path)) if marked else {}
        self._store = Store(path)
        self._archive = Archive(path.parent)
        # Where the last read of each stream ended: followers read on from there.
        self._ends: dict[str, Head] = {}
        self._told = Told(self._store)
        with ExitStack() as undo:
            undo.callback(self.close)
            require_whole(self._store, self._mark, marked=marked)
            require_joined(self._store, self._archive, _goes_on(self._archive, path))
            undo.pop_all()

    def streams(self) -> tuple[str, ...]:
        """Names of streams, sorted."""
        self._store.refresh()
        return self._store.streams()

    def head(self, stream: str) -> Head:
        """Last position and hash of ``stream`` on disk."""
        self._store.learn(stream)
        return self._store.last(stream)

    def at(self, stream: str, position: int) -> Head:
        """Position and hash of one event; the empty head before the first."""
        self._store.learn(stream)
        if 0 < position < self.archived(stream):
            event = next(self._archive.read(stream, position - 1))
            return Head(event.position, event.hash)
        return self._at(stream, position)

    def read(
        self, stream: str, after: int = 0, page_events: int = PAGE_EVENTS
    ) -> Iterator[Envelope]:
        """Yield the events behind position ``after``, each checked.

        ``page_events`` are fetched at a time: fewer where only the first few are wanted.

        Raises
        ------
        DamagedLogError
            If one is missing or not what was written.
        """
        if self._told.has(stream):
            recorded = partial(self._recorded, stream, page_events=page_events)
            return self._told.read(stream, after, self._ends.get(stream), recorded)
        return self._recorded(stream, after, page_events)

    def hear(self, row: Sealed) -> None:
        """Take a row that came with a ring, for whoever reads on from his last read."""
        if row[0] in self._ends:
            self._told.hear(row)

    def _recorded(self, stream: str, after: int, page_events: int) -> Iterator[Envelope]:
        self._store.learn(stream)
        seen, envelope = after, None
        for envelope in self._news(stream, after, page_events):
            seen = envelope.position
            yield envelope
        floor = max(self._mark.get(stream, Head()).position, self._store.last(stream).position)
        if seen >= floor:
            return
        for envelope in self._walk(stream, seen, page_events):
            seen = envelope.position
            yield envelope
        if envelope is not None:
            self._ends[stream] = Head(seen, envelope.hash)
        if seen < floor:
            raise damaged(self._store.path, stream, seen + 1, "this event is missing")

    def _news(self, stream: str, after: int, page_events: int) -> Iterator[Envelope]:
        """Yield what follows upon the last read, for whom each moment counts.

        Whether anything is missing, or has left for the archive, is looked into afterwards.
        """
        end = self._ends.get(stream)
        if end is None or end.position != after:
            return
        with suppress(DamagedLogError):
            for envelope in self._store.read(stream, end, page_events):
                yield envelope
                self._ends[stream] = Head(envelope.position, envelope.hash)

    def archived(self, stream: str) -> int:
        """Last position that has left the database for the archive; 0 where none has."""
        self._archive.refresh()
        return self._archive.end(stream).position

    def _walk(self, stream: str, after: int, page_events: int) -> Iterator[Envelope]:
        """Yield from the archive up to its end, then from the database."""
        self._archive.refresh()
        seen = after
        while True:
            for envelope in self._archive.read(stream, seen):
                seen = envelope.position
                yield envelope
            try:
                start = self._at(stream, seen)
                for envelope in self._store.read(stream, start, page_events):
                    seen = envelope.position
                    yield envelope
            except DamagedLogError:
                # An archiver may have moved what was to come next.
                if self.archived(stream) <= seen:
                    raise
            else:
                return

    def _at(self, stream: str, position: int) -> Head:
        for end in (self._ends.get(stream, Head()), self._archive.end(stream)):
            if position == end.position:
                return end
        return self._store.at(stream, position)

    def findings(
        self, seen: Callable[[Envelope], object] = lambda _: None
    ) -> tuple[int, list[DamagedLogError]]:
        """Walk the whole file; return how many events were good, and what was not.

        ``seen`` is shown every good event as it comes by.
        """
        good = 0
        complaints: list[DamagedLogError] = []
        for stream in self.streams():
            try:
                for envelope in self.read(stream):
                    good += 1
                    seen(envelope)
            except DamagedLogError as error:
                complaints.append(error)
        answer = self._store.integrity()
        if answer != "ok":
            name = self._store.path.name
            complaints.append(DamagedLogError(f"{name}: SQLite says {answer}", file=name))
        return good, complaints

    def close(self) -> None:
        """Let go of the file."""
        self._store.close(checkpoint=False)


class Journal:
    """One file of the record, for its only writer."""

    def __init__(self, path: Path, sync: Sync) -> None:
        self._sync = sync
        marked = _is_marked(path)
        if not marked:
            create(path)
        self._store = Store(path, sync)
        with ExitStack() as undo:
            undo.callback(self._store.close, checkpoint=False)
            known = read_mark(mark_path(path)) if marked else {}
            require_whole(self._store, known, marked=marked)
            archive = Archive(path.parent)
            require_joined(self._store, archive, _goes_on(archive, path))
            require_sound(self._store, archive)
            self._mark = Mark(mark_path(path))
            undo.pop_all()
        self.heads = {name: self._store.last(name) for name in self._store.streams()}
        self.unmarked = False
        """Whether what was written waits to be told to the mark."""
        # What a killed writer left behind the mark may not have reached the disk yet.
        self._unsettled = 0
        if self._store.checkpoint():
            self._advance()
            self.settle()

    @property
    def wal_pages(self) -> int:
        """Pages of the write-ahead log that wait for a checkpoint."""
        return self._store.wal_pages

    def commit(self, rows: Sequence[Sealed], pause: Pause | None = None) -> None:
        """Write ``rows`` down, all or none; on return they are as safe as the file is.

        With a ``pause``, which is called between two statements, these are small ones: see
        ``Store.insert``.

        No rows at all bring the mark up to those of an earlier try that it was not told of.

        Raises
        ------
        DiskFullError
            If there was no room for the rows, or for the mark. Trying again is safe: rows
            that are in ``heads`` are to be left out then.
        RecordError
            On any other failure. Trying again is not.
        """
        if rows:
            self._store.insert(rows, pause)
            last = dict(zip(map(itemgetter(0), rows), rows, strict=True))
            for stream, (_, position, _, _, digest, _) in last.items():
                self.heads[stream] = Head(position, digest.hex())
        if self._sync is Sync.FULL:
            self._advance()
            if self._unsettled >= MARK_COMMITS:
                self.settle()

    def resume(self) -> None:
        """Find out how far a commit came that was cut short; what it wrote is taken over."""
        self._store.resume()
        self.heads = {name: self._store.last(name) for name in self._store.streams()}
        if self._sync is Sync.FULL:
            self._advance()

    def move_ahead(self) -> None:
        """Begin a checkpoint beside commits that go on; another thread may call this one."""
        self._store.move_ahead()

    def checkpoint(self, *, final: bool = False) -> None:
        """Keep the write-ahead log short; after it all that was moved is on the disk."""
        if self._store.checkpoint(final=final) and self._sync is Sync.NORMAL:
            self._advance()
            self.settle()

    def settle(self) -> None:
        """Make the mark survive a power cut, for when there is nothing else to do."""
        with self._mark_must_not_fail():
            self._mark.sync()
        self._unsettled = 0

    def _advance(self) -> None:
        self.unmarked = True
        with self._mark_must_not_fail():
            try:
                self._mark.write(self.heads)
            except OSError as error:
                if is_no_room(error):
                    raise no_room(mark_path(self._store.path)) from error
                raise
        self.unmarked = False
        self._unsettled += 1

    @contextmanager
    def _mark_must_not_fail(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            msg = (
                f"the high-water mark of {self._store.path} cannot be written ({error}): stop "
                "this process, look after the disk, and start again"
            )
            raise RecordError(msg) from error

    def close(self, *, failed: bool = False) -> None:
        """Checkpoint and let go of the files; after a failure leave them as they are."""
        try:
            if not failed:
                self.settle()
                self.checkpoint(final=True)
        except DiskFullError:
            # What is committed stays in the write-ahead log, and is moved next time.
            failed = True
        finally:
            self._store.close(checkpoint=not failed)
            self._mark.close()


def _is_marked(path: Path) -> bool:
    marked = mark_path(path).exists()
    if marked and not path.exists():
        msg = f"{path} is gone, though its high-water mark is there: {way_out(path.parent)}"
        raise DamagedLogError(msg, file=path.name)
    return marked


def _goes_on(archive: Archive, path: Path) -> list[str]:
    """Streams of the archive that the file at ``path`` goes on with."""
    return [stream for stream in archive.streams() if file_of(stream) == path.name]
