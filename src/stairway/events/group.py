"""What a consumer group remembers, and what each call makes of it; no I/O, no clock.

An engine keeps one :class:`GroupState` for each group and changes it under a lock or in a
transaction: :func:`ticked` first, then :func:`taken_over` and :func:`taken`, or
:func:`acknowledged`, or :func:`given_back`.

Leases are measured in the group's *own* time, because clocks are set back and jump:

1. own time moves on by what the clock moved on since the latest instant ever seen;
2. it never goes back, so a clock that was set back stands still until it has caught up;
3. it moves on by at most half a lease at a time, and a lease is half a lease longer than
   promised: one jump of any size, or one long silence, never ends a lease early.

So an event comes back after one to one and a half leases, at the third look at the latest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from stairway.base.errors import ConfigError, ConflictError, DataError
from stairway.events.delivery import DeadLetter, Delivery, GroupRules
from stairway.events.envelope import Envelope, Head
from stairway.events.streams import require_name

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
MOST_HELD = 4_096
"""Events that may be delivered and not acknowledged before nothing new is handed out."""


class Held(msgspec.Struct, frozen=True, array_like=True):
    """An event that was delivered and not acknowledged yet."""

    stream: str
    position: int
    tries: int
    consumer: str
    until_ns: int
    """End of the lease in the group's own time; 0 once it was given back."""

    cause: str
    """Why the delivery before this one failed."""


def require_group(name: str, rules: GroupRules) -> None:
    """Refuse a group, or a stream that it is to read, whose name is none.

    Raises
    ------
    ConfigError
        Saying which, and how it may be called.

    Examples
    --------
    >>> require_group("../desk", GroupRules(streams=("fill",), lease_ms=1_000, tries=5))
    Traceback (most recent call last):
    stairway.base.errors.ConfigError: '../desk' is no name for a group: use up to 64 of ...
    """
    if not _NAME.fullmatch(name):
        msg = f"{name!r} is no name for a group: use up to 64 of a-z 0-9 _ -"
        raise ConfigError(msg)
    try:
        for stream in rules.streams:
            require_name(stream)
    except DataError as error:
        raise ConfigError(str(error)) from error


class GroupState(msgspec.Struct, frozen=True):
    """Where a group stands."""

    cursors: dict[str, Head]
    """Last event of each stream that was handed out for the first time."""

    held: dict[int, Held] = {}
    """By token."""

    token: int = 0
    own_ns: int = 0
    seen_ns: int | None = None
    """Latest instant that any consumer's clock has shown."""

    dead: int = 0
    """How many events were given up."""

    settled: tuple[int, ...] = ()
    """Numbers of the dead letters, from 1, that somebody has dealt with."""


def new_group(rules: GroupRules) -> GroupState:
    """Return a group that has handed out nothing."""
    return GroupState({stream: Head() for stream in rules.streams})


def ticked(state: GroupState, rules: GroupRules, now_ns: int) -> GroupState:
    """Let own time move on to ``now_ns``, as far as that can be believed.

    Examples
    --------
    >>> rules = GroupRules(streams=("fill",), lease_ms=1_000, tries=5)
    >>> hour_ns = 3_600_000_000_000
    >>> state = ticked(new_group(rules), rules, hour_ns)
    >>> [ticked(state, rules, hour_ns + step).own_ns for step in (-hour_ns, 7, hour_ns)]
    [0, 7, 500000000]
    """
    seen_ns = now_ns if state.seen_ns is None else state.seen_ns
    gained_ns = min(max(0, now_ns - seen_ns), _slack_ns(rules))
    return msgspec.structs.replace(
        state, own_ns=state.own_ns + gained_ns, seen_ns=max(seen_ns, now_ns)
    )


def taken_over(
    state: GroupState, rules: GroupRules, consumer: str, limit: int
) -> tuple[GroupState, dict[int, Held], tuple[DeadLetter, ...]]:
    """Lease up to ``limit`` events again that were given back or whose lease ran out.

    Those with no tries left become dead letters, which do not count.
    """
    held, again, letters = dict(state.held), dict[int, Held](), list[DeadLetter]()
    token = state.token
    for old, one in state.held.items():
        if len(again) >= limit:
            break
        if one.until_ns > state.own_ns:
            continue
        del held[old]
        cause = one.cause
        if one.until_ns > 0:
            cause = f"the lease of {one.consumer!r} ran out after {rules.lease_ms} ms"
        if one.tries >= rules.tries:
            letters.append(_letter(one, cause, state.seen_ns or 0))
            continue
        token += 1
        again[token] = _leased(state, rules, consumer, one, one.tries + 1, cause)
    after = msgspec.structs.replace(
        state, held=held | again, token=token, dead=state.dead + len(letters)
    )
    return after, again, tuple(letters)


def taken(
    state: GroupState, rules: GroupRules, consumer: str, envelopes: Sequence[Envelope]
) -> tuple[GroupState, dict[int, Held]]:
    """Lease events for the first time, and move the cursors behind them."""
    cursors, new = dict(state.cursors), dict[int, Held]()
    for token, envelope in enumerate(envelopes, state.token + 1):
        cursors[envelope.stream] = Head(envelope.position, envelope.hash)
        new[token] = _leased(state, rules, consumer, envelope, 1, "")
    after = msgspec.structs.replace(
        state, cursors=cursors, held=state.held | new, token=state.token + len(new)
    )
    return after, new


def begun_again(state: GroupState, stream: str) -> GroupState:
    """Deliver a stream from its first event again."""
    held = {token: one for token, one in state.held.items() if one.stream != stream}
    cursors = state.cursors | {stream: Head()}
    return msgspec.structs.replace(state, cursors=cursors, held=held)


def needed(state: GroupState) -> dict[str, int]:
    """Return the first position of each stream that is not done with.

    Examples
    --------
    >>> needed(GroupState({"fill": Head(7)}, {3: Held("fill", 5, 1, "a", 9, "")}))
    {'fill': 5}
    """
    first = {stream: head.position + 1 for stream, head in state.cursors.items()}
    for one in state.held.values():
        first[one.stream] = min(first[one.stream], one.position)
    return first


def first_needed(states: Iterable[GroupState]) -> dict[str, int]:
    """Return the first position of each stream that any of the groups is not done with.

    Examples
    --------
    >>> first_needed([GroupState({"fill": Head(7)}), GroupState({"fill": Head(3)})])
    {'fill': 4}
    """
    first: dict[str, int] = {}
    for state in states:
        for stream, position in needed(state).items():
            first[stream] = min(position, first.get(stream, position))
    return first


def unsettled(state: GroupState, letters: Sequence[DeadLetter]) -> dict[int, DeadLetter]:
    """Return the dead letters, by number, that nobody has dealt with yet.

    Examples
    --------
    >>> poison = DeadLetter("fill", 7, 5, "no such symbol", 0)
    >>> list(unsettled(GroupState({}, dead=2, settled=(1,)), [poison, poison]))
    [2]
    """
    return {n: one for n, one in enumerate(letters, 1) if n not in state.settled}


def settled(state: GroupState, number: int) -> GroupState:
    """Lay a dead letter aside: somebody has seen to it.

    Raises
    ------
    ConflictError
        If somebody has already.
    """
    if number in state.settled or not 0 < number <= state.dead:
        msg = f"dead letter {number} was dealt with meanwhile: look at the group again"
        raise ConflictError(msg)
    return msgspec.structs.replace(state, settled=(*state.settled, number))


def revived(state: GroupState, number: int, letter: DeadLetter) -> GroupState:
    """Give a dead letter back to the group: whoever takes next has it, with all tries.

    Raises
    ------
    ConflictError
        If somebody has dealt with it already.

    Examples
    --------
    >>> letter = DeadLetter("fill", 7, 5, "no such symbol", 0)
    >>> state = revived(GroupState({"fill": Head(9)}, dead=1), 1, letter)
    >>> [(one.position, one.tries) for one in state.held.values()], state.settled
    ([(7, 0)], (1,))
    """
    state = settled(state, number)
    token = state.token + 1
    one = Held(letter.stream, letter.position, 0, "", 0, letter.cause)
    return msgspec.structs.replace(state, token=token, held=state.held | {token: one})


def room(state: GroupState) -> int:
    """Return how many new events may be handed out."""
    return max(0, MOST_HELD - len(state.held))


def acknowledged(state: GroupState, deliveries: Sequence[Delivery]) -> GroupState:
    """Forget events that are done with.

    Raises
    ------
    ConflictError
        If one of them is not held under its token any more.
    """
    held = dict(state.held)
    for delivery in deliveries:
        _require_held(held, delivery)
        del held[delivery.token]
    return msgspec.structs.replace(state, held=held)


def given_back(
    state: GroupState, rules: GroupRules, delivery: Delivery, cause: str, now_ns: int
) -> tuple[GroupState, tuple[DeadLetter, ...]]:
    """Let somebody else try at once; after the last try, give the event up.

    Raises
    ------
    ConflictError
        If it is not held under its token any more.
    """
    one = _require_held(state.held, delivery)
    if one.tries < rules.tries:
        back = msgspec.structs.replace(one, until_ns=0, cause=cause)
        held = state.held | {delivery.token: back}
        return msgspec.structs.replace(state, held=held), ()
    held = {token: other for token, other in state.held.items() if token != delivery.token}
    after = msgspec.structs.replace(state, held=held, dead=state.dead + 1)
    return after, (_letter(one, cause, now_ns),)


def _slack_ns(rules: GroupRules) -> int:
    return rules.lease_ms * 500_000


def _leased(
    state: GroupState,
    rules: GroupRules,
    consumer: str,
    event: Envelope | Held,
    tries: int,
    cause: str,
) -> Held:
    until_ns = state.own_ns + rules.lease_ms * 1_000_000 + _slack_ns(rules)
    return Held(event.stream, event.position, tries, consumer, until_ns, cause)


def _require_held(held: dict[int, Held], delivery: Delivery) -> Held:
    one, envelope = held.get(delivery.token), delivery.envelope
    place = (envelope.stream, envelope.position)
    if one is None or (one.stream, one.position) != place or one.until_ns <= 0:
        msg = (
            f"event {envelope.position} of {envelope.stream!r} is no longer held under token "
            f"{delivery.token}: somebody else has it, or it was acknowledged or given back; "
            "take events again"
        )
        raise ConflictError(msg)
    return one


def _letter(one: Held, cause: str, now_ns: int) -> DeadLetter:
    return DeadLetter(one.stream, one.position, one.tries, cause, now_ns)
