"""Which models cannot be told from the best (Hansen, Lunde and Nason 2011).

1. Each model's loss is compared with the mean of those still in the set, studentised by
   its own resamples.
2. The greatest is the statistic; if it is greater than chance allows, that model leaves.
3. This goes on until one is left. A model's p-value is the greatest met until it left, and
   the set holds those whose p-value exceeds ``1 - level``.
"""

from __future__ import annotations

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.verdict import Inconclusive
from stairway.evaluation.moments import Undefined, moments
from stairway.evaluation.significance.bootstrap import Resampling, block_for, resampled_means
from stairway.evaluation.significance.sample import (
    Unmeasured,
    require_level,
    table,
    too_few,
)

_FEWEST_MODELS = 2
_ROUNDING = 1e-12


class ConfidenceSet(msgspec.Struct, frozen=True):
    """Models that hold the best with the confidence asked for.

    Attributes
    ----------
    level
        Confidence.
    members
        Columns in the set, in order; never none.
    p_values
        One for each column; the best has 1.
    block_rows
        Mean block length that was used.
    """

    level: float
    members: tuple[int, ...]
    p_values: tuple[float, ...]
    block_rows: float


def confidence_set(
    losses: FloatArray, level: float, resampling: Resampling, rng: np.random.Generator
) -> ConfidenceSet | Unmeasured:
    """Set of models that contains the best with confidence ``level``.

    Parameters
    ----------
    losses : (n, k) float64
        Of each model at the same rows: squared errors, or returns with the sign turned
        round.
    level
        Such as 0.95.

    Raises
    ------
    DataError
        If a loss is not finite; the message names row and column.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> losses = rng.standard_normal((500, 4)) + np.array([0.0, 0.0, 0.5, 0.0])
    >>> rules = Resampling(n_resamples=999, block_rows=None)
    >>> confidence_set(losses, 0.95, rules, rng).members
    (0, 1, 3)
    """
    # In one order of memory: sums of columns are rounded as they lie, and ties fall by it.
    losses = np.ascontiguousarray(table(losses, "losses"))
    require_level(level)
    if losses.shape[1] < _FEWEST_MODELS:
        return too_few("models", int(losses.shape[1]), _FEWEST_MODELS)
    relative = losses - losses.mean(axis=1, keepdims=True)
    block = block_for(relative, resampling)
    if not isinstance(block, Inconclusive) and _all_alike(losses):
        return Undefined("the models differ by the same at every row: nothing to choose among")
    if isinstance(block, Unmeasured):
        return block
    means = relative.mean(axis=0)
    drawn = resampled_means(relative, block, resampling.n_resamples, rng)
    p_values = eliminate(means, drawn - means)
    members = tuple(k for k, p in enumerate(p_values) if p > 1.0 - level)
    return ConfidenceSet(level, members, p_values, block)


def eliminate(means: FloatArray, errors: FloatArray) -> tuple[float, ...]:
    """P-value of each model, by taking out the worst, one after another.

    Parameters
    ----------
    means : (k,) float64
        Mean losses.
    errors : (n_resamples, k) float64
        Resampled means less these.
    """
    p_values = np.ones(means.size)
    inside, highest = np.arange(means.size), 0.0
    while inside.size > 1:
        t, greatest = _against_the_set(means[inside], errors[:, inside])
        worst = int(np.argmax(t))
        p = float((1 + np.sum(greatest >= t[worst])) / (1 + greatest.size))
        highest = max(highest, p)
        p_values[inside[worst]] = highest
        inside = np.delete(inside, worst)
    return tuple(p_values.tolist())


def _all_alike(losses: FloatArray) -> bool:
    apart = np.ascontiguousarray((losses - losses[:, :1]).T)
    return all(isinstance(moments(column), Undefined) for column in apart)


def _against_the_set(means: FloatArray, errors: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Studentised distance of each from the mean of all, and the greatest by chance."""
    away = means - means.mean()
    by_chance = errors - errors.mean(axis=1, keepdims=True)
    deviation = np.sqrt(np.mean(by_chance**2, axis=0))
    # Models that are equal at every row differ by rounding alone, which is no difference.
    size = _ROUNDING * (np.abs(means).max() + np.abs(errors).max())
    away = np.where(np.abs(away) > size, away, 0.0)
    deviation = np.maximum(deviation, size + np.finfo(np.float64).tiny)
    return away / deviation, np.max(by_chance / deviation, axis=1)
