"""The record on one machine: two SQLite files, a lock, and room kept for the worst day.

::

    FOLDER/
      lock             held by the one writer
      ballast          room to finish in when the disk is full; there while writing
      durable.db       what must survive a power cut         (synchronous = FULL)
      durable.mark     how far it went
      telemetry.db     bars, answers, timings                (synchronous = NORMAL)
      telemetry.mark   how far it went, as of its last checkpoint
      groups/NAME.db   what the consumers of a group have done; theirs to write
      bells/           sockets of those who wait to be told of new events

Opening for writing checks every event in the databases, each part of the archive by its
hash, and what SQLite says of its pages: starting up is recovering, and nothing is built upon
what ``verify`` refuses. Reading checks every event it hands out. Nothing is ever repaired.

``recorded_ns`` strictly increases over the whole log, also where the clock stands still
or goes back, so it orders the events of all streams as they were appended.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from stairway.adapters.journal.failures import Complaint, complaint, no_room
from stairway.adapters.journal.files import Lock, is_no_room, make_folder
from stairway.adapters.journal.groups import SqliteGroup
from stairway.adapters.journal.pair import FILES, ReadingPair, WritingPair, open_reader
from stairway.adapters.journal.read_only import ReadOnly
from stairway.adapters.journal.rows import follow, require_expected
from stairway.adapters.journal.settings import Settings
from stairway.adapters.journal.store import Sealed
from stairway.adapters.journal.told import told_in
from stairway.adapters.journal.writer import GroupCommit
from stairway.base.errors import (
    ConfigError,
    DamagedLogError,
    RecordError,
    StairwayError,
)
from stairway.base.verdict import Finding, Pass, Refuse, Verdict, passed, refuse
from stairway.events.delivery import GroupRules
from stairway.events.envelope import Envelope, Head
from stairway.events.ports import EventLog, Group
from stairway.events.streams import require_name


def open_folder(
    folder: Path,
    config: Settings,
    *,
    read_only: bool = False,
    clock_ns: Callable[[], int] = time.time_ns,
) -> EventLog:
    """Open the log in ``folder``; for writing, make it where there is none.

    Raises
    ------
    ConfigError
        If somebody else writes to it, or it cannot be opened as it is.
    DamagedLogError
        If anything in it is not what was written.
    DiskFullError
        If there is no room to start with.
    """
    try:
        return ReadOnlyLog(folder) if read_only else SqliteLog(folder, config, clock_ns)
    except OSError as error:
        if is_no_room(error):
            raise no_room(folder) from error
        raise ConfigError(_not_opened(folder, error)) from error


def _not_opened(folder: Path, error: OSError) -> str:
    if isinstance(error, IsADirectoryError):
        remedy = "that is a folder, and a log has a plain file there: move it away"
    else:
        remedy = "check who may write there"
    where = "" if error.filename is None else f": {error.filename}"
    return f"no log can be opened in {folder} ({error.strerror}{where}): {remedy}"


def verify(folder: Path, seen: Callable[[Envelope], object] = lambda _: None) -> Verdict:
    """Check every event in ``folder`` against its checksum, its chain and the mark.

    ``seen`` is shown every event that is what was written, as it comes by.

    Changes nothing that is recorded (SQLite may leave an empty ``-wal`` file behind), and
    may be called while a writer is at work.
    """
    good, found = examined(folder, seen)
    if found:
        return Refuse(tuple(Finding("log.damaged", one.said) for one in found))
    return whole(good)


def whole(good: int) -> Verdict:
    """Say that all events of a log are what was written."""
    return passed("log.whole", "events whose checksum, chain and mark fit", good, n=good)


def examined(
    folder: Path, seen: Callable[[Envelope], object] = lambda _: None
) -> tuple[int, tuple[Complaint, ...]]:
    """Check as :func:`verify` does; return how many events are good, and what is not."""
    good, found = 0, list[Complaint]()
    for name in FILES:
        complaints: Sequence[StairwayError]
        try:
            with closing(open_reader(folder, name)) as reader:
                events, complaints = reader.findings(seen)
        except (ConfigError, DamagedLogError, RecordError) as error:
            events, complaints = 0, [error]
        good += events
        found += (complaint(one, name) for one in complaints)
    return good, tuple(found)


class ReadOnlyLog(ReadOnly):
    """A log to look at; a writer may be at work on it."""

    def __init__(self, folder: Path) -> None:
        self._reading = ReadingPair(folder)

    def read(self, stream: str, after: int = 0) -> Iterator[Envelope]:
        """Yield events with a position over ``after``."""
        return self._reading.of(stream).read(stream, after)

    def hear(self, said: bytes) -> None:
        """Take what came with a ring (:mod:`~.told`); the next ``read`` begins with it."""
        for row in told_in(said):
            self._reading.of(row[0]).hear(row)

    def head(self, stream: str) -> Head:
        """Return the last position and hash of ``stream``."""
        return self._reading.of(stream).head(stream)

    def streams(self) -> tuple[str, ...]:
        """Return the names of all streams that hold anything, sorted."""
        return self._reading.streams()

    def group(self, name: str, rules: GroupRules) -> Group:
        """Open the consumer group ``name``, or make it where there is none."""
        return SqliteGroup(self._reading.folder, name, rules, self.flush)

    def close(self) -> None:
        """Let go of the files."""
        self._reading.close()


class SqliteLog:
    """The log, for its only writer. Safe to share between threads.

    An interrupt (Ctrl-C) of ``append`` leaves all of its events or none, and which of the two
    is found out before the next call is answered. It does not survive a fork: the process that
    is forked off may close it, which touches nothing that the other one writes.
    """

    def __init__(self, folder: Path, config: Settings, clock_ns: Callable[[], int]) -> None:
        self._config = config
        self._clock_ns = clock_ns
        self._turn = threading.RLock()
        self._is_closed = False
        # The last row of an append that has not come to its end.
        self._in_doubt: Sealed | None = None
        make_folder(folder)
        with ExitStack() as undo:
            self._lock = Lock(folder / "lock")
            undo.callback(self._lock.release)
            self._files = WritingPair(folder, config)
            undo.callback(self._files.close, failed=True)
            self._reading = ReadingPair(folder)
            undo.callback(self._reading.close)
            self._heads = self._recover()
            self._writer = GroupCommit(self._files, config, self._let_go)
            undo.pop_all()

    def _recover(self) -> dict[str, Head]:
        """Read everything once: nothing is built upon a record that is not whole."""
        self._last_ns = 0
        heads: dict[str, Head] = {}
        for stream in self._reading.streams():
            reader = self._reading.of(stream)
            for envelope in reader.read(stream, reader.archived(stream)):
                heads[stream] = Head(envelope.position, envelope.hash)
                self._last_ns = max(self._last_ns, envelope.recorded_ns)
        return heads

    def append(
        self, stream: str, payloads: Sequence[bytes], expected: int | None = None
    ) -> Head:
        """Add events; return the stream's new head. Waits only for a full queue.

        Raises
        ------
        ConflictError
            If ``stream`` does not end at ``expected``.
        DiskFullError
            While the disk is full.
        RecordError
            Once writing has failed, after ``close``, or in a fork.
        """
        self._writer.worker.require_here()
        with self._turn:
            self._make_sure()
            head = self._heads.get(stream) or _first(stream)
            require_expected(stream, head, expected)
            first_ns = max(self._clock_ns(), self._last_ns + 1)
            rows = follow(head, stream, payloads, first_ns)
            self._in_doubt = rows[-1] if rows else None
            try:
                self._writer.put(rows)
            except StairwayError:
                # It refuses before it takes anything.
                self._in_doubt = None
                raise
            return self._move_on(rows[-1]) if rows else head

    def _make_sure(self) -> None:
        """Find out what became of an append that was interrupted. Called in turn."""
        row = self._in_doubt
        if row is not None and (self._writer.holds(row) or self._files.has(row)):
            self._move_on(row)
        self._in_doubt = None

    def _move_on(self, row: Sealed) -> Head:
        """Let the next event follow upon ``row``; may be interrupted and done again."""
        stream, position, recorded_ns, _, digest, _ = row
        head = Head(position, digest.hex())
        self._last_ns = recorded_ns
        self._heads[stream] = head
        self._in_doubt = None
        return head

    def flush(self) -> None:
        """Wait until all that was appended is on disk.

        Raises
        ------
        DiskFullError
            If the disk is full. What was appended is kept, and written once there is room.
        RecordError
            If writing has failed, or in a fork.
        """
        self._writer.flush()

    def read(self, stream: str, after: int = 0) -> Iterator[Envelope]:
        """Yield events over ``after``, including all that were appended before the call."""
        self.flush()
        return self._reading.of(stream).read(stream, after)

    def head(self, stream: str) -> Head:
        """Return the last position and hash of ``stream``, on disk or on its way there."""
        if self._in_doubt is not None:
            self._writer.worker.require_here()
            with self._turn:
                self._make_sure()
        return self._heads.get(stream, Head())

    def streams(self) -> tuple[str, ...]:
        """Return the names of all streams that hold anything, sorted."""
        self._writer.worker.require_here()
        with self._turn:
            self._make_sure()
            return tuple(sorted(self._heads))

    def group(self, name: str, rules: GroupRules) -> Group:
        """Open the consumer group ``name``, or make it where there is none.

        Others may open it at the same time through a log with ``read_only=True``.
        """
        return SqliteGroup(self._reading.folder, name, rules, self.flush)

    def health(self) -> Verdict:
        """Say whether new risk may be taken on: there is room, and no reader is stuck."""
        full = self._writer.full
        if full is not None:
            return refuse("log.disk_full", str(full))
        size, bound = self._files.wal_bytes, self._config.max_wal_bytes
        if not size <= bound:
            detail = "a reader that does not move on keeps the write-ahead log from shrinking"
            return refuse("log.wal_size", detail, size, bound)
        return Pass()

    def use_ballast(self) -> None:
        """Let exits be recorded in the room the ballast left, while the disk is full."""
        self._writer.use_ballast()

    def close(self) -> None:
        """Flush and let go of the files. Closing twice is closing once.

        A process that was forked off lets go of its copy of the right to write, and that is
        all: what is queued, and the files, are left to the one that writes.

        Raises
        ------
        RecordError
            If something that was appended could not be written. It is lost; whatever was
            flushed is not.
        """
        if not self._writer.worker.is_here:
            # Closing a copy unlocks nothing: the kernel waits for the last one.
            self._lock.release()
            return
        with self._turn:
            if self._is_closed:
                return
            self._writer.end()
            # One that was interrupted has not said what is lost.
            self._is_closed = True
            self._writer.close()

    def _let_go(self, failed: bool) -> None:  # noqa: FBT001 -- as the writer hands it over
        """Let go of the files, and then of the right to write; the writer's thread does."""
        with ExitStack() as last:
            last.callback(self._lock.release)
            last.callback(self._files.close, failed=failed)
            last.callback(self._reading.close)


def _first(stream: str) -> Head:
    require_name(stream)
    return Head()
