"""One of our own processes, listened to: a trainer, say, or a climb beside this one.

It is started in a session of its own, so a Ctrl-C at the terminal reaches this process
only, which ends the other; and it ends by itself when this one dies
(:mod:`stairway.app.ward`).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self, cast

import msgspec

from stairway.app.progress import Stages
from stairway.base import errors
from stairway.base.errors import InvariantError, StairwayError

_CALLED = {"rl": "training"}
"""What a sentence calls a work whose own name says little."""

_KEPT = "what it did is kept, so --resume"
_LOST = "nothing was begun that could be taken up, so give the same command again"


class Child:
    """A process at work. Use as a context manager; leaving it ends the process."""

    def __init__(
        self,
        work: Literal["trainer", "climber", "rl", "request"],
        place: Path | str,
        *more: str,
    ) -> None:
        self._work = work
        # What makes a folder, or the reference alone, leaves no run behind.
        self._then = _LOST if work == "request" or "gold" in more else _KEPT
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-m", "stairway.app.ward", work, str(place), *more],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def listen(
        self,
        progress: Stages,
        stop_at: int | None = None,
        hear: Callable[[dict[str, Any]], None] | None = None,
    ) -> bool:
        """Pass the progress of the process on until it ends.

        What is no progress goes to ``hear``. With ``stop_at`` the process is killed, as by
        ``kill -9``, once it has said that it is that far; returns whether it was.

        Raises
        ------
        StairwayError
            What the process said was wrong; an ``InvariantError`` where it died wordless.
        """
        label = None
        for line in _lines(cast("IO[str]", self._process.stdout)):
            if "error" in line:
                raise _error(line["error"])
            if "label" in line:
                if line["label"] != label or line["done"] == 0:
                    progress.begin(line["label"], line["total"])
                label = line["label"]
                progress.advance(line["done"])
            elif hear is not None:
                hear(line)
            if stop_at is not None and line.get("done", 0) >= stop_at:
                self._process.kill()
                self._process.wait()
                return True
        code = self._process.wait()
        if code != 0:
            how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
            who = _CALLED.get(self._work, self._work)
            msg = f"the {who} {how} without a word; {self._then}"
            raise InvariantError(msg)
        return False


def _lines(stream: IO[str]) -> Iterator[dict[str, Any]]:
    """Yield what was said to us; anything else that is printed goes to standard error."""
    for text in stream:
        try:
            yield msgspec.json.decode(text.encode(), type=dict[str, Any])
        except msgspec.DecodeError:
            sys.stderr.write(text)


def _error(said: dict[str, str]) -> StairwayError:
    kind: Any = getattr(errors, said["kind"], None)
    if isinstance(kind, type) and issubclass(kind, StairwayError):
        return kind(said["message"])
    return InvariantError(said["message"])
