"""Waiting for a thread to end, though the wait is interrupted."""

from __future__ import annotations

import threading

import pytest

from stairway.adapters.journal.ending import ended


class Interrupted:
    """Urges a thread, and is interrupted the first times."""

    def __init__(self, *errors):
        self.errors, self.over, self.urged = list(errors), threading.Event(), 0

    def urge(self):
        self.urged += 1
        if self.errors:
            raise self.errors.pop(0)
        self.over.set()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_raised_when_the_thread_is_gone(kind):
    work = Interrupted(kind("first"), kind("second"))
    thread = threading.Thread(target=work.over.wait)
    thread.start()
    with pytest.raises(kind, match="second"):
        ended(thread, work.urge)
    assert not thread.is_alive()
    assert work.urged == 3


def test_a_thread_that_has_ended_is_not_urged():
    work = Interrupted()
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    ended(thread, work.urge)
    assert work.urged == 0
