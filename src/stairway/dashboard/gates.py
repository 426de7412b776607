"""The gate table: what each gate said of each model last, and how often it said what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from stairway.base.verdict import Finding, Verdict
from stairway.dashboard.views import RunView
from stairway.dashboard.words import beside, count, end_of, plain, short, with_names, word
from stairway.lifecycle.facts import GateGiven

_MEASURED = "measured."
_STEP_UP = "promotion."

_QUESTIONS = {
    "causality": "Does any feature see the future?",
    "calibration_skill": "Are its probabilities better than base rates?",
    "after_cost_sharpe": "Was anything left after costs, out of sample?",
    "leak_battery": "Does it earn where nobody can?",
    "deflated_sharpe": "Is it better than the luckiest of so many tries?",
    "artifact": "Is the sealed file what was signed?",
    "quality_gate": "Do its live answers look alive?",
    "promotion.shadow": "May it answer at all?",
    "promotion.canary": "May it trade a little of the capital?",
    "promotion.champion": "May it vote on the capital?",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One finding, its figures as text.

    ``end`` says of which end of an interval ``value`` is, where it is one.
    """

    code: str
    detail: str
    value: str
    bound: str
    n: str
    end: str


@dataclass(frozen=True, slots=True)
class Run:
    """Equal verdicts in a row, and which part of the history they are, in [0, 1]."""

    word: str
    times: int
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Row:
    """One gate about one model.

    ``tally`` counts its verdicts by word, ``history`` puts them in order.
    """

    gate: str
    question: str
    word: str
    lines: tuple[Line, ...]
    tally: dict[str, int]
    history: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """All gates about one model; ``measured`` decide nothing."""

    model: str
    digest: str
    gates: tuple[Row, ...]
    measured: tuple[Row, ...]


def tables(seen: RunView) -> tuple[Table, ...]:
    """Make one table per model, in the order in which gates first spoke of them."""
    models: dict[tuple[str, str], dict[str, list[GateGiven]]] = {}
    for said in _answers(seen):
        rows = models.setdefault((said.model, said.digest), {})
        rows.setdefault(said.gate, []).append(said)
    return tuple(_table(seen, *model, given) for model, given in models.items())


def _answers(seen: RunView) -> list[GateGiven]:
    """Put in order what gates said; one that let a model up said so by the step it took."""
    passed = [
        GateGiven(step.time_ns, step.cause, step.model, step.digest, step.verdict)
        for step in seen.moves
        if step.cause.startswith(_STEP_UP)
    ]
    return sorted([*seen.gates, *passed], key=lambda said: said.time_ns)


def _table(
    seen: RunView, model: str, digest: str, given: Mapping[str, Sequence[GateGiven]]
) -> Table:
    rows = [_row(seen, name, verdicts) for name, verdicts in given.items()]
    return Table(
        model,
        short(digest),
        tuple(row for row in rows if not row.gate.startswith(_MEASURED)),
        tuple(row for row in rows if row.gate.startswith(_MEASURED)),
    )


def _row(seen: RunView, gate: str, given: Sequence[GateGiven]) -> Row:
    words = [word(g.verdict) for g in given]
    tally = {name: words.count(name) for name in ("pass", "inconclusive", "refuse")}
    return Row(
        gate=gate,
        question=_QUESTIONS.get(gate, ""),
        word=words[-1],
        lines=lines(given[-1].verdict, seen.names),
        tally={name: times for name, times in tally.items() if times},
        history=history(words),
    )


def lines(verdict: Verdict, names: dict[str, str]) -> tuple[Line, ...]:
    """Put the findings of a verdict in words."""
    return tuple(_line(finding, names) for finding in verdict.findings)


def _line(finding: Finding, names: dict[str, str]) -> Line:
    value, bound = beside(finding.value, finding.bound)
    return Line(
        finding.code,
        with_names(plain(finding.detail), names),
        value,
        bound,
        count(finding.n),
        end_of(finding.code),
    )


def history(words: Sequence[str]) -> tuple[Run, ...]:
    """Draw equal verdicts in a row together.

    Examples
    --------
    >>> [(run.word, run.times) for run in history(["pass", "pass", "refuse", "pass"])]
    [('pass', 2), ('refuse', 1), ('pass', 1)]
    """
    runs: list[Run] = []
    done = 0
    for name, group in groupby(words):
        times = sum(1 for _ in group)
        runs.append(Run(name, times, done / len(words), times / len(words)))
        done += times
    return tuple(runs)
