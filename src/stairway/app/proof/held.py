"""Whether positions are made of the past, asked where they must be: in a walk forward.

Features may be causal and the positions that follow them not: the labels of a test, and how
long they are, are handed to ``positions``, and a study may remember bars that it saw.

1. A fold walks forward where the bars that its training knows lie before its test. There a
   position is a function of the bars up to its own row. Folds that train on later bars do
   so on purpose, and are not asked.
2. Within the test of each such fold all bars from a place on are replaced, and features,
   labels and the positions of that fold are made anew.
3. No position before that place may have moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from stairway.base.arrays import FloatArray, IntArray
from stairway.base.verdict import Finding, Refuse, Verdict, passed, refuse
from stairway.evaluation.battery.study import Fold, Labelled
from stairway.features.asking import guarded, moved
from stairway.features.perturbation import Perturbation
from stairway.features.prover import Probe
from stairway.features.series import Futures, Series, checked

KINDS = (Perturbation.NOISE, Perturbation.SCALE, Perturbation.CONSTANT)
"""Futures that are tried in each fold: they change sizes as well as signs."""


class Held(Protocol):
    """The steps of a study that lead to a position."""

    def features(self, market: Series) -> FloatArray:
        """Return what is known at each row."""
        ...

    def labels(self, market: Series) -> Labelled:
        """Return what is to be foretold at each row."""
        ...

    def folds(self, labels: Labelled) -> Sequence[Fold]:
        """Return training rows and test rows."""
        ...

    def positions(
        self, features: FloatArray, labels: Labelled, folds: Sequence[Fold], seed: int
    ) -> FloatArray:
        """Return what is held from the close of each row."""
        ...


def positions_proved(study: Held, market: Series, tolerance: float, seed: int) -> Verdict:
    """Give each fold that walks forward other futures within its test.

    Returns
    -------
    Verdict
        A pass says how many folds were asked. What the study raises is a refusal.
    """
    found = guarded(lambda: _asked(study, checked(market), tolerance, seed), "making positions")
    return Refuse((found,)) if isinstance(found, Finding) else found


def _asked(study: Held, market: Series, tolerance: float, seed: int) -> Verdict:
    labels, futures = study.labels(market), Futures(market)
    folds, tried = study.folds(labels), 0
    for number, fold in enumerate(folds):
        probes = list(_probes(fold, labels, futures, seed + number))
        if not probes:
            continue
        tried += 1
        base, again = (_positions(study, market, fold, seed) for _ in range(2))
        if moved(base, again, 0.0) is not None:
            return refuse(
                "causality.not_repeatable",
                f"positions of fold {number + 1} differ when they are asked for again; they "
                "may depend on nothing but features, labels, folds and the seed",
            )
        for probe in probes:
            other = futures.changed(market, probe.cut, probe.kind, probe.rng)
            after = _positions(study, dict(other.bars), fold, seed)
            rows: IntArray = np.intersect1d(fold[1], np.arange(futures.rows)[other.before])
            found = moved(base[rows], after[rows], tolerance, (base, after))
            if found is not None:
                return _told(number, int(rows[found[0]]), probe, futures)
    return _innocent(tried, len(folds))


def _probes(fold: Fold, labels: Labelled, futures: Futures, seed: int) -> Iterator[Probe]:
    """Places within the test behind all that its training knows; none where it knows more."""
    train, test = fold
    if not (train.size and test.size):
        return
    known: IntArray = np.unique(np.concatenate((train, labels.end[train])))
    first, last = int(test.min()), int(test.max())
    if not int(known[-1]) <= first:
        return
    low = 1 + max(futures.place(row) for row in (*known.tolist(), first))
    high = 1 + futures.place(last)
    rng = np.random.Generator(np.random.PCG64((seed, 5)))
    for kind in KINDS if low < high else ():
        cut = futures.snap(int(rng.integers(low, high)))
        if cut >= low:
            yield Probe(cut, kind, seed)


def _positions(study: Held, market: Series, fold: Fold, seed: int) -> FloatArray:
    own = {name: column.copy() for name, column in market.items()}
    features, labels = study.features(own), study.labels(own)
    return np.asarray(study.positions(features, labels, [fold], seed), np.float64)


def _told(number: int, row: int, probe: Probe, futures: Futures) -> Verdict:
    ahead = probe.cut - futures.place(row)
    bars = "bar" if ahead == 1 else "bars"
    detail = (
        f"the position at row {row} (fold {number + 1}) moved when the bars from {probe.cut} "
        f"on were {probe.kind}: it looks at least {ahead} {bars} ahead; the labels of a test, "
        "and their spans, are not known in it"
    )
    return refuse("causality.looks_ahead", detail, ahead, 0)


def _innocent(tried: int, folds: int) -> Verdict:
    if tried:
        detail = f"no position of {tried} of {folds} folds moved with what came later"
        return passed("causality.positions", detail, 0, None, tried)
    detail = (
        f"no position was asked: none of {folds} folds walks forward, and what trains on "
        "later bars moves with them"
    )
    return passed("causality.positions", detail, 0, None, folds)
