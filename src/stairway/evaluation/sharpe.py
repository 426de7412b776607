"""Sharpe ratio after costs, with an interval that serial correlation cannot flatter.

1. Per bar: mean of the excess return over its standard deviation (ddof = 1).
2. Independent bars: Lo (2002), ``SE = sqrt((1 + SR^2 / 2) / T)``; a year is ``sqrt(P)``.
3. Dependent bars: the standard error of the same estimator by the delta method over
   Newey-West long-run variances, and a year is Lo's
   ``eta(P) = P / sqrt(P + 2 sum_{k<P} (P - k) rho_k)``, with the correlations up to the
   same lag, tapered alike, and at most ``sqrt(P)``.

Gates use the third. P is stated by the caller, never guessed from the data.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TypeAlias

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.errors import DataError
from stairway.evaluation.finite import one_row
from stairway.evaluation.hac import critical_value, newey_west_lags, standard_error_of_sum
from stairway.evaluation.moments import Moments, Undefined, moments
from stairway.evaluation.significance.sample import require_level

_MOST_DEVIATIONS = 1e12
"""Beyond so many deviations from the return without risk, returns are constant beside it."""


class Sharpe(msgspec.Struct, frozen=True):
    """A Sharpe ratio and how sure one may be of it.

    Attributes
    ----------
    n_bars
        Returns it rests on.
    per_bar
        Mean over standard deviation of a bar's excess return.
    annual_iid, low_iid, high_iid
        Annualised as if bars were independent, and its interval.
    annual, low, high
        Annualised for the serial correlation that there is, and its interval.
    """

    n_bars: int
    per_bar: float
    annual_iid: float
    low_iid: float
    high_iid: float
    annual: float
    low: float
    high: float


Measured: TypeAlias = Sharpe | Undefined


def sharpe_ratio(returns: FloatArray, risk_free_per_bar: float = 0.0) -> float | Undefined:
    """Sharpe ratio per bar and nothing else, fast: a number to rank by, not to trust.

    Raises
    ------
    DataError
        If ``risk_free_per_bar`` is not finite.

    Examples
    --------
    >>> sharpe_ratio(np.array([0.01, 0.03, 0.02]))
    2.0
    """
    _require_risk_free(risk_free_per_bar)
    found = moments(returns)
    return found if isinstance(found, Undefined) else _ratio(found, risk_free_per_bar)


def sharpe(
    returns: FloatArray, periods_per_year: float, level: float, risk_free_per_bar: float = 0.0
) -> Measured:
    """Sharpe ratio of a series of simple returns, or the reason why there is none.

    Parameters
    ----------
    returns : (n_bars,) float64
        After costs, one for each bar, bars without a position included. A value that is
        not finite makes the answer undefined.
    periods_per_year
        Bars in a year: 252 for daily equities.
    level
        Confidence of the two-sided intervals, such as 0.95.
    risk_free_per_bar
        What cash earns in a bar, as a fraction; it is taken off each return.

    Raises
    ------
    DataError
        If ``level`` lies outside (0, 1), or ``risk_free_per_bar`` is not finite.

    Examples
    --------
    >>> found = sharpe(np.tile([0.011, -0.009, 0.01, -0.01], 250), 252, 0.95)
    >>> round(found.per_bar, 3), round(found.annual_iid, 2), found.low_iid < 0 < found.high_iid
    (0.05, 0.79, True)
    >>> sharpe(np.zeros(100), 252, 0.95)
    Undefined(reason='the 100 returns are constant')
    """
    require_level(level)
    _require_risk_free(risk_free_per_bar)
    if not (math.isfinite(periods_per_year) and periods_per_year > 0.0):
        return Undefined(f"a year of {periods_per_year} bars")
    returns = one_row(returns, "returns")
    found = moments(returns)
    if isinstance(found, Undefined):
        return found
    ratio = _ratio(found, risk_free_per_bar)
    if isinstance(ratio, Undefined):
        return ratio
    n, lags = returns.size, newey_west_lags(returns.size)
    unit = (returns - found.mean) / found.deviation
    per_year = math.sqrt(periods_per_year)
    iid = NormalDist().inv_cdf(0.5 + level / 2.0) * math.sqrt((1.0 + ratio**2 / 2.0) / n)
    influence = (unit - ratio / 2.0 * (unit**2 - np.mean(unit**2))) / n
    robust = critical_value(level, n, lags) * standard_error_of_sum(influence, lags)
    eta = _eta(unit, periods_per_year, lags)
    return Sharpe(
        n_bars=n,
        per_bar=ratio,
        annual_iid=ratio * per_year,
        low_iid=(ratio - iid) * per_year,
        high_iid=(ratio + iid) * per_year,
        annual=ratio * eta,
        low=(ratio - robust) * eta,
        high=(ratio + robust) * eta,
    )


def _require_risk_free(per_bar: float) -> None:
    if not math.isfinite(per_bar):
        msg = f"a return without risk of {per_bar} a bar; it must be finite, such as 0.0001"
        raise DataError(msg)


def _ratio(found: Moments, risk_free_per_bar: float) -> float | Undefined:
    ratio = found.ratio(risk_free_per_bar)
    if not abs(ratio) <= _MOST_DEVIATIONS:
        return Undefined(f"the returns are constant beside {risk_free_per_bar:g} without risk")
    return ratio


def _eta(unit: FloatArray, periods_per_year: float, lags: int) -> float:
    """Lo's factor from per-bar to annual, with Bartlett-tapered correlations."""
    q, n = periods_per_year, unit.size
    total = q
    for lag in range(1, min(lags, n - 1) + 1):
        if not lag < q:
            break
        rho = float(unit[lag:] @ unit[:-lag]) / (n - 1)
        total += 2.0 * (q - lag) * rho * (1.0 - lag / (lags + 1.0))
    # Returns that swing back may lower a year's risk, but a figure that rests on it is fragile:
    # correlation can take from the ratio here, and never adds to it.
    return q / math.sqrt(max(total, q))
