"""Chance as the data itself shows it: resamples that keep neighbours together.

A stationary bootstrap (Politis and Romano 1994) puts together blocks of random place and
length, so that what depends on its neighbours still does. How long the blocks must be is
measured (:mod:`.block_length`) unless it is stated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, TypeAlias

import msgspec
import numpy as np
from msgspec import Meta

from stairway.base.arrays import FloatArray
from stairway.base.config import Config
from stairway.base.errors import DataError
from stairway.evaluation.moments import Undefined, moments
from stairway.evaluation.significance.block_length import FEWEST_ROWS, longest_block
from stairway.evaluation.significance.kernels import stationary_means, stationary_rows
from stairway.evaluation.significance.sample import (
    Unmeasured,
    require_level,
    series,
    too_few,
)

_FEWEST_BLOCKS = 5

Statistic: TypeAlias = Callable[[FloatArray], float]


class Resampling(Config, frozen=True, kw_only=True):
    """How chance is imitated.

    Attributes
    ----------
    n_resamples
        Resamples; the smallest probability that can be found is one over this plus one.
    block_rows
        Mean length of a block, or ``None`` to measure what the data needs.
    """

    n_resamples: Annotated[int, Meta(ge=99, le=10**6)]
    block_rows: Annotated[float, Meta(ge=1.0, le=1e9)] | None


class Interval(msgspec.Struct, frozen=True):
    """A statistic and where it falls when the sample is drawn anew.

    Attributes
    ----------
    estimate
        On the sample itself.
    standard_error
        Deviation over the resamples.
    low, high
        Percentiles of the resamples.
    block_rows
        Mean block length that was used.
    """

    estimate: float
    standard_error: float
    low: float
    high: float
    block_rows: float


def interval(
    values: FloatArray,
    statistic: Statistic,
    level: float,
    resampling: Resampling,
    rng: np.random.Generator,
) -> Interval | Unmeasured:
    """Two-sided interval of any statistic of a series, by stationary bootstrap.

    Parameters
    ----------
    values : (n,) float64
        In time order.
    statistic
        A number for an (n,) array.
    level
        Such as 0.95.

    Raises
    ------
    DataError
        If a value is not finite (the message names its row), or there are too few
        resamples for percentiles of that level.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> rules = Resampling(n_resamples=999, block_rows=None)
    >>> found = interval(rng.normal(0.1, 1.0, 400), np.mean, 0.95, rules, rng)
    >>> found.low < found.estimate < found.high, round(found.standard_error, 2)
    (True, 0.04)
    """
    values = series(values, "values")
    require_level(level)
    tail = (1.0 - level) / 2.0
    if not tail * (resampling.n_resamples + 1) >= 1.0:
        msg = (
            f"{resampling.n_resamples} resamples have no interval at {level:g}; "
            f"give {math.ceil(1.0 / tail)}"
        )
        raise DataError(msg)
    block = block_for(values[:, None], resampling)
    if isinstance(block, Unmeasured):
        return block
    varies = moments(values)
    if isinstance(varies, Undefined):
        return varies
    drawn = np.empty(resampling.n_resamples)
    for i in range(drawn.size):
        drawn[i] = statistic(values[stationary_rows(values.size, block, rng)])
    estimate = float(statistic(values))
    if not (math.isfinite(estimate) and bool(np.isfinite(drawn).all())):
        return Undefined("the statistic is not finite on the sample or on one of its resamples")
    low, high, error = _spread(drawn, tail)
    if not math.isfinite(error):
        return Undefined("the deviation over the resamples is larger than any number")
    return Interval(estimate, error, low, high, block)


def _spread(drawn: FloatArray, tail: float) -> tuple[float, float, float]:
    """Two percentiles and the deviation; no square of them is too large or small a number."""
    # A power of two scales without rounding, so usual numbers come out as they would have.
    _, exponent = math.frexp(float(np.abs(drawn).max()))
    scaled = np.ldexp(drawn, -exponent)
    low, high = np.quantile(scaled, [tail, 1.0 - tail])
    with np.errstate(over="ignore"):  # a deviation may be larger than each of its values
        found = np.ldexp([low, high, scaled.std(ddof=1)], exponent)
    return float(found[0]), float(found[1]), float(found[2])


def resampled_means(
    table: FloatArray, block_rows: float, n_resamples: int, rng: np.random.Generator
) -> FloatArray:
    """Column means of stationary resamples; all columns share the rows drawn.

    Parameters
    ----------
    table : (n, k) float64

    Returns
    -------
    (n_resamples, k) float64

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> drawn = resampled_means(rng.standard_normal((400, 2)), 1.0, 2_000, rng)
    >>> drawn.shape, drawn.std(axis=0).round(2)
    ((2000, 2), array([0.05, 0.05]))
    """
    centre = table.mean(axis=0)
    # Running sums of centred columns stay small, and so does what their rounding loses.
    sums = np.concatenate([np.zeros((1, table.shape[1])), np.cumsum(table - centre, axis=0)])
    return centre + stationary_means(sums, block_rows, n_resamples, rng)


def block_for(table: FloatArray, resampling: Resampling) -> float | Unmeasured:
    """Mean block length for a table: the stated one, or the longest that a column needs."""
    n = int(table.shape[0])
    if n < FEWEST_ROWS:
        return too_few("rows", n, FEWEST_ROWS)
    stated = resampling.block_rows
    found = longest_block(table) if stated is None else float(stated)
    if isinstance(found, Unmeasured) or n >= _FEWEST_BLOCKS * found:
        return found
    return too_few("rows", n, math.ceil(_FEWEST_BLOCKS * found))
