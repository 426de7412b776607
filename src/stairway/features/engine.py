"""The twelve features, bar by bar or all at once, from one definition.

1. :func:`start` lays out the windows of the rules in one block of floats.
2. :func:`step` copies that block and moves every window by one bar, in O(1).
3. :func:`batch` moves the same windows with the same compiled function over all bars.
   :func:`run` also gives the state behind the last bar, to go on from by :func:`step`.

A state is a value: an old one can be stepped again and gives the same answer again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from stairway.base.arrays import FloatArray, IntArray
from stairway.base.errors import DataError
from stairway.features import kernels
from stairway.features.spec import Clock, FeatureRules
from stairway.features.windows.kernels import Pair, When
from stairway.market.bars import PairBar, PairBars

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class FeatureState:
    """Everything remembered from the bars so far.

    Attributes
    ----------
    memory : (2, width) float64
        Per instrument: last close, EMA distance, window sums, the values inside them.
    marks : (4,) int64
        Bars seen, session, first close of the session, last close time.
    layout : (11,) int64
        The rules as numbers.
    """

    memory: FloatArray
    marks: IntArray
    layout: IntArray

    @property
    def bars_seen(self) -> int:
        """How many bars have been taken in."""
        return int(self.marks[kernels.BARS])


def start(rules: FeatureRules) -> FeatureState:
    """Begin with nothing seen."""
    layout = _layout(rules)
    width = kernels.RINGS + int(layout[kernels.RING]) + rules.volume_bars
    return FeatureState(np.zeros((2, width)), np.zeros(4, np.int64), layout)


def step(state: FeatureState, bar: PairBar) -> tuple[FeatureState, FloatArray]:
    """Take in one bar.

    Returns
    -------
    state, (2, 12) float64
        A new state, and both instruments' features; NaN where a window has not filled.

    Raises
    ------
    DataError
        If a price is not finite and positive, or the bar does not come after the last.

    Examples
    --------
    >>> from stairway.features import engine
    >>> from stairway.features.spec import FeatureRules
    >>> from stairway.testing.bars import random_walk
    >>> rules = FeatureRules(
    ...     momentum_short_bars=2, momentum_long_bars=4, volatility_short_bars=2,
    ...     volatility_long_bars=4, rsi_bars=3, ema_bars=3, volume_bars=3,
    ...     clock="year", session_seconds=86400, count_session_gaps=True,
    ... )
    >>> state = engine.start(rules)
    >>> for bar in random_walk(5, seed=7):
    ...     state, rows = engine.step(state, bar)
    >>> rows.shape, bool(np.isfinite(rows).all()), state.bars_seen
    ((2, 12), True, 5)
    """
    when, pair = seen(bar)
    memory, marks, rows, good = kernels.step_features(
        state.memory, state.marks, state.layout, when, pair
    )
    if not good:
        raise DataError(unbelievable(bar, int(state.marks[kernels.LAST]), state.bars_seen))
    return FeatureState(memory, marks, state.layout), rows


def batch(bars: PairBars, rules: FeatureRules) -> FloatArray:
    """Features of every bar, as (n, 2, 12); to the last bit what stepping gives."""
    return run(bars, rules)[1]


def run(bars: PairBars, rules: FeatureRules) -> tuple[FeatureState, FloatArray]:
    """Features of every bar, and the state behind the last one.

    Raises
    ------
    DataError
        As :func:`step`, naming the first bar that cannot be believed.
    """
    state = start(rules)
    clock, table = columns_of(bars)
    memory, marks, rows, refused = kernels.run_features(
        state.memory, state.marks, state.layout, clock, table
    )
    if refused >= 0:
        raise DataError(unbelievable(bars.at(refused), int(marks[kernels.LAST]), refused))
    return FeatureState(memory, marks, state.layout), rows


def seen(bar: PairBar) -> tuple[When, Pair]:
    """One bar in the form that kernels take."""
    a, b = bar.bars
    first = (a.open, a.high, a.low, a.close, a.volume)
    second = (b.open, b.high, b.low, b.close, b.volume)
    return (bar.time_ns, bar.session), (first, second)


def columns_of(bars: PairBars) -> tuple[IntArray, FloatArray]:
    """All bars in the form that kernels take: clock (n, 2) and table (n, 2, 5)."""
    clock = np.stack((bars.time_ns, bars.session), axis=1)
    parts = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    return clock, np.stack(parts, axis=2)


def unbelievable(bar: PairBar, last_ns: int, bars_seen: int) -> str:
    """Say why a kernel refused a bar."""
    if bars_seen > 0 and bar.time_ns <= last_ns:
        return (
            f"bar {bar.index} closes at {bar.time_ns} ns, not after the bar before it "
            f"({last_ns} ns); put bars in order and drop repeated ones first"
        )
    return (
        f"bar {bar.index} at {bar.time_ns} ns holds a price that is not finite and positive, "
        f"a high under its low, or a negative volume: {bar.bars[0]}, {bar.bars[1]}; "
        "check bars with market.quality first"
    )


_Windows: TypeAlias = tuple[int, ...]


def _layout(rules: FeatureRules) -> IntArray:
    returns: _Windows = (
        rules.momentum_short_bars,
        rules.momentum_long_bars,
        rules.volatility_short_bars,
        rules.volatility_long_bars,
        rules.rsi_bars,
    )
    clock = (int(rules.clock == Clock.YEAR), rules.session_seconds * _NS)
    rest = (rules.ema_bars, rules.volume_bars, max(returns), *clock)
    return np.array((*returns, *rest, int(rules.count_session_gaps)), np.int64)
