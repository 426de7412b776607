"""Waiting for a thread to end, though the wait is interrupted."""

from __future__ import annotations

import queue
import threading
from functools import partial

import pytest

from stairway.adapters.journal import ending
from stairway.adapters.journal.ending import Worker
from stairway.base.errors import RecordError

pytestmark = pytest.mark.timeout(60)


class Work:
    """Goes on for as long as it is not let, whoever urges it."""

    def __init__(self):
        self.urged, self.may_end, self.is_done = 0, threading.Event(), False

    def run(self):
        self.may_end.wait()
        self.is_done = True

    def urge(self):
        self.urged += 1

    def let(self):
        self.urged += 1
        self.may_end.set()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_real_interrupt_of_the_wait_is_raised_when_the_work_is_over(interrupts, count):
    work = Work()
    worker = Worker(work.run, "a-test")
    seen = []

    def look():
        seen.append((worker.is_over, work.is_done))
        if len(seen) == count:
            # Not before all have come, and not at once.
            threading.Timer(0.1, work.may_end.set).start()

    with interrupts("Worker.end", count, look), pytest.raises(KeyboardInterrupt):
        worker.end(work.urge)
    assert seen == [(False, False)] * count, "it was at work each time"
    assert (worker.is_over, work.is_done) == (True, True)


def test_a_worker_is_urged_again_after_each_interrupt(interrupts):
    work = Work()
    worker = Worker(work.run, "a-test")

    def urge():
        work.urged += 1
        if work.urged == 3:
            work.may_end.set()

    with interrupts("Worker.end", 2), pytest.raises(KeyboardInterrupt):
        worker.end(urge)
    assert work.urged == 3


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_the_last_interrupt_is_the_one_that_is_raised(kind):
    work = Work()
    worker, errors = Worker(work.run, "a-test"), [kind("first"), kind("second")]

    def urge():
        if errors:
            raise errors.pop(0)
        work.let()

    with pytest.raises(kind, match="second"):
        worker.end(urge)
    assert work.is_done


def test_a_worker_that_nobody_interrupts_ends_without_a_word():
    work = Work()
    worker = Worker(work.run, "a-test")
    worker.end(work.let)
    assert (worker.is_over, work.is_done, work.urged) == (True, True, 1)


def test_a_worker_whose_work_is_over_is_not_urged():
    work = Work()
    worker = Worker(work.run, "a-test")
    worker.end(work.let)
    worker.end(work.urge)
    assert work.urged == 1


def test_work_that_fails_is_over_too_and_python_says_why(monkeypatch):
    said = queue.SimpleQueue()
    monkeypatch.setattr(threading, "excepthook", lambda seen: said.put(seen.exc_type))
    worker = Worker(lambda: 1 // 0, "a-test")
    worker.end(lambda: None)
    assert worker.is_over
    assert said.get(timeout=20) is ZeroDivisionError


def interrupted_once(work):
    """An urge that is interrupted the first time, and then lets the work come to its end."""

    def urge():
        work.urged += 1
        if work.urged == 1:
            raise KeyboardInterrupt
        work.may_end.set()

    return urge


def test_a_second_interrupt_at_any_instruction_of_the_way_back_to_the_wait_is_outlasted(
    strikes,
):
    step, is_met = 0, True
    while is_met:
        step, work = step + 1, Work()
        worker = Worker(work.run, "a-test")
        is_on_its_way = partial(getattr, work, "urged")
        with (
            strikes("Worker._outlast", step, is_on_its_way) as met,
            pytest.raises(KeyboardInterrupt),
        ):
            worker.end(interrupted_once(work))
        assert (worker.is_over, work.is_done) == (True, True), f"at {step}: {met}"
        is_met = bool(met)
    assert step > 20


class Struck(Worker):
    """One that is interrupted so often as it looks whether all is over."""

    left = 0

    @property
    def is_over(self):
        if self.left > 0:
            self.left -= 1
            raise KeyboardInterrupt
        return super().is_over


@pytest.mark.parametrize("count", [1, 2, ending._DEPTH - 1])
def test_so_many_interrupts_each_as_the_one_before_is_caught_are_outlasted(count):
    work = Work()
    worker, urge = Struck(work.run, "a-test"), interrupted_once(work)

    def struck():
        worker.left = count if work.urged == 0 else 0
        urge()

    with pytest.raises(KeyboardInterrupt):
        worker.end(struck)
    assert (worker.left, worker.is_over, work.is_done) == (0, True, True)


def test_an_end_that_was_interrupted_before_it_began_may_be_called_again(strikes):
    work = Work()
    worker = Worker(work.run, "a-test")
    with strikes("Worker.end", 1) as met, pytest.raises(KeyboardInterrupt):
        worker.end(work.let)
    assert met
    assert (worker.is_over, work.urged) == (False, 0)
    worker.end(work.let)
    assert work.is_done


def test_whoever_waits_is_told_when_it_is_over_and_not_before():
    work, seen, told = Work(), [], threading.Event()
    worker = Worker(work.run, "a-test")
    worker._waiting.tell = lambda: (seen.append(worker.is_over), told.set())
    work.may_end.set()
    assert told.wait(20)
    assert seen == [True]


def test_a_worker_of_another_process_is_over_here_and_is_refused_in_words(monkeypatch):
    work = Work()
    worker = Worker(work.run, "a-test")
    worker.require_here()
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(ending, "_PROCESS", [0])
        assert (worker.is_here, worker.is_over) == (False, True)
        worker.end(work.urge)
        with pytest.raises(RecordError, match=r"does not survive a fork: .* open it anew"):
            worker.require_here()
    assert (worker.is_here, worker.is_over, work.urged) == (True, False, 0)
    worker.end(work.let)
