"""The one loop over raw rows, compiled: which rows can be traded on, seen in order."""

from __future__ import annotations

import numpy as np

from stairway.base.arrays import BoolArray, FloatArray, IntArray
from stairway.compiled import njit

GOOD = 0
NO_TIME = 1
NOT_FINITE = 2
NOT_POSITIVE = 3
NEGATIVE_VOLUME = 4
HIGH_BELOW_LOW = 5
OUTSIDE_RANGE = 6
DUPLICATE = 7
BACKWARD = 8
JUMP = 9
TOO_LARGE = 10

MOST_PRICE_USD = 1e12
MOST_VOLUME = 1e18
"""Beyond these a bar is no market's: and products of them stay far from where floats end."""

_NAT = np.iinfo(np.int64).min


@njit(cache=True)
def own_fault(ohlcv: FloatArray) -> int:
    """Say what is wrong with one row's open, high, low, close and volume by themselves.

    Every comparison is written so that NaN is a fault, though the first line has it.
    """
    open_, high, low, close, volume = ohlcv
    fault = GOOD
    if not np.isfinite(ohlcv).all():
        fault = NOT_FINITE
    elif not min(open_, high, low, close) > 0.0:
        fault = NOT_POSITIVE
    elif not volume >= 0.0:
        fault = NEGATIVE_VOLUME
    elif not (max(open_, high, low, close) <= MOST_PRICE_USD and volume <= MOST_VOLUME):
        fault = TOO_LARGE
    elif not high >= low:
        fault = HIGH_BELOW_LOW
    elif not (low <= min(open_, close) and max(open_, close) <= high):
        fault = OUTSIDE_RANGE
    return fault


@njit(cache=True)
def within(high: float, low: float, last_close: float, max_jump_frac: float) -> bool:
    """Return True where a bar reaches no farther from the last close than allowed."""
    reach = max(high - last_close, last_close - low)
    return reach <= max_jump_frac * last_close


@njit(cache=True)
def first_fault(
    time_ns: IntArray, ohlcv: FloatArray, seen_before: BoolArray, max_jump_frac: float
) -> IntArray:
    """Say what is wrong with each row, looking at it and at the rows before it only.

    A faulty row leaves no trace: order and jump of later rows are measured against the
    last good one. So a corrected row that follows a broken one of the same time is good.

    Parameters
    ----------
    time_ns : (n,) int64
        Close times; the smallest int64 means unreadable.
    ohlcv : (n, 5) float64
        Open, high, low, close, volume. NaN is a fault.
    seen_before : (n,) bool
        True where the same time stands in an earlier row, good or bad.
    max_jump_frac
        Farthest a high or low may lie from the last good close, as a fraction of it.

    Returns
    -------
    (n,) int64
        ``GOOD`` or the first of the reasons above that applies.
    """
    n = time_ns.size
    faults = np.zeros(n, dtype=np.int64)
    last_ns = _NAT
    last_close = np.nan
    for i in range(n):
        fault = NO_TIME if time_ns[i] == _NAT else own_fault(ohlcv[i])
        if fault == GOOD and not time_ns[i] > last_ns:
            fault = DUPLICATE if seen_before[i] else BACKWARD
        if fault == GOOD and last_ns != _NAT:
            high, low = ohlcv[i, 1], ohlcv[i, 2]
            fault = GOOD if within(high, low, last_close, max_jump_frac) else JUMP
        if fault == GOOD:
            last_ns, last_close = time_ns[i], ohlcv[i, 3]
        faults[i] = fault
    return faults
