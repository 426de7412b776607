"""Consumers on several machines that share the work on some streams.

What a group remembers is :class:`~stairway.events.group.GroupState`, the same as on one
machine; it lies in Redis, and a script keeps a change only if nobody else made one since it
was read. Redis has groups of its own. They forget what was handed out when entries are
trimmed (and hand out empty ones), measure leases by one clock that can be set, and are gone
with the stream; here nothing is handed out that does not follow from the event before it.

Where Redis lost what a group remembered, it begins again with the first event, or behind
what the consumers' inboxes have: never at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple, NoReturn, Protocol, cast

import msgspec
import redis

from stairway.adapters.outbox.address import Address
from stairway.adapters.outbox.failures import asking
from stairway.adapters.outbox.group_shelf import RACES, GroupShelf, body_of, state_of
from stairway.adapters.outbox.keys import Keys
from stairway.adapters.outbox.scripts import GROUP, NOTE, Value
from stairway.base.errors import ConfigError, DamagedLogError, RecordError
from stairway.events import group
from stairway.events.delivery import DeadLetter, Delivery, GroupRules
from stairway.events.envelope import Envelope, Head
from stairway.events.group import GroupState, Held
from stairway.events.streams import is_durable


class Source(Protocol):
    """Where a group's events come from: the disk, or Redis."""

    is_whole: bool
    """Whether it has everything that was ever sent anywhere. Redis may lag behind."""

    def read(self, stream: str, after: int, page_events: int) -> Iterator[Envelope]:
        """Yield the events behind ``after``, each checked."""
        ...

    def at(self, stream: str, position: int) -> Head | None:
        """Position and hash of one event; ``None`` where it has not come yet."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class _Kept(NamedTuple):
    state: GroupState
    revision: str


class RedisGroup:
    """One consumer's hold on a group. Give each thread its own.

    Parameters
    ----------
    processed
        Last position of each stream up to which the consumers' inboxes have everything;
        used where Redis has forgotten the group.

    Raises
    ------
    ConfigError
        If the name is none, or the group reads other streams.
    RecordError
        If Redis does not answer.
    """

    def __init__(
        self,
        address: Address,
        client: redis.Redis,
        source: Source,
        named: tuple[str, GroupRules],
        processed: Mapping[str, int] | None = None,
    ) -> None:
        self._name, self._rules = named
        self._address, self._client, self._source = address, client, source
        self._keys = Keys(address.name)
        self._processed = processed or {}
        group.require_group(*named)
        self.restarts = 0
        """How often Redis had forgotten the group while it was open."""

        self._is_known = False
        self._change(self._checked)
        self._is_known = True
        self._enlist()

    def take(self, consumer: str, limit: int, now_ns: int) -> tuple[Delivery, ...]:
        """Hand out up to ``limit`` events: first those whose lease ran out, then new ones."""
        out: list[Delivery] = []

        def turn(state: GroupState) -> tuple[GroupState, tuple[DeadLetter, ...]]:
            state = group.ticked(state, self._rules, now_ns)
            state, again, letters = group.taken_over(state, self._rules, consumer, limit)
            old = [self._event(one) for one in again.values()]
            new = self._unseen(state, min(limit - len(old), group.room(state)))
            state, first = group.taken(state, self._rules, consumer, new)
            held = again | first
            out[:] = [
                Delivery(envelope, held[token].tries, token)
                for token, envelope in zip(held, [*old, *new], strict=True)
            ]
            return state, letters

        self._change(turn)
        return tuple(out)

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Say that ``deliveries`` are done with, all or none."""
        if deliveries:
            self._change(lambda state: (group.acknowledged(state, deliveries), ()))

    def fail(self, delivery: Delivery, cause: str, now_ns: int) -> None:
        """Give an event back, saying why; the last try makes a dead letter of it."""
        self._change(
            lambda state: group.given_back(state, self._rules, delivery, cause, now_ns)
        )

    def pending(self) -> int:
        """Count events that are delivered and not acknowledged."""
        return len(self._kept().state.held)

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """Return what was given up and nobody has dealt with, oldest first."""
        letters = GroupShelf(self._address, self._client).letters(self._name)
        return tuple(group.unsettled(self._kept().state, letters).values())

    def close(self) -> None:
        """Let go of it; what is pending stays pending."""
        self._source.close()
        self._client.close()

    def _change(
        self, turn: Callable[[GroupState], tuple[GroupState, Sequence[DeadLetter]]]
    ) -> None:
        """Change what the group remembers, alone, all or nothing."""
        keys = (self._keys.group(self._name), self._keys.dead, self._keys.groups)
        for _ in range(RACES):
            kept = self._kept()
            state, letters = turn(kept.state)
            if state == kept.state and kept.revision != "0":
                return
            values: list[Value] = [kept.revision, body_of(state), self._name]
            for one in letters:
                values += (self._name, one.stream, one.position, one.tries, one.cause)
                values.append(one.given_up_ns)
            with asking(self._address):
                what, _ = GROUP(self._client, keys, values)
            if what == b"ok":
                return
        msg = f"group {self._name!r} was changed by others {RACES} times in a row: use fewer"
        raise RecordError(msg)

    def _enlist(self) -> None:
        """Write down a group that an older version made without doing so."""
        if self._name not in GroupShelf(self._address, self._client).names():
            with asking(self._address):
                NOTE(self._client, (self._keys.groups,), ("name", self._name))

    def _kept(self) -> _Kept:
        with asking(self._address):
            found: Any = self._client.hmget(self._keys.group(self._name), "revision", "body")
        revision, body = found
        if revision is None or body is None:
            return _Kept(self._begun(), "0")
        return _Kept(self._opened(body), revision.decode())

    def _begun(self) -> GroupState:
        """Make the state of a group that Redis knows nothing of, or nothing any more."""
        if self._is_known:
            self.restarts += 1
        state = group.new_group(self._rules)
        cursors = {
            stream: self._source.at(stream, self._processed.get(stream, 0)) or Head()
            for stream in state.cursors
        }
        with asking(self._address):
            seconds, micros = cast("Any", self._client).time()
        # Tokens of deliveries that Redis forgot must not fit any more.
        return msgspec.structs.replace(
            state, cursors=cursors, token=1_000_000 * int(seconds) + int(micros)
        )

    def _checked(self, state: GroupState) -> tuple[GroupState, tuple[DeadLetter, ...]]:
        if set(state.cursors) != set(self._rules.streams):
            msg = (
                f"group {self._name!r} reads {', '.join(sorted(state.cursors))}, not "
                f"{', '.join(sorted(self._rules.streams))}: give other streams another group"
            )
            raise ConfigError(msg)
        for stream, head in state.cursors.items():
            found = self._source.at(stream, head.position)
            if found == head or (found is None and not self._source.is_whole):
                continue
            if is_durable(stream) or not self._source.is_whole:
                self._refuse(
                    f"it has handed out event {head.position} of {stream!r}, which is not the "
                    "one in this log"
                )
            # A power cut may take the last moments of telemetry.
            state = group.begun_again(state, stream)
        return state, ()

    def _event(self, one: Held) -> Envelope:
        found = next(self._source.read(one.stream, one.position - 1, 1), None)
        if found is None:
            msg = (
                f"event {one.position} of {one.stream!r} was handed out and is not in Redis "
                "any more: wait until its relay has sent it again, or ask the archive"
            )
            raise DamagedLogError(msg)
        return found

    def _unseen(self, state: GroupState, count: int) -> list[Envelope]:
        if count <= 0:
            return []
        events = [
            self._source.read(stream, head.position, min(count, 512))
            for stream, head in state.cursors.items()
        ]
        return list(islice(merge(*events, key=attrgetter("recorded_ns")), count))

    def _opened(self, body: bytes) -> GroupState:
        state = state_of(body)
        return (
            self._refuse("what it remembers does not fit its seal") if state is None else state
        )

    def _refuse(self, cause: str) -> NoReturn:
        msg = (
            f"{self._address}, group {self._name!r}: {cause}; use a group of another name, it "
            "begins at the first event (inboxes keep effects from happening twice)"
        )
        raise DamagedLogError(msg)
