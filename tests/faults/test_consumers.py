"""Consumers that fail, crash and repeat themselves: each effect happens, and happens once."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from stairway.adapters.journal.inbox import Inbox
from stairway.adapters.logs.sqlite import Config, open_log
from stairway.base.errors import ConflictError
from stairway.testing.groups import NOW_NS, group_rules
from stairway.testing.log import small_settings

CONFIG = Config(**small_settings())
SCHEMA = ["create table effect (position integer)"]
POISON = frozenset({3, 17, 40, 41, 99})
FAULTS = ("duplicate", "crash before commit", "crash before ack")
MOST_ROUNDS = 20


def handle(delivery, done):
    if delivery.envelope.position in POISON:
        msg = f"event {delivery.envelope.position} cannot be dealt with"
        raise ValueError(msg)
    done.append(delivery.envelope.position)


def work_through(folder, events, give_back):
    """Work until nothing is left; return what was done, given up, left, and how often it failed."""
    log, done, failed = open_log(folder, CONFIG), [], Counter()
    log.append("fill", [b"event"] * events)
    group = log.group("desk", group_rules())
    for n in range(events * 5):
        taken = group.take("a", 16, NOW_NS + n)
        if not taken:
            break
        for delivery in taken:
            try:
                handle(delivery, done)
            except ValueError as error:
                failed[delivery.envelope.position] += 1
                give_back(group, delivery, str(error), NOW_NS + n)
            else:
                group.ack([delivery])
    letters, pending = group.dead_letters(), group.pending()
    group.close()
    log.close()
    return done, letters, pending, failed


def properly(group, delivery, cause, now_ns):
    group.fail(delivery, cause, now_ns)


def test_poison_is_tried_five_times_and_put_aside_with_its_cause(tmp_path, figures):
    done, letters, pending, failed = work_through(tmp_path, 120, properly)
    assert sorted(done) == [n for n in range(1, 121) if n not in POISON]
    assert len(done) == len(set(done))
    assert {letter.position for letter in letters} == POISON
    assert {letter.tries for letter in letters} == {5}
    for letter in letters:
        assert letter.cause == f"event {letter.position} cannot be dealt with"
    assert pending == 0
    assert failed == dict.fromkeys(POISON, 5)
    figures(10, "some events are poison", events=len(done) + len(letters), poison=len(failed),
            tries=min(failed.values()), dead_letters=len(letters), doubled=len(done) - len(set(done)),
            lost=120 - len({*done, *(letter.position for letter in letters)}))  # fmt: skip


@pytest.mark.long
def test_a_consumer_that_swallows_its_exceptions_is_seen_to_lose(tmp_path, figures):
    def swallow(group, delivery, _cause, _now_ns):
        group.ack([delivery])

    done, letters, _, _ = work_through(tmp_path, 120, swallow)
    lost = 120 - len(done) - len(letters)
    assert lost == len(POISON)
    figures(10, "planted: exceptions are swallowed and acknowledged", noticed=lost)


class CrashError(Exception):
    """The process is gone."""


def crash(*, now):
    if now:
        raise CrashError


class Desk(RuleBasedStateMachine):
    """A consumer that gets everything ten times and crashes wherever it likes."""

    once = staticmethod(Inbox.once)
    fired: ClassVar = Counter()
    stories: ClassVar = set()
    root: ClassVar = None

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=self.root))
        self.log = open_log(self.folder, CONFIG)
        self.now_ns, self.written, self.story = NOW_NS, 0, []
        self.start()

    def start(self):
        self.group = self.log.group("desk", group_rules(tries=100))
        self.inbox = Inbox(self.folder / "desk.db", SCHEMA)
        self.held = []

    def crash(self):
        self.group.close()
        self.inbox.close()
        self.start()

    @rule(count=st.integers(1, 3))
    def write(self, count):
        self.written += count
        self.story.append(count)
        self.log.append("fill", [b"x"] * count)

    @rule(limit=st.integers(1, 4))
    def take(self, limit):
        self.story.append((limit,))
        for _ in range(4):
            self.now_ns += 500_000_000
            self.held += self.group.take("a", limit, self.now_ns)

    @precondition(lambda self: self.held)
    @rule(
        data=st.data(), fate=st.sampled_from(["ack", "lost ack", "crash after", "crash before"])
    )
    def act(self, data, fate):
        delivery = data.draw(st.sampled_from(self.held))
        self.story.append((delivery.envelope.position, fate))
        try:
            for _ in range(10):
                with self.once(self.inbox, "desk", delivery.envelope) as db:
                    if db is None:
                        self.fired["duplicate"] += 1
                        continue
                    db.execute("insert into effect values (?)", (delivery.envelope.position,))
                    crash(now=fate == "crash before")
        except CrashError:
            self.fired["crash before commit"] += 1
            self.crash()
            return
        if fate == "crash after":
            self.fired["crash before ack"] += 1
            self.crash()
        elif fate == "ack":
            with suppress(ConflictError):
                self.group.ack([delivery])
                self.held.remove(delivery)

    @invariant()
    def no_effect_happens_twice(self):
        rows = [row[0] for row in self.inbox.look("select position from effect")]
        self.fired["doubled"] += (doubled := len(rows) - len(set(rows)))
        assert doubled == 0

    def teardown(self):
        """Work off what is left: then every event has had its effect, once."""
        done = -1
        while done < self.written:
            self.take(limit=50)
            for delivery in self.held:
                with self.once(self.inbox, "desk", delivery.envelope) as db:
                    if db is not None:
                        db.execute(
                            "insert into effect values (?)", (delivery.envelope.position,)
                        )
            rows = [row[0] for row in self.inbox.look("select position from effect")]
            before, done = done, len(set(rows))
            assert before < done or done == self.written
        self.fired["lost"] += len({*range(1, self.written + 1)} - {*rows})
        self.fired["phantom"] += len({*rows} - {*range(1, self.written + 1)})
        assert sorted(rows) == [*range(1, self.written + 1)]
        self.stories.add(tuple(self.story))
        self.group.close()
        self.inbox.close()
        self.log.close()
        shutil.rmtree(self.folder)


ALL_TEN_TIMES = "each event ten times, crashes between effect and acknowledgement"


def drive(machine, root, runs, **options):
    """Try it until so many ways have differed, and each fault has fired."""
    machine.fired, machine.stories, machine.root = Counter(), set(), root
    for n in range(MOST_ROUNDS):
        run_state_machine_as_test(
            seed(n)(machine),
            settings=settings(
                max_examples=max(20, runs // 5), stateful_step_count=25, **options
            ),
        )
        if len(machine.stories) >= runs and all(machine.fired[what] for what in FAULTS):
            return
    pytest.fail(f"{len(machine.stories)} ways differ, and there was {machine.fired}")


def test_effects_happen_once_though_events_come_ten_times_and_consumers_crash(
    ram, figures, demanded
):
    drive(Desk, ram, demanded(11, ALL_TEN_TIMES)["runs"])
    figures(11, ALL_TEN_TIMES, runs=len(Desk.stories), duplicates=Desk.fired["duplicate"],
            crashes_before_commit=Desk.fired["crash before commit"],
            crashes_before_ack=Desk.fired["crash before ack"],
            **{wrong: Desk.fired[wrong] for wrong in ("lost", "phantom", "doubled")})  # fmt: skip


class Hasty(Desk):
    """Commits the effect first and the note that it is done afterwards."""

    @staticmethod
    @contextmanager
    def once(inbox, consumers, envelope):
        if inbox._is_done(consumers, envelope):
            yield None
            return
        yield inbox._connection
        inbox._connection.execute("begin immediate")
        inbox._note(consumers, envelope)


@pytest.mark.long
def test_a_note_in_a_transaction_of_its_own_is_seen_to_double(ram, figures):
    with pytest.raises(AssertionError):
        drive(Hasty, ram, 500, phases=[Phase.generate])
    figures(11, "planted: effect and note in two transactions", noticed=Hasty.fired["doubled"])
