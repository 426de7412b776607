"""A thread of ours that writes, and what may be let go of only when it is gone.

It goes on after an interrupt (Ctrl-C) of whoever waits for its end. So what it writes to, and
the right to write there, it lets go of itself, as the last thing it does; and that it has
ended it says itself. ``Thread.join`` and ``is_alive`` are not asked: once a wait in ``join``
was interrupted, CPython 3.11 takes a thread that runs for one that has stopped.

A process that is forked off has no such thread, and its copies of what the thread writes with
stand as they stood in the middle of whatever it did: nothing there may be used, waited for or
written.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial

from stairway.adapters.journal.waiting import LOOK_S, Waiting
from stairway.base.errors import RecordError

_DEPTH = 8
"""Interrupts in a row, each as the one before is caught, that a wait for the end outlasts."""

_PROCESS = [os.getpid()]
"""This one. To ask the system each time would take longer than all else that is asked."""


def _note_fork() -> None:
    _PROCESS[0] = os.getpid()


os.register_at_fork(after_in_child=_note_fork)


class Worker:
    """A thread at ``work``, which is a daemon: it ends with the process.

    Examples
    --------
    >>> done, over = [], threading.Event()
    >>> worker = Worker(lambda: done.append(over.wait()), "an-example")
    >>> worker.is_over
    False
    >>> worker.end(over.set)
    >>> worker.is_over, done
    (True, [True])
    """

    def __init__(self, work: Callable[[], object], name: str) -> None:
        self._process = _PROCESS[0]
        self._has_ended = False
        self._work = work
        self._waiting = Waiting()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    @property
    def is_here(self) -> bool:
        """Whether this is the process that the thread was started in, and no fork of it."""
        return self._process == _PROCESS[0]

    @property
    def is_over(self) -> bool:
        """Whether the work has come to its end, or is another process's.

        Nothing is done in this one after it.
        """
        return self._has_ended or not self.is_here

    def require_here(self) -> None:
        """Refuse to go on with a log in a process that was forked off.

        Raises
        ------
        RecordError
            There. What the process that it was forked off from writes is not touched.
        """
        if self._process != _PROCESS[0]:
            msg = (
                f"this log was opened by process {self._process}, and a log does not survive a "
                "fork: use it there, or open it anew in a process that is started and not "
                "forked (subprocess, or multiprocessing's 'spawn')"
            )
            raise RecordError(msg)

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._has_ended = True
            self._waiting.tell()

    def end(self, urge: Callable[[], object]) -> None:
        """Return when the work is over; ``urge`` wakes it, so that it sees that it is to end.

        It is urged once more every ``LOOK_S``: an interrupt may have come before it was. In a
        fork there is nothing to wait for, and nobody is urged.

        Raises
        ------
        KeyboardInterrupt, SystemExit
            What interrupted the wait, after the work is over. Before that only what came
            before the wait began, or as one of ``_DEPTH`` in a row that hardly an instruction
            lies between; the work goes on then, and ``end`` may be called again.
        """
        interrupts: list[BaseException] = []
        wait = partial(self._wait, urge)
        # No loop in Python catches what comes on its own way from `except` back to `try`.
        for _ in range(_DEPTH):
            wait = partial(self._outlast, wait, interrupts)
        wait()
        if interrupts:
            raise interrupts[-1]

    def _outlast(self, wait: Callable[[], object], interrupts: list[BaseException]) -> None:
        while not self.is_over:
            try:
                wait()
            except (KeyboardInterrupt, SystemExit) as error:
                interrupts.append(error)

    def _wait(self, urge: Callable[[], object]) -> None:
        urge()
        self._waiting.wait(lambda: self.is_over, LOOK_S)
