"""What the record needs from the outside world."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from stairway.events.delivery import DeadLetter, Delivery, GroupRules
from stairway.events.envelope import Envelope, Head
from stairway.events.group import GroupState


class Group(Protocol):
    """Consumers that share the work on some streams, and outlive their crashes.

    Promises
    --------
    - Every event of the group's streams is delivered at least once, from position 1 on;
      a new group never begins at the end.
    - An event is held by one consumer at a time, until it is acknowledged, given back
      with a cause, or its lease has run out. Then it is delivered again, with ``tries``
      one higher and another ``token``.
    - After ``rules.tries`` deliveries without an acknowledgement it becomes a dead letter,
      with its cause. Events behind it are delivered all the same.
    - No lease ends early because a clock is set back, or ahead once, by however much; it
      may end late, by half a lease or as long as a clock that was set back takes to catch up.
    - A consumer whose lease was taken over cannot acknowledge: the token no longer fits.
    - An effect that is to happen once is committed together with the delivery's place, in
      one transaction of the consumer's own (an inbox); the acknowledgement comes after.
    """

    def take(self, consumer: str, limit: int, now_ns: int) -> tuple[Delivery, ...]:
        """Hand out up to ``limit`` events: first those whose lease ran out, then new ones."""
        ...

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Say that ``deliveries`` are done with, all or none.

        Raises
        ------
        ConflictError
            If one of them was delivered to somebody else meanwhile. None is acknowledged.
        """
        ...

    def fail(self, delivery: Delivery, cause: str, now_ns: int) -> None:
        """Give an event back, saying why; the last try makes a dead letter of it.

        Raises
        ------
        ConflictError
            If it was delivered to somebody else meanwhile.
        """
        ...

    def pending(self) -> int:
        """Count events that are delivered and not acknowledged."""
        ...

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """Return what was given up, oldest first."""
        ...

    def close(self) -> None:
        """Let go of it; what is pending stays pending."""
        ...


class Groups(Protocol):
    """All consumer groups of a log, for whoever looks after them; takes no part in them."""

    def names(self) -> tuple[str, ...]:
        """Return the names of all groups, sorted."""
        ...

    def state(self, name: str) -> GroupState:
        """Return what a group remembers.

        Raises
        ------
        ConfigError
            If there is no such group.
        DamagedLogError
            If that is not what was written.
        """
        ...

    def letters(self, name: str) -> tuple[DeadLetter, ...]:
        """Return all dead letters of a group, the first one first, settled or not."""
        ...

    def change(self, name: str, turn: Callable[[GroupState], GroupState]) -> None:
        """Change what a group remembers, alone, all or nothing."""
        ...

    def close(self) -> None:
        """Let go of them."""
        ...


class EventLog(Protocol):
    """An append-only record of streams.

    Promises
    --------
    - ``append`` numbers events from 1 without gaps and returns at once; positions and
      chain hashes are decided on the calling thread, in calling order.
    - ``flush`` returns only when everything appended before it has been committed to
      disk, each stream with the durability of its file.
    - After a crash each stream holds a gap-free beginning of what was appended, and all
      of it that had been flushed to the durable file.
    - ``append`` with ``expected`` other than the stream's last position appends nothing
      and raises ``ConflictError``.
    - ``read`` yields envelopes in order of position, and checks each hash. It sees all
      that was appended before it was called.
    - ``recorded_ns`` strictly increases over the whole log in the order of the calls,
      also where the clock stands still or goes back.
    - Nothing is ever changed or deleted. A damaged log raises ``DamagedLogError``,
      naming stream, position and cause; it is never repaired in silence.
    """

    def append(
        self, stream: str, payloads: Sequence[bytes], expected: int | None = None
    ) -> Head:
        """Add events; return the stream's new head."""
        ...

    def flush(self) -> None:
        """Wait until all that was appended is on disk."""
        ...

    def read(self, stream: str, after: int = 0) -> Iterator[Envelope]:
        """Yield events with a position over ``after``."""
        ...

    def head(self, stream: str) -> Head:
        """Return the last position and hash of ``stream``."""
        ...

    def streams(self) -> tuple[str, ...]:
        """Return the names of all streams that hold anything, sorted."""
        ...

    def group(self, name: str, rules: GroupRules) -> Group:
        """Open the consumer group ``name``, or make it where there is none.

        Raises
        ------
        ConfigError
            If a group of that name reads other streams.
        """
        ...

    def close(self) -> None:
        """Flush and let go of the files."""
        ...
