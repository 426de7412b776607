"""How honest probabilities are, and how much they tell: the Brier score taken apart.

1. Murphy (1973): ``brier = reliability - resolution + uncertainty``, exact over distinct
   forecasts. Over bins two terms of what goes on within them are added, and it is exact
   again (Stephenson, Coelho, Jolliffe 2008).
2. CORP (Dimitriadis, Gneiting, Jordan 2021): the nearest honest forecast that keeps the
   order is the isotonic one. ``miscalibration`` is what it would save, ``discrimination``
   what it saves against the base rate; no bins are chosen by anybody.

Bands are those of independent samples, widened by how few of them there are. Skill against
causal climatology is in :mod:`stairway.evaluation.skill`.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from stairway.base.arrays import FloatArray
from stairway.base.config import Config
from stairway.base.verdict import Inconclusive, inconclusive
from stairway.evaluation import bins
from stairway.evaluation.metrics import (
    Reliability,
    brier,
    clipped,
    forecasts_of,
    log_losses,
    one_outcome,
    reliability_of,
    spiegelhalter_z,
)
from stairway.evaluation.moments import Undefined
from stairway.evaluation.significance.sample import require_level
from stairway.models.isotonic import isotonic


class MeasureRules(Config, frozen=True, kw_only=True):
    """How probabilities are judged.

    Attributes
    ----------
    min_samples
        Independent samples below which nothing is said.
    n_bins
        Bins of equal mass.
    eps
        Forecasts nearer to 0 or 1 are clipped for the log loss, and counted.
    level
        Confidence of the two-sided bands, those of the diagram included, and one-sided that
        of its bound.
    """

    min_samples: Annotated[int, Meta(ge=2, le=10**9)]
    n_bins: Annotated[int, Meta(ge=2, le=1_000)]
    eps: Annotated[float, Meta(gt=0, lt=0.5)]
    level: Annotated[float, Meta(ge=0.5, lt=1.0)]


class Estimate(msgspec.Struct, frozen=True):
    """A number and its two-sided band."""

    value: float
    low: float
    high: float


class Murphy(msgspec.Struct, frozen=True):
    """``brier = reliability - resolution + uncertainty + within_variance - within_covariance``.

    Attributes
    ----------
    brier
        Mean squared distance between forecast and outcome.
    reliability
        Mean squared distance between what was said and how often it came, over bins.
    resolution
        Mean squared distance between how often it came in a bin and over all.
    uncertainty
        Brier score of the base rate.
    within_variance, within_covariance
        Spread of forecasts within bins, and twice how it goes with outcomes; 0 where a
        bin holds one value.
    """

    brier: Estimate
    reliability: Estimate
    resolution: Estimate
    uncertainty: Estimate
    within_variance: float
    within_covariance: float


class Corp(msgspec.Struct, frozen=True):
    """``brier = miscalibration - discrimination + uncertainty``; none is negative.

    Attributes
    ----------
    brier
        Mean squared distance between forecast and outcome.
    miscalibration, discrimination
        What honest forecasts of the same order would save, and what they save against
        the base rate.
    uncertainty
        Brier score of the base rate.
    """

    brier: float
    miscalibration: float
    discrimination: float
    uncertainty: float


class Measures(msgspec.Struct, frozen=True):
    """All that is said of a set of forecasts.

    Attributes
    ----------
    n, n_independent
        Forecasts, and what they are worth where labels overlap.
    murphy, corp
        The Brier score with its band, and its parts.
    log_loss, clipped
        Mean negative log likelihood, and how many forecasts were clipped for it.
    reliability
        Diagram with bands, calibration error and the bound that depends on n.
    spiegelhalter_z, spiegelhalter_p
        Statistic on independent samples, and its two-sided probability under calibration.
    """

    n: int
    n_independent: float
    murphy: Murphy
    corp: Corp
    log_loss: Estimate
    clipped: int
    reliability: Reliability
    spiegelhalter_z: float | Undefined
    spiegelhalter_p: float | Undefined


def measure(
    confidence: FloatArray,
    outcome: FloatArray,
    rules: MeasureRules,
    independent_frac: float = 1.0,
) -> Measures | Inconclusive:
    """Take every measure of a set of forecasts, or say what is missing.

    Parameters
    ----------
    confidence : (n,) float64
        P(up) in [0, 1]. NaN raises.
    outcome : (n,) float64
        0 or 1.
    independent_frac
        Independent samples per sample, in (0, 1]: under 1 where labels overlap.

    Raises
    ------
    DataError
        If these are no forecasts: see
        :func:`stairway.evaluation.metrics.forecasts_of`.

    Examples
    --------
    >>> rules = MeasureRules(min_samples=50, n_bins=5, eps=1e-6, level=0.95)
    >>> found = measure(np.repeat([0.2, 0.8], 50), np.tile([0.0] * 4 + [1.0], 20), rules)
    >>> round(found.murphy.brier.value, 2), round(found.corp.miscalibration, 2)
    (0.34, 0.18)
    >>> measure(np.array([0.5]), np.array([1.0]), rules).findings[0].bound
    50.0
    """
    confidence, outcome = forecasts_of(confidence, outcome)
    n_independent = confidence.size * independent_frac
    if not n_independent >= rules.min_samples:
        detail = f"{n_independent:,.0f} of {rules.min_samples:,} independent forecasts"
        return inconclusive(
            "calibration.too_few", detail, n_independent, rules.min_samples, confidence.size
        )
    decomposed = corp(confidence, outcome)
    if isinstance(decomposed, Undefined):
        n = outcome.size
        return inconclusive("calibration.one_outcome", decomposed.reason, 0, 1, n)
    z = spiegelhalter_z(confidence, outcome)
    z = z if isinstance(z, Undefined) else z * math.sqrt(independent_frac)
    table = bins.by_mass(confidence, outcome, rules.n_bins)
    score = _mean((confidence - outcome) ** 2, rules.level, independent_frac)
    return Measures(
        n=confidence.size,
        n_independent=n_independent,
        murphy=murphy(table, score, rules.level, independent_frac),
        corp=decomposed,
        log_loss=_mean(
            log_losses(confidence, outcome, rules.eps), rules.level, independent_frac
        ),
        clipped=clipped(confidence, rules.eps),
        reliability=reliability_of(table, independent_frac, rules.level),
        spiegelhalter_z=z,
        spiegelhalter_p=two_sided(z),
    )


def murphy(table: FloatArray, brier: Estimate, level: float, independent_frac: float) -> Murphy:
    """Take a Brier score apart over bins.

    The bands follow from the delta method. They are too narrow where bins hold few
    forecasts, and a reliability near 0 is better held against
    :attr:`stairway.evaluation.metrics.Reliability.ece_bound`.

    Parameters
    ----------
    table : (n_bins, 5) float64
        Sums of :mod:`stairway.evaluation.bins`, at least one forecast among them.
    brier
        The score of the same forecasts, with its band.
    level, independent_frac
        As in :class:`MeasureRules` and :func:`measure`.

    Examples
    --------
    >>> p, y = np.repeat([0.25, 0.75], 4), np.array([0.0, 0, 0, 1, 1, 1, 0, 1])
    >>> found = murphy(bins.by_value(p, y), Estimate(0.1875, 0.0, 1.0), 0.95, 1.0)
    >>> found.reliability.value, found.resolution.value, found.uncertainty.value
    (0.0, 0.0625, 0.25)
    """
    n, p, pp, y, py = table[table[:, bins.N] > 0.0].T
    total, mean, hits = n.sum(), p / n, y / n
    base = float(y.sum() / total)
    share, apart, told = n / total, mean - hits, hits - base
    noise = hits * (1.0 - hits)
    spread = np.maximum(pp / n - mean**2, 0.0)
    joint = py / n - mean * hits
    rel = float(share @ apart**2)
    res = float(share @ told**2)
    wide = normal_quantile(level) / math.sqrt(total * independent_frac)
    off = np.maximum(spread - 2.0 * joint + noise, 0.0)
    rel_var = share @ (apart**4 + 4.0 * apart**2 * off) - rel**2
    res_var = share @ (told**4 + 4.0 * told**2 * noise) - res**2
    unc, unc_var = base * (1.0 - base), (1.0 - 2.0 * base) ** 2 * base * (1.0 - base)
    return Murphy(
        brier=brier,
        reliability=band(rel, wide, float(rel_var)),
        resolution=band(res, wide, float(res_var)),
        uncertainty=band(unc, wide, unc_var),
        within_variance=float(share @ spread),
        within_covariance=2.0 * float(share @ joint),
    )


def corp(confidence: FloatArray, outcome: FloatArray) -> Corp | Undefined:
    """Take a Brier score apart by the isotonic fit of outcomes on forecasts.

    Parameters
    ----------
    confidence, outcome : (n,) float64
        P(up) in [0, 1], and 0 or 1. Anything else raises.

    Returns
    -------
    Corp or Undefined
        Undefined where all outcomes are the same: no order of theirs can be right.

    Examples
    --------
    >>> corp(np.array([0.5, 0.5, 1.0, 1.0]), np.array([0.0, 0.0, 1.0, 1.0]))
    Corp(brier=0.125, miscalibration=0.125, discrimination=0.25, uncertainty=0.25)
    """
    confidence, outcome = forecasts_of(confidence, outcome)
    score, base = brier(confidence, outcome), float(outcome.mean())
    alone = one_outcome(int(outcome.sum()), outcome.size)
    if alone is not None:
        return alone
    fit, uncertainty = isotonic(confidence, outcome), base * (1.0 - base)
    level = fit.level[np.searchsorted(fit.x, confidence)]
    honest = float(np.mean((level - outcome) ** 2))
    # Rounding may make either a hair less than the 0 that it cannot fall below.
    return Corp(score, max(score - honest, 0.0), max(uncertainty - honest, 0.0), uncertainty)


def two_sided(z: float | Undefined) -> float | Undefined:
    """Probability of a standard normal at least this far from 0.

    Examples
    --------
    >>> round(two_sided(-1.959964), 3)
    0.05
    """
    return z if isinstance(z, Undefined) else math.erfc(abs(z) / math.sqrt(2.0))


def _mean(values: FloatArray, level: float, independent_frac: float) -> Estimate:
    wide = normal_quantile(level) / math.sqrt(values.size * independent_frac)
    return band(float(values.mean()), wide, float(values.var()))


def band(value: float, wide: float, variance: float) -> Estimate:
    """Put a band of ``wide`` deviations about what cannot fall below 0."""
    half = wide * math.sqrt(max(variance, 0.0))
    return Estimate(value, max(value - half, 0.0), value + half)


def normal_quantile(level: float) -> float:
    """Two-sided critical value of a standard normal.

    Examples
    --------
    >>> round(normal_quantile(0.95), 2)
    1.96
    """
    require_level(level)
    return NormalDist().inv_cdf(0.5 + level / 2.0)
