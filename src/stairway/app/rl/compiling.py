"""Say that kernels are being compiled: the one long wait that comes only now and then."""

from __future__ import annotations

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

    def on_end(self, event: Any) -> None:
        """Ignore it."""


@contextmanager
def said_once(say: Callable[[str], None]) -> Generator[None]:
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
    with event.install_listener(  # pyright: ignore[reportUnknownMemberType] - it has no types
        "numba:compile", _Once(say)
    ):
        yield
