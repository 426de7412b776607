"""A log in Redis, as whoever archives it sees it: read it, and let go of what is safe.

The one who calls is the user ``archiver`` of ``deploy/redis/users.acl``: nobody else may
trim. Before and after, what is gone from every stream is held against what archivers have
counted (``entries-added - length``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import redis

from stairway.adapters.outbox.address import Address
from stairway.adapters.outbox.failures import asking
from stairway.adapters.outbox.group_shelf import GroupShelf
from stairway.adapters.outbox.keys import Keys, position_of
from stairway.adapters.outbox.ledger import AlarmError, require_untouched, require_whole
from stairway.adapters.outbox.remote import RemoteReader
from stairway.adapters.outbox.trimming import let_go
from stairway.base.errors import DamagedLogError
from stairway.events.envelope import Envelope, Head
from stairway.events.group import first_needed

_NS_PER_MS = 1_000_000


class KeptInRedis:
    """One log: :class:`stairway.adapters.journal.kept.Kept`."""

    def __init__(self, address: Address, client: redis.Redis) -> None:
        self._address, self._client = address, client
        self._keys = Keys(address.name)
        self._reader = RemoteReader(address, client)

    def heads(self) -> Mapping[str, Head]:
        """Last position and hash of every stream, if none was touched by a stranger.

        Raises
        ------
        DamagedLogError
            If one was, or is not whole: one line for each such stream.
        """
        found: dict[str, Head] = {}
        complaints: list[str] = []
        for stream in self._reader.streams():
            try:
                shelf = self._reader.look(stream)
                require_untouched(shelf)
                require_whole(shelf)
                found[stream] = self._reader.head(stream)
            except AlarmError as alarm:
                complaints.append(alarm.finding.detail)
            except DamagedLogError as error:
                complaints.append(str(error))
        if complaints:
            raise DamagedLogError("\n".join(complaints))
        return found

    def forgotten(self, stream: str) -> Head:
        """Last event that the archiver took out."""
        archived = self._reader.look(stream).archived
        return archived if archived.position else Head()

    def at(self, stream: str, position: int) -> Head | None:
        """Position and hash of an event; ``None`` where Redis has not come that far."""
        return self._reader.at(stream, position)

    def older(self, stream: str, before_ns: int) -> int:
        """Position of the last event recorded in a millisecond before ``before_ns``."""
        before_ms = max(0, before_ns // _NS_PER_MS)
        with asking(self._address):
            found: Any = self._client.xrevrange(
                self._keys.events(stream), max=f"({before_ms}-0", min="-", count=1
            )
        return (position_of(found[0][0].decode()) or 0) if found else 0

    def needed(self) -> Mapping[str, int]:
        """First position of each stream that a consumer group still has to see."""
        groups = GroupShelf(self._address, self._client)
        return first_needed(groups.state(name) for name in groups.names())

    def read(self, stream: str, after: int) -> Iterator[Envelope]:
        """Yield the events behind ``after`` that Redis has, each checked."""
        return self._reader.read(stream, after)

    def let_go(self, stream: str, upto: Head) -> None:
        """Take the events up to ``upto`` out of Redis, and count them."""
        with asking(self._address):
            let_go(self._client, self._address.name, stream, upto)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()
