"""Wait until a thread of ours has ended, whatever interrupts the wait.

A thread that writes goes on after an interrupt (Ctrl-C) of whoever waits for its end. What it
writes to, and the right to write there, may be let go of only when it is gone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

_LOOK_S = 1.0
"""Seconds after which it is urged once more: an interrupt may have come before it was."""


def ended(thread: threading.Thread, urge: Callable[[], None]) -> None:
    """Return when ``thread`` has ended; ``urge`` wakes it, so that it sees that it is to end.

    Raises
    ------
    KeyboardInterrupt, SystemExit
        What interrupted the wait, after the thread has ended.

    Examples
    --------
    >>> over = threading.Event()
    >>> thread = threading.Thread(target=over.wait)
    >>> thread.start()
    >>> ended(thread, over.set)
    >>> thread.is_alive()
    False
    """
    interrupt: BaseException | None = None
    while thread.is_alive():
        try:
            urge()
            thread.join(_LOOK_S)
        except (KeyboardInterrupt, SystemExit) as error:
            interrupt = error
    if interrupt is not None:
        raise interrupt
