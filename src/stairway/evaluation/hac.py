"""Standard errors that survive serial correlation.

Labels overlap and volatility clusters, so neighbouring bars are not independent and the
textbook error of a mean is too small. Two corrections, in this order:

1. the long-run variance with Bartlett weights up to a stated lag (Newey and West 1987);
2. critical values that know how many lags were spent on it ("fixed-b", Kiefer and
   Vogelsang 2005), because with few effective samples a normal quantile is too bold.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.evaluation.significance.autocovariance import autocovariances
from stairway.evaluation.significance.sample import require_level

_FEW_LAGS = 512
"""Up to here one product for each lag is about as quick as a Fourier transform."""

_FIXED_B_SLOPE = 0.80
"""Simulated critical values grow as ``z (1 + slope z b)``, b the share of bars spent on lags:
within 4 % of it for levels from 0.8 to 0.98 and b up to 0.5."""


def newey_west_lags(n: int) -> int:
    """Lag of the Bartlett window where nothing is known of the dependence.

    Examples
    --------
    >>> newey_west_lags(100), newey_west_lags(2000)
    (4, 7)
    """
    return int(4.0 * (n / 100.0) ** (2.0 / 9.0)) if n > 0 else 0


def standard_error_of_sum(influence: FloatArray, lags: int) -> float:
    """Estimate the standard error of a sum of serially correlated terms.

    Parameters
    ----------
    influence : (n_bars,) float64
        One term for each bar, in time order, zero where a bar has none, so that a lag
        is a distance in time. Of mean zero: the caller centres them.
    lags
        Greatest distance, in bars, at which two terms may still be related.

    Examples
    --------
    >>> import numpy as np
    >>> bool(abs(standard_error_of_sum(np.array([1.0, -1.0, 1.0, -1.0]), 0) - 2.0) < 1e-12)
    True
    """
    most = min(lags, influence.size - 1)
    if most > _FEW_LAGS:
        return math.sqrt(max(_in_one_transform(influence, most, lags), 0.0))
    total = float(influence @ influence)
    for lag in range(1, most + 1):
        weight = 1.0 - lag / (lags + 1.0)
        total += 2.0 * weight * float(influence[lag:] @ influence[:-lag])
    return math.sqrt(max(total, 0.0))


def _in_one_transform(influence: FloatArray, most: int, lags: int) -> float:
    """Sum the weighted products of all lags, in n log n however many they are."""
    products = autocovariances(influence, most) * influence.size
    weights = 1.0 - np.arange(1, most + 1) / (lags + 1.0)
    return float(products[0] + 2.0 * (weights @ products[1:]))


def fewest_bars(lags: int) -> int:
    """Bars below which terms related over so many lags have no standard error at all.

    Examples
    --------
    >>> fewest_bars(10)
    12
    """
    return lags + 2


def critical_value(level: float, n_bars: int, lags: int) -> float:
    """Two-sided critical value at confidence ``level`` for a Bartlett standard error.

    Never below the normal one; infinite where there are fewer bars than
    :func:`fewest_bars`.

    Raises
    ------
    DataError
        If ``level`` lies outside (0, 1).

    Examples
    --------
    >>> round(critical_value(0.95, 10_000, 0), 2), critical_value(0.95, 10, 10)
    (1.96, inf)
    >>> round(critical_value(0.95, 200, 19), 2)
    2.27
    """
    require_level(level)
    if not n_bars >= fewest_bars(lags):
        return math.inf
    z = NormalDist().inv_cdf(0.5 + level / 2.0)
    return z * (1.0 + _FIXED_B_SLOPE * z * (lags + 1) / n_bars)
