"""Round trips, counted by the kernel and by hand, from the fills that an account made."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.simulation import kernels as market
from stairway.simulation.batch import PairBatch
from stairway.testing.practice import actions_for, env_rules, made_course
from stairway.training.walking import kernels

COURSE = made_course(3 * 390, seed=3, bar_seconds=60)
RULES = replace(env_rules(), episode_steps=1_000, max_session_drawdown_frac=1.0)


def knobs(fee_bps: float = 0.0) -> np.ndarray:
    """Rules with a fee and no other cost."""
    costs = replace(RULES.costs, fee_bps=fee_bps, half_spread_bps=0.0, impact_coef_bps=0.0)
    return PairBatch(COURSE, replace(RULES, costs=costs), 1, 0).knobs


def follow(fills: list[tuple[float, float, float]], fee_bps: float = 0.0):
    """Let the kernel follow changes of lots of one instrument: before, after, price."""
    trip, sums, paid = np.zeros(1), np.zeros(kernels.SUMS), knobs(fee_bps)
    for before, after, price in fills:
        kernels.traded(trip, sums, before, after, price, 1e12, paid)
    return float(trip[0]), sums


# -- one position at a time ----------------------------------------------------------------


def test_a_long_that_is_sold_higher_won() -> None:
    trip, sums = follow([(0.0, 10.0, 100.0), (10.0, 0.0, 110.0)])
    assert (trip, sums[kernels.TRIPS], sums[kernels.WINS]) == (0.0, 1.0, 1.0)
    assert sums[kernels.EARNED] == 100.0


def test_a_short_that_is_bought_back_lower_won() -> None:
    _, sums = follow([(0.0, -10.0, 100.0), (-10.0, 0.0, 90.0)])
    assert (sums[kernels.WINS], sums[kernels.EARNED]) == (1.0, 100.0)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_trip_that_comes_out_even_did_not_win(side: float) -> None:
    _, sums = follow([(0.0, 10.0 * side, 100.0), (10.0 * side, 0.0, 100.0)])
    assert (sums[kernels.TRIPS], sums[kernels.WINS], sums[kernels.EARNED]) == (1.0, 0.0, 0.0)


def test_a_position_that_is_still_open_is_no_trip() -> None:
    trip, sums = follow([(0.0, 10.0, 100.0)])
    assert trip == -1000.0
    assert sums.tolist() == [0.0] * kernels.SUMS


def test_nothing_that_changes_is_nothing_that_happens() -> None:
    trip, sums = follow([(0.0, 10.0, 100.0), (10.0, 10.0, 500.0)])
    assert trip == -1000.0
    assert sums[kernels.TRIPS] == 0.0


def test_turning_around_closes_one_and_opens_another() -> None:
    trip, sums = follow([(0.0, 10.0, 100.0), (10.0, -20.0, 110.0)])
    assert (sums[kernels.TRIPS], sums[kernels.EARNED]) == (1.0, 100.0)
    assert trip == 20.0 * 110.0


def test_the_cost_of_turning_around_is_divided_by_lots() -> None:
    # 30 lots at 110 cost 1 % = 33: 10 of the lots close, 20 open.
    trip, sums = follow([(0.0, 10.0, 100.0), (10.0, -20.0, 110.0)], fee_bps=100.0)
    assert sums[kernels.EARNED] == pytest.approx(100.0 - 10.0 - 11.0)
    assert trip == pytest.approx(20.0 * 110.0 - 22.0)


def test_a_gain_that_costs_eat_is_no_win() -> None:
    fills = [(0.0, 10.0, 100.0), (10.0, 0.0, 101.0)]
    assert follow(fills)[1][kernels.WINS] == 1.0
    _, sums = follow(fills, fee_bps=50.0)
    assert sums[kernels.WINS] == 0.0
    assert sums[kernels.EARNED] == pytest.approx(10.0 - 5.0 - 6.0)  # whole micros, rounded up


lots = st.integers(-50, 50).map(float)
prices = st.integers(1, 10_000).map(float)


@given(st.lists(st.tuples(lots, prices), max_size=12), st.sampled_from([0.0, 7.0, 100.0]))
def test_all_money_is_in_closed_trips_or_in_the_open_one(path, fee_bps: float) -> None:
    held, cash, fills = 0.0, 0.0, []
    for wanted, price in path:
        # As the environment trades: from flat, back to flat, or right around.
        after = wanted if held == 0.0 or wanted * held < 0.0 else 0.0
        if after == held:
            continue
        fills.append((held, after, price))
        cash -= (after - held) * price + np.ceil(abs(after - held) * price * fee_bps / 10_000.0)
        held = after
    trip, sums = follow(fills, fee_bps)
    assert sums[kernels.EARNED] + trip == pytest.approx(cash, abs=1e-6)
    closings = sum(before != 0.0 for before, _, _ in fills)
    assert sums[kernels.TRIPS] == closings
    assert sums[kernels.WINS] <= closings


@settings(max_examples=25)
@given(st.lists(st.tuples(lots, lots, prices), max_size=6))
def test_compiled_or_not_it_follows_alike(fills) -> None:
    one, other = (np.zeros(1), np.zeros(kernels.SUMS)), (np.zeros(1), np.zeros(kernels.SUMS))
    paid = knobs(3.0)
    for before, after, price in fills:
        kernels.traded(*one, before, after, price, 1e9, paid)
        kernels.traded.py_func(*other, before, after, price, 1e9, paid)
    assert np.array_equal(one[0], other[0])
    assert np.array_equal(one[1], other[1])


# -- an account ----------------------------------------------------------------------------


class Trip(NamedTuple):
    """A position by hand: when and at what it was opened and closed."""

    opened: int
    closed: int
    side: float
    earned: float


def by_hand(actions: list[int], batch: PairBatch) -> list[Trip]:
    """Round trips of one account that is never closed by force, from its lots alone."""
    twin = PairBatch(batch.course, batch.rules, 1, 0, again=False)
    twin.reset()
    opened: list[tuple[int, float, float] | None] = [None, None]
    trips: list[Trip] = []
    for action in actions:
        before = twin.books[0].copy()
        bar = int(before[market.BAR]) + 1
        twin.step(np.array([action]))
        for k in range(2):
            now = float(twin.books[0, market.FIRST_LOTS + k])
            if now == before[market.FIRST_LOTS + k]:
                continue
            price, held = float(twin.market[bar, market.OPEN + k]), opened[k]
            if held is not None:
                trips.append(Trip(held[0], bar, held[1], held[1] * (price - held[2])))
            opened[k] = (bar, now, price) if now else None
    return trips


@pytest.mark.parametrize("seed", range(6))
def test_an_account_without_costs_makes_the_trips_that_prices_say(seed: int) -> None:
    costs = replace(RULES.costs, fee_bps=0.0, half_spread_bps=0.0, impact_coef_bps=0.0)
    rules = replace(RULES, costs=costs, flat_by_close=False, overnight="hold")
    batch = PairBatch(COURSE, rules, 1, 0)
    account = batch.books.copy()
    market.begin(account, 0, batch.keys[0], batch.knobs)
    actions = actions_for(150, 1, seed)[:, 0].tolist()
    trips, sums = np.zeros((2, 1)), np.zeros(kernels.SUMS)
    for action in actions:
        kernels.fill(account, action, batch.market, batch.knobs, trips, sums)
    wanted = by_hand(actions, batch)
    assert sums[kernels.TRIPS] == len(wanted) > 10
    assert sums[kernels.WINS] == sum(trip.earned > 0.0 for trip in wanted)
    assert sums[kernels.EARNED] == pytest.approx(sum(trip.earned for trip in wanted))


def test_a_session_that_ends_closes_what_is_held() -> None:
    batch = PairBatch(COURSE, RULES, 1, 0)
    account = batch.books.copy()
    market.begin(account, 0, batch.keys[0], batch.knobs)
    trips, sums = np.zeros((2, 1)), np.zeros(kernels.SUMS)
    account[0, market.BAR] = 380.0
    for _ in range(9):
        kernels.fill(account, 8, batch.market, batch.knobs, trips, sums)
    assert (sums[kernels.FORCED], sums[kernels.TRIPS], sums[kernels.FILLS]) == (2.0, 2.0, 2.0)
    assert trips.tolist() == [[0.0], [0.0]]
    assert account[0, market.FIRST_LOTS : market.FIRST_LOTS + 2].tolist() == [0.0, 0.0]


# -- choosing ------------------------------------------------------------------------------


def odds(*shares: float) -> np.ndarray:
    return np.array(shares, np.float32)


@pytest.mark.parametrize(
    ("draw", "action"), [(0.0, 0), (0.24, 0), (0.25, 1), (0.74, 1), (0.75, 2), (0.9999, 2)]
)
def test_a_draw_falls_into_the_share_of_an_action(draw: float, action: int) -> None:
    assert kernels.chosen(odds(0.25, 0.5, 0.25), np.float32(draw)) == action


def test_a_draw_below_zero_takes_the_likeliest() -> None:
    assert kernels.chosen(odds(0.3, 0.3, 0.4), np.float32(-1.0)) == 2
    assert kernels.chosen(odds(0.4, 0.4, 0.2), np.float32(-1.0)) == 0


@pytest.mark.parametrize(
    "shares", [(np.nan, 0.5, 0.5), (np.inf, 0.0, 0.0), (0.0, 0.0, 0.0), (0.5, 0.6, 0.5)]
)
def test_odds_that_are_none_choose_nothing(shares) -> None:
    for draw in (0.5, -1.0):
        assert kernels.chosen(odds(*shares), np.float32(draw)) == -1


@given(st.lists(st.integers(1, 100), min_size=9, max_size=9), st.floats(0, 1, exclude_max=True))
def test_an_action_of_no_share_is_never_chosen(weights: list[int], draw: float) -> None:
    shares = np.array(weights, np.float32)
    shares[::2] = 0.0
    shares /= shares.sum()
    action = kernels.chosen(shares, np.float32(min(draw, 0.9999)))
    assert shares[action] > 0.0
