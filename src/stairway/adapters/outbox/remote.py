"""Reading a log from Redis alone, on a machine that has no disk of it.

Every event is checked against the one before it, as from the disk. What the archiver took
out is read from the archive, where the address says which; anything else that is missing is
damage.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import redis

from stairway.adapters.journal.archive import Archive, elsewhere
from stairway.adapters.outbox.address import Address
from stairway.adapters.outbox.entries import envelope_of
from stairway.adapters.outbox.failures import asking
from stairway.adapters.outbox.keys import (
    EMPTY,
    Keys,
    entry_id,
    newer_format,
    written_newer,
)
from stairway.adapters.outbox.ledger import Shelf, look
from stairway.adapters.outbox.scripts import FIND
from stairway.base.errors import ConfigError, DamagedLogError
from stairway.events.envelope import Envelope, Head, chain

PAGE_EVENTS = 512


class RemoteReader:
    """The streams of one log as they lie in Redis."""

    def __init__(self, address: Address, client: redis.Redis) -> None:
        self._address, self._client = address, client
        self._keys = Keys(address.name)
        folder = address.archive
        self._archive = None if folder is None else Archive(folder, address.url)

    def streams(self) -> tuple[str, ...]:
        """Names of streams that the relay wrote down, sorted.

        Raises
        ------
        ConfigError
            If a newer version wrote them.
        """
        with asking(self._address):
            found: Any = self._client.xrange(self._keys.streams)
        newer = newer_format(found)
        if newer is not None:
            raise ConfigError(written_newer(str(self._address), self._address.name, newer))
        names = {fields.get(b"name", b"").decode("ascii", "replace") for _, fields in found}
        return tuple(sorted(names - {""}))

    def head(self, stream: str) -> Head:
        """Last position and hash of ``stream`` in Redis."""
        shelf = self.look(stream)
        if shelf.position == shelf.archived.position:
            return shelf.archived if shelf.position else Head()
        if shelf.last is None:
            raise self._damaged(stream, shelf.position, "this event is missing")
        return Head(shelf.position, shelf.last.hash)

    def at(self, stream: str, position: int) -> Head | None:
        """Position and hash of one event; ``None`` where Redis has not come that far.

        Raises
        ------
        ConfigError
            If it was archived, and the address does not say where.
        DamagedLogError
            If Redis has come that far, and it is not there.
        """
        if position <= 0:
            return Head()
        shelf = self.look(stream)
        if position < shelf.archived.position:
            found = next(self._archived(stream, position - 1, shelf.archived))
            return Head(found.position, found.hash)
        if shelf.position < position:
            return None
        found = self._place(shelf, position)
        if found is None:
            raise self._damaged(stream, position, "this event is missing")
        return found[0]

    def read(
        self, stream: str, after: int = 0, page_events: int = PAGE_EVENTS
    ) -> Iterator[Envelope]:
        """Yield the events behind position ``after`` that were there when it was called.

        Raises
        ------
        ConfigError
            If some were archived, and the address does not say where.
        DamagedLogError
            If one is missing or not what was written.
        """
        shelf, stranger = self._seen(stream)
        goal, place = shelf.position, after
        while place < goal:
            # An archiver may take out what comes next while this is being read.
            if place < shelf.archived.position:
                events = self._archived(stream, place, shelf.archived)
            else:
                events = self._stretch(shelf, place, goal, page_events)
            begun = place
            for envelope in events:
                place = envelope.position
                yield envelope
            if place < goal:
                seen, (shelf, _) = shelf, self._seen(stream)
                if begun == place and seen.archived == shelf.archived:
                    gone = place if self._place(shelf, place) is None else place + 1
                    raise self._damaged(stream, gone, "this event is missing")
        if stranger is not None:
            raise stranger

    def look(self, stream: str) -> Shelf:
        """Ask Redis about one stream.

        Raises
        ------
        DamagedLogError
            If what it ends with is no event of a log.
        """
        shelf, stranger = self._seen(stream)
        if stranger is not None:
            raise stranger
        return shelf

    def _seen(self, stream: str) -> tuple[Shelf, DamagedLogError | None]:
        """Ask about one stream; one that ends with a stranger's entry, as far as it is ours."""
        with asking(self._address):
            shelf = look(self._client, self._keys, stream)
        no_place = shelf.position <= 0 and shelf.last_id != EMPTY
        if not (shelf.is_foreign or no_place):
            return shelf, None
        ours = self._last_of_ours(stream)
        last_id = EMPTY if ours is None else entry_id(ours.recorded_ns, ours.position)
        end = 0 if ours is None else ours.position
        cause = (
            f"the stream ends with {shelf.last_id}, which is no event of this log: another "
            "program wrote it"
        )
        return (
            shelf._replace(last_id=last_id, last=ours, is_foreign=False),
            self._damaged(stream, end + 1, cause),
        )

    def _last_of_ours(self, stream: str) -> Envelope | None:
        newest = "+"
        while True:
            with asking(self._address):
                found: Any = self._client.xrevrange(
                    self._keys.events(stream), max=newest, count=PAGE_EVENTS
                )
            events = (envelope_of(stream, flat(entry)) for entry in found)
            last = next((event for event in events if event is not None), None)
            if last is not None or not found:
                return last
            newest = f"({found[-1][0].decode()}"

    def _archived(self, stream: str, after: int, upto: Head) -> Iterator[Envelope]:
        if self._archive is None:
            raise elsewhere(str(self._address), stream, after + 1, upto)
        return self._archive.between(stream, after, upto)

    def _stretch(
        self, shelf: Shelf, after: int, goal: int, page_events: int
    ) -> Iterator[Envelope]:
        """Yield what follows ``after``, up to the first event that Redis does not have."""
        stream = shelf.stream
        found = self._place(shelf, after)
        if found is None:
            return
        previous, identity = found
        while previous.position < goal:
            with asking(self._address):
                page = self._page(stream, identity, page_events)
            if not page:
                return
            for entry in page:
                if previous.position >= goal:
                    return
                envelope = self._opened(stream, previous, entry)
                if envelope.position != previous.position + 1:
                    return
                previous = Head(envelope.position, envelope.hash)
                identity = f"({entry_id(envelope.recorded_ns, envelope.position)}"
                yield envelope

    def _page(self, stream: str, start: str, count: int) -> list[Any]:
        key = self._keys.events(stream)
        found: Any = self._client.xrange(key, min=start, count=count)
        return [flat(entry) for entry in found]

    def _place(self, shelf: Shelf, position: int) -> tuple[Head, str] | None:
        """Head at ``position``, and where in Redis what follows begins; ``None`` if gone."""
        if position <= 0 or position == shelf.archived.position:
            return (shelf.archived if position > 0 else Head()), "-"
        with asking(self._address):
            entry = FIND(self._client, (self._keys.events(shelf.stream),), (position,))
        envelope = envelope_of(shelf.stream, entry)
        if envelope is None:
            return None
        return (
            Head(position, envelope.hash),
            f"({entry_id(envelope.recorded_ns, position)}",
        )

    def _opened(self, stream: str, previous: Head, entry: Any) -> Envelope:
        wanted = previous.position + 1
        envelope = envelope_of(stream, entry)
        if envelope is None:
            raise self._damaged(stream, wanted, "what lies there is no event of this log")
        is_next = envelope.position == wanted
        if is_next and envelope.hash != chain(previous.hash, stream, wanted, envelope.payload):
            raise self._damaged(stream, wanted, "it does not follow from the one before")
        return envelope

    def _damaged(self, stream: str, position: int, cause: str) -> DamagedLogError:
        return DamagedLogError(
            f"{self._address}, log {self._address.name!r}: stream {stream!r}, position "
            f"{position}: {cause}. Redis holds a copy: the machine that writes this log has "
            "the whole, or its archive; `stairway log verify RUN` there says so, and "
            "`stairway log export RUN FILE` carries it away"
        )


def flat(entry: Any) -> Any:
    """Return an entry as scripts hand it out; redis-py makes a dictionary of it."""
    identity, fields = cast("tuple[bytes, dict[bytes, bytes]]", entry)
    return [identity, [part for pair in fields.items() for part in pair]]
