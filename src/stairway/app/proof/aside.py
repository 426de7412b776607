"""Somebody else's code, in a process of its own: how it ends is never taken for an answer.

The answer is one whole line on a pipe. A process that ends before it has written that line,
by whatever means and with whatever exit code, has answered nothing; nor has one whose code
was not done in time. It is started in a session of its own and killed with all that it
started, so that nothing of it outlives the answer.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, assert_never

import msgspec

from stairway.app.progress import Stages
from stairway.app.proof.told import Doing, Done, Failed, Job, Left, Line, Result, Stage
from stairway.base import errors
from stairway.base.errors import InvariantError, StairwayError

GRACE_S = 5.0
"""Seconds behind the limit of a call in which it may still end by itself."""

_CHUNK = 1 << 16
_LOOK_S = 0.5
_READ: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


@dataclass(frozen=True, slots=True)
class Gone:
    """The process ended without an answer; ``why`` is what it did, as a sentence goes on.

    ``advised`` where that says what to do as well.
    """

    why: str
    advised: bool = False


def asked_aside(job: Job, progress: Stages) -> Result | Gone:
    """Do a job with somebody else's code in it.

    Raises
    ------
    StairwayError
        What is wrong with what was asked: no such file, function or column.
    """
    with _Aside(job) as aside:
        for line in aside.lines(job.limit_s + GRACE_S):
            match line:
                case Done(result):
                    return result
                case Failed():
                    raise _error(line)
                case Left(why):
                    return Gone(f"ended the process with {why}")
                case Stage(label, done, total):
                    aside.pass_on(label, done, total, progress)
                case Doing():
                    pass
                case _:
                    assert_never(line)
        return aside.ended(job.limit_s)


class _Aside:
    """The process. Use as a context manager; leaving it ends all that it started."""

    def __init__(self, job: Job) -> None:
        mine, its = os.pipe()
        self._pipe, self._doing, self._stage = mine, "", ""
        self._overdue = self._is_foul = False
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                [sys.executable, "-u", "-P", "-m", "stairway.app.proof.worker", str(its)],
                stdin=subprocess.PIPE,
                stdout=2,
                pass_fds=(its,),
                start_new_session=True,
                env=os.environ | {"PYTHONPATH": ":".join(filter(None, sys.path))},
            )
        finally:
            os.close(its)
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(msgspec.json.encode(job) + b"\n")
                self._process.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._kill()
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        os.close(self._pipe)

    def lines(self, most_s: float) -> Iterator[Line]:
        """Yield whole lines until there are none, or somebody's code takes too long."""
        rest, deadline = b"", None
        while not self._overdue:
            if not select.select([self._pipe], [], [], _LOOK_S)[0]:
                # Something that it started may hold the pipe open behind its end.
                self._overdue = deadline is not None and time.monotonic() > deadline
                if self._process.poll() is not None:
                    return
                continue
            chunk = os.read(self._pipe, _CHUNK)
            if not chunk:
                return
            *whole, rest = (rest + chunk).split(b"\n")
            for one in whole:
                try:
                    line = _READ.decode(one)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    self._is_foul = True
                    return
                if isinstance(line, Doing):
                    self._doing = line.what
                    deadline = time.monotonic() + most_s if line.what else None
                yield line

    def pass_on(self, label: str, done: int, total: int, progress: Stages) -> None:
        """Tell how far it is."""
        if label != self._stage:
            progress.begin(label, total)
            self._stage = label
        progress.advance(done)

    def ended(self, limit_s: float) -> Gone:
        """Say how it ended, and what it was doing."""
        where = f" in {self._doing}" if self._doing else ""
        if self._is_foul:
            return Gone(f"wrote{where} into the pipe that its answer comes by")
        if self._overdue:
            why = f"was not done{where} after {limit_s:g} s; make it faster, or raise --limit-s"
            return Gone(why, advised=True)
        code = self._kill()
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        return Gone(f"ended the process{where} {how} and left no answer")

    def _kill(self) -> int:
        if self._overdue or self._process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                # It has said its last: what closed its pipe is about to end, and how counts.
                self._process.wait(0.0 if self._overdue else 0.2)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        return self._process.wait()


def _error(said: Failed) -> StairwayError:
    kind: Any = getattr(errors, said.kind, None)
    if isinstance(kind, type) and issubclass(kind, StairwayError):
        return kind(said.message)
    return InvariantError(said.message)
