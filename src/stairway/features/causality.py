"""Could the past change if the future were another? The prover tries to make it.

A feature pipeline is any function from bars to named columns, ours or a user's.

1. Ask it twice about the same bars: the answers must agree to the last bit.
2. Choose cut points: at random, and 1, 2, 4, ... bars from both ends.
3. At each cut truncate the future, replace it by noise, and in turn scale, mirror,
   shuffle, freeze, partly delete it or move it in time; ask again; no value before the
   cut may have moved by more than the tolerance, relative to its column's usual step.
4. Change most of the bars: a column that does not notice was not computed from them (it
   may have been read from a file) and so nothing has been proved about it.

A look ahead that shows on only one bar in ten is missed at one cut with probability 0.9;
at 48 random cuts with 0.6 %. Bars and columns are the pipeline's own copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.verdict import Finding, Inconclusive, Refuse, Verdict, passed
from stairway.features.asking import Pipeline, ask, guarded, moved, unsure
from stairway.features.facts import Proof
from stairway.features.perturbation import Perturbation, disturb
from stairway.features.prover import Case, Changed, Probe, ProverRules, first_answer, tried
from stairway.market.bars import PairBar, PairBars

__all__ = ["ProverRules", "Stream", "prove", "prove_streaming"]

Stream: TypeAlias = Callable[[Iterator[PairBar]], Iterable[Mapping[str, float]]]

_ALWAYS = (Perturbation.TRUNCATE, Perturbation.NOISE)
_IN_TURN = tuple(kind for kind in Perturbation if kind not in _ALWAYS)


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
    probes = tuple(_probes(len(bars), rules, seed))
    return tried(_case(pipeline, bars), probes, rules, seed)


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
    base = first_answer(_case(pipeline, bars), rules)
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
        if unsure(column, told[:, j], rules.tolerance) is not None:
            detail = (
                f"column {name} differs when streamed by what its largest value may round; "
                "clip it, or give NaN there"
            )
            return Inconclusive((Finding("causality.coarse", detail),))
    return passed(
        "causality.streaming",
        f"{len(base)} columns are the same bar by bar as at once",
        n=len(bars),
    )


def _case(pipeline: Pipeline, bars: PairBars) -> Case[PairBars]:
    return Case(bars, len(bars), lambda given, why: ask(pipeline, given, why), _changed)


def _changed(
    bars: PairBars, cut: int, kind: Perturbation, rng: np.random.Generator
) -> Changed[PairBars]:
    other = disturb(bars, cut, kind, rng)
    return Changed(other, len(other), slice(0, cut), slice(0, cut))


def _probes(n: int, rules: ProverRules, seed: int) -> Iterator[Probe]:
    rng = np.random.Generator(np.random.PCG64((seed, n)))
    near = [2**power for power in range(n.bit_length()) if 2**power <= n // 2]
    inner = rng.choice(np.arange(1, n), size=min(rules.cuts, n - 1), replace=False)
    cuts = sorted({*near, *(n - k for k in near), *(int(cut) for cut in inner)})
    for turn, cut in enumerate(cuts):
        if cut >= rules.min_prefix_bars:
            yield Probe(cut, Perturbation.TRUNCATE, seed)
        yield Probe(cut, Perturbation.NOISE, seed)
        yield Probe(cut, _IN_TURN[turn % len(_IN_TURN)], seed)


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
