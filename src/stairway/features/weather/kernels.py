"""Compiled loops of the regime detector, over sums that do not drift.

One row per bar: both returns, then the bar's samples (momentum, volatility ratio and
divergence of the session that ends there; NaN while it fills). ``features.regime`` says
what they mean. State comes in as arrays and goes out as new ones.
"""

from __future__ import annotations

import math

import numpy as np

from stairway.base.arrays import FloatArray, IntArray
from stairway.compiled import njit
from stairway.features.windows.kernels import (
    PLACES,
    Pair,
    When,
    bar_of,
    is_sane,
    mean_of,
    slide,
    std_of,
    z_of,
)

BARS, SESSION, LAST, LABEL = 0, 1, 2, 3
FIRST_SESSION, SECOND_SESSION, FIRST_HISTORY, SECOND_HISTORY = 0, 1, 2, 3
TOGETHER, MOMENTUM, RATIO, DIVERGENCE = 4, 5, 6, 7
CLOSES = PLACES * 8
REGIME_SUMS = CLOSES + 2
ROW = 5
RANGE, TREND, CRISIS = 0, 1, 2
SCORE, CODE, OUT_MOMENTUM, OUT_RATIO, OUT_DIVERGENCE, CORRELATION, WARM = range(7)
OUTPUTS = 7
(
    SESSION_BARS, HISTORY_BARS, MIN_SAMPLES, COUNT_GAPS, WEIGHT_MOMENTUM, WEIGHT_RATIO,
    WEIGHT_DIVERGENCE, CLIP, CRISIS_ENTER, CRISIS_LEAVE, CRISIS_DIVERGENCE, TREND_ENTER,
    TREND_LEAVE,
) = range(13)  # fmt: skip
KNOBS = 13
BLOCK = 64
"""Rows that lie together; full blocks are shared by states and never change."""
MARKS = REGIME_SUMS
TAIL = MARKS + LABEL + 1
MEMORY = TAIL + BLOCK * ROW
"""Places of what a step changes: sums, marks (int64, bit for bit), the block being filled."""
LEAVING_SHORT = KNOBS
LEAVING_LONG = LEAVING_SHORT + BLOCK * ROW
"""Where, behind the knobs, the rows lie that leave the session's and the history's window."""
REFUSED, TAKEN, FILLED = 0, 1, 2


@njit(cache=True)
def covariance_of(sums: FloatArray, n: int) -> float:
    """Covariance (ddof 1) of both returns over the session, from that of their mean."""
    first, second = std_of(sums, FIRST_SESSION, n), std_of(sums, SECOND_SESSION, n)
    return 2.0 * std_of(sums, TOGETHER, n) ** 2 - 0.5 * (first**2 + second**2)


@njit(cache=True)
def take_returns(
    sums: FloatArray, row: FloatArray, short: FloatArray, long: FloatArray
) -> None:
    """Move the windows of returns; ``short`` and ``long`` are the rows that leave them."""
    slide(sums, FIRST_SESSION, row[0], short[0])
    slide(sums, SECOND_SESSION, row[1], short[1])
    slide(sums, TOGETHER, 0.5 * (row[0] + row[1]), 0.5 * (short[0] + short[1]))
    slide(sums, FIRST_HISTORY, row[0], long[0])
    slide(sums, SECOND_HISTORY, row[1], long[1])


@njit(cache=True)
def take_samples(sums: FloatArray, row: FloatArray, long: FloatArray) -> None:
    """Move the windows of momentum, volatility ratio and divergence."""
    for column in range(2, ROW):
        old = long[column]
        slide(sums, MOMENTUM + column - 2, row[column], 0.0 if math.isnan(old) else old)


@njit(cache=True)
def sample_of(sums: FloatArray, session: int, history: int, row: FloatArray) -> None:
    """Write momentum, volatility ratio and divergence of the last session into ``row``."""
    first = mean_of(sums, FIRST_SESSION, 1)
    second = mean_of(sums, SECOND_SESSION, 1)
    now = std_of(sums, FIRST_SESSION, session) + std_of(sums, SECOND_SESSION, session)
    usual = std_of(sums, FIRST_HISTORY, history) + std_of(sums, SECOND_HISTORY, history)
    row[2] = 0.5 * (first + second)
    row[3] = now / usual if usual > 0.0 else 1.0
    row[4] = abs(first - second)


@njit(cache=True)
def t_statistic(sums: FloatArray, n: int) -> float:
    """Size of the mean of both returns over its standard error; NaN where nothing moves."""
    std = std_of(sums, TOGETHER, n)
    return abs(mean_of(sums, TOGETHER, n)) / (std / math.sqrt(n)) if std > 0.0 else math.nan


@njit(cache=True)
def label_of(
    before: int, t: float, ratio: float, divergence_z: float, knobs: FloatArray
) -> int:
    """Next label, given the one before. It takes more to enter a state than to stay."""
    bound = knobs[CRISIS_LEAVE] if before == CRISIS else knobs[CRISIS_ENTER]
    if ratio >= bound or divergence_z > knobs[CRISIS_DIVERGENCE]:
        return CRISIS
    bound = knobs[TREND_LEAVE] if before == TREND else knobs[TREND_ENTER]
    return TREND if t >= bound else RANGE


@njit(cache=True)
def read_regime(sums: FloatArray, marks: IntArray, knobs: FloatArray, out: FloatArray) -> None:
    """Write the outputs of one bar, from its row (``out[:5]``) and the window sums."""
    session, n = int(knobs[SESSION_BARS]), marks[BARS]
    samples = min(n - session + 1, int(knobs[HISTORY_BARS]))
    told, row = out[ROW:], out[:ROW]
    told[OUT_MOMENTUM], told[OUT_RATIO] = row[2], row[3]
    spread = std_of(sums, FIRST_SESSION, session) * std_of(sums, SECOND_SESSION, session)
    if spread > 0.0:
        told[CORRELATION] = max(-1.0, min(covariance_of(sums, session) / spread, 1.0))
    if samples < knobs[MIN_SAMPLES]:
        return
    z_momentum = z_of(sums, MOMENTUM, samples, row[2])
    z_ratio = z_of(sums, RATIO, samples, row[3])
    z_divergence = z_of(sums, DIVERGENCE, samples, row[4])
    score = knobs[WEIGHT_MOMENTUM] * z_momentum + knobs[WEIGHT_RATIO] * z_ratio
    score += knobs[WEIGHT_DIVERGENCE] * z_divergence
    if math.isnan(score):
        return
    told[SCORE] = max(-knobs[CLIP], min(score, knobs[CLIP]))
    told[OUT_DIVERGENCE] = z_divergence
    t = t_statistic(sums, session)
    told[CODE] = label_of(marks[LABEL], t, row[3], z_divergence, knobs)
    told[WARM] = 1.0


@njit(cache=True)
def advance_regime(
    sums: FloatArray, marks: IntArray, knobs: FloatArray,
    seen: tuple[When, Pair], gone: tuple[FloatArray, FloatArray], out: FloatArray,
) -> bool:  # fmt: skip
    """Take one bar of the pair in; False, and nothing changed, if it cannot be believed.

    ``gone`` are the rows that leave the session's and the history's windows (zeros while
    they fill); ``out`` gets the new row in its first five places and the outputs after.
    """
    (time_ns, session), pair = seen
    n = marks[BARS]
    if not (is_sane(pair[0]) and is_sane(pair[1]) and (n == 0 or time_ns > marks[LAST])):
        return False
    out[:] = math.nan
    out[ROW + SCORE], out[ROW + CODE], out[ROW + WARM] = 0.0, RANGE, 0.0
    from_open = session != marks[SESSION] and knobs[COUNT_GAPS] == 0.0
    if n > 0:
        for k in range(2):
            out[k] = math.log(pair[k][3] / (pair[k][0] if from_open else sums[CLOSES + k]))
        take_returns(sums, out, gone[0], gone[1])
        if n >= knobs[SESSION_BARS]:
            history = min(n, int(knobs[HISTORY_BARS]))
            sample_of(sums, int(knobs[SESSION_BARS]), history, out)
            take_samples(sums, out, gone[1])
            read_regime(sums, marks, knobs, out)
    sums[CLOSES], sums[CLOSES + 1] = pair[0][3], pair[1][3]
    marks[BARS], marks[SESSION], marks[LAST] = n + 1, session, time_ns
    marks[LABEL] = int(out[ROW + CODE])
    return True


@njit(cache=True)
def leaving_row(
    memory: FloatArray, window: FloatArray, number: int, first: int
) -> FloatArray:  # fmt: skip
    """Row that leaves the session's window (``first`` LEAVING_SHORT), or the history's.

    ``number`` is that of the row which comes in. What is as young as the block being
    filled lies in it; all older ones were laid out beforehand.
    """
    length = int(window[SESSION_BARS if first == LEAVING_SHORT else HISTORY_BARS])
    place = number % BLOCK
    if place >= length:
        at = TAIL + (place - length) * ROW
        return memory[at : at + ROW]
    at = first + place * ROW
    return window[at : at + ROW]


@njit(cache=True)
def step_regime(  # noqa: PLR0913, PLR0917 - scalars: a tuple of them takes twice as long to hand over
    memory: FloatArray, window: FloatArray, time_ns: int, session: int,
    open_1: float, high_1: float, low_1: float, close_1: float, volume_1: float,
    open_2: float, high_2: float, low_2: float, close_2: float, volume_2: float,
) -> tuple[float, int, float, float, float, float, bool, int]:  # fmt: skip
    """One bar, in place: the seven outputs, and what became of the bar.

    Parameters
    ----------
    memory : (358,)
        Sums, marks, and the block being filled; see :data:`MARKS` and :data:`TAIL`.
    window : (653,)
        Knobs, and the rows that leave while that block fills. Not changed.

    Returns
    -------
    The outputs in their order; then REFUSED (nothing was changed), TAKEN, or FILLED where
    the block has its last row now.
    """
    sums, marks = memory[:MARKS], memory[MARKS:TAIL].view(np.int64)
    number = marks[BARS] - 1
    short = leaving_row(memory, window, number, LEAVING_SHORT)
    long = leaving_row(memory, window, number, LEAVING_LONG)
    first = (open_1, high_1, low_1, close_1, volume_1)
    second = (open_2, high_2, low_2, close_2, volume_2)
    out, done = np.empty(ROW + OUTPUTS), REFUSED
    seen = ((time_ns, session), (first, second))
    if advance_regime(sums, marks, window[:KNOBS], seen, (short, long), out):
        done = TAKEN
        if number >= 0:
            at = TAIL + number % BLOCK * ROW
            memory[at : at + ROW] = out[:ROW]
            done = FILLED if number % BLOCK == BLOCK - 1 else TAKEN
    told = out[ROW:]
    said = (told[OUT_MOMENTUM], told[OUT_RATIO], told[OUT_DIVERGENCE], told[CORRELATION])
    return told[SCORE], int(told[CODE]), *said, told[WARM] == 1.0, done


@njit(cache=True)
def run_regime(
    knobs: FloatArray, clock: IntArray, table: FloatArray
) -> tuple[FloatArray, IntArray, FloatArray, FloatArray, int]:
    """All bars from none: (sums, marks, rows (n, 5), outputs (n, 7), refused row or -1).

    Row 0 is NaN: the first bar has no return.
    """
    n_bars = clock.shape[0]
    sums, marks = np.zeros(REGIME_SUMS), np.zeros(LABEL + 1, np.int64)
    rows, outputs, nothing = np.empty((n_bars, ROW)), np.empty((n_bars, OUTPUTS)), np.zeros(ROW)
    out = np.empty(ROW + OUTPUTS)
    session, history = int(knobs[SESSION_BARS]), int(knobs[HISTORY_BARS])
    for i in range(n_bars):
        pair = (bar_of(table, i, 0), bar_of(table, i, 1))
        short = rows[i - session] if i > session else nothing
        long = rows[i - history] if i > history else nothing
        seen = ((clock[i, 0], clock[i, 1]), pair)
        if not advance_regime(sums, marks, knobs, seen, (short, long), out):
            return sums, marks, rows, outputs, i
        rows[i], outputs[i] = out[:ROW], out[ROW:]
    return sums, marks, rows, outputs, -1
