"""Make the calibration tables from out-of-fold margins and their outcomes.

1. A curve is fitted to all samples together (logistic, or beta:
   :mod:`stairway.models.calibration_curves`).
2. Each regime gets a curve of its own, drawn towards the pooled one by
   ``shrink_samples / (n + shrink_samples)``: few samples, little freedom.
3. A regime with enough samples gets an isotonic map instead. Its blocks are drawn
   towards the base rate by ``prior_samples``, since bare isotonic ends in 0 and 1.

No map falls: a model that is wrong more often than right has no say. Samples count as
independent ones where weights say how much their labels overlap.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from stairway.base.arrays import BoolArray, FloatArray
from stairway.base.config import Config
from stairway.base.errors import DataError, TooLittleError
from stairway.base.numbers import one_row
from stairway.models import kernels
from stairway.models.calibration import (
    MAX_KNOTS,
    REGIMES,
    Calibration,
    CalibrationForm,
    RegimeMap,
)
from stairway.models.calibration_curves import Curve, beta, platt
from stairway.models.isotonic import Numbers, isotonic

KNOTS = 129
"""Rows of a logistic table; the straight lines stay within 5e-5 over eight logits."""

_ROUNDING = 1e-9


class CurveFamily(StrEnum):
    """Formula of the maps of regimes that are too small for an isotonic one.

    ``platt`` is logistic, two numbers; ``beta`` has three and may bend at even odds.
    """

    PLATT = "platt"
    BETA = "beta"


_FITS: dict[CurveFamily, Callable[[FloatArray, FloatArray, FloatArray], Curve]] = {
    CurveFamily.PLATT: platt,
    CurveFamily.BETA: beta,
}
_FORMS = {
    CurveFamily.PLATT: (CalibrationForm.PLATT, CalibrationForm.SHRUNK_PLATT),
    CurveFamily.BETA: (CalibrationForm.BETA, CalibrationForm.SHRUNK_BETA),
}


class CalibrationRules(Config, frozen=True, kw_only=True):
    """How probabilities are made from margins.

    Attributes
    ----------
    min_samples
        Independent samples below which nothing is fitted at all.
    shrink_samples
        Independent samples at which a regime's own map and the pooled one weigh alike.
    isotonic_min_samples
        Independent samples from which a regime's map is isotonic.
    prior_samples
        Samples of the base rate added to each block of an isotonic map.
    probability_floor
        Nothing below this, nor above one minus this, is ever said.
    curve
        Formula of the pooled map and of those drawn towards it.
    """

    min_samples: Annotated[int, Meta(ge=2, le=10**9)]
    shrink_samples: Annotated[float, Meta(gt=0, le=1e9)]
    isotonic_min_samples: Annotated[int, Meta(ge=2, le=10**9)]
    prior_samples: Annotated[float, Meta(gt=0, le=1e9)]
    probability_floor: Annotated[float, Meta(gt=0, lt=0.5)]
    curve: CurveFamily


class _Sample(NamedTuple):
    margins: FloatArray
    outcomes: FloatArray
    weights: FloatArray  # sums to the number of independent samples

    @property
    def n_effective(self) -> float:
        return float(self.weights.sum())

    def where(self, rows: BoolArray) -> _Sample:
        return _Sample(self.margins[rows], self.outcomes[rows], self.weights[rows])


def fit(
    margins: Numbers,
    outcomes: Numbers,
    regimes: Sequence[str] | NDArray[Any],
    weights: Numbers | None,
    rules: CalibrationRules,
) -> Calibration:
    """Fit one table per regime.

    Parameters
    ----------
    margins : (n,) numbers
        Out-of-fold margins; finite. Lists and columns of tables will do, here and below.
    outcomes : (n,) numbers
        1 where the upper barrier came first, else 0. Unlabelled rows must be left out.
    regimes : (n,) str
        Regime in which each answer was given.
    weights : (n,) numbers
        Uniqueness of each label, in (0, 1], so that their sum is the number of
        independent samples; ``None`` counts each sample fully.

    Raises
    ------
    DataError
        If the columns do not fit together or are no row of numbers, or a weight lies
        outside (0, 1].
    TooLittleError
        If they hold too few independent samples, or one outcome only.

    Examples
    --------
    >>> rules = CalibrationRules(
    ...     min_samples=4, shrink_samples=10.0, isotonic_min_samples=1000,
    ...     prior_samples=1.0, probability_floor=0.01, curve=CurveFamily.PLATT,
    ... )
    >>> margins = np.array([-2.0, -1.0, 1.0, 2.0] * 5)
    >>> outcomes = np.array([0, 1, 0, 1] * 5)
    >>> table = fit(margins, outcomes, ["trend"] * 20, None, rules).maps["trend"]
    >>> table.form, table.n, round(table.y[0], 2), round(table.y[-1], 2)
    (<CalibrationForm.SHRUNK_PLATT: 'shrunk_platt'>, 20, 0.33, 0.67)
    """
    labels = np.asarray(regimes, dtype=np.str_)
    said, came = one_row(margins, "margins"), one_row(outcomes, "outcomes")
    shares = np.ones(said.size) if weights is None else one_row(weights, "weights")
    sample = _checked(_Sample(said, came, shares), labels, rules)
    pooled = _FITS[rules.curve](*sample)
    span = _span(sample.margins)
    maps = {
        regime: _regime_map(sample.where(labels == regime), pooled, span, rules)
        for regime in REGIMES
    }
    return Calibration(maps)


def _checked(given: _Sample, labels: NDArray[np.str_], rules: CalibrationRules) -> _Sample:
    margins, outcomes, raw = given
    n = margins.size
    if not all(column.shape == (n,) for column in (margins, outcomes, labels, raw)):
        msg = f"margins, outcomes, regimes and weights must be {n} values each"
        raise DataError(msg)
    if not (np.all(np.isfinite(margins)) and np.all((outcomes == 0) | (outcomes == 1))):
        msg = "margins must be finite and outcomes 0 or 1; leave unlabelled rows out"
        raise DataError(msg)
    # Written so that NaN refuses. A mean of shares may exceed 1 by rounding.
    odd = np.flatnonzero(~((raw > 0.0) & (raw <= 1.0 + _ROUNDING)))
    if odd.size:
        msg = (
            f"weight {int(odd[0])} is {raw[odd[0]]}; it must lie in (0, 1], the share of a "
            "label that is its own: leave out rows without weight; None counts each row fully"
        )
        raise DataError(msg)
    if unknown := set(labels.tolist()) - set(REGIMES):
        msg = f"regimes {sorted(unknown)} are unknown; allowed are {', '.join(REGIMES)}"
        raise DataError(msg)
    n_effective = min(float(raw.sum()), float(n))
    if not (n_effective >= rules.min_samples and 0 < outcomes.sum() < n):
        # Of the same kind as the number beside it: labels that overlap count as few.
        n_up = float(raw[outcomes == 1].sum()) * n_effective / max(float(raw.sum()), 1.0)
        msg = (
            f"calibration needs {rules.min_samples} independent samples with both outcomes; "
            f"given are {math.floor(n_effective)}, of which {math.floor(n_up)} ended up"
        )
        raise TooLittleError(msg, n_effective, rules.min_samples)
    return _Sample(margins, outcomes, raw * (n_effective / raw.sum()))


def _regime_map(
    own: _Sample, pooled: Curve, span: tuple[float, float], rules: CalibrationRules
) -> RegimeMap:
    n, n_effective = own.margins.size, min(own.n_effective, float(own.margins.size))
    unseen, drawn = _FORMS[rules.curve]
    if n == 0:
        form, (x, y) = unseen, _curve_table(pooled, span)
    elif n_effective >= rules.isotonic_min_samples and 0.0 < own.outcomes.mean() < 1.0:
        form, (x, y) = CalibrationForm.ISOTONIC, _isotonic_table(own, rules.prior_samples)
    else:
        trust = n_effective / (n_effective + rules.shrink_samples)
        curve = _shrunk(_FITS[rules.curve](*own), pooled, trust)
        form, (x, y) = drawn, _curve_table(curve, span)
    inside = np.clip(y, rules.probability_floor, 1.0 - rules.probability_floor)
    return RegimeMap(form, n, n_effective, tuple(x.tolist()), tuple(inside.tolist()))


def _shrunk(own: Curve, pooled: Curve, trust: float) -> Curve:
    """Draw each number of one curve towards that of the other, of the same family."""
    pairs = zip(own, pooled, strict=True)
    return type(own)(*(trust * mine + (1.0 - trust) * theirs for mine, theirs in pairs))


def _curve_table(curve: Curve, span: tuple[float, float]) -> tuple[FloatArray, FloatArray]:
    x = np.linspace(*span, KNOTS)
    # Rounding may lower a flat curve by the last digit, which no table may do.
    return x, np.maximum.accumulate(curve.probability(x))


def _isotonic_table(own: _Sample, prior_samples: float) -> tuple[FloatArray, FloatArray]:
    """Knots at the centre of each block, so that a step does not become one value."""
    x, level, weight = isotonic(*own)
    base = float(own.weights @ own.outcomes / own.weights.sum())
    mass = _block_sums(level, weight)
    level = kernels.pooled(
        (level * mass + base * prior_samples) / (mass + prior_samples), weight
    )
    centre = _block_sums(level, weight * x) / _block_sums(level, weight)
    knots = np.unique(centre, return_index=True)[1]
    if knots.size == 1:
        return np.array(_span(own.margins)), np.repeat(level[:1], 2)
    knots = knots[np.linspace(0, knots.size - 1, min(knots.size, MAX_KNOTS)).astype(np.int64)]
    return centre[knots], level[knots]


def _block_sums(level: FloatArray, values: FloatArray) -> FloatArray:
    """Sum of ``values`` over each run of equal ``level``, repeated along the run."""
    run = np.cumsum(np.concatenate([[0], np.diff(level) != 0.0]).astype(np.int64))
    return _sums(run, values)[run]


def _sums(place: NDArray[np.int64], values: FloatArray) -> FloatArray:
    return np.bincount(place, values).astype(np.float64)


def _span(margins: FloatArray) -> tuple[float, float]:
    low, high = float(margins.min()), float(margins.max())
    enough = 1e-9 * max(1.0, abs(low), abs(high))
    return (low, high) if high - low > enough else (low - 1.0, high + 1.0)
