"""Whether the best of many beats the benchmark, or was the luckiest (Hansen 2005).

1. A candidate's lead at a row is the benchmark's loss less its own.
2. The statistic is the greatest studentised mean lead, and at least 0.
3. Its distribution where nobody leads comes from stationary resamples of the leads, each
   column recentred. Those far behind keep their distance ("consistent"), so that adding
   hopeless candidates cannot hide a good one.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from stairway.base.arrays import BoolArray, FloatArray
from stairway.base.errors import DataError
from stairway.evaluation.moments import Undefined, moments
from stairway.evaluation.significance.autocovariance import autocovariances
from stairway.evaluation.significance.bootstrap import Resampling, block_for, resampled_means
from stairway.evaluation.significance.sample import Unmeasured, series, table


class Superiority(msgspec.Struct, frozen=True):
    """Whether somebody is better than the benchmark.

    Attributes
    ----------
    best
        Column with the greatest studentised lead.
    statistic
        That lead in standard errors, and at least 0.
    p_lower, p_consistent, p_upper
        Probability of a statistic as great where nobody leads: a bound from below, the
        answer, and a bound from above, at which every candidate counts as an equal.
    block_rows
        Mean block length that was used.
    """

    best: int
    statistic: float
    p_lower: float
    p_consistent: float
    p_upper: float
    block_rows: float


def superior_ability(
    benchmark_losses: FloatArray,
    losses: FloatArray,
    resampling: Resampling,
    rng: np.random.Generator,
) -> Superiority | Unmeasured:
    """Test that no candidate has a lower expected loss than the benchmark.

    Parameters
    ----------
    benchmark_losses : (n,) float64
        Of the champion or the static baseline: squared errors, or returns with the sign
        turned round.
    losses : (n, k) float64
        Of *every* candidate that was tried, at the same rows.

    Raises
    ------
    DataError
        If a loss is not finite (the message names its row), or the shapes do not fit.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> champion, others = rng.standard_normal(500), rng.standard_normal((500, 20))
    >>> rules = Resampling(n_resamples=999, block_rows=None)
    >>> superior_ability(champion, others, rules, rng).p_consistent > 0.05
    True
    >>> others[:, 7] -= 0.3
    >>> found = superior_ability(champion, others, rules, rng)
    >>> found.best, found.p_consistent < 0.05
    (7, True)
    """
    leads = _leads(benchmark_losses, losses)
    block = block_for(leads, resampling)
    if isinstance(block, Unmeasured):
        return block
    error, lead = standard_errors(leads, block), leads.mean(axis=0)
    untestable = _untestable(leads, error)
    if untestable is not None:
        return untestable
    statistic = max(0.0, float(np.max(lead / error)))
    drawn = resampled_means(leads, block, resampling.n_resamples, rng)
    # Behind by more than the law of the iterated logarithm allows an equal to be.
    n = leads.shape[0]
    equal: BoolArray = lead >= -error * math.sqrt(2.0 * math.log(math.log(n)))
    centres = (np.maximum(lead, 0.0), np.where(equal, lead, 0.0), lead)
    lower, consistent, upper = (_share(drawn, one, error, statistic) for one in centres)
    best = int(np.argmax(lead / error))
    return Superiority(best, statistic, lower, consistent, upper, block)


def standard_errors(values: FloatArray, block_rows: float) -> FloatArray:
    """Give the standard error of each column's mean over stationary resamples, in closed form.

    Parameters
    ----------
    values : (n, k) float64

    Returns
    -------
    (k,) float64

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal((400, 1))
    >>> standard_errors(noise, 1.0).round(2)
    array([0.05])
    """
    n = values.shape[0]
    lags, stay = np.arange(1.0, n), 1.0 - 1.0 / block_rows
    weights: FloatArray = (1.0 - lags / n) * stay**lags + lags / n * stay ** (n - lags)
    variances: list[float] = []
    for column in np.ascontiguousarray(values.T):
        products = autocovariances(column - column.mean(), n - 1)
        variances.append(float(products[0] + 2.0 * (weights @ products[1:])))
    return np.sqrt(np.maximum(np.array(variances), 0.0) / n)


def _leads(benchmark_losses: FloatArray, losses: FloatArray) -> FloatArray:
    benchmark_losses = series(benchmark_losses, "losses of the benchmark")
    losses = np.ascontiguousarray(table(losses, "losses"))
    if losses.shape[0] != benchmark_losses.size or losses.shape[1] < 1:
        msg = (
            f"losses of shape {losses.shape} beside {benchmark_losses.size} of the benchmark: "
            f"give the same rows, and a column for each candidate"
        )
        raise DataError(msg)
    return benchmark_losses[:, None] - losses


def _untestable(leads: FloatArray, error: FloatArray) -> Undefined | None:
    for column, lead in enumerate(np.ascontiguousarray(leads.T)):
        if isinstance(moments(lead), Undefined) or not error[column] > 0.0:
            return Undefined(
                f"candidate {column} differs from the benchmark by the same at every row: "
                f"there is nothing to test; leave it out"
            )
    return None


def _share(drawn: FloatArray, centre: FloatArray, error: FloatArray, statistic: float) -> float:
    greatest = np.maximum(np.max((drawn - centre) / error, axis=1), 0.0)
    return float((1 + np.sum(greatest >= statistic)) / (1 + greatest.size))
