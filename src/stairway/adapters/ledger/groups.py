"""Consumer groups of a shared log: one row each, locked while a call changes it.

What a group remembers, and what each call makes of it, is
:mod:`stairway.events.group`; here is where it is kept. The row lies in the log's own
database and names the hashes of the events it points at, so a group is never used with a
log that is not its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import Any, Final, NoReturn, TypeVar

import msgspec

from stairway.adapters.journal.seals import LETTER, STATE, sealed, unsealed
from stairway.adapters.ledger.failures import ConnectionLostError
from stairway.adapters.ledger.line import Line, Link
from stairway.adapters.ledger.pages import Pages
from stairway.base.errors import ConfigError, DamagedLogError
from stairway.events import group
from stairway.events.delivery import DeadLetter, Delivery, GroupRules
from stairway.events.envelope import Envelope
from stairway.events.group import GroupState

S = TypeVar("S")
_BEGIN: Final = """
    insert into stairway.consumer_group (log, name, body, seal) values (%b, %b, %b, %b)
    on conflict do nothing"""
_LOCK: Final = """
    select body, seal from stairway.consumer_group where log = %b and name = %b for update"""
_KEEP: Final = """
    update stairway.consumer_group set body = %b, seal = %b where log = %b and name = %b"""
_BURY: Final = "insert into stairway.dead_letter values (%b, %b, %b, %b, %b)"
_DEAD: Final = """
    select body, seal, number from stairway.dead_letter
    where log = %b and group_name = %b order by number"""


class LedgerGroup:
    """One consumer's hold on a group, with connections of its own.

    Raises
    ------
    ConfigError
        If the name or a stream's name is none, or the group reads other streams.
    DamagedLogError
        If it is not what was written, or belongs to another log.
    """

    def __init__(
        self, lines: tuple[Line, Line], name: str, rules: GroupRules, flush: Callable[[], None]
    ) -> None:
        self._line, self._reading = lines
        self._pages = Pages(self._reading)
        self._rules = rules
        self._flush = flush
        self._key = (self._line.address.log, name)
        group.require_group(name, rules)
        first = sealed(group.new_group(rules))
        self._once(lambda link: link.execute(_BEGIN, (*self._key, *first)))
        self._require_ours(self._once(self._state))

    def take(self, consumer: str, limit: int, now_ns: int) -> tuple[Delivery, ...]:
        """Hand out up to ``limit`` events: first those whose lease ran out, then new ones."""
        self._flush()

        def taken(link: Link) -> tuple[Delivery, ...]:
            state = group.ticked(self._state(link), self._rules, now_ns)
            state, again, letters = group.taken_over(state, self._rules, consumer, limit)
            old = [next(self._pages.read(o.stream, o.position - 1)) for o in again.values()]
            new = self._unseen(state, min(limit - len(old), group.room(state)))
            state, first = group.taken(state, self._rules, consumer, new)
            self._keep(link, state, letters)
            held = again | first
            return tuple(
                Delivery(envelope, held[token].tries, token)
                for token, envelope in zip(held, [*old, *new], strict=True)
            )

        return self._once(taken)

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Say that ``deliveries`` are done with, all or none.

        Raises
        ------
        ConflictError
            If one of them was delivered to somebody else meanwhile. None is acknowledged.
        """

        def acked(link: Link) -> None:
            self._keep(link, group.acknowledged(self._state(link), deliveries))

        if not deliveries:
            return
        try:
            self._once(acked)
        except ConnectionLostError:
            # It may have been committed. Then nobody holds these events, under any token.
            held = {(one.stream, one.position) for one in self._held()}
            if held & {(d.envelope.stream, d.envelope.position) for d in deliveries}:
                self._once(acked)

    def fail(self, delivery: Delivery, cause: str, now_ns: int) -> None:
        """Give an event back, saying why; the last try makes a dead letter of it.

        Raises
        ------
        ConflictError
            If it was delivered to somebody else meanwhile.
        """

        def given_back(link: Link) -> None:
            state = self._state(link)
            state, letters = group.given_back(state, self._rules, delivery, cause, now_ns)
            self._keep(link, state, letters)

        self._once(given_back)

    def pending(self) -> int:
        """Count events that are delivered and not acknowledged."""
        return len(self._held())

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """Return what was given up and nobody has dealt with, oldest first."""

        def read(link: Link) -> tuple[DeadLetter, ...]:
            state = self._state(link)
            rows = link.execute(_DEAD, self._key).fetchall()
            if [row[2] for row in rows] != [*range(1, state.dead + 1)]:
                self._refuse("a dead letter is missing")
            letters = [self._opened(row, LETTER) for row in rows]
            return tuple(group.unsettled(state, letters).values())

        return self._once(read)

    def close(self) -> None:
        """Let go of it; what is pending stays pending."""
        self._line.close()
        self._reading.close()

    def _held(self) -> Sequence[group.Held]:
        return tuple(self._once(self._state).held.values())

    def _unseen(self, state: GroupState, count: int) -> list[Envelope]:
        if count <= 0:
            return []
        readers = [
            self._pages.read(stream, head.position) for stream, head in state.cursors.items()
        ]
        return list(islice(merge(*readers, key=attrgetter("recorded_ns")), count))

    def _require_ours(self, state: GroupState) -> None:
        if set(state.cursors) != set(self._rules.streams):
            msg = (
                f"group {self._key[1]!r} reads {', '.join(sorted(state.cursors))}, not "
                f"{', '.join(sorted(self._rules.streams))}: give other streams another group"
            )
            raise ConfigError(msg)
        for stream, head in state.cursors.items():
            if self._pages.head(stream).position < head.position:
                self._refuse(
                    f"it has handed out event {head.position} of {stream!r}, which is gone"
                )
            if self._pages.at(stream, head.position) != head:
                self._refuse(
                    f"event {head.position} of {stream!r} is not the one it handed out"
                )

    def _once(self, act: Callable[[Link], S]) -> S:
        with self._line.turn() as link, link.transaction():
            return act(link)

    def _state(self, link: Link) -> GroupState:
        row = link.execute(_LOCK, self._key, binary=True).fetchone()
        return self._refuse("it is gone") if row is None else self._opened(row, STATE)

    def _keep(self, link: Link, state: GroupState, letters: Sequence[DeadLetter] = ()) -> None:
        self._require_kept(link.execute(_KEEP, (*sealed(state), *self._key)).rowcount)
        for number, letter in enumerate(letters, state.dead - len(letters) + 1):
            buried = link.execute(_BURY, (*self._key, number, *sealed(letter)))
            self._require_kept(buried.rowcount)

    def _require_kept(self, rows: int) -> None:
        if rows != 1:
            msg = (
                f"group {self._key[1]!r} of {self._line.address}: something in the database "
                "drops what is written, and nothing was kept; open the log again: it says what "
                "was added to its tables"
            )
            raise DamagedLogError(msg)

    def _opened(self, row: Any, decoder: msgspec.msgpack.Decoder[S]) -> S:
        opened = unsealed(row[0], row[1], decoder)
        return self._refuse("its content does not fit its seal") if opened is None else opened

    def _refuse(self, cause: str) -> NoReturn:
        msg = (
            f"group {self._key[1]!r} of {self._line.address}: {cause}; begin again at the "
            "first event with a group of another name (inboxes keep effects from happening "
            "twice)"
        )
        raise DamagedLogError(msg)
