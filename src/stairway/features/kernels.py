"""Compiled loops of the bar features and of the label barriers.

Batch and streaming call the same ``advance_*`` function for each bar, so they agree to
the last bit. State comes in as arrays and goes out as new ones. A feature or output that
is not known is NaN, and NaN never enters a window sum: bars that hold one are refused.
"""

from __future__ import annotations

import math

import numpy as np

from stairway.base.arrays import FloatArray, IntArray
from stairway.compiled import njit
from stairway.features.windows.kernels import (
    NOISE,
    PLACES,
    Ohlcv,
    Pair,
    When,
    bar_of,
    is_sane,
    leaving,
    mean_of,
    slide,
    std_of,
    z_of,
)

DAY_NS = 86_400_000_000_000
YEAR_DAYS = 365.2425

# --- places in the arrays of the feature engine
SHORT, LONG, VOL_SHORT, VOL_LONG, RSI, EMA, VOLUME, RING, YEARLY, SESSION_NS, GAPS = range(11)
PREVIOUS, DISTANCE, SUMS = 0, 1, 2
GAINS, LOSSES, VOLUMES, WINDOWS = 4, 5, 6, 7
RINGS = SUMS + PLACES * WINDOWS
BARS, SESSION, OPENED, LAST = 0, 1, 2, 3
(
    LOG_RETURN, MOMENTUM_SHORT, MOMENTUM_LONG, VOLATILITY_SHORT, VOLATILITY_LONG,
    VOLATILITY_RATIO, STRENGTH, EMA_DISTANCE, VOLUME_Z, HIGH_LOW, TIME_SIN, TIME_COS,
) = range(12)  # fmt: skip
FEATURES = 12


@njit(cache=True)
def advance_returns(memory: FloatArray, layout: IntArray, n: int, r: float) -> None:
    """Take return number ``n`` (from 0) of one instrument into every window of returns."""
    sums = memory[SUMS:RINGS]
    ring = memory[RINGS : RINGS + layout[RING]]
    for window in range(4):
        slide(sums, window, r, leaving(ring, n, layout[window]))
    old = leaving(ring, n, layout[RSI])
    slide(sums, GAINS, max(r, 0.0), max(old, 0.0))
    slide(sums, LOSSES, max(-r, 0.0), max(-old, 0.0))
    ring[n % layout[RING]] = r
    memory[DISTANCE] = (1.0 - 2.0 / (layout[EMA] + 1.0)) * (memory[DISTANCE] + r)


@njit(cache=True)
def read_returns(memory: FloatArray, layout: IntArray, n: int, out: FloatArray) -> None:
    """Write what ``n`` returns tell into a row of NaN."""
    sums = memory[SUMS:RINGS]
    if n >= layout[SHORT]:
        out[MOMENTUM_SHORT] = mean_of(sums, SHORT, 1)
    if n >= layout[LONG]:
        out[MOMENTUM_LONG] = mean_of(sums, LONG, 1)
    if n >= layout[VOL_SHORT]:
        out[VOLATILITY_SHORT] = std_of(sums, VOL_SHORT, layout[VOL_SHORT])
    if n >= layout[VOL_LONG]:
        out[VOLATILITY_LONG] = std_of(sums, VOL_LONG, layout[VOL_LONG])
    if out[VOLATILITY_LONG] > 0.0:
        out[VOLATILITY_RATIO] = out[VOLATILITY_SHORT] / out[VOLATILITY_LONG]
    gains = mean_of(sums, GAINS, 1)
    moved = gains + mean_of(sums, LOSSES, 1)
    if n >= layout[RSI] and moved > NOISE:
        out[STRENGTH] = min(100.0 * gains / moved, 100.0)
    if n >= layout[EMA]:
        out[EMA_DISTANCE] = memory[DISTANCE]


@njit(cache=True)
def advance_volume(memory: FloatArray, layout: IntArray, n: int, volume: float) -> float:
    """Take volume number ``n`` (from 0) in; return its z, NaN where there is none."""
    sums = memory[SUMS:RINGS]
    ring = memory[RINGS + layout[RING] : RINGS + layout[RING] + layout[VOLUME]]
    x = math.log1p(volume)
    slide(sums, VOLUMES, x, leaving(ring, n, layout[VOLUME]))
    ring[n % layout[VOLUME]] = x
    if n + 1 < layout[VOLUME]:
        return math.nan
    return z_of(sums, VOLUMES, layout[VOLUME], x)


@njit(cache=True)
def phase(time_ns: int, opened_ns: int, layout: IntArray) -> float:
    """Angle of the clock hand, in radians."""
    if layout[YEARLY] == 1:
        return 2.0 * math.pi * ((time_ns // DAY_NS) % YEAR_DAYS) / YEAR_DAYS
    return 2.0 * math.pi * ((time_ns - opened_ns) / layout[SESSION_NS])


@njit(cache=True)
def advance_one(
    memory: FloatArray, layout: IntArray, n: int, bar: Ohlcv, base: float, out: FloatArray
) -> None:  # fmt: skip
    """Take bar ``n`` (from 0) of one instrument in; its return starts at ``base``."""
    if n > 0:
        out[LOG_RETURN] = math.log(bar[3] / base)
        advance_returns(memory, layout, n - 1, out[LOG_RETURN])
        read_returns(memory, layout, n, out)
    out[VOLUME_Z] = advance_volume(memory, layout, n, bar[4])
    out[HIGH_LOW] = math.log(bar[1] / bar[2])
    memory[PREVIOUS] = bar[3]


@njit(cache=True)
def advance_pair(
    memory: FloatArray, marks: IntArray, layout: IntArray,
    when: When, pair: Pair, out: FloatArray,
) -> bool:  # fmt: skip
    """Take one bar of the pair in; False, and nothing changed, if it cannot be believed."""
    n = marks[BARS]
    if not (is_sane(pair[0]) and is_sane(pair[1]) and (n == 0 or when[0] > marks[LAST])):
        return False
    opens = n == 0 or when[1] != marks[SESSION]
    if opens:
        marks[SESSION] = when[1]
        marks[OPENED] = when[0]
    angle = phase(when[0], marks[OPENED], layout)
    out[:] = math.nan
    for k in range(2):
        base = pair[k][0] if opens and layout[GAPS] == 0 else memory[k, PREVIOUS]
        advance_one(memory[k], layout, n, pair[k], base, out[k])
        out[k, TIME_SIN] = math.sin(angle)
        out[k, TIME_COS] = math.cos(angle)
    marks[BARS] = n + 1
    marks[LAST] = when[0]
    return True


@njit(cache=True)
def step_features(
    memory: FloatArray, marks: IntArray, layout: IntArray, when: When, pair: Pair
) -> tuple[FloatArray, IntArray, FloatArray, bool]:
    """One bar on copies: (memory, marks, features (2, 12), was it believed)."""
    memory, marks = memory.copy(), marks.copy()
    out = np.empty((2, FEATURES))
    good = advance_pair(memory, marks, layout, when, pair, out)
    return memory, marks, out, good


@njit(cache=True)
def run_features(
    memory: FloatArray, marks: IntArray, layout: IntArray, clock: IntArray, table: FloatArray
) -> tuple[FloatArray, IntArray, FloatArray, int]:
    """All bars on copies: (memory, marks, features (n, 2, 12), first refused row or -1).

    Parameters
    ----------
    clock : (n, 2) int64
        Close time and session of each bar.
    table : (n, 2, 5) float64
        Open, high, low, close, volume of both instruments.
    """
    memory, marks = memory.copy(), marks.copy()
    out = np.empty((clock.shape[0], 2, FEATURES))
    for i in range(clock.shape[0]):
        when = (clock[i, 0], clock[i, 1])
        pair = (bar_of(table, i, 0), bar_of(table, i, 1))
        if not advance_pair(memory, marks, layout, when, pair, out[i]):
            return memory, marks, out, i
    return memory, marks, out, -1


@njit(cache=True)
def first_touch(
    prices: FloatArray, i: int, last: int, upper: float, lower: float
) -> tuple[int, int, float]:
    """Which barrier bars ``i + 1 .. last`` meet first: (1 | 0 | -1 none, bar, price).

    ``prices`` is (n, 4): open, high, low, close. A bar that opens beyond a barrier has
    met that one first; of two met inside one bar the lower counts as first. A lower
    barrier is left at the worse of itself and the open, an upper one at itself.
    """
    for j in range(i + 1, last + 1):
        if prices[j, 0] <= lower:
            return 0, j, prices[j, 0]
        if prices[j, 0] >= upper:
            return 1, j, upper
        if prices[j, 2] <= lower:
            return 0, j, lower
        if prices[j, 1] >= upper:
            return 1, j, upper
    return -1, last, prices[last, 3]


@njit(cache=True)
def label_bars(
    prices: FloatArray,
    volatility: FloatArray,
    last: IntArray,
    stop_vol: float,
    target_vol: float,
) -> tuple[IntArray, IntArray, FloatArray]:
    """Outcome, end of span and gain of every decision of one instrument.

    ``prices`` is (n, 4) as in :func:`first_touch`; ``last`` is the last bar that each
    decision may look at, or -1.
    """
    n = prices.shape[0]
    outcome, end, gain = np.full(n, -1, np.int64), np.zeros(n, np.int64), np.full(n, math.nan)
    for i in range(n):
        end[i] = i
        width = volatility[i] * prices[i, 3]
        if last[i] <= i or not 0.0 < width < math.inf:
            continue
        entry = prices[i + 1, 0]
        upper, lower = entry + target_vol * width, entry - stop_vol * width
        met, bar, price = first_touch(prices, i, last[i], upper, lower)
        outcome[i] = met if met >= 0 else int(price > entry)
        end[i] = bar + 1
        gain[i] = (price - entry) / (stop_vol * width)
    return outcome, end, gain
