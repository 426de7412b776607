"""What a series of returns or of forecasts is worth, in numbers with one meaning each.

The formulas are those of the reference table (Brier, ECE, Spiegelhalter, drawdown). None
of them answers for input that it cannot judge: NaN raises, it is not averaged away.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.errors import DataError
from stairway.evaluation import bins
from stairway.evaluation.finite import numbers, one_row, require_finite
from stairway.evaluation.kernels import deepest, deepest_in_line
from stairway.evaluation.moments import Undefined
from stairway.evaluation.significance.sample import require_level

_HALF_NORMAL_MEAN = math.sqrt(2.0 / math.pi)
_HALF_NORMAL_VARIANCE = 1.0 - 2.0 / math.pi
_EVEN = 0.5
_LEVEL = 0.95
"""Confidence of a diagram that nobody asked another of."""


class Bin(msgspec.Struct, frozen=True):
    """One point of a reliability diagram.

    Attributes
    ----------
    n
        Forecasts in the bin.
    confidence, hit_frac
        Mean forecast, and the share of them that came true.
    low, high
        Wilson's interval of ``hit_frac`` on the bin's *independent* samples, at the
        confidence that was asked for.
    """

    n: int
    confidence: float
    hit_frac: float
    low: float
    high: float


class Reliability(msgspec.Struct, frozen=True):
    """How far forecasts and frequencies lie apart.

    Attributes
    ----------
    bins
        Of equal mass, in order of confidence.
    ece
        Plain expected calibration error of P(up). Over 0 for a perfect forecaster too.
    ece_corrected
        The same less what a perfect forecaster would show by chance, and at least 0.
    ece_bound
        What a perfect forecaster stays under about as often as the confidence says, given
        n: by the normal distribution, which the sum of a few distances only nears, so a
        little less often where there are few bins.
    """

    bins: tuple[Bin, ...]
    ece: float
    ece_corrected: float
    ece_bound: float


def equity(returns: FloatArray) -> FloatArray:
    """Compounded wealth, starting at 1; once it is gone it stays 0.

    Parameters
    ----------
    returns : (n_bars,) float64
        Simple return of each bar. NaN raises.

    Returns
    -------
    (n_bars + 1,) float64

    Examples
    --------
    >>> equity(np.array([0.5, -1.5, 9.0]))
    array([1. , 1.5, 0. , 0. ])
    """
    returns = one_row(returns, "returns")
    require_finite(returns, "returns")
    wealth: FloatArray = np.cumprod(np.concatenate([[1.0], 1.0 + returns]), dtype=np.float64)
    ruined = np.flatnonzero(~(wealth > 0.0))
    if ruined.size:
        wealth[ruined[0] :] = 0.0
    return wealth


def total_return(returns: FloatArray) -> float:
    """Compounded return over the whole series, as a fraction.

    Examples
    --------
    >>> round(total_return(np.array([0.1, 0.1])), 4)
    0.21
    """
    return float(equity(returns)[-1] - 1.0)


def max_drawdown(returns: FloatArray) -> float:
    """Deepest fall from a peak of compounded wealth, from -1 to 0; the start is a peak.

    Parameters
    ----------
    returns : (n_bars,) float64
        Simple return of each bar. NaN raises. Wealth that is gone has fallen by all of it.

    Raises
    ------
    DataError
        If one is not finite, or they are no one row of numbers.

    Examples
    --------
    >>> max_drawdown(np.array([-0.5, 0.2])), max_drawdown(np.array([]))
    (-0.5, 0.0)
    """
    returns = one_row(returns, "returns")
    lowest, sound = deepest(returns)
    if not sound:
        require_finite(returns, "returns")
        lowest = deepest_in_line(returns)
    return max(lowest - 1.0, -1.0)


def brier(confidence: FloatArray, outcome: FloatArray) -> float:
    """Mean squared distance between forecast and outcome (0 or 1).

    Examples
    --------
    >>> brier(np.array([0.5, 0.5]), np.array([0.0, 1.0]))
    0.25
    """
    confidence, outcome = forecasts_of(confidence, outcome)
    return float(np.mean((confidence - outcome) ** 2))


def log_loss(confidence: FloatArray, outcome: FloatArray, eps: float) -> tuple[float, int]:
    """Mean negative log likelihood, and how many forecasts had to be clipped to ``eps``.

    Examples
    --------
    >>> loss, clipped = log_loss(np.array([1.0, 0.5]), np.array([1.0, 1.0]), 1e-6)
    >>> round(loss, 4), clipped
    (0.3466, 1)
    """
    confidence, outcome = forecasts_of(confidence, outcome)
    return float(np.mean(log_losses(confidence, outcome, eps))), clipped(confidence, eps)


def clipped(confidence: FloatArray, eps: float) -> int:
    """Count the forecasts that a log loss clips to ``eps``.

    Examples
    --------
    >>> clipped(np.array([1.0, 0.5]), 1e-6)
    1
    """
    return int(np.sum(np.clip(confidence, eps, 1.0 - eps) != confidence))


def log_losses(confidence: FloatArray, outcome: FloatArray, eps: float) -> FloatArray:
    """Negative log likelihood of each forecast, clipped to ``eps``; (n,) float64.

    Examples
    --------
    >>> log_losses(np.array([0.5]), np.array([1.0]), 1e-6).round(4)
    array([0.6931])
    """
    confidence, outcome = forecasts_of(confidence, outcome)
    if not 0.0 < eps < _EVEN:
        msg = f"eps is {eps}; it must lie in (0, 0.5), such as 1e-6"
        raise DataError(msg)
    inside = np.clip(confidence, eps, 1.0 - eps)
    return -np.log(np.where(outcome > 0.0, inside, 1.0 - inside))


def spiegelhalter_z(confidence: FloatArray, outcome: FloatArray) -> float | Undefined:
    """Spiegelhalter's statistic: standard normal where forecasts are calibrated.

    Undefined where every forecast is 0, 0.5 or 1, about which it can say nothing.

    Examples
    --------
    >>> round(spiegelhalter_z(np.full(100, 0.9), np.repeat([0.0, 1.0], [10, 90])), 6)
    0.0
    """
    confidence, outcome = forecasts_of(confidence, outcome)
    lean = 1.0 - 2.0 * confidence
    spread = float(np.sum(lean**2 * confidence * (1.0 - confidence)))
    return z_score(float(np.sum((outcome - confidence) * lean)), spread)


def z_score(total: float, variance: float) -> float | Undefined:
    """Spiegelhalter's statistic from its two sums.

    Examples
    --------
    >>> z_score(3.0, 4.0)
    1.5
    """
    if not variance > 0.0:
        return Undefined("every forecast is 0, 0.5 or 1")
    return total / math.sqrt(variance)


def reliability(
    confidence: FloatArray,
    outcome: FloatArray,
    n_bins: int,
    independent_frac: float = 1.0,
    level: float = _LEVEL,
) -> Reliability:
    """Reliability diagram in bins of equal mass, and the calibration error over it.

    Equal forecasts are never parted, so there may be fewer bins than asked for.

    Parameters
    ----------
    confidence : (n,) float64
        P(up) in [0, 1]. NaN raises.
    outcome : (n,) float64
        0 or 1.
    n_bins
        At most this many.
    independent_frac
        Independent samples per sample, in (0, 1]: under 1 where labels overlap.
    level
        Confidence of each bin's two-sided band, and one-sided that of the bound.

    Examples
    --------
    >>> found = reliability(np.repeat([0.25, 0.75], 50), np.repeat([0.0, 1.0], 50), 10)
    >>> [(b.n, b.confidence, b.hit_frac) for b in found.bins], found.ece
    ([(50, 0.25, 0.0), (50, 0.75, 1.0)], 0.25)
    """
    confidence, outcome = forecasts_of(confidence, outcome)
    if not n_bins >= 1:
        msg = f"a diagram needs at least one bin, got {n_bins}"
        raise DataError(msg)
    return reliability_of(bins.by_mass(confidence, outcome, n_bins), independent_frac, level)


def reliability_of(
    table: FloatArray, independent_frac: float, level: float = _LEVEL
) -> Reliability:
    """Reliability diagram from the sums of its bins, however they were cut.

    Parameters
    ----------
    table : (n_bins, 5) float64
        Sums of :mod:`stairway.evaluation.bins`; empty bins are left out.
    independent_frac, level
        As in :func:`reliability`.
    """
    require_level(level)
    if not 0.0 < independent_frac <= 1.0:
        msg = f"a diagram needs an independent_frac in (0, 1], got {independent_frac}"
        raise DataError(msg)
    two_sided, one_sided = (
        NormalDist().inv_cdf((1.0 + level) / 2.0),
        NormalDist().inv_cdf(level),
    )
    found: list[Bin] = []
    error = chance = variance = 0.0
    total = float(table[:, bins.N].sum())
    for n, p, pp, y, _ in table[table[:, bins.N] > 0.0].tolist():
        share, independent = n / total, n * independent_frac
        sigma = math.sqrt(max(p - pp, 0.0) / n / independent)
        error += abs(y - p) / total
        chance += share * sigma * _HALF_NORMAL_MEAN
        variance += (share * sigma) ** 2 * _HALF_NORMAL_VARIANCE
        found.append(Bin(int(n), p / n, y / n, *_wilson(y / n, independent, two_sided)))
    bound = chance + one_sided * math.sqrt(variance)
    return Reliability(tuple(found), error, max(error - chance, 0.0), bound)


def _wilson(hit_frac: float, n: float, z: float) -> tuple[float, float]:
    z2 = z**2
    centre = (hit_frac + z2 / (2.0 * n)) / (1.0 + z2 / n)
    spread = math.sqrt(hit_frac * (1.0 - hit_frac) / n + z2 / (4.0 * n * n))
    half = z * spread / (1.0 + z2 / n)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def one_outcome(ups: int, n: int) -> Undefined | None:
    """Say that all outcomes are the same; ``None`` where there are both.

    Of one alone nothing can be told: whoever says it always is never wrong.

    Examples
    --------
    >>> one_outcome(300, 300), one_outcome(1, 300)
    (Undefined(reason='all 300 outcomes are 1; at least 1 that is 0 is needed'), None)
    """
    if 0 < ups < n:
        return None
    only = int(ups > 0)
    return Undefined(f"all {n:,} outcomes are {only}; at least 1 that is {1 - only} is needed")


def forecasts_of(confidence: FloatArray, outcome: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return both as (n,) float64; refuse what no forecast can be, naming the first row.

    Raises
    ------
    DataError
        If they are no numbers, the rows differ in length or are empty, a forecast lies
        outside [0, 1] or is NaN, or an outcome is neither 0 nor 1.

    Examples
    --------
    >>> forecasts_of(np.array([0.5]), np.array([0.5]))
    Traceback (most recent call last):
    ...
    stairway.base.errors.DataError: outcome 0 is 0.5, neither 0 nor 1; leave unlabelled rows out
    """
    confidence, outcome = numbers(confidence, "forecasts"), numbers(outcome, "outcomes")
    if not (confidence.ndim == 1 and confidence.shape == outcome.shape and confidence.size > 0):
        msg = (
            "forecasts and outcomes must be one row each and not empty, "
            f"got {confidence.shape} and {outcome.shape}"
        )
        raise DataError(msg)
    said = (confidence >= 0.0) & (confidence <= 1.0)
    if not bool(said.all()):
        row = int(np.flatnonzero(~said)[0])
        msg = (
            f"forecast {row} is {confidence[row]}, which lies outside [0, 1]; "
            "leave out rows without an answer"
        )
        raise DataError(msg)
    came = (outcome == 0.0) | (outcome == 1.0)
    if not bool(came.all()):
        row = int(np.flatnonzero(~came)[0])
        msg = f"outcome {row} is {outcome[row]}, neither 0 nor 1; leave unlabelled rows out"
        raise DataError(msg)
    return confidence, outcome
