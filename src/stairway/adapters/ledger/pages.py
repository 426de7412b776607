"""Reading a log page by page, every event checked against the one before it.

No transaction, and no cursor, stays open between two pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from stairway.adapters.journal.archive import Archive, elsewhere
from stairway.adapters.journal.store import crc_of
from stairway.adapters.ledger.failures import ConnectionLostError, damaged
from stairway.adapters.ledger.line import Line
from stairway.base.errors import DamagedLogError
from stairway.events.envelope import Envelope, Head, chain

PAGE_EVENTS, PAGE_BYTES = 1_024, 8 << 20
_FIRST_PAGE = 16
_PAGE: Final = """
    select position, recorded_ns, crc, hash, payload from stairway.event
    where log = %b and stream = %b and position > %b order by position limit %b"""
_HAS_MARKS: Final = "select to_regclass('stairway.archived') is not null"
_MARKS: Final = "select name, position, hash from stairway.archived where log = %b"
_HEAD: Final = "select position, hash from stairway.stream where log = %b and name = %b"
_STREAMS: Final = "select name, position, hash from stairway.stream where log = %b"
_EXTRA: Final = """
    select stream, max(position) from stairway.event where log = %b group by stream"""


class Pages:
    """The events of one log. Safe to share between threads."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._address = line.address
        folder = line.address.archive
        self._archive = None if folder is None else Archive(folder, line.address.url)

    def heads(self) -> dict[str, Head]:
        """Last position and hash of every stream, by name."""
        found = self._ask(_STREAMS, (self._address.log,))
        return {name: Head(position, digest.hex()) for name, position, digest in found}

    def head(self, stream: str) -> Head:
        """Last position and hash of ``stream``."""
        found = self._ask(_HEAD, (self._address.log, stream))
        return Head(found[0][0], found[0][1].hex()) if found else Head()

    def marks(self) -> dict[str, Head]:
        """Last event of each stream that was archived and deleted, by stream."""
        if not self._ask(_HAS_MARKS, ())[0][0]:
            return {}
        found = self._ask(_MARKS, (self._address.log,))
        return {name: Head(position, digest.hex()) for name, position, digest in found}

    def mark(self, stream: str) -> Head:
        """Last event of ``stream`` that was archived and deleted; the empty head for none."""
        return self.marks().get(stream, Head())

    def read(self, stream: str, after: int = 0) -> Iterator[Envelope]:
        """Yield the events behind position ``after``, each checked.

        Raises
        ------
        ConfigError
            If some were archived, and the address does not say where.
        DamagedLogError
            If one is missing or not what was written.
        """
        floor = self.head(stream)
        place = after
        while place < floor.position:
            # An archiver may delete what comes next while this is being read.
            mark = self.mark(stream)
            if place < mark.position:
                events = self._archived(stream, place, mark)
            else:
                events = self._walk(stream, self.at(stream, place), floor)
            for envelope in events:
                place = envelope.position
                yield envelope

    def _archived(self, stream: str, after: int, upto: Head) -> Iterator[Envelope]:
        if self._archive is None:
            raise elsewhere(str(self._address), stream, after + 1, upto)
        return self._archive.between(stream, after, upto)

    def _walk(self, stream: str, previous: Head, floor: Head) -> Iterator[Envelope]:
        """Yield what is on the server behind ``previous``; stop where it was archived since."""
        limit = _FIRST_PAGE
        while True:
            page = self._page(stream, previous.position, limit)
            if self._was_archived(stream, previous, page):
                return
            for found in page:
                envelope = self._checked(stream, previous, found)
                previous = Head(envelope.position, envelope.hash)
                if previous.position == floor.position and previous != floor:
                    cause = "it is not the event that the head of its stream names"
                    raise damaged(self._address, stream, floor.position, cause)
                yield envelope
            if len(page) < limit:
                break
            limit = _next_limit(limit, sum(len(found[4]) for found in page))
        if previous.position < floor.position:
            raise damaged(self._address, stream, previous.position + 1, "this event is missing")

    def _was_archived(self, stream: str, previous: Head, page: list[Any]) -> bool:
        follows = bool(page) and page[0][0] == previous.position + 1
        return not follows and self.mark(stream).position > previous.position

    def findings(self) -> tuple[int, list[str]]:
        """Read everything; return how many events were good, and what was not.

        What was archived is read too where the address says where it is.
        """
        good = 0
        complaints: list[str] = []
        heads = self.heads()
        marks = self.marks() if self._archive is None else {}
        for stream in sorted(heads):
            try:
                for _ in self.read(stream, marks.get(stream, Head()).position):
                    good += 1
            except DamagedLogError as error:
                complaints.append(str(error))
        for stream, last in self._ask(_EXTRA, (self._address.log,)):
            if last > heads.get(stream, Head()).position and last > self.head(stream).position:
                cause = "an event lies behind the head of its stream"
                complaints.append(str(damaged(self._address, stream, last, cause)))
        return good, complaints

    def at(self, stream: str, position: int) -> Head:
        """Position and hash of the event at ``position``; the empty head before the first."""
        if position <= 0:
            return Head()
        mark = self.mark(stream)
        if position == mark.position:
            return mark
        if position < mark.position:
            found = next(self._archived(stream, position - 1, mark))
            return Head(found.position, found.hash)
        page = self._page(stream, position - 1, 1)
        if not page or page[0][0] != position:
            if self.mark(stream) != mark:
                return self.at(stream, position)
            raise damaged(self._address, stream, position, "this event is missing")
        return Head(position, page[0][3].hex())

    def _page(self, stream: str, after: int, limit: int) -> list[Any]:
        try:
            return self._ask(_PAGE, (self._address.log, stream, after, limit))
        except DamagedLogError as error:
            raise damaged(self._address, stream, after + 1, str(error)) from error

    def _ask(self, statement: Any, values: tuple[str | int, ...]) -> list[Any]:
        """Ask, and once more where the connection broke: looking changes nothing."""
        try:
            return self._asked(statement, values)
        except ConnectionLostError:
            return self._asked(statement, values)

    def _asked(self, statement: Any, values: tuple[str | int, ...]) -> list[Any]:
        with self._line.turn() as link:
            return link.execute(statement, values, binary=True).fetchall()

    def _checked(self, stream: str, previous: Head, found: Any) -> Envelope:
        position, recorded_ns, crc, digest, payload = found
        wanted = previous.position + 1
        if position != wanted:
            raise damaged(self._address, stream, wanted, "this event is missing")
        if crc != crc_of(stream, position, recorded_ns, digest, payload):
            cause = "its checksum does not fit its content"
            raise damaged(self._address, stream, position, cause)
        if digest.hex() != chain(previous.hash, stream, position, payload):
            cause = "it does not follow from the one before"
            raise damaged(self._address, stream, position, cause)
        return Envelope(stream, position, payload, digest.hex(), recorded_ns)


def _next_limit(events: int, payload_bytes: int) -> int:
    """Say how long the next page may be, so that large events do not fill the memory.

    Examples
    --------
    >>> _next_limit(16, 1_000), _next_limit(1_024, 1_000), _next_limit(16, 160_000_000)
    (32, 1024, 4)
    """
    wanted = events // 4 if payload_bytes > PAGE_BYTES else 2 * events
    return max(1, min(PAGE_EVENTS, wanted))
