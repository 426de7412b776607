"""Waiting for a word of another thread, though the wait is interrupted."""

from __future__ import annotations

import threading
import time

import pytest

from stairway.adapters.journal.waiting import LOOK_S, Waiting

pytestmark = pytest.mark.timeout(60)


def test_what_is_so_is_not_waited_for():
    assert Waiting().wait(lambda: True, 0.0)


def test_what_is_not_so_in_time_is_said_not_to_be():
    began_s = time.monotonic()
    assert not Waiting().wait(lambda: False, 0.05)
    assert time.monotonic() - began_s >= 0.05


def test_all_who_wait_are_told():
    waiting, so, came = Waiting(), threading.Event(), []
    threads = [
        threading.Thread(target=lambda: came.append(waiting.wait(so.is_set))) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    so.set()
    waiting.tell()
    for thread in threads:
        thread.join()
    assert came == [True] * 5


def test_what_comes_to_be_so_as_one_begins_to_wait_is_not_missed():
    waiting, asked = Waiting(), []

    def comes_between():
        asked.append(None)
        return len(asked) > 1

    assert waiting.wait(comes_between, 0.0), "nobody told it, and it did not sleep"
    assert len(asked) == 2


def test_whoever_is_told_of_nothing_waits_on():
    waiting, asked, so = Waiting(), [], threading.Event()

    def is_so():
        asked.append(None)
        return so.is_set()

    thread = threading.Thread(target=lambda: waiting.wait(is_so))
    thread.start()
    for n in (3, 5):
        while len(asked) < n - 1:
            time.sleep(0.001)
        waiting.tell()
    assert thread.is_alive()
    so.set()
    waiting.tell()
    thread.join()


def test_one_who_was_not_told_looks_all_the_same():
    waiting, so = Waiting(), threading.Event()
    thread = threading.Thread(target=lambda: waiting.wait(so.is_set))
    thread.start()
    so.set()
    thread.join(20 * LOOK_S)
    assert not thread.is_alive()


def test_to_be_told_twice_is_to_be_told(interrupts):
    waiting, told = Waiting(), []

    def tell_twice():
        waiting.tell()
        waiting.tell()
        told.append(None)

    with interrupts("Waiting.wait", act=tell_twice), pytest.raises(KeyboardInterrupt):
        waiting.wait(lambda: False)
    assert told == [None]


def test_an_interrupt_ends_the_wait_and_leaves_nobody_behind(interrupts):
    waiting = Waiting()
    for _ in range(3):
        with interrupts("Waiting.wait"), pytest.raises(KeyboardInterrupt):
            waiting.wait(lambda: False)
    assert not waiting._there
    waiting.tell()
