"""Reading a log from Redis alone, on a machine that has no disk of it.

Every event is checked against the one before it, as from the disk. What the archiver took
out is not in Redis any more, and is asked for elsewhere; anything else that is missing is
damage.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, cast

import redis

from stairway.adapters.outbox.address import Address
from stairway.adapters.outbox.entries import envelope_of
from stairway.adapters.outbox.keys import Keys, entry_id
from stairway.adapters.outbox.ledger import Shelf, look
from stairway.adapters.outbox.scripts import FIND
from stairway.base.errors import DamagedLogError, RecordError
from stairway.events.envelope import Envelope, Head, chain

PAGE_EVENTS = 512


@contextmanager
def asking(address: Address) -> Generator[None]:
    """Say what an error of Redis means to who asked.

    Raises
    ------
    RecordError
        If Redis does not answer, or refuses to.
    """
    try:
        yield
    except (redis.RedisError, OSError) as error:
        msg = f"{address} cannot be asked ({error}): ask again once it answers"
        raise RecordError(msg) from error


class RemoteReader:
    """The streams of one log as they lie in Redis."""

    def __init__(self, address: Address, client: redis.Redis) -> None:
        self._address, self._client = address, client
        self._keys = Keys(address.name)

    def streams(self) -> tuple[str, ...]:
        """Names of streams that the relay wrote down, sorted."""
        with asking(self._address):
            found: Any = self._client.xrange(self._keys.streams)
        names = {fields.get(b"name", b"").decode("ascii", "replace") for _, fields in found}
        return tuple(sorted(names - {""}))

    def head(self, stream: str) -> Head:
        """Last position and hash of ``stream`` in Redis."""
        shelf = self._look(stream)
        if shelf.position == shelf.archived.position:
            return shelf.archived if shelf.position else Head()
        if shelf.last is None:
            raise self._damaged(stream, shelf.position, "this event is missing")
        return Head(shelf.position, shelf.last.hash)

    def at(self, stream: str, position: int) -> Head | None:
        """Position and hash of one event; ``None`` where Redis has not come that far.

        Raises
        ------
        DamagedLogError
            If Redis has come that far, and it is not there.
        """
        if position <= 0:
            return Head()
        shelf = self._look(stream)
        return None if shelf.position < position else self._place(shelf, position)[0]

    def read(
        self, stream: str, after: int = 0, page_events: int = PAGE_EVENTS
    ) -> Iterator[Envelope]:
        """Yield the events behind position ``after`` that were there when it was called.

        Raises
        ------
        DamagedLogError
            If one is missing or not what was written.
        """
        shelf = self._look(stream)
        if after >= shelf.position:
            return
        previous, identity = self._place(shelf, after)
        while previous.position < shelf.position:
            with asking(self._address):
                page = self._page(stream, identity, page_events)
            if not page:
                raise self._damaged(stream, previous.position + 1, "this event is missing")
            for entry in page:
                envelope = self._checked(stream, previous, entry)
                previous = Head(envelope.position, envelope.hash)
                identity = f"({entry_id(envelope.recorded_ns, envelope.position)}"
                yield envelope

    def _look(self, stream: str) -> Shelf:
        with asking(self._address):
            shelf = look(self._client, self._keys, stream)
        if shelf.position < 0:
            raise self._damaged(stream, 1, f"{shelf.last_id} is no id of ours")
        return shelf

    def _page(self, stream: str, start: str, count: int) -> list[Any]:
        key = self._keys.events(stream)
        found: Any = self._client.xrange(key, min=start, count=count)
        return [flat(entry) for entry in found]

    def _place(self, shelf: Shelf, position: int) -> tuple[Head, str]:
        """Head at ``position``, and where in Redis what follows begins."""
        if position <= 0 or position == shelf.archived.position:
            return (shelf.archived if position > 0 else Head()), "-"
        with asking(self._address):
            entry = FIND(self._client, (self._keys.events(shelf.stream),), (position,))
        envelope = envelope_of(shelf.stream, entry)
        if envelope is None:
            raise self._damaged(shelf.stream, position, "this event is missing")
        return (
            Head(position, envelope.hash),
            f"({entry_id(envelope.recorded_ns, position)}",
        )

    def _checked(self, stream: str, previous: Head, entry: Any) -> Envelope:
        wanted = previous.position + 1
        envelope = envelope_of(stream, entry)
        if envelope is None:
            raise self._damaged(stream, wanted, "what lies there is no event of this log")
        if envelope.position != wanted:
            raise self._damaged(stream, wanted, "this event is missing")
        if envelope.hash != chain(previous.hash, stream, wanted, envelope.payload):
            raise self._damaged(stream, wanted, "it does not follow from the one before")
        return envelope

    def _damaged(self, stream: str, position: int, cause: str) -> DamagedLogError:
        return DamagedLogError(
            f"{self._address}, log {self._address.name!r}: stream {stream!r}, position "
            f"{position}: {cause}. Ask the archive, or the machine that writes this log"
        )


def flat(entry: Any) -> Any:
    """Return an entry as scripts hand it out; redis-py makes a dictionary of it."""
    identity, fields = cast("tuple[bytes, dict[bytes, bytes]]", entry)
    return [identity, [part for pair in fields.items() for part in pair]]
