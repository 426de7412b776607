"""Say that kernels are being compiled: the one long wait that comes only now and then."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from numba.core import event

FIRST = (
    "compiling kernels for this machine: once after an installation or an update, "
    "for up to a minute"
)


class _Once(event.Listener):
    """Says one line when the first kernel is not found compiled."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._said = say, False

    def on_start(self, event: Any) -> None:
        """Say it, the first time."""
        del event
        if not self._said:
            self._said = True
            self._say(FIRST)

    def let_go(self) -> None:
        """Begin this program anew if it compiled, for no call gives a compiler's memory back.

        What is compiled lies in the cache and is found there. Threads and open files end.
        """
        if self._said:
            sys.stdout.flush()
            os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - ourselves, no shell

    def on_end(self, event: Any) -> None:
        """Ignore it."""


@contextmanager
def said_once(say: Callable[[str], None]) -> Generator[_Once]:
    """While this lasts, say one line as soon as a kernel has to be compiled.

    A kernel that is found compiled, in the cache, says nothing. ``say`` is called by the
    thread that compiles.

    Examples
    --------
    >>> import numba
    >>> fresh, heard = numba.njit(lambda x: x + 1), []
    >>> with said_once(heard.append):
    ...     fresh(1), fresh(1), fresh(1.0)
    (2, 2, 2.0)
    >>> heard == [FIRST]
    True
    """
    once = _Once(say)
    with event.install_listener(  # pyright: ignore[reportUnknownMemberType] - it has no types
        "numba:compile", once
    ):
        yield once
