"""Mean and standard deviation of returns, or the reason why there is no ratio of them.

The mean is taken first and the squares about it second, so nothing cancels; both passes
are fast enough for millions of bars.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray
from stairway.evaluation.finite import one_row
from stairway.evaluation.kernels import squares_about

_FEWEST_BARS = 3
_CONSTANT = 1e-12
_TINY, _HUGE = 1e-140, 1e140


class Undefined(msgspec.Struct, frozen=True):
    """There is no number, and why. Constant returns have none, rather than an infinite one."""

    reason: str


class Moments(msgspec.Struct, frozen=True):
    """What a Sharpe ratio is made of.

    Attributes
    ----------
    mean, deviation
        Per bar; the deviation with ``ddof = 1``, and above 0.
    """

    mean: float
    deviation: float

    def ratio(self, risk_free_per_bar: float) -> float:
        """Sharpe ratio per bar."""
        return (self.mean - risk_free_per_bar) / self.deviation


def moments(returns: FloatArray) -> Moments | Undefined:
    """Mean and deviation of returns, or why they make no ratio.

    Parameters
    ----------
    returns : (n_bars,) float64
        A value that is not finite makes the answer undefined.

    Raises
    ------
    DataError
        If they are no numbers, or not one for each bar.

    Examples
    --------
    >>> moments(np.array([0.01, 0.03, 0.02]))
    Moments(mean=0.02, deviation=0.01)
    >>> moments(np.full(5, 0.01))
    Undefined(reason='the 5 returns are constant')
    """
    returns = one_row(returns, "returns")
    n = returns.size
    if n < _FEWEST_BARS:
        return Undefined(f"{n} returns; at least {_FEWEST_BARS} are needed")
    finite = np.isfinite(returns)
    if not bool(finite.all()):
        return Undefined(f"return {int(np.flatnonzero(~finite)[0])} is not finite")
    mean, deviation = _plain(returns)
    # Rounding alone gives a constant series a tiny deviation, and so a huge ratio. A return
    # is at most the mean and sqrt(n) deviations, which settles it without another pass.
    varies = deviation > 2.0 * _CONSTANT * (abs(mean) + deviation * math.sqrt(n))
    if varies and _TINY < deviation < _HUGE:
        return Moments(mean, deviation)
    return _scaled(returns)


def _plain(returns: FloatArray) -> tuple[float, float]:
    with np.errstate(over="ignore"):  # returns beyond 1e140 are scaled below
        mean = float(np.mean(returns))
    return mean, math.sqrt(squares_about(returns, mean) / (returns.size - 1))


def _scaled(returns: FloatArray) -> Moments | Undefined:
    """Bring the largest return to the size of one, exactly: tiny squares lose their digits."""
    exponent = math.frexp(float(np.max(np.abs(returns))))[1]
    mean, deviation = _plain(np.ldexp(returns, -exponent))
    if not deviation > _CONSTANT:
        return Undefined(f"the {returns.size} returns are constant")
    return Moments(math.ldexp(mean, exponent), math.ldexp(deviation, exponent))
