"""The record that several machines share: PostgreSQL, for the lifecycle and for policies.

Made for streams that are small, strictly ordered and written from many places. Every
append is a compare-and-set in one transaction, and is committed when ``append`` returns.
All streams are durable here. With ``writers=one`` in the URL a single process holds the
log, decides positions in memory, and a thread of its commits many events at once, as the
log on one machine does.

The address is a URL: see :mod:`stairway.adapters.ledger.address`. The tables, and what the
server refuses to do to them, are in ``adapters/ledger/schema.sql``; users who may append
and nothing else are made by ``deploy/postgresql/roles.sql``.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from stairway.adapters.journal.kept import Kept
from stairway.adapters.journal.read_only import ReadOnly
from stairway.adapters.journal.rows import require_expected
from stairway.adapters.journal.store import Row
from stairway.adapters.journal.writer import GroupCommit
from stairway.adapters.ledger.address import Address, Writers, parse
from stairway.adapters.ledger.failures import damaged
from stairway.adapters.ledger.group_shelf import GroupRows
from stairway.adapters.ledger.groups import LedgerGroup
from stairway.adapters.ledger.kept import KeptInPostgresql
from stairway.adapters.ledger.layout import claim, release, require_safe, require_there
from stairway.adapters.ledger.ledger import Ledger, Standing
from stairway.adapters.ledger.line import Line, Link
from stairway.adapters.ledger.pages import Pages
from stairway.adapters.ledger.rows import follow
from stairway.adapters.ledger.settings import LedgerSettings
from stairway.base.errors import ConfigError, DamagedLogError, RecordError
from stairway.base.verdict import Finding, Refuse, Verdict, passed
from stairway.events.delivery import GroupRules
from stairway.events.envelope import Envelope, Head
from stairway.events.ports import EventLog, Group, Groups
from stairway.events.streams import require_name

__all__ = ["HELD", "Config", "groups", "kept", "open_log", "verify"]

HELD = "every checksum, chain and head fits"
"""What an intact log was held against: the server itself says how far each stream went."""


class Config(LedgerSettings, frozen=True, kw_only=True):
    """Waits, and of the options under ``[log]`` only the pace of the one writer."""


def open_log(
    folder: Path | None,
    config: Config,
    *,
    url: str,
    read_only: bool = False,
    clock_ns: Callable[[], int] = time.time_ns,
) -> EventLog:
    """Open the log at ``url``; for writing, make it where there is none.

    ``folder`` is what other engines keep files in; this one keeps none.

    Raises
    ------
    ConfigError
        If the server cannot be reached, is not safe to use, or somebody else writes to it.
    DamagedLogError
        If anything in it is not what was written.
    """
    address = parse(url, config)
    if folder is not None and folder.is_file():
        msg = f"{folder} is a file, and a log is given a folder: name another one"
        raise ConfigError(msg)
    if read_only:
        return ReadOnlyLog(address)
    if address.writers is Writers.ONE:
        return SoleLog(address, config, clock_ns)
    return SharedLog(address, clock_ns)


def require_usable(url: str, config: Config) -> None:
    """Refuse an address that cannot be written to; makes the tables where there are none.

    Raises
    ------
    ConfigError
        If it has another form, or the server cannot be reached, is not safe to use, or has a
        writer of that log already.
    DamagedLogError
        If what is there of it is not what was written.
    """
    SoleLog(parse(url, config), config, time.time_ns).close()


def wait_ms(url: str, config: Config) -> int:
    """Longest that whoever must not be held up waits for an answer, milliseconds."""
    return parse(url, config).wait_ms


def verify(url: str, config: Config) -> Verdict:
    """Check every event of the log at ``url`` against its checksum, its chain and its head."""
    try:
        address = parse(url, config)
        with closing(_reader(address)) as line:
            good, complaints = Pages(line).findings()
    except (ConfigError, DamagedLogError, RecordError) as error:
        good, complaints = 0, [str(error)]
    if complaints:
        return Refuse(tuple(Finding("log.damaged", complaint) for complaint in complaints))
    return passed("log.whole", "events whose checksum, chain and head fit", good, n=good)


def kept(url: str, config: Config) -> Kept:
    """Open the log at ``url`` for whoever archives it."""
    return KeptInPostgresql(_reader(parse(url, config)))


def groups(url: str, config: Config) -> Groups:
    """Open the consumer groups of the log at ``url`` for whoever looks after them."""
    return GroupRows(_reader(parse(url, config)))


def _reader(address: Address) -> Line:
    def greet(link: Link) -> None:
        require_there(address, link)
        require_safe(address, link, read_only=True)

    return Line(address, greet)


def _consumer(address: Address) -> Line:
    def greet(link: Link) -> None:
        require_there(address, link)
        require_safe(address, link, read_only=False)

    return Line(address, greet)


def _writer(address: Address) -> Line:
    def greet(link: Link) -> None:
        require_safe(address, link, read_only=False)
        claim(address, link)

    return Line(address, greet, release)


class _Reading:
    """What all three logs do alike: look, and let consumers in."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._line = _reader(address)
        self.pages = Pages(self._line)

    def group(self, name: str, rules: GroupRules, flush: Callable[[], None]) -> Group:
        """Open a consumer group, with connections of its own."""
        with ExitStack() as undo:
            lines = (_consumer(self.address), _reader(self.address))
            for line in lines:
                undo.callback(line.close)
            group = LedgerGroup(lines, name, rules, flush)
            undo.pop_all()
        return group

    def recover(self) -> dict[str, Head]:
        """Read everything once: nothing is built upon a record that is not whole."""
        _, complaints = self.pages.findings()
        if complaints:
            raise DamagedLogError(complaints[0])
        return self.pages.heads()

    def close(self) -> None:
        """Let go of the connection."""
        self._line.close()


class ReadOnlyLog(ReadOnly):
    """A log to look at; writers may be at work on it."""

    def __init__(self, address: Address) -> None:
        self._reading = _Reading(address)

    def read(self, stream: str, after: int = 0) -> Iterator[Envelope]:
        """Yield events with a position over ``after``."""
        return self._reading.pages.read(stream, after)

    def head(self, stream: str) -> Head:
        """Return the last position and hash of ``stream``."""
        return self._reading.pages.head(stream)

    def streams(self) -> tuple[str, ...]:
        """Return the names of all streams that hold anything, sorted."""
        return tuple(sorted(self._reading.pages.heads()))

    def group(self, name: str, rules: GroupRules) -> Group:
        """Open the consumer group ``name``, or make it where there is none."""
        return self._reading.group(name, rules, self.flush)

    def close(self) -> None:
        """Let go of the connection."""
        self._reading.close()


class SharedLog(ReadOnlyLog):
    """A log that many may append to. Safe to share between threads."""

    def __init__(self, address: Address, clock_ns: Callable[[], int]) -> None:
        self._clock_ns = clock_ns
        with ExitStack() as undo:
            self._line = _writer(address)
            undo.callback(self._line.close)
            super().__init__(address)
            undo.callback(self._reading.close)
            self._reading.recover()
            undo.pop_all()
        self.ledger = Ledger(self._line, secrets.randbits(63))

    def append(
        self, stream: str, payloads: Sequence[bytes], expected: int | None = None
    ) -> Head:
        """Add events and commit them; return the stream's new head.

        Raises
        ------
        ConflictError
            If ``stream`` does not end at ``expected``.
        RecordError
            If the server does not answer in time; the message says what is known.
        """
        require_name(stream)
        seen = Head()

        def plan(place: Standing) -> Sequence[Row]:
            nonlocal seen
            seen = place.heads.get(stream, Head())
            require_expected(stream, seen, expected)
            first_ns = max(self._clock_ns(), place.last_ns + 1)
            return follow(stream, seen, payloads, first_ns)

        rows = self.ledger.place((stream,), plan)
        return Head(rows[-1].position, rows[-1].hash) if rows else seen

    def close(self) -> None:
        """Let go of the connections."""
        self._line.close()
        super().close()


class SoleLog:
    """A log that one process appends to. Safe to share between threads.

    It does not survive a fork: the process that is forked off may close it, which says nothing
    on the connections that the other one goes on using.
    """

    def __init__(self, address: Address, config: Config, clock_ns: Callable[[], int]) -> None:
        self._clock_ns = clock_ns
        self._turn = threading.RLock()
        self._closed = False
        with ExitStack() as undo:
            self._line = _writer(address)
            undo.callback(self._line.close)
            self._reading = _Reading(address)
            undo.callback(self._reading.close)
            self._heads = self._reading.recover()
            self.ledger = Ledger(self._line, secrets.randbits(63))
            sink = _Sink(self.ledger, address, dict(self._heads))
            self._last_ns = sink.last_ns()
            self._writer = GroupCommit(sink, config, self._let_go)
            undo.pop_all()

    def append(
        self, stream: str, payloads: Sequence[bytes], expected: int | None = None
    ) -> Head:
        """Add events; return the stream's new head. Waits only for a full queue.

        Raises
        ------
        ConflictError
            If ``stream`` does not end at ``expected``.
        RecordError
            Once writing has failed, or after ``close``.
        """
        self._writer.worker.require_here()
        with self._turn:
            require_name(stream)
            head = self._heads.get(stream, Head())
            require_expected(stream, head, expected)
            first_ns = max(self._clock_ns(), self._last_ns + 1)
            rows = follow(stream, head, payloads, first_ns)
            self._writer.put(rows)
            if rows:
                head = Head(rows[-1].position, rows[-1].hash)
                self._heads[stream] = head
                self._last_ns = rows[-1].recorded_ns
            return head

    def flush(self) -> None:
        """Wait until all that was appended is committed."""
        self._writer.flush()

    def read(self, stream: str, after: int = 0) -> Iterator[Envelope]:
        """Yield events over ``after``, including all that were appended before the call."""
        self.flush()
        return self._reading.pages.read(stream, after)

    def head(self, stream: str) -> Head:
        """Return the last position and hash of ``stream``, committed or on its way there."""
        return self._heads.get(stream, Head())

    def streams(self) -> tuple[str, ...]:
        """Return the names of all streams that hold anything, sorted."""
        self._writer.worker.require_here()
        with self._turn:
            return tuple(sorted(self._heads))

    def group(self, name: str, rules: GroupRules) -> Group:
        """Open the consumer group ``name``, or make it where there is none."""
        return self._reading.group(name, rules, self.flush)

    def close(self) -> None:
        """Flush and let go of the connections. Closing twice is closing once.

        Raises
        ------
        RecordError
            If something that was appended could not be written.
        """
        if not self._writer.worker.is_here:
            return
        with self._turn:
            if self._closed:
                return
            self._writer.end()
            # One that was interrupted has not said what is lost.
            self._closed = True
            self._writer.close()

    def _let_go(self, _failed: bool) -> None:  # noqa: FBT001 -- as the writer hands it over
        """Let go of the connections; the writer's thread does."""
        with ExitStack() as last:
            last.callback(self._line.close)
            last.callback(self._reading.close)


class _Sink:
    """Where the writer's thread commits; what it is given was decided upon already."""

    def __init__(self, ledger: Ledger, address: Address, heads: dict[str, Head]) -> None:
        self._ledger = ledger
        self._address = address
        self._heads = heads

    def last_ns(self) -> int:
        """Return the recording time of the newest event."""
        found = 0

        def look(place: Standing) -> Sequence[Row]:
            nonlocal found
            found = place.last_ns
            return ()

        self._ledger.place((), look)
        return found

    def commit(self, rows: Sequence[Row]) -> None:
        """Commit rows, all or none."""
        self._ledger.place({row.stream for row in rows}, partial(self._unless_moved, rows))
        for row in rows:
            self._heads[row.stream] = Head(row.position, row.hash)

    def _unless_moved(self, rows: Sequence[Row], place: Standing) -> Sequence[Row]:
        for stream in {row.stream for row in rows}:
            found, known = place.heads.get(stream, Head()), self._heads.get(stream, Head())
            if found != known:
                cause = f"it ends at {found.position}; its only writer knows {known.position}"
                raise damaged(self._address, stream, known.position + 1, cause)
        return rows

    def tidy(self) -> None:
        """Leave it to the server."""

    def settle(self) -> None:
        """Nothing was put off."""

    def drop_ballast(self) -> None:
        """Leave it to the server."""

    def load_ballast(self) -> None:
        """Leave it to the server."""
