"""Consumer groups beside a log on one machine: ``FOLDER/groups/NAME.db``.

The log has one writer, and consumers are other processes; so a group's state lies in a
file of its own, which each of its consumers may change for a moment at a time.

Tables
------
``state(id, body, seal)``
    One row: :class:`~stairway.events.group.GroupState` as MessagePack, and its SHA-256.
``dead(id, body, seal)``
    Dead letters, numbered from 1 without gaps.

What SQLite does not notice, the seals do; and the cursors hold the chain hash of the
event they point at, so a group is never used with a log that is not its own. Should the
file lose its last commits, events are delivered again, which is what inboxes are for.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from heapq import merge
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import apsw
import msgspec

from stairway.adapters.journal.files import sync_folder
from stairway.adapters.journal.group_path import (
    damaged_group,
    group_path,
    require_plain_group,
    unreadable_group,
)
from stairway.adapters.journal.layout import connect, create_aside, execute
from stairway.adapters.journal.pair import ReadingPair
from stairway.adapters.journal.seals import LETTER, STATE, sealed, unsealed
from stairway.adapters.journal.turn import alone
from stairway.base.errors import ConfigError
from stairway.events import group
from stairway.events.delivery import DeadLetter, Delivery, GroupRules
from stairway.events.envelope import Envelope, Head
from stairway.events.group import GroupState, Held
from stairway.events.streams import is_durable

_S = TypeVar("_S")
_SCHEMA = (
    "create table state (id integer primary key, body blob, seal blob) strict",
    "create table dead (id integer primary key, body blob, seal blob) strict",
)


class SqliteGroup:
    """One consumer's hold on a group. Give each thread its own.

    Raises
    ------
    ConfigError
        If the name or a stream's name is none, or the group reads other streams.
    DamagedLogError
        If its file is not what was written, or belongs to another log.
    """

    def __init__(
        self, folder: Path, name: str, rules: GroupRules, flush: Callable[[], None]
    ) -> None:
        self._path = _place(folder, name, rules)
        self._rules = rules
        self._flush = flush
        self._make()
        self._reading = ReadingPair(folder)
        try:
            self._connection = connect(self._path, read_only=False)
            # Whoever closes last moves the write-ahead log into the file.
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
            execute(self._connection, "pragma synchronous = full")
            with self._turn():
                self._require_ours(self._state())
        except apsw.Error as error:
            self.close()
            raise unreadable_group(self._path, error) from error
        except BaseException:
            self.close()
            raise

    def _make(self) -> None:
        self._path.parent.mkdir(exist_ok=True)
        sync_folder(self._path.parent.parent)
        require_plain_group(self._path)
        if not self._path.exists():
            body, seal = sealed(group.new_group(self._rules))
            first = f"insert into state values (1, x'{body.hex()}', x'{seal.hex()}')"  # noqa: S608 -- hex
            create_aside(self._path, (*_SCHEMA, first))
        # Whoever put it in place may not have come to this.
        sync_folder(self._path.parent)

    def take(self, consumer: str, limit: int, now_ns: int) -> tuple[Delivery, ...]:
        """Hand out up to ``limit`` events: first those whose lease ran out, then new ones."""
        self._flush()
        with self._turn():
            state = group.ticked(self._state(), self._rules, now_ns)
            state, again, letters = group.taken_over(state, self._rules, consumer, limit)
            old = [self._event(one) for one in again.values()]
            new = self._unseen(state, min(limit - len(old), group.room(state)))
            state, first = group.taken(state, self._rules, consumer, new)
            self._keep(state, letters)
        held = again | first
        return tuple(
            Delivery(envelope, held[token].tries, token)
            for token, envelope in zip(held, [*old, *new], strict=True)
        )

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Say that ``deliveries`` are done with, all or none."""
        if deliveries:
            with self._turn():
                self._keep(group.acknowledged(self._state(), deliveries))

    def fail(self, delivery: Delivery, cause: str, now_ns: int) -> None:
        """Give an event back, saying why; the last try makes a dead letter of it."""
        with self._turn():
            state, letters = group.given_back(
                self._state(), self._rules, delivery, cause, now_ns
            )
            self._keep(state, letters)

    def pending(self) -> int:
        """Count events that are delivered and not acknowledged."""
        with self._turn("begin"):
            return len(self._state().held)

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """Return what was given up and nobody has dealt with, oldest first."""
        with self._turn("begin"):
            rows = execute(self._connection, "select body, seal, id from dead order by id")
            letters = tuple(_opened(self._path, row, LETTER) for row in rows)
            state = self._state()
            if [row[2] for row in rows] != [*range(1, state.dead + 1)]:
                _refuse(self._path, "a dead letter is missing")
            return tuple(group.unsettled(state, letters).values())

    def close(self) -> None:
        """Let go of it; what is pending stays pending."""
        self._reading.close()
        if hasattr(self, "_connection"):
            self._connection.close(force=True)

    def _event(self, one: Held) -> Envelope:
        events = self._reading.of(one.stream).read(one.stream, one.position - 1, 1)
        return next(events)

    def _unseen(self, state: GroupState, count: int) -> list[Envelope]:
        if count <= 0:
            return []
        readers = [
            self._reading.of(stream).read(stream, head.position, min(count, 512))
            for stream, head in state.cursors.items()
        ]
        return list(islice(merge(*readers, key=attrgetter("recorded_ns")), count))

    def _require_ours(self, state: GroupState) -> None:
        if set(state.cursors) != set(self._rules.streams):
            msg = (
                f"group {self._path.stem!r} reads {', '.join(sorted(state.cursors))}, not "
                f"{', '.join(sorted(self._rules.streams))}: give other streams another group"
            )
            raise ConfigError(msg)
        for stream, head in state.cursors.items():
            if self._is_in_log(stream, head):
                continue
            if is_durable(stream):
                _refuse(
                    self._path,
                    f"it has handed out event {head.position} of {stream!r}, which is not the "
                    "one in this log",
                )
            # A power cut may take the last moments of telemetry.
            state = group.begun_again(state, stream)
            self._keep(state)

    def _is_in_log(self, stream: str, head: Head) -> bool:
        reader = self._reading.of(stream)
        behind = reader.head(stream).position < head.position
        return not behind and reader.at(stream, head.position) == head

    @contextmanager
    def _turn(self, begin: str = "begin immediate") -> Generator[None]:
        """Change the group alone, all or nothing."""
        try:
            with alone(self._path, self._connection, begin):
                yield
                execute(self._connection, "commit")
        except apsw.Error as error:
            raise unreadable_group(self._path, error) from error

    def _state(self) -> GroupState:
        return _state_in(self._path, self._connection)

    def _keep(self, state: GroupState, letters: Sequence[DeadLetter] = ()) -> None:
        execute(self._connection, "update state set body = ?, seal = ?", sealed(state))
        for number, letter in enumerate(letters, state.dead - len(letters) + 1):
            execute(
                self._connection,
                "insert into dead values (?, ?, ?)",
                (number, *sealed(letter)),
            )


def _state_in(path: Path, connection: apsw.Connection) -> GroupState:
    rows = execute(connection, "select body, seal from state")
    if len(rows) != 1:
        _refuse(path, "it has lost its state")
    return _opened(path, rows[0], STATE)


def _opened(path: Path, row: Any, decoder: msgspec.msgpack.Decoder[_S]) -> _S:
    found = unsealed(row[0], row[1], decoder)
    if found is None:
        _refuse(path, "its content does not fit its seal")
    return found


def _refuse(path: Path, cause: str) -> NoReturn:
    raise damaged_group(path, cause)


def _place(folder: Path, name: str, rules: GroupRules) -> Path:
    group.require_group(name, rules)
    return group_path(folder, name)
