"""Progress and errors as JSON lines on standard output, for the process that listens."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Any

import msgspec

from stairway.base.errors import StairwayError


class Lines:
    """A listener that passes everything on."""

    def __init__(self) -> None:
        self._label, self._total = "", 0

    def begin(self, label: str, total: int) -> None:
        """Say that a stage starts."""
        self._label, self._total = label, total
        self.advance(0)

    def advance(self, done: int) -> None:
        """Say how far it is."""
        _tell({"label": self._label, "done": done, "total": self._total})

    def note(self, line: str) -> None:
        """Keep it: whoever started this process has said it already."""
        del line


def say_error(error: StairwayError) -> None:
    """Say what went wrong, in a form that the other process raises again."""
    _tell({"error": {"kind": type(error).__name__, "message": str(error)}})


def last_words(error: BaseException) -> str:
    """Say in one sentence what nobody foresaw, and where, for whoever mends it.

    Examples
    --------
    >>> last_words(KeyError("price"))
    "a fault in stairway itself, KeyError('price'); please report it with the command"
    """
    frames = traceback.extract_tb(error.__traceback__)
    at = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    what = " ".join(repr(error).split())
    return f"a fault in stairway itself, {what}{at}; please report it with the command"


def _tell(line: dict[str, Any]) -> None:
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()
