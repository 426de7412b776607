"""One pass over long series of returns, compiled."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numba import njit

from stairway.base.arrays import FloatArray

Fall: TypeAlias = tuple[float, float, float, float]
"""A stretch of bars, seen from before it: what it does to a distance from the peak.

Wealth over its highest so far (``q``, at most 1) leaves the stretch as ``min(capped, q *
growth)``, and its lowest within it was ``min(capped_low, q * growth_low)``. The fields are
``capped``, ``capped_low``, ``growth``, ``growth_low``.
"""

_LANES = 512
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
def deepest(returns: FloatArray) -> tuple[float, float]:
    """Lowest wealth over its highest so far, the start being a peak, and the growth of it all.

    Three stretches are walked side by side, since a product must wait for the one before.
    Where the growth is not finite the first answer means nothing: a value was not, or
    wealth left the range of floats, for which there is :func:`deepest_in_line`.
    """
    third = returns.size // 3
    early = middle = late = _NOTHING
    for i in range(third):
        early = _longer(early, returns[i])
        middle = _longer(middle, returns[third + i])
        late = _longer(late, returns[2 * third + i])
    for i in range(3 * third, returns.size):
        late = _longer(late, returns[i])
    fall = _joined(_joined(early, middle), late)
    return min(1.0, fall[1], fall[3]), fall[2]


@njit(cache=True, nogil=True)
def deepest_in_line(returns: FloatArray) -> float:
    """Return the same for finite returns, bar by bar, for wealth beyond the range of floats."""
    fall = _AT_PEAK
    for value in returns:
        fall = _longer((fall[0], fall[1], 1.0, 1.0), value)
    return fall[1]
