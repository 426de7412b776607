"""Real interrupts, sent while the main thread is where a test wants it to be."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import contextmanager

import pytest

PATIENCE_S = 20.0


def calls(frame):
    """Names of the calls that ``frame`` is inside of, the innermost first."""
    found = []
    while frame is not None:
        found.append(frame.f_code.co_qualname)
        frame = frame.f_back
    return found


def signals(within, count, met):
    """Send SIGINT ``count`` times, each once the main thread is in the call ``within``."""
    main, until_s = threading.main_thread().ident, time.monotonic() + PATIENCE_S
    for n in range(count):
        while within not in calls(sys._current_frames()[main]):
            if time.monotonic() > until_s:
                return
            time.sleep(0.001)
        # It sleeps in there by now, or is about to.
        time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)
        while len(met) == n and time.monotonic() < until_s:
            time.sleep(0.001)


@contextmanager
def interrupting(within, count=1, act=lambda: None):
    """Interrupt what is done in the block, as Ctrl-C does, while it is in the call ``within``.

    Yields where each SIGINT met the main thread; the block fails unless all met it there.
    ``act`` is done at each, before it goes on as a KeyboardInterrupt.
    """
    met = []

    def heard(_number, frame):
        met.append(calls(frame))
        act()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, heard)
    sender = threading.Thread(target=signals, args=(within, count, met))
    sender.start()
    try:
        yield met
    finally:
        sender.join()
        signal.signal(signal.SIGINT, before)
    assert [within in one for one in met] == [True] * count, met


@pytest.fixture
def interrupts():
    """``with interrupts("Waiting.wait", count=3, act=look):``."""
    return interrupting


@contextmanager
def striking(within, step, may=lambda: True):
    """Interrupt what is done in the block at the ``step``-th instruction of calls ``within``.

    Instructions are counted once they ``may`` be. Yields what is filled when the SIGINT, a
    real one, has come.
    """
    met, steps, before = [], 0, sys.gettrace()

    def look(frame, event, _):
        nonlocal steps
        if frame.f_code.co_qualname != within:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and not met and may():
            steps += 1
            if steps == step:
                met.append(frame.f_lasti)
                signal.raise_signal(signal.SIGINT)
        return look

    sys.settrace(look)
    try:
        yield met
    finally:
        sys.settrace(before)


@pytest.fixture
def strikes():
    """``with strikes("GroupCommit.flush", step=7):``."""
    return striking
