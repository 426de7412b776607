"""Sharpe ratio deflated by how many were tried (Bailey and Lopez de Prado 2014).

The best of many trials looks good without any skill. So the ratio is held against what
the best of N trials without skill is expected to show,
``SR* = sqrt(V) ((1 - g) z(1 - 1/N) + g z(1 - 1/(N e)))``, with g = 0.5772 and V the variance
of the trials' ratios, all per bar. N is counted by the registry: a count that is typed in
is a count that is forgotten.
"""

from __future__ import annotations

import math
from numbers import Integral
from statistics import NormalDist

import msgspec

from stairway.base.arrays import FloatArray
from stairway.base.errors import DataError
from stairway.evaluation.moments import Undefined
from stairway.evaluation.significance.psr import Psr, Shape, above, shape_of
from stairway.evaluation.significance.sample import Unmeasured

_EULER = 0.5772156649015329


class Trials(msgspec.Struct, frozen=True):
    """What was tried before one was chosen, as the registry counted it.

    Attributes
    ----------
    n
        Trials, the chosen one and every abandoned one included; at least 1.
    sharpe_variance
        Variance over the trials of their Sharpe ratios *per bar*. Where ratios were not
        kept, :func:`chance_variance` is what trials without skill show.
    """

    n: int
    sharpe_variance: float

    def __post_init__(self) -> None:
        _require_trials(self.n)
        if not (math.isfinite(self.sharpe_variance) and self.sharpe_variance >= 0.0):
            msg = f"trials cannot have a variance of {self.sharpe_variance}; 0 is the least"
            raise DataError(msg)


class Deflated(msgspec.Struct, frozen=True):
    """A Sharpe ratio beside what the best of so many tries shows by chance.

    Attributes
    ----------
    trials
        As counted.
    psr
        Its ``benchmark_per_bar`` is what chance alone is expected to show.
    probability
        That the true ratio exceeds it: the deflated Sharpe ratio.
    """

    trials: Trials
    psr: Psr
    probability: float


def expected_best(n_trials: int) -> float:
    """Return the expected highest of ``n_trials`` independent standard normal numbers.

    The formula of the definition; 0 for one trial, where nothing was chosen.

    Examples
    --------
    >>> expected_best(1), round(expected_best(100), 2)
    (0.0, 2.53)
    """
    _require_trials(n_trials)
    if n_trials == 1:
        return 0.0
    # By symmetry from the lower tail, where small probabilities keep their digits.
    quantile = NormalDist().inv_cdf
    return -(
        (1.0 - _EULER) * quantile(1.0 / n_trials) + _EULER * quantile(1.0 / (n_trials * math.e))
    )


def chance_variance(n_bars: int) -> float:
    """Variance of the Sharpe ratio per bar of trials without skill, each ``n_bars`` long.

    Examples
    --------
    >>> chance_variance(101)
    0.01
    """
    if not n_bars > 1:
        msg = f"trials of {n_bars} bars have no ratio; at least 2 are needed"
        raise DataError(msg)
    return 1.0 / (n_bars - 1)


def deflated_sharpe(returns: FloatArray, trials: Trials) -> Deflated | Unmeasured:
    """Probability that a ratio is more than the luck of the best of N trials.

    Parameters
    ----------
    returns : (n_bars,) float64
        Of the trial that was chosen, after costs.
    trials
        As counted; there is no default.

    Raises
    ------
    DataError
        If a return is not finite; the message names its row.

    Examples
    --------
    >>> import numpy as np
    >>> returns = np.random.default_rng(3).normal(0.001, 0.01, 1_000)
    >>> alone = deflated_sharpe(returns, Trials(1, chance_variance(1_000)))
    >>> best = deflated_sharpe(returns, Trials(200, chance_variance(1_000)))
    >>> round(alone.probability, 2), round(best.probability, 2)
    (1.0, 0.94)
    """
    shape = shape_of(returns)
    return deflated_of(shape, trials) if isinstance(shape, Shape) else shape


def deflated_of(shape: Shape, trials: Trials) -> Deflated | Undefined:
    """Answer :func:`deflated_sharpe` from what was measured before, for another count.

    Examples
    --------
    >>> shape = Shape(n_bars=1_001, per_bar=0.1, skew=0.0, kurtosis=3.0)
    >>> [round(deflated_of(shape, Trials(n, 0.001)).probability, 3) for n in (1, 100)]
    [0.999, 0.736]
    """
    chance = math.sqrt(trials.sharpe_variance) * expected_best(trials.n)
    found = above(shape, chance)
    return Deflated(trials, found, found.probability) if isinstance(found, Psr) else found


def _require_trials(n: int) -> None:
    # NaN and fractions are no counts, and nothing can be said of the best of them.
    if not (isinstance(n, Integral) and n >= 1):
        msg = f"{n} trials; the one that is judged counts too, so a whole number, at least 1"
        raise DataError(msg)
