"""What came of every bar: which of two barriers the price met first.

A decision at the close of bar i enters at the open of bar i + 1. From there:

1. upper = entry + ``target_vol`` x volatility_i x close_i, lower = entry - ``stop_vol`` x
   volatility_i x close_i: distances that were known when the decision was made, the same
   that a bracket is given.
2. outcome 1 if the upper one is met first, 0 if the lower one is. Of two met inside one
   bar the lower counts (nobody can tell, and a long must not be flattered), unless the
   bar opened beyond the upper one already.
3. If neither is met until ``horizon_bars`` after the decision: outcome by the sign of the
   move from entry to the last close; no move is 0.
4. The span [start, end) runs from the decision bar to behind the last bar looked at.
   Purging by it keeps every bar of the answer out of a test.

Labels know the future. They are what a model is taught, and never what it is fed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from msgspec import Meta

from stairway.base.arrays import BoolArray, FloatArray, IntArray
from stairway.base.config import Config
from stairway.base.errors import DataError
from stairway.features import kernels
from stairway.market.bars import PairBars

UNLABELLED = -1


class LabelRules(Config, frozen=True, kw_only=True):
    """Barriers.

    Attributes
    ----------
    horizon_bars
        Bars after the decision until the time is up.
    stop_vol, target_vol
        Distances of the barriers, in volatilities of one bar. Equal ones make long and
        short alike.
    within_session
        True: time is up at the session's last bar too, and its last decision has no label.
    """

    horizon_bars: Annotated[int, Meta(ge=1, le=100_000)]
    stop_vol: Annotated[float, Meta(gt=0.0, le=100.0)]
    target_vol: Annotated[float, Meta(gt=0.0, le=100.0)]
    within_session: bool


@dataclass(frozen=True, slots=True)
class Labels:
    """What came of every bar, for each instrument, (n, 2) each.

    Attributes
    ----------
    outcome : int64
        1 upper barrier first, 0 lower, -1 not labelled.
    start, end : int64
        Bars [start, end) that the label rests on; empty where there is no label.
    gain : float64
        Move from entry to exit in stop distances (the R-multiple of a long before
        costs); NaN where there is no label.
    """

    outcome: IntArray
    start: IntArray
    end: IntArray
    gain: FloatArray

    @property
    def labelled(self) -> BoolArray:
        """Where there is a label, (n, 2)."""
        return self.outcome != UNLABELLED


def triple_barrier(bars: PairBars, volatility: FloatArray, rules: LabelRules) -> Labels:
    """Label every bar of both instruments.

    Parameters
    ----------
    volatility : (n, 2) float64
        Per-bar deviation of log returns known at each close. A row where it is NaN, zero
        or infinite gets no label, and so does one whose horizon reaches past the end:
        keeping those that met a barrier early would favour quick outcomes.

    Raises
    ------
    DataError
        If the volatility has another shape than the bars.

    Examples
    --------
    >>> import numpy as np
    >>> from stairway.features.labels import LabelRules, triple_barrier
    >>> from stairway.testing.bars import random_walk
    >>> rules = LabelRules(horizon_bars=10, stop_vol=2.0, target_vol=2.0, within_session=False)
    >>> labels = triple_barrier(random_walk(100, seed=7), np.full((100, 2), 0.01), rules)
    >>> labels.outcome.shape, int(labels.outcome[-10:].max())
    ((100, 2), -1)
    """
    if volatility.shape != bars.close.shape:
        msg = (
            f"volatility has shape {volatility.shape}, the bars {bars.close.shape}; pass the "
            "volatility_long column of the features of these very bars"
        )
        raise DataError(msg)
    prices = np.stack((bars.open, bars.high, bars.low, bars.close), axis=2)
    last = last_bars(bars, rules)
    spans = np.repeat(np.arange(len(bars), dtype=np.int64)[:, None], 2, axis=1)
    labels = Labels(
        np.full(spans.shape, UNLABELLED, np.int64),
        spans,
        spans.copy(),
        np.full(spans.shape, np.nan),
    )
    for k in range(2):
        outcome, end, gain = kernels.label_bars(
            np.ascontiguousarray(prices[:, k]),
            np.ascontiguousarray(volatility[:, k], dtype=np.float64),
            last,
            rules.stop_vol,
            rules.target_vol,
        )
        labels.outcome[:, k], labels.end[:, k], labels.gain[:, k] = outcome, end, gain
    return labels


def last_bars(bars: PairBars, rules: LabelRules) -> IntArray:
    """Last bar that each decision's label may look at; -1 where there can be no label."""
    n = len(bars)
    rows = np.arange(n, dtype=np.int64)
    last = rows + rules.horizon_bars
    if rules.within_session and n > 0:
        ends = np.searchsorted(bars.session, bars.session, side="right") - 1
        closed = (ends < n - 1) | bars.last_of_session[-1]
        last = np.where(closed, np.minimum(last, ends), last)
    return np.where((last < n) & (last > rows), last, UNLABELLED)
