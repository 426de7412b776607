"""The practice environment, compiled: one call moves N accounts by one bar.

All money is whole micro-USD and all holdings are whole lots. Both are kept in float64,
which is exact for whole numbers up to 2^53 (nine billion USD), so that money is neither
made nor lost by rounding, and no time goes into conversions. One step of one account:

1. The action of the close before says which position is wanted (:func:`wanted`); an order
   for it is sized at that close and filled whole at the open of the next bar, at a cost
   rounded up to a micro.
2. The account is marked at that bar's close; under ``flat_by_close`` what is held at a
   session's last close is sold there.
3. Equity over its peak within the session ends the episode if it fell too far; running
   out of steps or of bars cuts it short.
4. The reward is paid, and the next observation written: 12 features, position, 12
   features, position. Neither the terms of the reward nor the regime are in it.

Chance is where an episode starts and, in practice only, noise on what is seen. Both are
drawn from splitmix64, keyed on the account, the number of its episode and of the step, so
that nothing depends on how many others are moved beside it.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import Float32Array, FloatArray, IntArray
from stairway.compiled import njit
from stairway.execution.costs import slip_bps
from stairway.models.normaliser import MAX_CLIP
from stairway.models.observation import (
    ACTIONS,
    FEATURES,
    FIRST_HELD,
    OBSERVATION,
    SECOND,
    SECOND_HELD,
)
from stairway.simulation import reward

KeyArray: TypeAlias = NDArray[np.uint64]

# Columns of `books`: what an account remembers.
(
    BAR, STEP, EPISODE, FIRST_POSITION, SECOND_POSITION, FIRST_LOTS, SECOND_LOTS, CASH, EQUITY,
    PEAK, PAID, RETURN,
) = range(12)  # fmt: skip
BOOK = 12

# Columns of `told`: what came of the last step.
(
    REWARD, PROFIT, HOLD_BONUS, TICKET_COST, DOWNSIDE, PROFIT_BPS, FILLS, END, LENGTH, TOTAL,
    CLOSED, SEEN_SCORE, SEEN_REGIME, FALL,
) = range(14)  # fmt: skip
TOLD = 14
RUNS, TRUNCATED, TERMINATED = 0.0, 1.0, 2.0

# Places of `tally`: counts and sums over all accounts and steps, the deepest fall of any, then
# steps by regime and by action.
(
    STEPS, ALL_FILLS, NO_FILLS, FORCED, ENDED, LOST, ENDED_BARS, SUM_PROFIT, SUM_SQUARE,
    SUM_REWARD, SUM_REWARD_SQUARE, SUM_SCORE, DEEPEST, REGIMES,
) = range(14)  # fmt: skip
LABELS = 3
CHOSEN = REGIMES + LABELS
TALLY = CHOSEN + ACTIONS

# Columns of `market`: prices in micros of one lot, traded value in micros.
OPEN, CLOSE, VALUE, SESSION, LAST, SCORE, REGIME, RISK = 0, 2, 4, 6, 7, 8, 9, 10
MARKET = 11

# Places of `knobs`: the rules and the terms as numbers.
(
    START_MICROS, STAKE, FEE, HALF_SPREAD, IMPACT, CAP, EPISODE_STEPS, MAX_DRAWDOWN, RISK_FREE,
    FLAT_BY_CLOSE, REFUSE_LAST, THROUGH_FLAT, FIRST_START, STARTS, AGAIN, NOISE,
    SCALE_BPS, BONUS, TICKET, WEIGHT,
) = range(20)  # fmt: skip
KNOBS = 20

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_STREAM = np.uint64(0x6E6F697365)  # keeps the draws of the noise apart from those of starts
_LIMIT = np.float32(MAX_CLIP)

_slip = njit(slip_bps, error_model="numpy")
_profit_bps = njit(reward.profit_bps, error_model="numpy")
_profit = njit(reward.profit, error_model="numpy")
_hold_bonus = njit(reward.hold_bonus, error_model="numpy")
_ticket_cost = njit(reward.ticket_cost, error_model="numpy")
_downside = njit(reward.downside, error_model="numpy")


@njit(cache=True, error_model="numpy")
def mixed(x: np.uint64) -> np.uint64:
    """One output of splitmix64: 64 bits that depend on all bits of ``x``."""
    z = x + _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, error_model="numpy")
def key_of(seed: np.uint64, env: np.uint64) -> np.uint64:
    """Key of account ``env`` under ``seed``."""
    return mixed(mixed(seed) ^ env)


@njit(cache=True, error_model="numpy")
def begin(books: FloatArray, i: int, key: np.uint64, knobs: FloatArray) -> None:
    """Open the next episode of account ``i``: money, no holdings, a bar to start at."""
    episode = books[i, EPISODE] + 1.0
    draw = mixed(key + np.uint64(episode) * _GOLDEN)
    start = np.int64(draw % np.uint64(knobs[STARTS]))
    books[i, :] = 0.0
    books[i, EPISODE] = episode
    books[i, BAR] = knobs[FIRST_START] + start
    books[i, CASH] = knobs[START_MICROS]
    books[i, EQUITY] = knobs[START_MICROS]
    books[i, PEAK] = knobs[START_MICROS]


@njit(cache=True, error_model="numpy")
def show(seen: Float32Array, i: int, rows: Float32Array, books: FloatArray) -> None:
    """Write what account ``i`` may know at its bar's close into row ``i`` of ``seen``."""
    bar = int(books[i, BAR])
    for c in range(OBSERVATION):
        seen[i, c] = rows[bar, c]
    seen[i, FIRST_HELD] = books[i, FIRST_POSITION]
    seen[i, SECOND_HELD] = books[i, SECOND_POSITION]


@njit(cache=True, error_model="numpy")
def uniform(x: np.uint64) -> float:
    """Return a number in (0, 1] from 64 bits."""
    return (np.float64(x >> np.uint64(11)) + 1.0) / 9007199254740992.0


@njit(cache=True, error_model="numpy")
def blur(
    seen: Float32Array, i: int, key: np.uint64, when: tuple[float, float], size: float
) -> None:  # fmt: skip
    """Add noise to the features in row ``i`` of ``seen``: two normals from each two draws.

    They depend on the key and on ``when``, the episode and its step, alone. Positions stay
    as they are.
    """
    stream = mixed(mixed(key ^ _STREAM) + np.uint64(when[0]) * _GOLDEN)
    counter = np.uint64(when[1]) * np.uint64(2 * FEATURES)
    for c in range(FEATURES):
        first = mixed(stream + (counter + np.uint64(2 * c)) * _GOLDEN)
        second = mixed(stream + (counter + np.uint64(2 * c + 1)) * _GOLDEN)
        far = size * np.sqrt(-2.0 * np.log(uniform(first)))
        turn = 2.0 * np.pi * uniform(second)
        for place, noise in ((c, far * np.cos(turn)), (c + SECOND, far * np.sin(turn))):
            shifted = seen[i, place] + np.float32(noise)
            seen[i, place] = min(max(shifted, -_LIMIT), _LIMIT)


@njit(cache=True, nogil=True, error_model="numpy")
def look(
    books: FloatArray, keys: KeyArray, knobs: FloatArray, rows: Float32Array, seen: Float32Array
) -> None:
    """Write what every account sees: what may be known, blurred where practice wants it."""
    for i in range(books.shape[0]):
        show(seen, i, rows, books)
    if knobs[NOISE] > 0.0:
        for i in range(books.shape[0]):
            blur(seen, i, keys[i], (books[i, EPISODE], books[i, STEP]), knobs[NOISE])


@njit(cache=True, error_model="numpy")
def cost_micros(notional: float, value: float, knobs: FloatArray) -> float:
    """Return what taking ``notional`` micros of a bar costs; whole micros, rounded up."""
    share = notional / value if notional < knobs[CAP] * value else knobs[CAP]
    bps = knobs[FEE] + _slip(share, knobs[HALF_SPREAD], knobs[IMPACT])
    return np.ceil(notional * bps / 10_000.0)


@njit(cache=True, error_model="numpy")
def trade(
    books: FloatArray, i: int, k: int, lots: float, price: float, cost: float
) -> None:  # fmt: skip
    """Hold ``lots`` of instrument ``k`` from now on: money out for them, and for the cost."""
    books[i, CASH] -= (lots - books[i, FIRST_LOTS + k]) * price + cost
    books[i, PAID] += cost
    books[i, FIRST_LOTS + k] = lots


@njit(cache=True, error_model="numpy")
def wanted(choice: int, position: float, through_flat: float) -> float:
    """Position that 0 sell, 1 hold or 2 buy asks for, given the one that is held."""
    if choice == 1:
        return position
    side = choice - 1.0
    return 0.0 if through_flat == 1.0 and side * position < 0.0 else side


@njit(cache=True, error_model="numpy")
def follow(
    books: FloatArray, i: int, action: int, market: FloatArray, knobs: FloatArray
) -> int:  # fmt: skip
    """Fill the orders of ``action`` at the open of the next bar: how many were filled."""
    now = int(books[i, BAR])
    if market[now, LAST] == 1.0 and knobs[REFUSE_LAST] == 1.0:
        return 0
    fills = 0
    stake = knobs[STAKE] * market[now, RISK] * books[i, EQUITY]
    for k in range(2):
        choice = action // 3 if k == 0 else action % 3
        position = books[i, FIRST_POSITION + k]
        want = wanted(choice, position, knobs[THROUGH_FLAT])
        if want == position:
            continue
        lots = want * np.floor(stake / market[now, CLOSE + k])
        if want != 0.0 and lots == 0.0:
            continue
        price = market[now + 1, OPEN + k]
        notional = abs(lots - books[i, FIRST_LOTS + k]) * price
        cost = cost_micros(notional, market[now + 1, VALUE + k], knobs)
        trade(books, i, k, lots, price, cost)
        books[i, FIRST_POSITION + k] = want
        fills += 1
    return fills


@njit(cache=True, error_model="numpy")
def flatten(
    books: FloatArray, i: int, bar: int, market: FloatArray, knobs: FloatArray
) -> int:  # fmt: skip
    """Sell at a session's last close, if that is the rule: how many positions there were."""
    if not (market[bar, LAST] == 1.0 and knobs[FLAT_BY_CLOSE] == 1.0):
        return 0
    closed = 0
    for k in range(2):
        if books[i, FIRST_POSITION + k] == 0.0:
            continue
        price = market[bar, CLOSE + k]
        notional = abs(books[i, FIRST_LOTS + k]) * price
        trade(books, i, k, 0.0, price, cost_micros(notional, market[bar, VALUE + k], knobs))
        books[i, FIRST_POSITION + k] = 0.0
        closed += 1
    return closed


@njit(cache=True, error_model="numpy")
def mark(books: FloatArray, i: int, bar: int, market: FloatArray) -> None:
    """Measure equity at the close of ``bar``, and its peak within the session."""
    if market[bar, SESSION] != market[bar - 1, SESSION]:
        books[i, PEAK] = books[i, EQUITY]
    first = books[i, FIRST_LOTS] * market[bar, CLOSE]
    second = books[i, SECOND_LOTS] * market[bar, CLOSE + 1]
    books[i, EQUITY] = books[i, CASH] + first + second
    books[i, PEAK] = max(books[i, PEAK], books[i, EQUITY])


@njit(cache=True, error_model="numpy")
def end_of(books: FloatArray, i: int, bars: int, knobs: FloatArray) -> float:
    """Say whether the episode runs on, was cut short, or is lost."""
    least = (1.0 - knobs[MAX_DRAWDOWN]) * books[i, PEAK]
    if not (books[i, EQUITY] >= least and books[i, EQUITY] > 0.0):
        return TERMINATED
    if books[i, STEP] >= knobs[EPISODE_STEPS] or books[i, BAR] >= bars - 1:
        return TRUNCATED
    return RUNS


@njit(cache=True, error_model="numpy")
def pay(
    told: FloatArray, i: int, action: int, fills: int, gained_bps: float, knobs: FloatArray
) -> None:  # fmt: skip
    """Write the reward of a step and its terms."""
    told[i, PROFIT] = _profit(gained_bps, knobs[SCALE_BPS])
    told[i, HOLD_BONUS] = _hold_bonus(action, knobs[BONUS])
    told[i, TICKET_COST] = _ticket_cost(fills, knobs[TICKET])
    told[i, DOWNSIDE] = _downside(gained_bps, knobs[SCALE_BPS], knobs[WEIGHT])
    earned = told[i, PROFIT] + told[i, HOLD_BONUS]
    told[i, REWARD] = earned - told[i, TICKET_COST] - told[i, DOWNSIDE]
    told[i, PROFIT_BPS] = gained_bps
    told[i, FILLS] = fills


@njit(cache=True, error_model="numpy")
def count(tally: FloatArray, told: FloatArray, actions: IntArray) -> None:
    """Add one step of every account to what is counted."""
    fills = no_fills = closed = profit_bps = square = 0.0
    reward_sum = reward_square = score = 0.0
    for i in range(actions.shape[0]):
        fills += told[i, FILLS]
        no_fills += told[i, FILLS] == 0.0
        closed += told[i, CLOSED]
        profit_bps += told[i, PROFIT_BPS]
        square += told[i, PROFIT_BPS] ** 2
        reward_sum += told[i, REWARD]
        reward_square += told[i, REWARD] ** 2
        score += told[i, SEEN_SCORE]
        tally[DEEPEST] = max(tally[DEEPEST], told[i, FALL])
        tally[REGIMES + int(told[i, SEEN_REGIME])] += 1.0
        tally[CHOSEN + actions[i]] += 1.0
        if told[i, END] != RUNS:
            tally[ENDED] += 1.0
            tally[LOST] += told[i, END] == TERMINATED
            tally[ENDED_BARS] += told[i, LENGTH]
    tally[STEPS] += actions.shape[0]
    tally[ALL_FILLS] += fills
    tally[NO_FILLS] += no_fills
    tally[FORCED] += closed
    tally[SUM_PROFIT] += profit_bps
    tally[SUM_SQUARE] += square
    tally[SUM_REWARD] += reward_sum
    tally[SUM_REWARD_SQUARE] += reward_square
    tally[SUM_SCORE] += score


@njit(cache=True, nogil=True, error_model="numpy")
def first_bad(actions: IntArray) -> int:
    """Place of the first action that is none of the nine; -1 where all are good."""
    for i in range(actions.shape[0]):
        if not 0 <= actions[i] < ACTIONS:
            return i
    return -1


@njit(cache=True, nogil=True, error_model="numpy")
def begin_all(
    books: FloatArray, keys: KeyArray, knobs: FloatArray, rows: Float32Array, seen: Float32Array
) -> None:
    """Open the next episode of every account, and write what it sees."""
    for i in range(books.shape[0]):
        begin(books, i, keys[i], knobs)
    look(books, keys, knobs, rows, seen)


@njit(cache=True, nogil=True, error_model="numpy")
def step_pairs(  # noqa: PLR0913, PLR0917 - arrays of one kernel: a tuple of them costs time
    books: FloatArray, told: FloatArray, tally: FloatArray, keys: KeyArray, market: FloatArray,
    rows: Float32Array, knobs: FloatArray, finals: Float32Array, actions: IntArray,
    seen: Float32Array,
) -> int:  # fmt: skip
    """Move every account by one bar.

    Parameters
    ----------
    books : (N, 12), told : (N, 14), tally : (25,)
        Changed in place.
    keys : (N,) uint64
    market : (n, 11), rows : (n, 26) float32, knobs : (20,)
        The course, and the rules with the terms.
    finals : (N, 26) float32
        Gets the last observation of an episode that ended; other rows are left alone.
    actions : (N,) int64
    seen : (N, 26) float32
        Gets the next observation; where an episode ended and ``knobs[AGAIN]`` is set, the
        first one of the next episode.

    Returns
    -------
    Place of the first action that is none of the nine, with nothing changed; else -1.
    """
    bad = first_bad(actions)
    if bad >= 0:
        return bad
    bars = market.shape[0]
    for i in range(actions.shape[0]):
        action, before = actions[i], books[i, EQUITY]
        fills = follow(books, i, action, market, knobs)
        bar = int(books[i, BAR]) + 1
        books[i, BAR] = bar
        books[i, STEP] += 1.0
        told[i, CLOSED] = flatten(books, i, bar, market, knobs)
        mark(books, i, bar, market)
        gained_bps = _profit_bps(before, books[i, EQUITY], knobs[RISK_FREE])
        pay(told, i, action, fills, gained_bps, knobs)
        books[i, RETURN] += told[i, REWARD]
        told[i, LENGTH], told[i, TOTAL] = books[i, STEP], books[i, RETURN]
        told[i, SEEN_SCORE], told[i, SEEN_REGIME] = market[bar, SCORE], market[bar, REGIME]
        told[i, FALL] = 1.0 - books[i, EQUITY] / books[i, PEAK]
        told[i, END] = end_of(books, i, bars, knobs)
        if told[i, END] != RUNS:
            show(finals, i, rows, books)
            if knobs[NOISE] > 0.0:
                blur(finals, i, keys[i], (books[i, EPISODE], books[i, STEP]), knobs[NOISE])
            if knobs[AGAIN] == 1.0:
                begin(books, i, keys[i], knobs)
    look(books, keys, knobs, rows, seen)
    count(tally, told, actions)
    return -1
