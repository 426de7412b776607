"""Whether a forecast beats what anybody could have said at the time.

The rival is *causal climatology*: the share of "up" among the outcomes known when the
forecast was made, which is not the share over the whole sample. A rival that knows the
future would refuse good models, and one that knows nothing would pass bad ones.

1. Each bar's gain is the rival's squared error less the forecast's, over both instruments.
2. Skill is the sum of gains over the sum of the rival's errors (Brier skill score).
3. Its interval: delta method, then a long-run standard error in real bar time, since
   labels overlap and the two instruments move together. Where bars are too few for their
   labels there is none, and how many are needed is said instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import msgspec
import numpy as np

from stairway.base.arrays import BoolArray, FloatArray, IntArray
from stairway.base.errors import DataError
from stairway.evaluation.hac import (
    critical_value,
    fewest_bars,
    newey_west_lags,
    standard_error_of_sum,
)
from stairway.evaluation.metrics import one_outcome
from stairway.evaluation.overlap import uniqueness
from stairway.evaluation.significance.sample import require_level

_NO_LABEL = -1
_Count = TypeVar("_Count", float, FloatArray)


@dataclass(frozen=True, slots=True)
class Forecasts:
    """What a model said at each bar, and what then came.

    Attributes
    ----------
    confidence : (n, 2) float64
        P(upper barrier first); NaN where the model gave no answer.
    outcome : (n, 2) int64
        1 or 0, and -1 where there is no label.
    start, end : (n, 2) int64
        Label spans ``[start, end)`` in bars; meaningless where there is no label.
    regime : (n,) str
        Label of the regime at each bar.
    """

    confidence: FloatArray
    outcome: IntArray
    start: IntArray
    end: IntArray
    regime: np.ndarray

    def __post_init__(self) -> None:
        shape = self.confidence.shape
        same = {self.outcome.shape, self.start.shape, self.end.shape, (*self.regime.shape, 2)}
        if not (same == {shape} and len(shape) == 2):  # noqa: PLR2004 - rows and columns
            msg = (
                f"forecasts need columns of one length for two instruments; "
                f"got confidence {shape}, others {sorted(same)}"
            )
            raise DataError(msg)
        said = self.confidence[np.isfinite(self.confidence)]
        if not (
            bool(np.all((said >= 0.0) & (said <= 1.0))) and not np.isinf(self.confidence).any()
        ):
            msg = "a forecast lies outside [0, 1]: that is a contract violation, not evidence"
            raise DataError(msg)
        came = self.outcome
        odd = np.argwhere(~((came == 0) | (came == 1) | (came == _NO_LABEL)))
        if odd.size:
            row, column = odd[0].tolist()
            msg = (
                f"outcome {row} of instrument {column} is {came[row, column]}, neither 0 nor "
                f"1; write {_NO_LABEL} where there is no label"
            )
            raise DataError(msg)

    @property
    def labelled(self) -> BoolArray:
        """(n, 2) bool: where an outcome is known."""
        return self.outcome >= 0

    @property
    def scored(self) -> BoolArray:
        """(n, 2) bool: where there is both a forecast and an outcome."""
        return self.labelled & np.isfinite(self.confidence)

    @property
    def horizon_bars(self) -> int:
        """Longest label span, from the bar of the forecast to the end."""
        if not self.labelled.any():
            return 0
        bars = np.arange(self.end.shape[0], dtype=np.int64)[:, None]
        return int(np.max(np.subtract(self.end, bars)[self.labelled]))


class Skill(msgspec.Struct, frozen=True, omit_defaults=True):
    """Brier skill against causal climatology.

    Attributes
    ----------
    n
        Forecasts scored.
    n_independent
        What they are worth when labels overlap; two instruments at one bar count as one.
    brier, brier_climatology
        Mean squared error of the forecast and of its rival.
    skill
        ``1 - brier / brier_climatology``; at most 1, and 0 for a forecast that adds nothing.
    low, high
        Two-sided interval; ``None`` where there is none.
    n_bars, needed_bars
        Where there is none: bars that were judged, and how many it needs. 0 elsewhere.
    """

    n: int
    n_independent: float
    brier: float
    brier_climatology: float
    skill: float
    low: float | None
    high: float | None
    n_bars: int = 0
    needed_bars: int = 0

    def __post_init__(self) -> None:
        few = self.needed_bars > self.n_bars
        if not (few is (self.low is None) is (self.high is None)):
            msg = "a skill has both ends of its interval, or says how many bars it needs"
            raise DataError(msg)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends, where there are any."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def missing(self) -> str:
        """Say why there is no interval; empty where there is one."""
        if self.interval is not None:
            return ""
        return f"no interval: {self.needed_bars:,} bars are needed, {self.n_bars:,} were judged"


class Unscored(msgspec.Struct, frozen=True):
    """Nothing to judge.

    Attributes
    ----------
    reason
        Why not.
    n
        Forecasts that had both an answer and an outcome, all of them the same; 0 where
        there was none.
    """

    reason: str
    n: int = 0


def climatology(outcome: IntArray, end: IntArray, prior_n: float) -> FloatArray:
    """Share of "up" among the outcomes known at the close of each bar.

    Parameters
    ----------
    outcome, end : (n, 2) int64
        As in :class:`Forecasts`. An outcome is known at the close of bar ``end - 1``.
    prior_n
        Imagined outcomes, half of them up, so that the first answers are not 0 or 1.

    Returns
    -------
    (n,) float64
        In (0, 1), the same for both instruments.

    Examples
    --------
    The first outcome becomes known at the close of bar 1.

    >>> outcome, end = np.array([[1, -1], [1, -1], [0, -1]]), np.array([[2, 0], [3, 0], [4, 0]])
    >>> climatology(outcome, end, 1.0)
    array([0.5       , 0.75      , 0.83333333])
    """
    n_bars = outcome.shape[0]
    ups, known = np.zeros(n_bars), np.zeros(n_bars)
    there = outcome >= 0
    at, up = end[there] - 1, outcome[there].astype(np.float64)
    inside = (at >= 0) & (at < n_bars)
    np.add.at(known, at[inside], 1.0)
    np.add.at(ups, at[inside], up[inside])
    return share_up(np.cumsum(known), np.cumsum(ups), prior_n)


def share_up(known: _Count, ups: _Count, prior_n: float) -> _Count:
    """Share of "up" among ``known`` outcomes and ``prior_n`` imagined ones, half of them up.

    Examples
    --------
    >>> share_up(8.0, 6.0, 2.0)
    0.7
    """
    return (prior_n / 2.0 + ups) / (prior_n + known)


def brier_skill(
    forecasts: Forecasts, rows: BoolArray, prior_n: float, level: float
) -> Skill | Unscored:
    """Skill over the bars in ``rows``, with its interval.

    Parameters
    ----------
    rows : (n,) bool
        Bars to judge, such as those of one regime. Climatology learns from all bars.
    prior_n
        See :func:`climatology`.
    level
        Confidence of the two-sided interval.

    Returns
    -------
    Skill or Unscored
        Unscored where there is nothing in ``rows``, or one outcome only in all of them. A
        skill without an interval where ``rows`` are no more than labels reach over.

    Raises
    ------
    DataError
        If ``level`` lies outside (0, 1).

    Examples
    --------
    >>> rng, n = np.random.default_rng(0), 800
    >>> outcome = rng.integers(0, 2, (n, 2))
    >>> bar = np.repeat(np.arange(n)[:, None], 2, axis=1)
    >>> said = Forecasts(0.4 + 0.2 * outcome, outcome, bar + 1, bar + 2, np.full(n, "range"))
    >>> found = brier_skill(said, np.ones(n, bool), 20.0, 0.95)
    >>> found.n, round(found.brier, 2), found.low < found.skill < found.high
    (1600, 0.16, True)
    """
    require_level(level)
    judged = forecasts.scored & rows[:, None]
    n = int(judged.sum())
    if n == 0:
        return Unscored("no forecast of these bars has both an answer and a known outcome")
    came = forecasts.outcome[forecasts.scored]
    alone = one_outcome(int(came.sum()), came.size)
    if alone is not None:
        return Unscored(alone.reason, came.size)
    rival = climatology(forecasts.outcome, forecasts.end, prior_n)[:, None]
    error = np.where(judged, (forecasts.confidence - forecasts.outcome) ** 2, 0.0)
    rival_error = np.where(judged, (rival - forecasts.outcome) ** 2, 0.0)
    total, rival_total = float(error.sum()), float(rival_error.sum())
    if not rival_total > 0.0:
        return Unscored(f"climatology errs by {rival_total:g} here: nothing could be saved")
    skill = 1.0 - total / rival_total
    influence = ((1.0 - skill) * rival_error - error).sum(axis=1) / rival_total
    n_bars = int(judged.any(axis=1).sum())
    lags = max(2 * forecasts.horizon_bars, newey_west_lags(n_bars))
    needed = fewest_bars(lags)
    few = not n_bars >= needed
    # With too few bars the error is not asked for: it costs most where it says least.
    half = (
        None
        if few
        else critical_value(level, n_bars, lags) * standard_error_of_sum(influence, lags)
    )
    return Skill(
        n=n,
        n_independent=independent_samples(forecasts, judged),
        brier=total / n,
        brier_climatology=rival_total / n,
        skill=skill,
        low=None if half is None else skill - half,
        high=None if half is None else skill + half,
        n_bars=n_bars if few else 0,
        needed_bars=needed if few else 0,
    )


def independent_samples(forecasts: Forecasts, judged: BoolArray) -> float:
    """Worth of the judged samples: their uniqueness, both instruments of a bar as one.

    Indices move together far more than not, so the second instrument of a bar is counted
    as no new evidence. That is cautious for a pair that does not.
    """
    unique = np.column_stack(
        [uniqueness(forecasts.start[:, k], forecasts.end[:, k], judged[:, k]) for k in range(2)]
    )
    return float(np.max(unique, axis=1).sum())
