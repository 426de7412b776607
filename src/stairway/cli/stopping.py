"""Ctrl-C: an answer at once, and what to type to go on.

Libraries that were imported on the way leave handlers of their own behind, under which a
signal is heard only when the process waited for says its next word. So ours is put in
place last, and takes both a Ctrl-C and a request to end. The first stops the work as
:class:`KeyboardInterrupt` does; the second ends this process where it stands, and with it
the one it started, which ends with its parent. Either way what was finished is whole.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

import typer

STOPPED = 130
"""Exit code of what was stopped by Ctrl-C."""

_SHOW_CURSOR = b"\x1b[?25h"
_STDERR = 2


class Stopping:
    """Says that it stops, once and at once. Use as a context manager.

    Attributes
    ----------
    sentence
        What is said; set it to the way to go on as soon as there is one.
    tell
        Says it. It runs inside a signal handler: it takes no lock and waits for nobody.
    """

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        self.tell: Callable[[str], None] = say
        self._said = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {
            number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)
        }
        self.listen()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, KeyboardInterrupt) and not self._said:
            # Raised by somebody else, so not in a handler: there is time to say it properly.
            typer.echo(f"stairway: {self.sentence}", err=True)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def listen(self) -> None:
        """Put our handler in place, again where an import has put its own there."""
        for number in self._before:
            signal.signal(number, self._heard)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._said:
            if os.isatty(_STDERR):
                os.write(_STDERR, _SHOW_CURSOR)
            os._exit(STOPPED)
        self._said = True
        self.tell(self.sentence)
        raise KeyboardInterrupt


def say(sentence: str) -> None:
    """Write a sentence to standard error, past every buffer and lock."""
    # A Ctrl-C that is echoed by the terminal stands in the way.
    begin = "\n" if os.isatty(_STDERR) else ""
    os.write(_STDERR, f"{begin}stairway: {sentence}\n".encode())
