"""Ask a question of a source that only reads, and print what was found."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from stairway.cli.stopping import STOPPED, Stopping

if TYPE_CHECKING:
    from stairway.app.gate.asked import Asked
    from stairway.app.progress import Stages

LEFT_ALONE = "stopped; what was read is as it was, and no verdict was kept"


class Found(Protocol):
    """An answer that can be said in words and as JSON."""

    @property
    def exit_code(self) -> int:
        """What the command ends with."""
        ...

    def as_json(self) -> str:
        """Write it as JSON."""
        ...

    def as_text(self) -> str:
        """Say it in a few lines."""
        ...


class Question(Protocol):
    """A question that is asked of a source."""

    def __call__(self, asked: Asked, progress: Stages) -> Found:
        """Answer it."""
        ...


def stoppable(work: Callable[[], int]) -> int:
    """Do it and return its exit code; Ctrl-C is said in a sentence, whenever it comes."""
    try:
        with Stopping(LEFT_ALONE):
            return work()
    except KeyboardInterrupt:
        return STOPPED


def printed(question: Question, asked: Asked, *, as_json: bool) -> int:
    """Ask, print the answer and return the exit code."""
    from stairway.app.rl.compiling import said_once
    from stairway.cli.progress import Bars

    with Bars() as progress, said_once(progress.note):
        found = question(asked, progress)
    sys.stdout.write(found.as_json() if as_json else found.as_text())
    return found.exit_code
