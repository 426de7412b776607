"""Sums over trailing windows, compiled, that do not drift.

A window's sum is kept as two floats, the value and what its rounding lost (error-free
transformations of Knuth and Dekker): adding a value and taking it away again leaves no
trace, however many bars pass and however high one of them jumped. Nothing that calls
these may be compiled with ``fastmath``, which would delete exactly that.

A window takes four places of an array of sums: the sum and its rest, the sum of squares
and its rest. Windows are counted from 0.
"""

from __future__ import annotations

import math
from typing import TypeAlias

from stairway.base.arrays import FloatArray
from stairway.compiled import njit

Ohlcv: TypeAlias = tuple[float, float, float, float, float]
Pair: TypeAlias = tuple[Ohlcv, Ohlcv]
When: TypeAlias = tuple[int, int]
"""Close time in ns and session number."""

Exact: TypeAlias = tuple[float, float]
"""A sum and what its rounding lost."""

PLACES = 4
"""How many floats a window takes."""

NOISE = 1e-12
"""A deviation below this is rounding of a logarithm: taken as no movement at all."""


@njit(cache=True)
def exact_add(high: float, low: float, x: float) -> Exact:
    """Add ``x`` to the sum ``high + low`` without losing what does not fit."""
    total = high + x
    part = total - high
    rest = (high - (total - part)) + (x - part) + low
    closed = total + rest
    return closed, rest - (closed - total)


@njit(cache=True)
def exact_product(a: float, b: float) -> Exact:
    """Product and its rounding error."""
    p = a * b
    t = 134217729.0 * a
    a_high = t - (t - a)
    a_low = a - a_high
    t = 134217729.0 * b
    b_high = t - (t - b)
    b_low = b - b_high
    error = ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low
    return p, error


@njit(cache=True)
def slide(sums: FloatArray, window: int, new: float, old: float) -> None:
    """Move one window: ``new`` comes in and ``old`` (0 if none) leaves."""
    at = PLACES * window
    high, low = exact_add(sums[at], sums[at + 1], new)
    sums[at], sums[at + 1] = exact_add(high, low, -old)
    p, error = exact_product(new, new)
    high, low = exact_add(sums[at + 2], sums[at + 3], p)
    high, low = exact_add(high, low, error)
    p, error = exact_product(old, old)
    high, low = exact_add(high, low, -p)
    sums[at + 2], sums[at + 3] = exact_add(high, low, -error)


@njit(cache=True)
def mean_of(sums: FloatArray, window: int, n: int) -> float:
    """Mean of the ``n`` values in a window."""
    return (sums[PLACES * window] + sums[PLACES * window + 1]) / n


@njit(cache=True)
def std_of(sums: FloatArray, window: int, n: int) -> float:
    """Return the deviation (ddof 1); 0 where the values do not move, NaN below two."""
    if n < 2:  # noqa: PLR2004 - a deviation needs two
        return math.nan
    at = PLACES * window
    p, p_error = exact_product(float(n), sums[at + 2])
    q, q_error = exact_product(sums[at], sums[at])
    rest = (p_error + n * sums[at + 3]) - (q_error + 2.0 * sums[at] * sums[at + 1])
    spread = (p - q) + rest
    std = math.sqrt(max(spread, 0.0) / (float(n) * (n - 1.0)))
    return std if std > NOISE else 0.0


@njit(cache=True)
def is_sane(bar: Ohlcv) -> bool:
    """Tell finite, positive prices and a finite volume from others. NaN is false."""
    open_, high, low, close, volume = bar
    finite = high < math.inf and open_ < math.inf and close < math.inf and volume < math.inf
    return (
        finite and low > 0.0 and open_ > 0.0 and close > 0.0 and high >= low and volume >= 0.0
    )


@njit(cache=True)
def leaving(ring: FloatArray, n: int, window: int) -> float:
    """Value that leaves a window as value number ``n`` comes in; 0 while it fills."""
    return ring[(n - window) % ring.size] if n >= window else 0.0


@njit(cache=True)
def z_of(sums: FloatArray, window: int, n: int, x: float) -> float:
    """``x`` in deviations from the window's mean; NaN where nothing moves."""
    std = std_of(sums, window, n)
    if not std > 0.0:
        return math.nan
    at = PLACES * window
    p, error = exact_product(float(n), x)
    return ((p - sums[at]) + (error - sums[at + 1])) / (n * std)


@njit(cache=True)
def bar_of(table: FloatArray, i: int, k: int) -> Ohlcv:
    """Bar ``i`` of instrument ``k`` in an (n, 2, 5) table of prices and volume."""
    row = table[i, k]
    return row[0], row[1], row[2], row[3], row[4]
