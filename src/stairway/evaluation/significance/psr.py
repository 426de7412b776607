"""Probability that the true Sharpe ratio exceeds a stated one (Bailey and Lopez de Prado).

``PSR = Phi((SR - SR*) sqrt(T - 1) / sqrt(1 - g3 SR + (g4 - 1) / 4 SR^2))``, everything per
bar, g4 being the raw kurtosis. Skew to the left and fat tails make a ratio less sure than
its size suggests. Bars are taken as independent; :func:`stairway.evaluation.sharpe.sharpe`
has the interval that serial correlation cannot flatter.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray
from stairway.evaluation.moments import Moments, Undefined, moments
from stairway.evaluation.significance.sample import Unmeasured, series, too_few

FEWEST_BARS = 30
"""With fewer returns their skew and kurtosis say nothing."""

_NONE = 1e-12


class Shape(msgspec.Struct, frozen=True):
    """A Sharpe ratio and what decides how sure it is.

    Attributes
    ----------
    n_bars
        Returns it rests on.
    per_bar
        Mean over deviation (``ddof = 1``).
    skew, kurtosis
        Third and fourth standardised moment; a normal distribution has 0 and 3.
    """

    n_bars: int
    per_bar: float
    skew: float
    kurtosis: float

    @property
    def noise(self) -> float:
        """Variance of the estimated ratio, times the number of bars less one."""
        return 1.0 - self.skew * self.per_bar + (self.kurtosis - 1.0) / 4.0 * self.per_bar**2


class Psr(msgspec.Struct, frozen=True):
    """How likely the true ratio lies above ``benchmark_per_bar``."""

    shape: Shape
    benchmark_per_bar: float
    probability: float


def shape_of(returns: FloatArray) -> Shape | Unmeasured:
    """Measure a Sharpe ratio per bar, with the skew and kurtosis of its returns.

    Parameters
    ----------
    returns : (n_bars,) float64
        After costs, bars without a position included.

    Raises
    ------
    DataError
        If a return is not finite; the message names its row.
    """
    returns = series(returns, "returns")
    if returns.size < FEWEST_BARS:
        return too_few("returns", int(returns.size), FEWEST_BARS)
    found = moments(returns)
    if isinstance(found, Undefined):
        return found
    skew, kurtosis = _third_and_fourth(returns, found)
    shape = Shape(int(returns.size), found.ratio(0.0), skew, kurtosis)
    # Nil where returns take two values and every estimate of the ratio is equally far out.
    if not shape.noise > _NONE:
        return Undefined("the returns take two values only, so their ratio has no error")
    return shape


def probabilistic_sharpe(returns: FloatArray, benchmark_per_bar: float) -> Psr | Unmeasured:
    """Probability that the true Sharpe ratio per bar exceeds ``benchmark_per_bar``.

    Parameters
    ----------
    returns
        See :func:`shape_of`.
    benchmark_per_bar
        Per bar, like the ratio itself: an annual one divided by ``sqrt(P)``.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> found = probabilistic_sharpe(rng.normal(0.001, 0.01, 500), 0.0)
    >>> round(found.shape.per_bar, 3), round(found.probability, 3)
    (0.072, 0.945)
    >>> probabilistic_sharpe(np.zeros(500), 0.0)
    Undefined(reason='the 500 returns are constant')
    >>> probabilistic_sharpe(np.zeros(12), 0.0).findings[0].detail
    '12 of 30 returns needed'
    """
    shape = shape_of(returns)
    if not isinstance(shape, Shape):
        return shape
    return above(shape, benchmark_per_bar)


def above(shape: Shape, benchmark_per_bar: float) -> Psr | Undefined:
    """Answer :func:`probabilistic_sharpe` from what was measured before.

    Examples
    --------
    >>> above(Shape(n_bars=101, per_bar=0.1, skew=0.0, kurtosis=3.0), 0.1).probability
    0.5
    """
    if not math.isfinite(benchmark_per_bar):
        return Undefined(f"a benchmark of {benchmark_per_bar} per bar")
    lead = (shape.per_bar - benchmark_per_bar) * math.sqrt(shape.n_bars - 1)
    probability = NormalDist().cdf(lead / math.sqrt(shape.noise))
    return Psr(shape, benchmark_per_bar, probability)


def _third_and_fourth(returns: FloatArray, found: Moments) -> tuple[float, float]:
    unit = (returns - found.mean) / found.deviation
    square = unit * unit
    spread = float(np.mean(square))
    skew = float(np.mean(square * unit)) / spread**1.5
    return skew, float(np.mean(square * square)) / spread**2
