"""The engine under every proof of causality: change the future, ask again, compare.

It does not know what it asks, nor about what: a :class:`Case` says how to ask and how to
give another future, a plan says where and how often. ``features.causality`` is the case of
bars of a pair and the run's own pipeline, ``features.function`` that of a user's function.

1. Ask twice about the same: the answers must agree to the last bit.
2. For each probe give another future and ask again; no known value may have moved.
3. Change most of it: a column that does not notice proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

import numpy as np
from msgspec import Meta

from stairway.base.arrays import FloatArray, IntArray
from stairway.base.config import Config
from stairway.base.verdict import Finding, Inconclusive, Refuse, Verdict, passed
from stairway.features.asking import Columns, Grain, compared, grain, misfit, moved, varies
from stairway.features.facts import Offence, Proof
from stairway.features.perturbation import Perturbation

T = TypeVar("T")
_MOST = "changed in most of their rows"


class ProverRules(Config, frozen=True, kw_only=True):
    """How hard the prover tries.

    Attributes
    ----------
    cuts
        Random cut points, beside those near both ends.
    max_bars
        Only the first so many bars are used.
    min_bars
        With fewer there is nothing to prove on.
    min_prefix_bars
        Shortest series that a pipeline must bear; shorter ones are never asked for.
    tolerance
        Largest change of a past value taken for rounding, relative to the column's usual
        step from one row to the next; a few units in the last place are borne beside it.
    """

    cuts: Annotated[int, Meta(ge=8, le=100_000)]
    max_bars: Annotated[int, Meta(ge=64, le=10**8)]
    min_bars: Annotated[int, Meta(ge=16, le=10**8)]
    min_prefix_bars: Annotated[int, Meta(ge=1, le=10**6)]
    tolerance: Annotated[float, Meta(gt=0.0, le=1e-6)]


@dataclass(frozen=True, slots=True)
class Changed(Generic[T]):
    """The same past with another future.

    Attributes
    ----------
    bars, rows
        What is asked about now, and how many rows it has.
    before, after
        Rows that were known, in the series as it was and in this one, in the same order.
    """

    bars: T
    rows: int
    before: slice | IntArray
    after: slice | IntArray


@dataclass(frozen=True, slots=True)
class Case(Generic[T]):
    """Something to prove.

    Attributes
    ----------
    bars, rows
        What is asked about, and how many rows it has.
    ask
        Gives the columns, or a finding that says why there are none; ``why`` is for it.
    change
        Gives another future from a cut (1 to rows - 1) on.
    snap
        Nearest cut at or before which is one; 0 where there is none.
    place
        How many bars were known before a row's own.
    """

    bars: T
    rows: int
    ask: Callable[[T, str], dict[str, FloatArray] | Finding]
    change: Callable[[T, int, Perturbation, np.random.Generator], Changed[T]]
    snap: Callable[[int], int] = int
    place: Callable[[int], int] = int


@dataclass(frozen=True, slots=True)
class Probe:
    """One other future. Chance belongs to the probe, not to its turn."""

    cut: int
    kind: Perturbation
    seed: int

    @property
    def rng(self) -> np.random.Generator:
        """Chance of this probe alone."""
        key = (self.seed, self.cut, tuple(Perturbation).index(self.kind))
        return np.random.Generator(np.random.PCG64(key))


def nothing(done: int) -> None:
    """Listen to nothing."""


def tried(
    case: Case[T],
    probes: Sequence[Probe],
    rules: ProverRules,
    seed: int,
    listen: Callable[[int], None] = nothing,
) -> Proof:
    """Ask under every probe and say what came of it.

    Parameters
    ----------
    listen
        Told how many probes are done, after each.
    """
    base = first_answer(case, rules)
    if not isinstance(base, dict):
        return Proof(base, 0, case.rows, 0, seed)
    if not probes:
        detail = f"no cut divides these {case.rows} bars; their available_ns must differ"
        missing = Finding("causality.no_cut", detail, 0.0, 1.0)
        return Proof(Inconclusive((missing,)), len(base), case.rows, 0, seed)
    grains = {name: grain(column) for name, column in base.items()}
    worst: dict[str, Offence] = {}
    coarse: dict[str, Finding] = {}
    for done, probe in enumerate(probes, 1):
        offences = _caught(case, base, grains, probe, rules.tolerance, coarse)
        if isinstance(offences, Finding):
            return Proof(Refuse((offences,)), len(base), case.rows, len(probes), seed)
        _keep_farthest(worst, offences)
        listen(done)
    guilty = tuple(worst[name] for name in base if name in worst)
    verdict = _guilt(guilty, len(probes))
    if verdict is None and coarse:
        verdict = Inconclusive(tuple(coarse.values()))
    if verdict is None:
        verdict = _blindness(case, base, rules.max_bars, seed)
    if verdict is None:
        verdict = _innocence(base, case.rows, len(probes), rules.tolerance)
    return Proof(verdict, len(base), case.rows, len(probes), seed, guilty)


def first_answer(
    case: Case[T], rules: ProverRules
) -> dict[str, FloatArray] | Refuse | Inconclusive:
    """Columns of the first answer, if it has the right form and comes out the same twice."""
    n = case.rows
    if not n >= rules.min_bars:
        detail = f"{n:,} bars of at least {rules.min_bars:,}; bring more bars"
        return Inconclusive((Finding("causality.too_few_bars", detail, n, rules.min_bars),))
    base, again = case.ask(case.bars, "as they are"), case.ask(case.bars, "as they are")
    if isinstance(base, Finding):
        return Refuse((base,))
    if isinstance(again, Finding):
        return Refuse((again,))
    wrong = misfit(base, base, n, "as they are") or misfit(again, base, n, "asked again")
    if wrong is not None:
        return Refuse((wrong,))
    for name, column in base.items():
        if moved(column, again[name], 0.0) is not None:
            detail = (
                f"column {name} differs when the pipeline is asked again about the same "
                "bars; it may depend on nothing else: no clock, no memory, no free chance"
            )
            return Refuse((Finding("causality.not_repeatable", detail),))
    return base


def _keep_farthest(worst: dict[str, Offence], offences: Sequence[Offence]) -> None:
    for offence in offences:
        known = worst.get(offence.column)
        if known is None or offence.ahead_bars > known.ahead_bars:
            worst[offence.column] = offence


def _caught(
    case: Case[T],
    base: Columns,
    grains: Mapping[str, Grain],
    probe: Probe,
    tolerance: float,
    coarse: dict[str, Finding],
) -> list[Offence] | Finding:
    """Columns whose past moved under one probe; ``coarse`` gets those of which none knows."""
    other = case.change(case.bars, probe.cut, probe.kind, probe.rng)
    answer = _fitting(case, other, base, f"{probe.kind} from bar {probe.cut} on")
    if isinstance(answer, Finding):
        return answer
    offences: list[Offence] = []
    for name, column in base.items():
        past, now = column[other.before], answer[name][other.after]
        change = compared(past, now, tolerance, grains[name], answer[name])
        if change is None:
            continue
        if not change.sure:
            coarse.setdefault(name, _coarse(name, probe))
            continue
        at, size = change.row, change.difference
        row = at if isinstance(other.before, slice) else int(other.before[at])
        ahead = probe.cut - case.place(row)
        finite = size if math.isfinite(size) else None
        offences.append(Offence(name, row, probe.cut, ahead, probe.kind, finite))
    return offences


def _coarse(name: str, probe: Probe) -> Finding:
    detail = (
        f"the past of column {name} moved when the bars from {probe.cut} on were {probe.kind}, "
        "by no more than the rounding of its largest value, and by more than that of the "
        "others; it hides what a leak would show: clip it, or give NaN there"
    )
    return Finding("causality.coarse", detail)


def _fitting(
    case: Case[T], other: Changed[T], base: Columns, why: str
) -> dict[str, FloatArray] | Finding:
    answer = case.ask(other.bars, why)
    if isinstance(answer, Finding):
        return answer
    return misfit(answer, base, other.rows, why) or answer


def _guilt(offences: tuple[Offence, ...], probes: int) -> Verdict | None:
    findings = tuple(
        Finding(
            "causality.looks_ahead",
            f"column {o.column} at row {o.row} moved when the bars from {o.cut} on were "
            f"{o.perturbation}: it looks at least {o.ahead_bars} {_bars(o.ahead_bars)} ahead; "
            "use bars at or before each row only",
            float(o.ahead_bars),
            0.0,
            probes,
        )
        for o in offences
    )
    return Refuse(findings) if findings else None


def _blindness(case: Case[T], base: Columns, max_bars: int, seed: int) -> Verdict | None:
    """Columns that say nothing here, or do not notice that most bars were changed."""
    cut = case.snap(max(case.rows // 3, 1))
    other = Changed(case.bars, case.rows, slice(None), slice(None))
    for kind in (Perturbation.NOISE, Perturbation.CLOCK) if cut else ():
        other = case.change(other.bars, cut, kind, Probe(cut, kind, seed).rng)
    answer = _fitting(case, other, base, _MOST)
    if isinstance(answer, Finding):
        return Refuse((answer,))
    findings: list[Finding] = []
    for name, column in base.items():
        if np.isnan(column).all():
            findings.append(_silent(name, case.rows, max_bars))
        elif varies(column) and moved(column, answer[name], 0.0) is None:
            detail = (
                f"column {name} does not notice that the bars from {cut} on were changed; "
                "it does not come from them, so nothing is proved about it"
            )
            findings.append(Finding("causality.deaf", detail))
    if not findings and not any(varies(column) for column in base.values()):
        findings.append(
            Finding("causality.constant", "no column ever changes; nothing to prove")
        )
    return Inconclusive(tuple(findings)) if findings else None


def _silent(name: str, rows: int, max_bars: int) -> Finding:
    # Of more bars than that only the first were asked about.
    remedy = "bring more bars" if rows < max_bars else "raise max_bars"
    detail = f"column {name} is never known in {rows:,} bars; {remedy}, or leave it out"
    return Finding("causality.silent", detail)


def _innocence(base: Columns, rows: int, probes: int, tolerance: float) -> Verdict:
    return passed(
        "causality.clean",
        f"no past value of {_columns(len(base))} over {rows:,} bars moved under {probes:,} "
        "futures",
        0.0,
        tolerance,
        probes,
    )


def _columns(count: int) -> str:
    return "1 column" if count == 1 else f"{count} columns"


def _bars(count: int) -> str:
    return "bar" if count == 1 else "bars"
