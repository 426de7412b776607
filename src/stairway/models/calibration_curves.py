"""Curves from a margin to a probability that have a formula: logistic and beta.

1. Targets are smoothed (Platt 1999), so that a curve exists even where the classes do not
   overlap.
2. Logistic: log-odds are ``slope x margin + intercept``.
3. Beta (Kull, Silva Filho, Flach 2017): with ``s = 1 / (1 + exp(-margin))``, log-odds are
   ``a ln(s) - b ln(1 - s) + c``. Equal ``a`` and ``b`` give the logistic curve; unequal
   ones bend it, for models that are overconfident on one side only. The margin must be a
   log-odds, since the bend lies at 0.
4. Both are fitted by damped Newton steps on standardised columns.

A curve that falls is not believed: a model that is wrong more often than right has no say
(the base rate), rather than being traded upside down on the same noise.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias, cast

import numpy as np

from stairway.base.arrays import FloatArray

MAX_NEWTON_STEPS = 100
GRADIENT_TOLERANCE = 1e-10
RIDGE = 1e-12
MAX_HALVINGS = 40
ROUNDING = 1e-14
_FLAT = 1e-9


class Logistic(NamedTuple):
    """Log-odds = slope x margin + intercept."""

    slope: float
    intercept: float

    def probability(self, margins: FloatArray) -> FloatArray:
        """P(up) at each margin, as (n,) float64."""
        return sigmoid(self.slope * margins + self.intercept)


class Beta(NamedTuple):
    """Log-odds = a ln(s) - b ln(1 - s) + c, where s = 1 / (1 + exp(-margin)).

    ``a`` rules margins below 0, ``b`` those above; neither is negative.
    """

    a: float
    b: float
    c: float

    def probability(self, margins: FloatArray) -> FloatArray:
        """P(up) at each margin, as (n,) float64."""
        below, above = _sides(margins)
        return sigmoid(self.a * below + self.b * above + self.c)


Curve: TypeAlias = Logistic | Beta


def platt(margins: FloatArray, outcomes: FloatArray, weights: FloatArray) -> Logistic:
    """Weighted logistic curve; slope 0 where it would fall.

    Parameters
    ----------
    margins, outcomes, weights : (n,) float64
        Finite; outcomes 0 or 1; weights above 0.

    Examples
    --------
    >>> ones = np.ones(4)
    >>> fitted = platt(np.array([-1.0, -1.0, 1.0, 1.0]), np.array([0.0, 0, 1, 1]), ones)
    >>> round(fitted.slope, 3), round(abs(fitted.intercept), 3)
    (1.099, 0.0)
    """
    targets = _smoothed(outcomes, weights)
    if float(margins.std()) > np.finfo(np.float64).tiny:
        (slope,), level = _fitted(margins[:, None], targets, weights)
        if slope > 0.0:
            return Logistic(slope, level)
    return Logistic(0.0, _base_rate(targets, weights))


def beta(margins: FloatArray, outcomes: FloatArray, weights: FloatArray) -> Beta:
    """Weighted beta curve that never falls: both sides have a slope of at least 0.

    Parameters
    ----------
    margins, outcomes, weights : (n,) float64
        Log-odds, finite; outcomes 0 or 1; weights above 0.

    Examples
    --------
    >>> margins = np.tile([-2.0, -1.0, 1.0, 2.0], 50)
    >>> outcomes = np.tile([0.0, 1.0, 0.0, 1.0], 50)
    >>> fitted = beta(margins, outcomes, np.ones(200))
    >>> round(fitted.a, 3) == round(fitted.b, 3) > 0.0
    True
    """
    below, above = _sides(margins)
    straight, bent = below + above, above - below
    if not float(bent.std()) > _FLAT:
        slope, level = platt(margins, outcomes, weights)
        return Beta(slope, slope, level)
    targets = _smoothed(outcomes, weights)
    if float(straight.std()) > _FLAT:
        (slope, bend), level = _fitted(np.column_stack([straight, bent]), targets, weights)
        if abs(bend) <= slope:
            return Beta(slope - bend, slope + bend, level)
    # The loss is convex, so the best curve that does not fall has one side flat.
    edges = (_edge(side, targets, weights) for side in (below, above))
    (a, level_a, loss_a), (b, level_b, loss_b) = edges
    return Beta(a, 0.0, level_a) if loss_a <= loss_b else Beta(0.0, b, level_b)


def sigmoid(logit: FloatArray) -> FloatArray:
    """Turn log-odds into probabilities, without overflow on either side."""
    return np.exp(-np.logaddexp(0.0, -logit))


def _sides(margins: FloatArray) -> tuple[FloatArray, FloatArray]:
    """``ln(s)`` and ``-ln(1 - s)``: they add up to the margin."""
    return -np.logaddexp(0.0, -margins), np.logaddexp(0.0, margins)


def _smoothed(outcomes: FloatArray, weights: FloatArray) -> FloatArray:
    ups = float(weights @ outcomes)
    downs = float(weights.sum()) - ups
    return np.where(outcomes == 1.0, (ups + 1.0) / (ups + 2.0), 1.0 / (downs + 2.0))


def _base_rate(targets: FloatArray, weights: FloatArray) -> float:
    rate = float(weights @ targets / weights.sum())
    return float(np.log(rate / (1.0 - rate)))


def _edge(
    side: FloatArray, targets: FloatArray, weights: FloatArray
) -> tuple[float, float, float]:
    """Slope on one side, level and loss, the slope being at least 0."""
    slope, level = 0.0, _base_rate(targets, weights)
    if float(side.std()) > _FLAT:
        (free,), at = _fitted(side[:, None], targets, weights)
        if free > 0.0:
            slope, level = free, at
    return slope, level, _loss(slope * side + level, targets, weights)


def _fitted(
    columns: FloatArray, targets: FloatArray, weights: FloatArray
) -> tuple[list[float], float]:
    """Coefficient of each column, and the intercept."""
    centre, spread = columns.mean(axis=0), columns.std(axis=0)
    at = _newton((columns - centre) / spread, targets, weights)
    slopes: FloatArray = at[:-1] / spread
    return slopes.tolist(), float(at[-1] - slopes @ centre)


def _newton(columns: FloatArray, targets: FloatArray, weights: FloatArray) -> FloatArray:
    design = np.column_stack([columns, np.ones(len(columns))])
    at = np.zeros(design.shape[1])
    ridge = RIDGE * weights.sum() * np.eye(at.size)
    for _ in range(MAX_NEWTON_STEPS):
        p = sigmoid(design @ at)
        gradient = design.T @ (weights * (p - targets))
        if np.abs(gradient).max() <= GRADIENT_TOLERANCE * weights.sum():
            break
        curvature = design.T @ (design * (weights * p * (1.0 - p))[:, None])
        step = cast("FloatArray", np.linalg.solve(curvature + ridge, gradient))
        there = _damped(design, targets, weights, at, step)
        if np.array_equal(there, at):
            break
        at = there
    return at


def _damped(
    design: FloatArray,
    targets: FloatArray,
    weights: FloatArray,
    at: FloatArray,
    step: FloatArray,
) -> FloatArray:
    """Go the longest of step, step/2, step/4 ... that does not raise the loss."""
    here = _loss(design @ at, targets, weights) * (1.0 + ROUNDING)
    for halving in range(MAX_HALVINGS):
        there = at - step * 0.5**halving
        if _loss(design @ there, targets, weights) <= here:
            return there
    return at


def _loss(logit: FloatArray, targets: FloatArray, weights: FloatArray) -> float:
    return float(weights @ (np.logaddexp(0.0, logit) - targets * logit))
