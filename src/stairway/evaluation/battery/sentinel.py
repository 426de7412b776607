"""What the strategy earns when it is taught nonsense.

1. The labels are cut into blocks, the blocks are shuffled, and everything behind the
   labels is made anew: fits, positions, profit. The market and its features stay.
2. What counts is the timing: holding the mean position all along is not held against it,
   since a rising market pays for that.
3. The link of positions with what came, averaged over the shuffles, is judged twice. By
   all circular shifts of the positions: is it more than those positions at another time?
   By its spread over the shuffles: is it more than the sign that nonsense happened to
   teach? A true edge fails the first, because its features do foretell, and passes the
   second. Only what fails both is an alarm.
   What came is taken in units of its size around the row: positions that move most in wild
   times would else show a link with anything wild.
4. The original bound: the mean Sharpe ratio per bar, over the shuffles, either way. One
   that never changes its position has none, and does not count as one of 0.

It finds what earns without its labels. A leak that has to be learnt stays hidden here,
because nonsense does not teach it: that is what the surrogates are for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from statistics import NormalDist
from typing import TypeVar

import msgspec
import numpy as np

from stairway.base.arrays import BoolArray, FloatArray, IntArray
from stairway.base.verdict import Finding, Inconclusive, Refuse, Verdict, inconclusive, passed
from stairway.evaluation.battery.chance import student_two_sided
from stairway.evaluation.battery.study import BatteryRules, Labelled, SentinelFigures, Study
from stairway.evaluation.battery.surrogates import counted, rows_tested
from stairway.evaluation.moments import Undefined, moments
from stairway.evaluation.significance.shift_null import shift_null

M = TypeVar("M")

_CLASSES = 2
_LEAST_SPREAD = 1e-9
_FEWEST_SHARPE = 8
_AROUND_ROWS = 25


class Timed(msgspec.Struct, frozen=True):
    """What was held over the shuffles, and what came of it, on the rows that count.

    Attributes
    ----------
    positions, profit : (shuffles, rows) float64
    came : (rows,) float64
        What a position of 1 earned.
    """

    positions: FloatArray
    profit: FloatArray
    came: FloatArray


class Sentinel(msgspec.Struct, frozen=True):
    """The answer, and its figures where there are any."""

    verdict: Verdict
    figures: SentinelFigures | None = None


def sentinel(
    study: Study[M], market: M, rules: BatteryRules, seed: int, heard: Callable[[], None]
) -> Sentinel:
    """Teach the study shuffled labels, and see what it earns on the true market.

    Parameters
    ----------
    heard
        Called when a shuffle is done.

    Raises
    ------
    DataError
        If positions or profit are not one for each row, or not finite where they count, or
        something else is held than what is tested.
    """
    labels = study.labels(market)
    classes = np.unique(labels.value[labels.value >= 0]).size
    if classes < _CLASSES:
        detail = f"{classes} of {_CLASSES} classes needed among the labels: nothing to shuffle"
        return Sentinel(inconclusive("leak.too_few", detail, classes, _CLASSES))
    features, folds = study.features(market), study.folds(labels)
    horizon = longest(labels)
    tested = rows_tested(folds, labels.value.size)
    held: list[FloatArray] = []
    for turn in range(rules.shuffles):
        rng = np.random.Generator(np.random.PCG64((seed, 3, turn)))
        value = shuffled(labels.value, max(rules.block_rows, horizon), rng)
        taught = replace(labels, value=value)
        held.append(study.positions(features, taught, folds, seed + turn))
        heard()
    return judged(_timed(study, market, held, tested), horizon, rules)


def shuffled(value: IntArray, block_rows: int, rng: np.random.Generator) -> IntArray:
    """Shuffle the labels that there are in blocks; rows without one stay without.

    Examples
    --------
    >>> rng = np.random.Generator(np.random.PCG64(3))
    >>> shuffled(np.array([0, 0, -1, 1, 1, 0, 1]), 2, rng)
    array([ 0,  1, -1,  1,  1,  0,  0])
    """
    there = np.flatnonzero(value >= 0)
    if there.size == 0:
        return value.copy()
    known = value[there]
    blocks: list[IntArray] = [
        known[at : at + block_rows] for at in range(0, known.size, block_rows)
    ]
    mixed = value.copy()
    order: IntArray = rng.permutation(len(blocks))
    mixed[there] = np.concatenate([blocks[int(k)] for k in order])
    return mixed


def longest(labels: Labelled) -> int:
    """Rows of the longest span, at least 1."""
    there = labels.value >= 0
    return max(1, int((labels.end - labels.start)[there].max(initial=1)))


def judged(timed: Timed, horizon_rows: int, rules: BatteryRules) -> Sentinel:
    """Hold the timing of nonsense against chance.

    Parameters
    ----------
    horizon_rows
        Of the longest label: a shift nearer than that has not lost its link.
    """
    n = timed.came.size
    by_bound = (NormalDist().inv_cdf(1.0 - rules.level / 2.0) / rules.mean_sharpe_bound) ** 2
    needed = max(rules.min_rows, math.ceil(by_bound))
    if n < needed:
        return Sentinel(_too_few(n, needed))
    steady = evened(timed.came)
    links = _links(timed.positions, steady)
    if links is None:
        detail = "the outcomes, or the positions of every shuffle, are constant: no timing"
        return Sentinel(inconclusive("leak.no_timing", detail, n=n))
    if float(links.std(ddof=1)) <= _LEAST_SPREAD:
        detail = (
            "the positions are the same whatever the labels say: the sentinel has nothing to "
            "judge; surrogates and causality have"
        )
        return Sentinel(inconclusive("leak.no_labels", detail, float(links.mean()), n=n))
    together = np.stack([_unit(held) for held in timed.positions]).mean(axis=0)
    chance = shift_null(together, steady, horizon_rows, 1.0 - rules.level)
    if isinstance(chance, Undefined):
        return Sentinel(inconclusive("leak.no_timing", chance.reason, n=n))
    if isinstance(chance, Inconclusive):
        (few,) = chance.findings
        return Sentinel(_too_few(n, int(few.bound or 0)))
    return _answer(timed, links, chance.p_greater, rules)


def _timed(study: Study[M], market: M, held: list[FloatArray], tested: BoolArray) -> Timed:
    earned = [study.profit(market, positions) for positions in held]
    one = np.where(tested, 1.0, np.nan)
    came = study.profit(market, one)
    rows = counted(one, came, tested)
    for positions, profit in zip(held, earned, strict=True):
        counted(positions, profit, tested)  # the same rows, or it is refused
    return Timed(
        np.stack([positions[rows] for positions in held]),
        np.stack([profit[rows] for profit in earned]),
        came[rows],
    )


def _answer(timed: Timed, links: FloatArray, p_shift: float, rules: BatteryRules) -> Sentinel:
    n, count = timed.came.size, links.size
    sharpe = _sharpe(timed)
    link = float(links.mean())
    by_chance = student_two_sided(link, float(links.std(ddof=1)) / math.sqrt(count), count - 1)
    p_spread = by_chance / 2.0 if link > 0.0 else 1.0 - by_chance / 2.0
    earns = not (p_shift >= rules.level or p_spread >= rules.level)
    if sharpe.size < (1 if earns else _FEWEST_SHARPE):
        detail = (
            f"{sharpe.size} of {_FEWEST_SHARPE} shuffles needed have a Sharpe ratio: the "
            f"positions of the other {count - sharpe.size} never vary, and have no timing"
        )
        few = inconclusive("leak.no_timing", detail, sharpe.size, _FEWEST_SHARPE, n)
        return Sentinel(few)
    mean = float(sharpe.mean())
    figures = SentinelFigures(
        sharpe=tuple(sharpe.tolist()),
        mean_sharpe=mean,
        link=link,
        p_shift=p_shift,
        p_spread=p_spread,
    )
    said = (
        f"{count} shuffles: mean link {figures.link:+.4f} (p {p_shift:.2g} by shifts, "
        f"{figures.p_spread:.2g} by spread), mean Sharpe {mean:+.4f} a bar (bound "
        f"{rules.mean_sharpe_bound:g})"
    )
    found: list[Finding] = []
    if earns:
        detail = f"{said}: it earns by labels that mean nothing"
        found.append(Finding("leak.sentinel", detail, figures.link, 0.0, n))
    if not abs(mean) < rules.mean_sharpe_bound:
        detail = f"{said}: the mean Sharpe ratio is beyond its bound"
        found.append(Finding("leak.sentinel", detail, mean, rules.mean_sharpe_bound, n))
    good = passed("leak.sentinel", said, mean, rules.mean_sharpe_bound, n)
    return Sentinel(Refuse(tuple(found)) if found else good, figures)


def _sharpe(timed: Timed) -> FloatArray:
    """Sharpe ratio per bar of each shuffle that has one, its mean position taken off."""
    ratios = [
        moments(profit - positions.mean() * timed.came)
        for positions, profit in zip(timed.positions, timed.profit, strict=True)
    ]
    return np.array([one.ratio(0.0) for one in ratios if not isinstance(one, Undefined)])


def evened(came: FloatArray) -> FloatArray:
    """Return outcomes, their mean taken off, in units of their usual size around each row.

    Examples
    --------
    >>> calm, wild = np.tile([1.0, -1.0], 500), np.tile([9.0, -9.0], 500)
    >>> np.abs(evened(np.concatenate((calm, wild)))[[100, 1900]]).round(3).tolist()
    [1.0, 1.0]
    """
    centred = came - came.mean()
    total = np.concatenate(([0.0], np.cumsum(centred**2)))
    rows = np.arange(came.size)
    first = np.maximum(rows - _AROUND_ROWS, 0)
    stop = np.minimum(rows + _AROUND_ROWS + 1, came.size)
    around = np.sqrt(np.maximum(total[stop] - total[first], 0.0) / (stop - first))
    return np.divide(centred, around, out=np.zeros_like(centred), where=around > 0.0)


def _links(positions: FloatArray, steady: FloatArray) -> FloatArray | None:
    """Correlation with what came of each shuffle, 0 where it holds one position throughout."""
    came = _unit(steady)
    held = np.stack([_unit(one) for one in positions])
    if not (bool(came.any()) and bool(held.any())):
        return None
    return held @ came / (came.size - 1)


def _unit(values: FloatArray) -> FloatArray:
    known = moments(values)
    if isinstance(known, Undefined):
        return np.zeros_like(values)
    return (values - known.mean) / known.deviation


def _too_few(n: int, needed: int) -> Verdict:
    detail = f"{n} of {needed} tested rows needed for the sentinel"
    return inconclusive("leak.too_few", detail, n, needed, n)
