"""What a process with somebody else's code in it says, line by line, and what it is asked."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import msgspec

from stairway.app.userfunc import within
from stairway.base.verdict import Verdict
from stairway.evaluation.battery.study import BatteryReport, BatteryRules
from stairway.features.facts import Proof
from stairway.features.prover import ProverRules

A = TypeVar("A")


class ProveJob(msgspec.Struct, frozen=True, kw_only=True, tag="prove"):
    """Give a function other futures."""

    function: str
    source: str
    symbol: str | None
    labels: str | None
    rules: ProverRules
    seed: int
    limit_s: float


class StudyJob(msgspec.Struct, frozen=True, kw_only=True, tag="study"):
    """Rebuild a study, and what it earns on the bars as they are.

    ``prover`` says how hard its features are tried, ``rules`` how hard all of it is, and
    ``causality`` what was found out about the function, where there is one.
    """

    study: str
    function: str | None
    bars: str
    prover: ProverRules
    rules: BatteryRules
    seed: int
    limit_s: float
    causality: Verdict | None


Job: TypeAlias = ProveJob | StudyJob


class ProveAnswer(msgspec.Struct, frozen=True, kw_only=True, tag="proved"):
    """What came of a function, and the files of its code."""

    proof: Proof
    files: tuple[str, ...]


class StudyAnswer(msgspec.Struct, frozen=True, kw_only=True, tag="rebuilt"):
    """What came of a study.

    Attributes
    ----------
    report
        Of the leak battery.
    time_ns
        Of each bar.
    earned
        What the study earns before costs from each bar to the next; ``None`` where no fold
        tests, and empty where it could not be asked.
    covered
        Whether the function makes every feature of the study; ``None`` without a function.
    files
        Of its code.
    """

    report: BatteryReport
    time_ns: tuple[int, ...]
    earned: tuple[float | None, ...]
    covered: Verdict | None
    files: tuple[str, ...]


Result: TypeAlias = ProveAnswer | StudyAnswer


class Doing(msgspec.Struct, frozen=True, tag="doing"):
    """Somebody else's code begins to run: ``what`` it is, or nothing where it has ended."""

    what: str


class Stage(msgspec.Struct, frozen=True, tag="stage"):
    """How far the work is."""

    label: str
    done: int
    total: int


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """An error of ours, by the name of its class."""

    kind: str
    message: str


class Left(msgspec.Struct, frozen=True, tag="left"):
    """Somebody else's code tried to end the process, with what it raised for it."""

    why: str


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The answer, whole."""

    result: Result


Line: TypeAlias = Doing | Stage | Failed | Left | Done


class Teller:
    """Writes lines to a pipe that nobody else's code knows of."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def say(self, line: Line) -> None:
        """Write one line, whole."""
        left = msgspec.json.encode(line) + b"\n"
        while left:
            left = left[os.write(self._pipe, left) :]

    def stage(self, label: str) -> Callable[[int, int], None]:
        """Give a listener that tells how far a stage is."""
        return lambda done, total: self.say(Stage(label, done, total))

    def limited(
        self, function: Callable[..., A], what: str, limit_s: float
    ) -> Callable[..., A]:
        """Give the same function, told of as it begins and ends, and limited in time."""

        def called(*arguments: Any) -> A:
            self.say(Doing(what))
            try:
                return within(lambda _: function(*arguments), limit_s)(None)
            finally:
                self.say(Doing(""))

        return called
