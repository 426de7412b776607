"""One pass over long series of returns, compiled."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.compiled import njit

Fall: TypeAlias = tuple[float, float, float, float]
"""A stretch of bars, seen from before it: what it does to a distance from the peak.

Wealth over its highest so far (``q``, at most 1) leaves the stretch as ``min(capped, q *
growth)``, and its lowest within it was ``min(capped_low, q * growth_low)``. The fields are
``capped``, ``capped_low``, ``growth``, ``growth_low``.
"""

_LANES = 512
_COLUMNS, _ROWS = 16, 8
_BLOCK = _COLUMNS * _ROWS
_NOTHING = (math.inf, math.inf, 1.0, math.inf)
_AT_PEAK = (1.0, 1.0, 1.0, math.inf)


@njit(cache=True, nogil=True)
def squares_about(x: FloatArray, centre: float) -> float:
    """Sum of squared distances from ``centre``; NaN where a value is.

    Sums run side by side, so that neighbouring values need not wait for each other; their
    order is fixed, and so is every digit of the answer.
    """
    lanes, total = np.zeros(_LANES), 0.0
    whole = x.size - x.size % _LANES
    for begin in range(0, whole, _LANES):
        for lane in range(_LANES):
            away = x[begin + lane] - centre
            lanes[lane] += away * away
    for i in range(whole, x.size):
        away = x[i] - centre
        total += away * away
    return total + lanes.sum()


@njit(cache=True, nogil=True)
def _longer(fall: Fall, simple_return: float) -> Fall:
    """Add one bar to a stretch."""
    capped, capped_low, growth, growth_low = fall
    factor = 1.0 + simple_return
    capped = min(capped * factor, 1.0)
    growth *= factor
    return capped, min(capped_low, capped), growth, min(growth_low, growth)


@njit(cache=True, nogil=True)
def _joined(first: Fall, then: Fall) -> Fall:
    """Two stretches as one."""
    q, growth = first[0], first[2]
    return (
        min(then[0], q * then[2]),
        min(first[1], then[1], q * then[3]),
        growth * then[2],
        min(first[3], growth * then[3]),
    )


@njit(cache=True, nogil=True)
def _walked(returns: FloatArray) -> Fall:
    """Walk three stretches side by side, since a product must wait for the one before."""
    third = returns.size // 3
    early = middle = late = _NOTHING
    for i in range(third):
        early = _longer(early, returns[i])
        middle = _longer(middle, returns[third + i])
        late = _longer(late, returns[2 * third + i])
    for i in range(3 * third, returns.size):
        late = _longer(late, returns[i])
    return _joined(_joined(early, middle), late)


@njit(cache=True, nogil=True)
def _columns(bars: FloatArray, products: FloatArray, least: FloatArray) -> None:
    """Multiply a block of bars down its columns; the compiler does eight of them at a time.

    ``products`` are of all factors, and of those that fall. ``least`` goes on from block to
    block. One instruction is a comparison written so, and ``min`` is several.
    """
    for column in range(_COLUMNS):
        grown, fallen, lowest = 1.0, 1.0, least[column]
        for row in range(_ROWS):
            factor = 1.0 + bars[column + _COLUMNS * row]
            grown *= factor
            fallen *= factor if factor < 1.0 else 1.0  # noqa: FURB136 - see above
            lowest = factor if factor < lowest else lowest  # noqa: FURB136
        products[0, column], products[1, column], least[column] = grown, fallen, lowest


@njit(cache=True, nogil=True)
def _product(values: FloatArray) -> float:
    a = b = c = d = 1.0
    for i in range(0, _COLUMNS, 4):
        a *= values[i]
        b *= values[i + 1]
        c *= values[i + 2]
        d *= values[i + 3]
    return (a * b) * (c * d)


@njit(cache=True, nogil=True)
def _measured(returns: FloatArray, growth: FloatArray, falls: FloatArray) -> float:
    """Say of each block what it grows by, and how far it may fall; give the least factor.

    Columns know no order, so ``falls`` is a bound: what is left if every bar that falls came
    after the peak and no bar rose.
    """
    products, least = np.empty((2, _COLUMNS)), np.ones(_COLUMNS)
    for k in range(growth.size):
        _columns(returns[k * _BLOCK : (k + 1) * _BLOCK], products, least)
        growth[k], falls[k] = _product(products[0]), _product(products[1])
    return least.min()


@njit(cache=True, nogil=True)
def _deepest_edge(growth: FloatArray) -> tuple[float, float]:
    """Lowest wealth over its highest where blocks meet; 0, or NaN if a growth is not finite."""
    q = lowest = 1.0
    hole = 0.0
    for grown in growth:
        q = min(q * grown, 1.0)
        lowest = min(lowest, q)
        hole += grown - grown
    return lowest, hole


@njit(cache=True, nogil=True)
def _below_peak(
    returns: FloatArray, k: int, growth: FloatArray, falls: FloatArray, bounds: FloatArray
) -> float:
    """Wealth before block ``k`` over its highest so far, of which only bounds are known.

    Goes back to where it is known, or the peak cannot lie any earlier, and walks the blocks
    that may hold it.
    """
    q, since = bounds[1, k], 1.0
    while bounds[0, k] < bounds[1, k] and since * bounds[0, k] < q:
        k -= 1
        if since * falls[k] < q:
            q = min(q, since * _walked(returns[k * _BLOCK : (k + 1) * _BLOCK])[0])
        since *= growth[k]
    return q


@njit(cache=True, nogil=True)
def deepest(returns: FloatArray) -> tuple[float, bool]:
    """Lowest wealth over its highest so far, the start being a peak, and whether it is sound.

    1. Every block of bars is multiplied up once, without regard to order. That tells the
       distance from the peak where blocks meet, and bounds of it everywhere else.
    2. Only blocks that may fall below the lowest found so far are walked bar by bar, and
       those before them that may hold their peak. Both are few in a long series; at worst
       each block is walked once.

    Where the answer is not sound it means nothing: a value was not finite, or wealth left
    the range of floats, for which there is :func:`deepest_in_line`. Wealth that is gone
    gives an answer of at most 0.
    """
    n = returns.size // _BLOCK
    growth, falls, bounds = np.empty(n), np.empty(n), np.empty((2, n + 1))
    least = _measured(returns, growth, falls)
    lowest, hole = _deepest_edge(growth)
    rest = _walked(returns[n * _BLOCK :])
    sound = hole + (rest[2] - rest[2]) == 0.0
    if not (sound and least > 0.0):
        return 0.0, sound
    low = high = 1.0
    for k in range(n):
        bounds[0, k], bounds[1, k] = low, high
        if low * falls[k] < lowest:
            fall = _walked(returns[k * _BLOCK : (k + 1) * _BLOCK])
            q = _below_peak(returns, k, growth, falls, bounds)
            lowest = min(lowest, fall[1], q * fall[3])
            low = high = min(fall[0], q * fall[2])
        else:
            low, high = min(low * growth[k], falls[k]), min(high * growth[k], 1.0)
    bounds[0, n], bounds[1, n] = low, high
    q = _below_peak(returns, n, growth, falls, bounds)
    return min(lowest, rest[1], q * rest[3]), True


@njit(cache=True, nogil=True)
def deepest_in_line(returns: FloatArray) -> float:
    """Return the same for finite returns, bar by bar, for wealth beyond the range of floats."""
    fall = _AT_PEAK
    for value in returns:
        fall = _longer((fall[0], fall[1], 1.0, 1.0), value)
    return fall[1]
