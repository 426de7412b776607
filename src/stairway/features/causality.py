"""Could the past change if the future were another? The prover tries to make it.

A feature pipeline is any function from bars to named columns, ours or a user's.

1. Ask it twice about the same bars: the answers must agree to the last bit.
2. Choose cut points: at random, and 1, 2, 4, ... bars from both ends.
3. At each cut truncate the future, replace it by noise, and in turn scale, mirror,
   shuffle, freeze, partly delete it or move it in time; ask again; no value before the
   cut may have moved by more than the tolerance, relative to its column's size.
4. Change most of the bars: a column that does not notice was not computed from them (it
   may have been read from a file) and so nothing has been proved about it.

A look ahead that shows on only one bar in ten is missed at one cut with probability 0.9;
at 48 random cuts with 0.6 %. Bars and columns are the pipeline's own copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, TypeAlias

import numpy as np
from msgspec import Meta

from stairway.base.arrays import FloatArray
from stairway.base.config import Config
from stairway.base.verdict import Finding, Inconclusive, Refuse, Verdict, passed
from stairway.features.asking import Columns, Pipeline, ask, guarded, misfit, moved
from stairway.features.facts import Offence, Proof
from stairway.features.perturbation import Perturbation, disturb
from stairway.market.bars import PairBar, PairBars

Stream: TypeAlias = Callable[[Iterator[PairBar]], Iterable[Mapping[str, float]]]

_ALWAYS = (Perturbation.TRUNCATE, Perturbation.NOISE)
_IN_TURN = tuple(kind for kind in Perturbation if kind not in _ALWAYS)


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
        Largest change of a past value taken for rounding, relative to the column's size.
    """

    cuts: Annotated[int, Meta(ge=8, le=100_000)]
    max_bars: Annotated[int, Meta(ge=64, le=10**8)]
    min_bars: Annotated[int, Meta(ge=16, le=10**8)]
    min_prefix_bars: Annotated[int, Meta(ge=1, le=10**6)]
    tolerance: Annotated[float, Meta(gt=0.0, le=1e-6)]


def prove(pipeline: Pipeline, bars: PairBars, rules: ProverRules, seed: int) -> Proof:
    """Try to catch a pipeline looking ahead.

    A pipeline that raises, answers in another length, with other columns, or differently
    when asked again is refused; nothing it does ends the prover.

    Examples
    --------
    >>> import numpy as np
    >>> from stairway.features.causality import ProverRules, prove
    >>> from stairway.testing.bars import random_walk
    >>> rules = ProverRules(
    ...     cuts=8, max_bars=500, min_bars=100, min_prefix_bars=2, tolerance=1e-9
    ... )
    >>> honest = lambda bars: {"range": np.log(bars.high / bars.low)[:, 0]}
    >>> type(prove(honest, random_walk(200, seed=1), rules, seed=7).verdict).__name__
    'Pass'
    >>> peeking = lambda bars: {"next": np.roll(bars.close[:, 0], -1)}
    >>> proof = prove(peeking, random_walk(200, seed=1), rules, seed=7)
    >>> proof.verdict.findings[0].code, proof.offences[0].column
    ('causality.looks_ahead', 'next')
    """
    bars = bars.part(0, rules.max_bars)
    base = _base(pipeline, bars, rules)
    if not isinstance(base, dict):
        return Proof(base, 0, len(bars), 0, seed)
    probes = tuple(_probes(len(bars), rules, seed))
    worst: dict[str, Offence] = {}
    for probe in probes:
        offences = _caught(pipeline, bars, base, probe, rules.tolerance)
        if isinstance(offences, Finding):
            return Proof(Refuse((offences,)), len(base), len(bars), len(probes), seed)
        for offence in offences:
            known = worst.get(offence.column)
            if known is None or offence.ahead_bars > known.ahead_bars:
                worst[offence.column] = offence
    guilty = tuple(worst[name] for name in base if name in worst)
    verdict = _guilt(guilty, len(probes))
    if verdict is None:
        verdict = _blindness(pipeline, bars, base, seed)
    if verdict is None:
        verdict = _innocence(base, len(bars), len(probes), rules.tolerance)
    return Proof(verdict, len(base), len(bars), len(probes), seed, guilty)


def prove_streaming(
    pipeline: Pipeline, stream: Stream, bars: PairBars, rules: ProverRules
) -> Verdict:
    """Show that answering bar by bar gives what answering at once gives.

    The stream is handed bars one at a time and has to answer for each before it takes
    the next: one that reads ahead is refused, however right its answers are.

    Parameters
    ----------
    stream
        From an iterator of bars to one mapping of column names to numbers for each.
    """
    bars = bars.part(0, rules.max_bars)
    base = _base(pipeline, bars, rules)
    if not isinstance(base, dict):
        return base
    told = guarded(lambda: _streamed(stream, bars, tuple(base)), "streaming")
    if isinstance(told, Finding):
        return Refuse((told,))
    for j, (name, column) in enumerate(base.items()):
        difference = moved(column, told[:, j], rules.tolerance)
        if difference is not None:
            row, size = difference
            detail = (
                f"column {name} at row {row} is {told[row, j]} when streamed and "
                f"{column[row]} in the batch; compute both from one definition"
            )
            return Refuse((Finding("causality.streaming", detail, size, rules.tolerance),))
    return passed(
        "causality.streaming",
        f"{len(base)} columns are the same bar by bar as at once",
        n=len(bars),
    )


@dataclass(frozen=True, slots=True)
class _Probe:
    cut: int
    kind: Perturbation
    seed: int

    def other(self, bars: PairBars) -> PairBars:
        """Give the bars another future. Chance belongs to the probe, not to its turn."""
        key = (self.seed, self.cut, tuple(Perturbation).index(self.kind))
        rng = np.random.Generator(np.random.PCG64(key))
        return disturb(bars, self.cut, self.kind, rng)


def _base(
    pipeline: Pipeline, bars: PairBars, rules: ProverRules
) -> dict[str, FloatArray] | Refuse | Inconclusive:
    """First answer, if it has the right form and comes out the same twice."""
    n = len(bars)
    if not n >= rules.min_bars:
        detail = f"{n} bars of at least {rules.min_bars}; bring more bars"
        return Inconclusive((Finding("causality.too_few_bars", detail, n, rules.min_bars),))
    base, again = ask(pipeline, bars, "as they are"), ask(pipeline, bars, "as they are")
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


def _probes(n: int, rules: ProverRules, seed: int) -> Iterator[_Probe]:
    rng = np.random.Generator(np.random.PCG64((seed, n)))
    near = [2**power for power in range(n.bit_length()) if 2**power <= n // 2]
    inner = rng.choice(np.arange(1, n), size=min(rules.cuts, n - 1), replace=False)
    cuts = sorted({*near, *(n - k for k in near), *(int(cut) for cut in inner)})
    for turn, cut in enumerate(cuts):
        if cut >= rules.min_prefix_bars:
            yield _Probe(cut, Perturbation.TRUNCATE, seed)
        yield _Probe(cut, Perturbation.NOISE, seed)
        yield _Probe(cut, _IN_TURN[turn % len(_IN_TURN)], seed)


def _caught(
    pipeline: Pipeline, bars: PairBars, base: Columns, probe: _Probe, tolerance: float
) -> list[Offence] | Finding:
    """Columns whose past moved under one probe."""
    other = probe.other(bars)
    why = f"{probe.kind} from bar {probe.cut} on"
    answer = ask(pipeline, other, why)
    if isinstance(answer, Finding):
        return answer
    wrong = misfit(answer, base, len(other), why)
    if wrong is not None:
        return wrong
    offences: list[Offence] = []
    for name, column in base.items():
        difference = moved(column[: probe.cut], answer[name][: probe.cut], tolerance)
        if difference is not None:
            row, size = difference
            ahead = probe.cut - row
            offences.append(Offence(name, row, probe.cut, ahead, probe.kind, size))
    return offences


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


def _blindness(pipeline: Pipeline, bars: PairBars, base: Columns, seed: int) -> Verdict | None:
    """Columns that say nothing here, or do not notice that most bars were changed."""
    cut = max(len(bars) // 3, 1)
    other = _Probe(cut, Perturbation.CLOCK, seed).other(
        _Probe(cut, Perturbation.NOISE, seed).other(bars)
    )
    answer = ask(pipeline, other, "changed in most of their rows")
    if isinstance(answer, Finding):
        return Refuse((answer,))
    wrong = misfit(answer, base, len(other), "changed in most of their rows")
    if wrong is not None:
        return Refuse((wrong,))
    findings: list[Finding] = []
    for name, column in base.items():
        if np.isnan(column).all():
            detail = f"column {name} is never known in {len(bars)} bars; raise max_bars"
            findings.append(Finding("causality.silent", detail))
        elif _varies(column) and moved(column, answer[name], 0.0) is None:
            detail = (
                f"column {name} does not notice that the bars from {cut} on were changed; "
                "it does not come from them, so nothing is proved about it"
            )
            findings.append(Finding("causality.deaf", detail))
    if all((column == column[0]).all() for column in base.values()):
        findings.append(
            Finding("causality.constant", "no column ever changes; nothing to prove")
        )
    return Inconclusive(tuple(findings)) if findings else None


def _varies(column: FloatArray) -> bool:
    known = column[~np.isnan(column)]
    return bool((known != known[:1]).any())


def _innocence(base: Columns, rows: int, probes: int, tolerance: float) -> Verdict:
    return passed(
        "causality.clean",
        f"no past value of {len(base)} columns over {rows} bars moved under {probes} futures",
        0.0,
        tolerance,
        probes,
    )


def _streamed(stream: Stream, bars: PairBars, names: tuple[str, ...]) -> FloatArray | Finding:
    taken = 0

    def feed() -> Iterator[PairBar]:
        nonlocal taken
        for bar in bars:
            taken += 1
            yield bar

    told = np.full((len(bars), len(names)), np.nan)
    answered = 0
    for i, answer in enumerate(stream(feed())):
        if taken != i + 1:
            detail = f"answer {i} came after {taken} bars; answer each bar before the next"
            return Finding("causality.stream_reads_ahead", detail, float(taken), float(i + 1))
        told[i] = [answer[name] for name in names]
        answered = i + 1
    if answered != len(bars):
        detail = f"{answered} answers for {len(bars)} bars; give one for each"
        return Finding("causality.length", detail, float(answered), float(len(bars)))
    return told


def _bars(count: int) -> str:
    return "bar" if count == 1 else "bars"
