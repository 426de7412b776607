"""How long the blocks of a bootstrap must be, from the data (Politis and White 2004).

1. The lag from which on five correlations in a row lie within two standard errors of 0.
2. Twice that lag is the width of a flat-topped window over the autocovariances.
3. The window gives long-run variance and its slope, and those the length that makes the
   bootstrap's error smallest, as corrected by Patton, Politis and White (2009).
"""

from __future__ import annotations

import math

import numpy as np

from stairway.base.arrays import BoolArray, FloatArray
from stairway.evaluation.moments import Undefined, moments
from stairway.evaluation.significance.autocovariance import autocovariances
from stairway.evaluation.significance.sample import (
    Unmeasured,
    series,
    table,
    too_few,
)

FEWEST_ROWS = 30
"""With fewer no correlation can be told from nothing."""


def block_length(values: FloatArray) -> float | Unmeasured:
    """Mean block length, in rows, that suits a stationary bootstrap of one series.

    Parameters
    ----------
    values : (n,) float64
        In time order.

    Returns
    -------
    float
        At least 1, at most ``3 sqrt(n)`` and a third of n.

    Raises
    ------
    DataError
        If a value is not finite; the message names its row.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal(2_000)
    >>> smooth = np.convolve(noise, np.ones(10), "valid")
    >>> round(block_length(noise), 1), round(block_length(smooth), 1)
    (1.0, 29.4)
    """
    values = series(values, "values")
    n = int(values.size)
    if n < FEWEST_ROWS:
        return too_few("rows", n, FEWEST_ROWS)
    found = moments(values)
    if isinstance(found, Undefined):
        return found
    unit = (values - found.mean) / found.deviation
    run = max(5, int(math.log10(n)))
    covariances = autocovariances(unit, math.ceil(math.sqrt(n)) + run)
    width = _window(np.abs(_correlations(unit, covariances)), run, n)
    lags = np.arange(1, width + 1)
    taper = np.minimum(1.0, 2.0 * (1.0 - lags / width))
    weighted = 2.0 * taper * covariances[1 : width + 1]
    slope, variance = float(weighted @ lags), float(covariances[0] + weighted.sum())
    longest = math.ceil(min(3.0 * math.sqrt(n), n / 3.0))
    if variance == 0.0:
        return float(longest)
    return max(1.0, min(((slope / variance) ** 2 * n) ** (1.0 / 3.0), float(longest)))


def longest_block(values: FloatArray) -> float | Unmeasured:
    """Return the longest of the columns' block lengths; constant columns have no say.

    Parameters
    ----------
    values : (n, k) float64
    """
    values = table(values, "values")
    found = [block_length(column) for column in np.ascontiguousarray(values.T)]
    lengths = [one for one in found if isinstance(one, float)]
    if lengths or not found:
        return max(lengths) if lengths else Undefined("there is no column")
    return found[0]


def _correlations(unit: FloatArray, covariances: FloatArray) -> FloatArray:
    """Correlation of what two values have in common, at each lag, without the ends."""
    lags = np.arange(covariances.size)
    squares = np.cumsum(unit * unit)
    head, tail = squares[unit.size - 2 - lags], squares[-1] - squares[lags]
    return covariances * unit.size / np.sqrt(head * tail)


def _window(correlations: FloatArray, run: int, n: int) -> int:
    """Twice the lag before the first ``run`` correlations in a row that are as good as 0."""
    band = 2.0 * math.sqrt(math.log10(n) / n)
    quiet: BoolArray = correlations < band
    most = correlations.size - 1
    for first in range(most - run + 1):
        if bool(quiet[first : first + run].all()):
            return min(2 * max(first, 1), most)
    return most
