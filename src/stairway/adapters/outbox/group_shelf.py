"""All consumer groups of a log in Redis, for whoever looks after them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import redis

from stairway.adapters.journal.group_files import no_group
from stairway.adapters.journal.seals import STATE, sealed, unsealed
from stairway.adapters.outbox.address import Address
from stairway.adapters.outbox.failures import asking
from stairway.adapters.outbox.keys import Keys
from stairway.adapters.outbox.scripts import GROUP
from stairway.base.errors import DamagedLogError, DataError, RecordError
from stairway.events.delivery import DeadLetter
from stairway.events.group import GroupState

SEAL_BYTES = 32
RACES = 1_000


class GroupShelf:
    """The groups of one log: :class:`stairway.events.ports.Groups`."""

    def __init__(self, address: Address, client: redis.Redis) -> None:
        self._address, self._client = address, client
        self._keys = Keys(address.name)

    def names(self) -> tuple[str, ...]:
        """Return the names of all groups, sorted."""
        with asking(self._address):
            found: Any = self._client.xrange(self._keys.groups)
        return tuple(sorted({fields[b"name"].decode() for _, fields in found}))

    def state(self, name: str) -> GroupState:
        """Return what a group remembers."""
        return self._kept(name)[0]

    def letters(self, name: str) -> tuple[DeadLetter, ...]:
        """Return all dead letters of a group, the first one first, settled or not."""
        with asking(self._address):
            found: Any = self._client.xrange(self._keys.dead)
        mine = [fields for _, fields in found if fields[b"group"] == name.encode()]
        return tuple(letter_of(fields) for fields in mine)

    def change(self, name: str, turn: Callable[[GroupState], GroupState]) -> None:
        """Change what a group remembers, alone, all or nothing."""
        keys = (self._keys.group(name), self._keys.dead, self._keys.groups)
        for _ in range(RACES):
            state, revision = self._kept(name)
            with asking(self._address):
                what, _ = GROUP(self._client, keys, (revision, body_of(turn(state)), name))
            if what == b"ok":
                return
        msg = f"group {name!r} was changed by others {RACES} times in a row: try again"
        raise RecordError(msg)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def _kept(self, name: str) -> tuple[GroupState, str]:
        if name not in self.names():
            raise no_group(name, self.names())
        with asking(self._address):
            found: Any = self._client.hmget(self._keys.group(name), "revision", "body")
        revision, body = found
        state = None if body is None else state_of(body)
        if state is None or revision is None:
            cause = "Redis has lost it" if body is None else "it does not fit its seal"
            msg = (
                f"{self._address}, group {name!r}: {cause}; let its consumers open it again, "
                "or use a group of another name (inboxes keep effects from happening twice)"
            )
            raise DamagedLogError(msg)
        return state, revision.decode()


def body_of(state: GroupState) -> bytes:
    """Return what lies in Redis for ``state``: its seal, and then itself."""
    body, seal = sealed(state)
    return seal + body


def state_of(body: bytes) -> GroupState | None:
    """Return what ``body_of`` was given; ``None`` where the seal does not fit.

    Examples
    --------
    >>> state_of(body_of(GroupState({}))) == GroupState({}), state_of(b"x") is None
    (True, True)
    """
    return unsealed(body[SEAL_BYTES:], body[:SEAL_BYTES], STATE)


def letter_of(fields: Mapping[bytes, bytes]) -> DeadLetter:
    """Return a dead letter as it lies in Redis.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    try:
        return DeadLetter(
            fields[b"stream"].decode(),
            int(fields[b"position"]),
            int(fields[b"tries"]),
            fields[b"cause"].decode(),
            int(fields[b"given_up_ns"]),
        )
    except (KeyError, ValueError) as error:
        msg = f"a dead letter in Redis cannot be read ({error!r}): who else writes there?"
        raise DataError(msg) from error
