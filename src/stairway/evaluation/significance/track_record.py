"""How long a record must be before it can mean anything.

MinTRL (Bailey and Lopez de Prado 2012): bars needed for a ratio of this size, skew and
kurtosis to exceed a benchmark with the confidence asked for. MinBTL (Bailey et al. 2014):
years of back-test below which the best of N trials without skill is expected to show the
ratio that was found.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import msgspec

from stairway.base.arrays import FloatArray
from stairway.base.errors import DataError
from stairway.evaluation.moments import Undefined
from stairway.evaluation.significance.deflated import expected_best
from stairway.evaluation.significance.psr import Shape, shape_of
from stairway.evaluation.significance.sample import Unmeasured, require_level

_HALF = 0.5
_LONGEST = 1e18
"""Bars or years beyond which no record is."""


class TrackRecord(msgspec.Struct, frozen=True):
    """Bars there are and bars that are needed.

    Attributes
    ----------
    shape
        Of the returns there are.
    needed_bars
        ``1 + noise (z / (SR - SR*))^2``, not rounded.
    """

    shape: Shape
    needed_bars: float

    @property
    def long_enough(self) -> bool:
        """Whether there are as many bars as are needed."""
        return self.shape.n_bars >= self.needed_bars


def min_track_record(
    returns: FloatArray, benchmark_per_bar: float, level: float
) -> TrackRecord | Unmeasured:
    """Bars needed to say with confidence ``level`` that a ratio exceeds a benchmark.

    Parameters
    ----------
    returns : (n_bars,) float64
        After costs, bars without a position included.
    benchmark_per_bar
        Per bar, like the ratio itself.
    level
        One-sided confidence, such as 0.95; above 0.5, which is a coin.

    Returns
    -------
    TrackRecord or Unmeasured
        Undefined where the benchmark is not finite or is not exceeded.

    Raises
    ------
    DataError
        If a return is not finite; the message names its row. If ``level`` lies outside
        (0.5, 1).

    Examples
    --------
    >>> import numpy as np
    >>> returns = np.random.default_rng(0).normal(0.001, 0.01, 500)
    >>> found = min_track_record(returns, 0.0, 0.95)
    >>> round(found.needed_bars), found.long_enough
    (530, False)
    """
    _require_one_sided(level)
    shape = shape_of(returns)
    if not isinstance(shape, Shape):
        return shape
    if not math.isfinite(benchmark_per_bar):
        return Undefined(
            f"a ratio does not exceed a benchmark of {benchmark_per_bar}, which is no number; "
            "give the ratio per bar that is to be beaten, such as 0"
        )
    lead = shape.per_bar - benchmark_per_bar
    z = NormalDist().inv_cdf(level)
    # Written as a bound on the lead, since the square of a tiny one divides beyond any number.
    if not lead * math.sqrt(_LONGEST) > z * math.sqrt(shape.noise):
        return Undefined(
            f"a ratio of {shape.per_bar:.4g} per bar does not exceed the benchmark of "
            f"{benchmark_per_bar:.4g}: no record is long enough"
        )
    return TrackRecord(shape, 1.0 + shape.noise * (z / lead) ** 2)


def min_backtest_years(n_trials: int, annual_sharpe: float) -> float | Undefined:
    """Years below which the best of N trials shows an annual ratio by luck alone.

    Parameters
    ----------
    n_trials
        As the registry counted them.
    annual_sharpe
        The best one's, above 0.

    Raises
    ------
    DataError
        If ``n_trials`` is no whole number of at least 1.

    Examples
    --------
    Five years without skill, and after 45 trials an annual ratio of 1 is to be expected.

    >>> round(min_backtest_years(45, 1.0), 1)
    5.0
    """
    best = expected_best(n_trials)
    if not (math.isfinite(annual_sharpe) and annual_sharpe > 0.0):
        return Undefined(f"an annual ratio of {annual_sharpe:.4g} needs no luck to explain it")
    if not best < annual_sharpe * math.sqrt(_LONGEST):
        return Undefined(f"an annual ratio of {annual_sharpe:.4g}: no back-test is long enough")
    return (best / annual_sharpe) ** 2


def _require_one_sided(level: float) -> None:
    require_level(level)
    if not level > _HALF:
        msg = (
            f"a one-sided level of confidence lies between 0.5 and 1, such as 0.95; got {level}"
        )
        raise DataError(msg)
