"""From the disk to Redis, in order, once.

1. Connect; refuse a Redis that may throw entries out, or that holds what the outbox does not
   know: whoever wrote that goes on. Say who is at work: a relay that was replaced learns it
   with its next append, and stops.
2. Rewind: ask of every stream where it ends in Redis, and go on behind that, wherever the
   relay believed to be. What Redis lost is so sent again, and what it has without our
   knowing is not. An entry there that is not ours, or gone, stops the relay with an alarm;
   so do fewer entries than the last one's position says.
3. Send batches. Each is appended by a script only if the stream ends with the event before.
   If it does not, rewind that stream.
4. On an error that passes, wait, longer each time, and begin again with 1. On any other,
   stop and say so. The outbox goes on either way.

An answer that is lost leaves open whether the batch arrived; nothing is assumed, the rewind
finds out.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import closing

import msgspec
import redis

from stairway.adapters.journal.ending import Worker
from stairway.adapters.journal.waiting import Waiting
from stairway.adapters.outbox.address import Address
from stairway.adapters.outbox.committed import Committed
from stairway.adapters.outbox.failures import Meaning, code_of, meaning
from stairway.adapters.outbox.fitness import require_fit, streams_in
from stairway.adapters.outbox.keys import EMPTY, FORMAT, Keys, entry_id, order_of
from stairway.adapters.outbox.ledger import (
    AlarmError,
    accounted,
    look,
    require_ours,
    require_untouched,
    require_whole,
)
from stairway.adapters.outbox.scripts import APPEND, CLAIM, NOTE, Value
from stairway.adapters.outbox.settings import OutboxSettings
from stairway.base.errors import StairwayError
from stairway.base.verdict import Finding
from stairway.events.envelope import Envelope

_NONE = b"*"
"""Claim of a relay that has not been at work yet."""

_BROKEN = Finding("log.relay_failed", "the relay to Redis failed: see what Python printed")
_POLL_S = 0.002
_MEASURE_S = 0.05


class Tally(msgspec.Struct):
    """What the relay has lived through."""

    connects: int = 0
    failures: int = 0
    """Errors that passed."""

    unknown: int = 0
    """Appends whose answer never came."""

    found: int = 0
    """Events of those that turned out to have arrived."""

    rewinds: int = 0
    """Streams that Redis had lost the end of."""

    lost_by_redis: int = 0
    """Events that were sent again because of it."""

    refused: int = 0
    """Batches that did not follow on what Redis had."""

    sent: int = 0


class Reached(msgspec.Struct, frozen=True):
    """How far a stream has come in Redis."""

    position: int = 0
    identity: str = EMPTY


class Relay:
    """The thread between an outbox and Redis.

    Parameters
    ----------
    heads
        Position that each stream has been appended to, on disk or on its way there.
    """

    def __init__(
        self,
        address: Address,
        settings: OutboxSettings,
        outbox: Committed,
        heads: Callable[[], Mapping[str, int]],
    ) -> None:
        self.tally = Tally()
        self.alarm: Finding | None = None
        self.trouble: str | None = None
        """What Redis last said, while it is out of reach."""

        self.bytes_behind = 0
        self._address, self._settings = address, settings
        self._keys = Keys(address.name)
        self._outbox, self._heads = outbox, heads
        self._places: dict[str, Reached] = {}
        self._claim = _NONE
        self._in_doubt: str | None = None
        self._watched_s = self._measured_s = 0.0
        self._closing = False
        self._is_rung = self._has_tried = False
        self._bell, self._change = Waiting(), Waiting()
        self._worker = Worker(self._run, "stairway-relay")

    @property
    def is_over(self) -> bool:
        """Whether the thread has let go of the outbox and does nothing any more."""
        return self._worker.is_over

    def ring(self) -> None:
        """Say that something was appended."""
        if not self._is_rung:
            self._is_rung = True
            self._bell.tell()

    def wait_for_first_try(self) -> None:
        """Wait until Redis was reached and looked through, or was not."""
        self._change.wait(lambda: self._has_tried)

    def behind(self) -> int:
        """Events that were appended and are not in Redis yet, as far as is known."""
        places = self._places
        ends = self._heads().items()
        return sum(max(0, end - _of(places, stream).position) for stream, end in ends)

    def catch_up(
        self, goals: Mapping[str, int], timeout_s: float, *, in_trouble: bool = True
    ) -> bool:
        """Wait until Redis has the streams up to ``goals``; False if it does not in time.

        Without ``in_trouble`` no time is spent on a Redis that is out of reach.
        """

        def is_over() -> bool:
            given_up = self.trouble is not None and not in_trouble
            return self.alarm is not None or given_up or self._has(goals)

        self.ring()
        self._change.wait(is_over, timeout_s)
        return self._has(goals)

    def _has(self, goals: Mapping[str, int]) -> bool:
        return all(_of(self._places, s).position >= goal for s, goal in goals.items())

    def close(self) -> None:
        """Let Redis have what it can in the time it is given, and end the thread."""
        try:
            if not self.is_over:
                linger_s = self._settings.linger_ms / 1_000
                self.catch_up(self._heads(), linger_s, in_trouble=False)
        finally:
            self.end()

    def end(self) -> None:
        """End the thread without waiting for Redis; an interrupt is raised when it is gone."""
        self._worker.end(self._urge_to_end)

    def _urge_to_end(self) -> None:
        self._closing = True
        self.ring()

    def _run(self) -> None:
        # Until it ends in good order, it has failed; Python then prints why.
        end: Finding | None = _BROKEN
        try:
            self._serve()
            end = None
        except AlarmError as alarm:
            end = alarm.finding
        except StairwayError as error:
            end = Finding("log.outbox_unreadable", str(error))
        finally:
            self.alarm = end
            self._outbox.close()
            self._say_tried()

    def _say_tried(self) -> None:
        self._has_tried = True
        self._change.tell()

    def _serve(self) -> None:
        first_ms, last_ms = self._settings.backoff_first_ms, self._settings.backoff_last_ms
        pause_ms = first_ms
        while not self._closing:
            try:
                with closing(self._connected()) as client:
                    self._greet(client)
                    pause_ms = first_ms
                    self._work(client)
            except (redis.RedisError, OSError) as error:
                self._suffer(error)
            self._say_tried()
            self._rest(pause_ms / 1_000)
            pause_ms = min(2 * pause_ms, last_ms)

    def _connected(self) -> redis.Redis:
        return self._address.client(self._settings.socket_timeout_ms, connects_once=True)

    def _suffer(self, error: Exception) -> None:
        if meaning(error) is Meaning.STOP:
            detail = (
                f"{self._address} refuses, {code_of(error)} ({error}): nothing is sent until "
                "the log is opened again; set this right (deploy/redis). The outbox keeps what "
                "comes"
            )
            raise AlarmError(Finding("log.redis_refuses", detail)) from error
        self.tally.failures += 1
        self.trouble = f"{self._address} cannot take events ({error})"
        self._change.tell()

    def _rest(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._closing and (left := end - time.monotonic()) > 0:
            self._measure()
            time.sleep(min(left, _MEASURE_S))

    def _greet(self, client: redis.Redis) -> None:
        require_fit(client, self._address)
        listed = streams_in(client, self._keys, self._address)
        if self._claim == _NONE:
            # Or the relay of the outbox that wrote it would stop for one that did not.
            for stream in sorted({*listed, *self._outbox.streams()}):
                accounted(client, self._keys, stream, self._outbox.at)
        self._say_who(client)
        self.tally.connects += 1
        for stream in self._outbox.streams():
            self._rewind(client, stream)
        self._enlist(client)
        self.trouble, self._in_doubt = None, None
        self._watched_s = time.monotonic()
        self._say_tried()

    def _say_who(self, client: redis.Redis) -> None:
        who = f"{socket.gethostname()} {os.getpid()}"
        what, identity = CLAIM(client, (self._keys.relays,), (self._claim, who))
        if what != b"ok":
            raise _replaced(identity)
        self._claim = identity

    def _enlist(self, client: redis.Redis) -> None:
        """Write down the names of streams, for those who have no disk to ask."""
        known = streams_in(client, self._keys, self._address)
        for stream in self._outbox.streams():
            if stream not in known:
                NOTE(client, (self._keys.streams,), ("name", stream, "format", FORMAT))

    def _rewind(self, client: redis.Redis, stream: str) -> None:
        shelf = accounted(client, self._keys, stream, self._outbox.at)
        moved = shelf.position - _of(self._places, stream).position
        if moved < 0:
            self.tally.rewinds += 1
            self.tally.lost_by_redis -= moved
        elif stream == self._in_doubt:
            self.tally.found += moved
        self._places = {**self._places, stream: Reached(shelf.position, shelf.last_id)}

    def _work(self, client: redis.Redis) -> None:
        while not self._closing:
            busy = 0
            for stream, end in self._heads().items():
                if end > _of(self._places, stream).position:
                    busy += self._forward(client, stream) or 1
            self._measure()
            self._watch(client)
            if not busy:
                self._bell.wait(lambda: self._is_rung, self._settings.watch_ms / 1_000)
                self._is_rung = False

    def _forward(self, client: redis.Redis, stream: str) -> int:
        place = _of(self._places, stream)
        batch = self._outbox.after(stream, place.position, self._settings.batch_events)
        if not batch:
            # What was appended a moment ago is not committed yet.
            time.sleep(_POLL_S)
            return 0
        if stream not in self._places:
            self._enlist(client)
        keys = (self._keys.events(stream), self._keys.archived(stream), self._keys.relays)
        self._in_doubt = stream
        try:
            what, identity = APPEND(client, keys, _values(self._claim, place, batch))
        except (redis.ConnectionError, redis.TimeoutError, OSError):
            self.tally.unknown += 1
            raise
        self._in_doubt = None
        match what:
            case b"ok":
                self.tally.sent += len(batch)
                arrived = Reached(batch[-1].position, identity.decode())
                self._places = {**self._places, stream: arrived}
                self._change.tell()
            case b"moved":
                self.tally.refused += 1
                self._rewind(client, stream)
            case _:
                self._give_way(identity)
        return len(batch)

    def _give_way(self, identity: bytes) -> None:
        """Stop if the relay that Redis names is newer; where it is older, Redis forgot ours."""
        if order_of(identity) > order_of(self._claim):
            raise _replaced(identity)
        # It was emptied while we were connected: greet what is there now.
        msg = "it has forgotten this relay"
        raise redis.ConnectionError(msg)

    def _watch(self, client: redis.Redis) -> None:
        """See now and then that nothing is taken out behind our back."""
        now_s = time.monotonic()
        if (now_s - self._watched_s) * 1_000 < self._settings.watch_ms:
            return
        self._watched_s = now_s
        for stream, place in self._places.items():
            shelf = look(client, self._keys, stream)
            require_untouched(shelf)
            if shelf.is_foreign:
                require_ours(shelf, None)
            # Where it ends elsewhere, the next append finds out, and rewinds.
            if shelf.last_id == place.identity:
                require_whole(shelf)

    def _measure(self) -> None:
        now_s = time.monotonic()
        if now_s - self._measured_s < _MEASURE_S:
            return
        self._measured_s = now_s
        behind = self.behind()
        if not behind:
            self.bytes_behind = 0
            return
        size, events = self._outbox.kept()
        self.bytes_behind = size * behind // max(events, behind)


def _of(places: Mapping[str, Reached], stream: str) -> Reached:
    return places.get(stream, Reached())


def _values(claim: bytes, place: Reached, batch: list[Envelope]) -> list[Value]:
    values: list[Value] = [claim, place.identity]
    for e in batch:
        identity = entry_id(e.recorded_ns, e.position)
        values += (identity, e.position, e.recorded_ns, e.hash, e.payload)
    return values


def _replaced(identity: bytes) -> AlarmError:
    detail = (
        f"another relay has taken over in Redis (its claim is {identity.decode()}): this one "
        "stops. Only one outbox may write under one name; close the other, or give this log "
        "a name of its own (?log=NAME)"
    )
    return AlarmError(Finding("log.redis_replaced", detail))
