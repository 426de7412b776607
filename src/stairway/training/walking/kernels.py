"""Walk a frozen policy through episodes, compiled: no learning, no reward, every trade.

Accounts walk side by side, one episode each, so that the policy is asked about all of them
at once; those whose episode ended are left out. One step is that of the environment
(:mod:`stairway.simulation.kernels`), made of the same functions. Beside it, each position
is followed from the fill that opens it to the fill, or the session's end, that closes it:

1. An order that turns a position around closes one and opens another. Its cost is divided
   between them by the lots of each.
2. What a round trip earned is all money that came in for its lots less all that went out
   for them, its costs included. It won if that is over 0.
3. A position that is open when the walk ends is no round trip.
"""

from __future__ import annotations

import numpy as np

from stairway.base.arrays import Float32Array, FloatArray, IntArray
from stairway.compiled import njit
from stairway.models.observation import HOLD_BOTH
from stairway.simulation import kernels as market_kernels
from stairway.simulation import reward
from stairway.training.ppo.kernels import chances
from stairway.training.ppo.nets.kernels import Net, pick

HOLDS, FILLS, NO_FILLS, FORCED, TRIPS, WINS, EARNED, END, LENGTH = range(9)
"""Columns of ``sums``: counts over an episode, micros that its round trips earned, how it
ended, and its steps."""

SUMS = 9

ACTION, PROFIT_BPS, EQUITY_MICROS = range(3)
"""Last axis of ``steps``: what was done, what it earned, and equity after it."""

STEPS = 3

ALL_ANSWERED = -1

(BAR, STEP, FIRST_LOTS, EQUITY) = (
    market_kernels.BAR,
    market_kernels.STEP,
    market_kernels.FIRST_LOTS,
    market_kernels.EQUITY,
)
(OPEN, CLOSE, VALUE, RUNS, RISK_FREE) = (
    market_kernels.OPEN,
    market_kernels.CLOSE,
    market_kernels.VALUE,
    market_kernels.RUNS,
    market_kernels.RISK_FREE,
)

_profit_bps = njit(reward.profit_bps)


@njit(cache=True)
def chosen(odds: Float32Array, draw: np.float32) -> int:
    """Find the action whose share of [0, 1) a draw falls into; below 0, the likeliest.

    Returns -1 where the odds are not numbers.
    """
    if not abs(odds.sum() - np.float32(1.0)) < np.float32(1e-3):  # so written, NaN is none
        return -1
    return int(odds.argmax()) if draw < np.float32(0.0) else pick(odds, draw)


@njit(cache=True)
def traded(  # noqa: PLR0913, PLR0917 - scalars of one fill
    trip: FloatArray, sums: FloatArray, before: float, after: float,
    price: float, value: float, knobs: FloatArray,
) -> None:  # fmt: skip
    """Follow a change of lots at ``price``; ``trip`` is the money of the open position."""
    if before == after:
        return
    moved = abs(after - before)
    cost = market_kernels.cost_micros(moved * price, value, knobs)
    opening = moved
    if before != 0.0:
        opening = abs(after)
        trip[0] += before * price - cost * abs(before) / moved
        sums[TRIPS] += 1.0
        sums[WINS] += trip[0] > 0.0
        sums[EARNED] += trip[0]
        trip[0] = 0.0
    trip[0] -= after * price + cost * opening / moved


@njit(cache=True)
def fill(
    account: FloatArray, action: int, market: FloatArray, knobs: FloatArray,
    trips: FloatArray, sums: FloatArray,
) -> None:  # fmt: skip
    """Move one account by one bar, (1, 12), and follow its positions, (2, 1)."""
    before = account[0, FIRST_LOTS], account[0, FIRST_LOTS + 1]
    fills = market_kernels.follow(account, 0, action, market, knobs)
    bar = int(account[0, BAR]) + 1
    account[0, BAR] = bar
    account[0, STEP] += 1.0
    held = account[0, FIRST_LOTS], account[0, FIRST_LOTS + 1]
    forced = market_kernels.flatten(account, 0, bar, market, knobs)
    for k in range(2):
        left, value = account[0, FIRST_LOTS + k], market[bar, VALUE + k]
        traded(trips[k], sums, before[k], held[k], market[bar, OPEN + k], value, knobs)
        traded(trips[k], sums, held[k], left, market[bar, CLOSE + k], value, knobs)
    market_kernels.mark(account, 0, bar, market)
    sums[HOLDS] += action == HOLD_BOTH
    sums[FILLS] += fills
    sums[NO_FILLS] += fills == 0
    sums[FORCED] += forced
    sums[LENGTH] += 1.0
    sums[END] = market_kernels.end_of(account, 0, market.shape[0], knobs)


@njit(cache=True, nogil=True)
def episodes(  # noqa: PLR0913, PLR0917 - arrays of one kernel: a tuple of them costs time
    books: FloatArray, market: FloatArray, rows: Float32Array, knobs: FloatArray,
    net: Net, flat: Float32Array, units: Float32Array, draws: Float32Array,
    steps: FloatArray, sums: FloatArray,
) -> int:  # fmt: skip
    """Walk N accounts until their episodes end, or draws do.

    Parameters
    ----------
    books : (N, 12)
        Accounts that stand at their first bars; changed in place.
    market : (n, 11), rows : (n, 26) float32, knobs : (20,)
        As the environment reads them.
    net, flat, units
        Of the policy, and room to ask it about N rows.
    draws : (m, N) float32
        One for each step in [0, 1), or below 0 for the likeliest action.
    steps : (m, N, 3) float64
        Gets what each step did; where an account had ended, it is left alone.
    sums : (N, 9) float64
        Zeros; gets the counts of each episode.

    Returns
    -------
    First account for which the policy gave no probabilities, or ``ALL_ANSWERED``.
    """
    n = books.shape[0]
    alive = n
    walkers: IntArray = np.arange(n, dtype=np.int64)
    seen = np.empty((n, rows.shape[1]), np.float32)
    trips = np.zeros((n, 2, 1))
    for t in range(draws.shape[0]):
        for j in range(alive):
            i = walkers[j]
            market_kernels.show(seen[j : j + 1], 0, rows, books[i : i + 1])
        odds = chances(net, flat, seen[:alive], units)
        left = 0
        for j in range(alive):
            i = walkers[j]
            action = chosen(odds[j], draws[t, i])
            if action < 0:
                return i
            before = books[i, EQUITY]
            fill(books[i : i + 1], action, market, knobs, trips[i], sums[i])
            steps[t, i, ACTION] = action
            steps[t, i, PROFIT_BPS] = _profit_bps(before, books[i, EQUITY], knobs[RISK_FREE])
            steps[t, i, EQUITY_MICROS] = books[i, EQUITY]
            if sums[i, END] == RUNS:
                walkers[left] = i
                left += 1
        alive = left
        if alive == 0:
            break
    return ALL_ANSWERED
