"""A shared log as whoever archives it sees it: read it, and let go of what is safe.

Deleting takes the role ``stairway_archiver`` of ``deploy/postgresql/roles.sql``, taken for one
transaction: in it the mark moves on, and everything behind the mark goes. A trigger refuses
to delete anything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from stairway.adapters.ledger.failures import damaged
from stairway.adapters.ledger.group_shelf import GroupRows
from stairway.adapters.ledger.layout import FORMAT, format_of
from stairway.adapters.ledger.line import Line
from stairway.adapters.ledger.pages import Pages
from stairway.base.errors import ConfigError, DamagedLogError, DataError
from stairway.events.envelope import Envelope, Head
from stairway.events.group import first_needed

_OLDER: Final = """
    select coalesce(max(position), 0) from stairway.event
    where log = %b and stream = %b and recorded_ns < %b"""
_BEHIND: Final = """
    with recursive known(stream) as (
        (select stream from stairway.event where log = %b order by stream limit 1)
        union all
        select (
            select stream from stairway.event
            where log = %b and stream > known.stream order by stream limit 1
        ) from known where known.stream is not null
    )
    select known.stream, stray.position from known cross join lateral (
        select min(e.position) as position from stairway.event as e
        where e.log = %b and e.stream = known.stream and e.position > coalesce((
            select s.position from stairway.stream as s
            where s.log = %b and s.name = known.stream
        ), 0)
    ) as stray where stray.position is not null"""
"""Goes from stream to stream, and looks only behind the head of each: events are many."""

_AS_ARCHIVER: Final = "set local role stairway_archiver"
_THERE: Final = """
    select hash from stairway.event where log = %b and stream = %b and position = %b"""
_MARK: Final = """
    insert into stairway.archived as a values (%b, %b, %b, %b)
    on conflict (log, name) do update set position = excluded.position, hash = excluded.hash"""
_DELETE: Final = """
    delete from stairway.event where log = %b and stream = %b and position <= %b"""


class KeptInPostgresql:
    """One log: :class:`stairway.adapters.journal.kept.Kept`."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._log = line.address.log
        self._pages = Pages(line)

    def needed(self) -> Mapping[str, int]:
        """First position of each stream that a consumer group still has to see.

        Raises
        ------
        ConfigError
            If the tables have no room for marks: then nothing may go.
        """
        with self._line.turn() as link:
            found = format_of(link)
        if found != FORMAT:
            msg = (
                f"{self._line.address} has tables of format {found!r}, and archiving takes "
                f"{FORMAT!r}: let the owner run src/stairway/adapters/ledger/archive.sql, and "
                "then deploy/postgresql/roles.sql"
            )
            raise ConfigError(msg)
        groups = GroupRows(self._line)
        return first_needed(groups.state(name) for name in groups.names())

    def heads(self) -> Mapping[str, Head]:
        """Last position and hash of every stream.

        Raises
        ------
        DamagedLogError
            If events lie behind the head of their stream, or it has none: somebody took it
            back, and nobody can tell what else is missing.
        """
        with self._line.turn() as link:
            strays = link.execute(_BEHIND, (self._log,) * 4).fetchall()
        for stream, position in sorted(strays):
            cause = "it lies behind the head of its stream, or there is no head any more"
            raise damaged(self._line.address, stream, position, cause)
        return self._pages.heads()

    def forgotten(self, stream: str) -> Head:
        """Last event that was archived and deleted."""
        return self._pages.mark(stream)

    def at(self, stream: str, position: int) -> Head | None:
        """Position and hash of an event; ``None`` where the stream ends before it."""
        ends = self._pages.head(stream).position
        return None if ends < position else self._pages.at(stream, position)

    def older(self, stream: str, before_ns: int) -> int:
        """Position of the last event recorded before ``before_ns``."""
        with self._line.turn() as link:
            row = link.execute(_OLDER, (self._log, stream, before_ns)).fetchone()
        return 0 if row is None else int(row[0])

    def read(self, stream: str, after: int) -> Iterator[Envelope]:
        """Yield the events behind ``after``, each checked."""
        return self._pages.read(stream, after)

    def let_go(self, stream: str, upto: Head) -> None:
        """Note the mark and delete what is behind it, in one transaction."""
        digest = bytes.fromhex(upto.hash)
        with self._line.turn() as link, link.transaction():
            link.execute(_AS_ARCHIVER)
            where = (self._log, stream, upto.position)
            found = link.execute(_THERE, where, binary=True).fetchone()
            if found is None or found[0] != digest:
                msg = (
                    f"event {upto.position} of {stream!r} in {self._line.address} is not the "
                    "one in the archive: nothing was deleted; verify the archive"
                )
                raise DataError(msg)
            marked = link.execute(_MARK, (self._log, stream, upto.position, digest)).rowcount
            if marked != 1:
                msg = (
                    f"{self._line.address} did not take the mark of {stream!r}: something "
                    "there drops what is written, and nothing was deleted; open the log "
                    "again: it says what was added to its tables"
                )
                raise DamagedLogError(msg)
            link.execute(_DELETE, where)

    def close(self) -> None:
        """Let go of the connection."""
        self._line.close()
