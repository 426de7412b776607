"""Hypothesis strategies of market values. They shrink to short, dull series."""

from __future__ import annotations

from typing import cast

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stairway.base.arrays import FloatArray
from stairway.market.bars import PairBars
from stairway.testing.bars import DAY_SECONDS, walk_on

_CHEAPEST_USD = 1.0
_DEAREST_USD = 50_000.0
_BAR_SECONDS = (DAY_SECONDS, 60, 300, 3_600)


@st.composite
def valid_pair_bars(
    draw: st.DrawFn, min_size: int = 1, max_size: int = 60, bar_seconds: int | None = None
) -> PairBars:
    """Bars that pass every check, flat ones, jumps and silent ones among them.

    Parameters
    ----------
    min_size, max_size
        Bounds of the number of bars.
    bar_seconds
        Spacing; by default days, minutes, five minutes or hours are tried in turn.

    Examples
    --------
    >>> from hypothesis import given
    >>> @given(valid_pair_bars(max_size=5))
    ... def check(bars):
    ...     assert (bars.low <= bars.close).all()
    >>> check()
    """
    n = draw(st.integers(min_size, max_size))
    seconds = bar_seconds if bar_seconds is not None else draw(st.sampled_from(_BAR_SECONDS))
    returns, gaps = _drawn(draw, n, -0.2, 0.2), _drawn(draw, n, -0.05, 0.05)
    start = np.log([100.0, 40.0])
    close = _prices(start + np.cumsum(returns + gaps, axis=0))
    open_ = _prices(np.log(close) - returns)
    return walk_on(
        seconds,
        open_,
        np.maximum(open_, close) * (1.0 + _drawn(draw, n, 0.0, 0.05)),
        np.minimum(open_, close) * (1.0 - _drawn(draw, n, 0.0, 0.05)),
        close,
        np.floor(_drawn(draw, n, 0.0, 1e7)),
    )


def _drawn(draw: st.DrawFn, n: int, low: float, high: float) -> FloatArray:
    elements = st.floats(low, high, allow_subnormal=False)
    return cast("FloatArray", draw(hnp.arrays(np.float64, (n, 2), elements=elements)))


def _prices(log_usd: FloatArray) -> FloatArray:
    return np.exp(np.clip(log_usd, np.log(_CHEAPEST_USD), np.log(_DEAREST_USD)))
