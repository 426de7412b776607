"""One transaction that appends, and what is done when nobody knows how it ended.

1. Lock the log's row: appenders to one log take turns, so recording times increase in the
   order of the commits.
2. Read the heads of the streams, in a statement of its own: one that had to wait for the
   lock would see the heads as they were before it waited.
3. Let the caller decide upon them which rows follow, or that none may.
4. Insert the rows, move the heads and the log's time; commit if the server took all of them.

If the connection breaks after 4 was sent, the row is locked once more. That waits for the
end of the broken transaction, whichever it is; then the rows are there, as we wrote them,
or none of them is and the whole is done again. Nothing is ever appended twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from stairway.adapters.journal.store import Row, crc_of
from stairway.adapters.ledger.failures import ConnectionLostError
from stairway.adapters.ledger.line import Line, Link
from stairway.base.errors import DamagedLogError, InvariantError, RecordError
from stairway.events.envelope import Head

_LOCK: Final = "select id::text, last_ns from stairway.log where name = %b for update"
_HEADS: Final = """
    select name, position, hash from stairway.stream where log = %b and name = any(%b)"""
_INSERT: Final = """
    insert into stairway.event
    select %b, t.stream, t.position, t.recorded_ns, %b, t.crc, t.hash, t.payload
    from unnest(%b::text[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bytea[], %b::bytea[])
        as t (stream, position, recorded_ns, crc, hash, payload)"""
_MOVE: Final = """
    insert into stairway.stream as s
    select %b, t.name, t.position, t.hash
    from unnest(%b::text[], %b::bigint[], %b::bytea[]) as t (name, position, hash)
    on conflict (log, name) do update set position = excluded.position, hash = excluded.hash"""
_TICK: Final = "update stairway.log set last_ns = %b where name = %b"
_LANDED: Final = """
    select count(*) from stairway.event as e
    join unnest(%b::text[], %b::bigint[], %b::bigint[], %b::bytea[])
        as t (stream, position, recorded_ns, hash)
        using (stream, position, recorded_ns, hash)
    where e.log = %b and e.writer = %b"""


class Standing(NamedTuple):
    """Where a log stands while nobody else can append to it."""

    last_ns: int
    heads: dict[str, Head]


Plan: TypeAlias = Callable[[Standing], Sequence[Row]]
"""Says which rows follow. Called again where a transaction was lost; raises to append none."""


class Ledger:
    """Appends to one log. Safe to share between threads.

    Parameters
    ----------
    writer
        Drawn anew by every process: tells its rows from equal ones of another.
    """

    def __init__(self, line: Line, writer: int) -> None:
        self._line = line
        self._log = line.address.log
        self._writer = writer
        self._id: str | None = None
        self.resolved = 0

    def place(self, streams: Iterable[str], plan: Plan) -> Sequence[Row]:
        """Append what ``plan`` says, all or none; return it.

        Raises
        ------
        DiskFullError
            If the server has no room. Nothing was appended.
        RecordError
            If the server could not be asked within ``wait_ms``; the message says whether
            anything may have been appended.
        """
        names = sorted(set(streams))
        deadline = time.monotonic() + self._line.address.wait_ms / 1_000
        while True:
            sent: list[Row] = []
            try:
                with self._line.turn() as link:
                    return self._append(link, names, plan, sent)
            except ConnectionLostError as error:
                if sent and self._landed(sent):
                    return sent
                if time.monotonic() > deadline:
                    msg = f"{error}; nothing was appended: try again"
                    raise RecordError(msg) from error

    def _append(
        self, link: Link, streams: list[str], plan: Plan, sent: list[Row]
    ) -> Sequence[Row]:
        with link.pipeline() as together:
            link.execute("begin")
            log = link.execute(_LOCK, (self._log,))
            heads = link.execute(_HEADS, (self._log, streams), binary=True)
            together.sync()
            rows = plan(self._standing(log.fetchone(), heads.fetchall()))
            if not rows:
                link.execute("rollback")
                return rows
            sent.extend(rows)
            written = self._write(link, rows)
            # Asked for before the commit: what did not arrive is not to be acknowledged.
            together.sync()
            self._require_written(written)
            link.execute("commit")
        return rows

    def _standing(self, log: Any, heads: list[Any]) -> Standing:
        return Standing(
            self._last_ns(log), {name: Head(n, seal.hex()) for name, n, seal in heads}
        )

    def _last_ns(self, log: Any) -> int:
        if log is None or self._id not in {None, log[0]}:
            msg = (
                f"{self._line.address} is not the log that it was: somebody put another one in "
                "its place; stop, and restore the database from a backup"
            )
            raise DamagedLogError(msg)
        self._id, last_ns = log
        return last_ns

    def _write(self, link: Link, rows: Sequence[Row]) -> dict[str, tuple[Any, int]]:
        """Send all that follows; return, by table, what answers, and with how many rows."""
        hashes = [bytes.fromhex(row.hash) for row in rows]
        checks = [
            crc_of(row.stream, row.position, row.recorded_ns, seal, row.payload)
            for row, seal in zip(rows, hashes, strict=True)
        ]
        columns = (
            [row.stream for row in rows],
            [row.position for row in rows],
            [row.recorded_ns for row in rows],
            checks,
            hashes,
            [row.payload for row in rows],
        )
        events = link.execute(_INSERT, (self._log, self._writer, *columns))
        last = {row.stream: row for row in rows}
        seals = [bytes.fromhex(row.hash) for row in last.values()]
        positions = [row.position for row in last.values()]
        heads = link.execute(_MOVE, (self._log, list(last), positions, seals))
        clock = link.execute(_TICK, (rows[-1].recorded_ns, self._log))
        return {"event": (events, len(rows)), "stream": (heads, len(last)), "log": (clock, 1)}

    def _require_written(self, written: dict[str, tuple[Any, int]]) -> None:
        for table, (answer, wanted) in written.items():
            if answer.rowcount != wanted:
                msg = (
                    f"{self._line.address} took {answer.rowcount} of {wanted} rows of "
                    f"stairway.{table}: something there drops what is written, and nothing "
                    "was appended. Open the log again: it says what was added to its tables"
                )
                raise DamagedLogError(msg)

    def _landed(self, rows: Sequence[Row]) -> bool:
        """Find out whether a transaction that nobody answered for was committed."""
        try:
            with self._line.turn() as link:
                found = self._count(link, rows)
        except RecordError as error:
            msg = (
                f"{error}; whether the last {len(rows)} events were appended is not known: "
                "read the log before you append again"
            )
            raise RecordError(msg) from error
        self.resolved += 1
        if found not in {0, len(rows)}:
            msg = (
                f"{found} of {len(rows)} events of one transaction are in {self._line.address}"
            )
            raise InvariantError(msg)
        return found > 0

    def _count(self, link: Link, rows: Sequence[Row]) -> int:
        columns = (
            [row.stream for row in rows],
            [row.position for row in rows],
            [row.recorded_ns for row in rows],
            [bytes.fromhex(row.hash) for row in rows],
        )
        with link.transaction():
            # Waits for the end of the transaction that held the row when the line broke.
            self._last_ns(link.execute(_LOCK, (self._log,)).fetchone())
            row = link.execute(_LANDED, (*columns, self._log, self._writer)).fetchone()
        return 0 if row is None else int(row[0])
