"""Wait for a word of another thread, though the wait is interrupted at any instruction.

``threading.Condition`` and ``Event`` are not made for it. An interrupt (Ctrl-C) as their wait
ends leaves their lock untaken, and it is given back all the same, though another thread is at
work under it; one as it begins leaves it taken for good. Here whoever waits holds nothing that
anybody else needs.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress

LOOK_S = 1.0
"""Whoever waits looks this often: one who was interrupted may not have told him."""


class Waiting:
    """Those who wait until something is so, and are told when it may have come to be so.

    Examples
    --------
    >>> came, waiting = [], Waiting()
    >>> def come():
    ...     came.append("the last one")
    ...     waiting.tell()
    >>> threading.Thread(target=come).start()
    >>> waiting.wait(lambda: bool(came)), waiting.wait(lambda: not came, 0.0)
    (True, False)
    """

    def __init__(self) -> None:
        self._there: set[threading.Lock] = set()

    def wait(self, is_so: Callable[[], bool], timeout_s: float = math.inf) -> bool:
        """Return True once ``is_so``, False if it is not within ``timeout_s``.

        ``is_so`` is asked again and again, under no lock, and no more once it has said so.
        """
        until_s = time.monotonic() + timeout_s
        while not is_so():
            told = threading.Lock()
            told.acquire()
            self._there.add(told)
            try:
                # Once more: it may have come to be so before there was anybody to be told.
                if is_so():
                    return True
                left_s = until_s - time.monotonic()
                if not left_s > 0.0:
                    return False
                told.acquire(timeout=min(left_s, LOOK_S))
            finally:
                self._there.discard(told)
        return True

    def tell(self) -> None:
        """Let all who wait look."""
        for told in tuple(self._there):
            # Another thread may tell them at the same time.
            with suppress(RuntimeError):
                told.release()
