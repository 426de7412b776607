"""What a bar does to an order errs against the order, and stays within the bar."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, strategies as st

from stairway.execution.costs import CostRules
from stairway.market.bars import Bar
from stairway.market.instrument import Instrument
from stairway.simulation.fills import (
    PaperRules,
    Tape,
    Luck,
    cut_short,
    fillable,
    is_gap,
    limit_is_reached,
    limit_price,
    stop_trades_at,
    tape,
    taking_price,
)

GOOD = {"partial_fill_prob": 0.1, "reject_prob": 0.0, "limit_through_ticks": 1}
SPY = Instrument(symbol="SPY", tick_usd=0.01, lot_units=1.0)
sides = st.sampled_from([1, -1])


def costs(half_spread=1.0, impact=10.0) -> CostRules:
    return CostRules(
        fee_bps=0.5,
        half_spread_bps=half_spread,
        impact_coef_bps=impact,
        max_participation_frac=0.1,
    )


@st.composite
def tapes(draw) -> Tape:
    low, open_, high = sorted(draw(st.floats(100.0, 100_000.0)) for _ in range(3))
    return Tape(open_, high, low, draw(st.floats(1.0, 1e9)))


@given(sides, tapes(), st.integers(1, 10**6))
def test_a_taker_never_trades_better_than_the_price_it_takes(side, bar, lots) -> None:
    lots = min(lots, math.floor(bar.lots))
    price = taking_price(side, bar.open, lots, bar, costs())
    assert side * (price - bar.open) >= -1e-5


@given(sides, tapes(), st.integers(1, 100), st.integers(1, 100))
def test_a_larger_taker_never_trades_better(side, bar, one, other) -> None:
    small, large = sorted((one, other))
    prices = [taking_price(side, bar.open, n, bar, costs()) for n in (small, large)]
    assert side * prices[0] <= side * prices[1]


def test_without_costs_a_price_on_a_tick_is_not_moved() -> None:
    at = tape(Bar(250.13, 251.0, 249.0, 250.5, 1e6), SPY)
    free = costs(half_spread=0.0, impact=0.0)
    assert taking_price(1, at.open, 5, at, free) == 25_013
    assert taking_price(-1, at.open, 5, at, free) == 25_013


def test_no_price_falls_below_one_tick() -> None:
    assert taking_price(-1, 1.0, 1, Tape(1.0, 1.0, 1.0, 10.0), costs(half_spread=900.0)) == 1


@given(sides, tapes(), st.integers(100, 100_000))
def test_a_stop_goes_off_inside_the_bar_and_never_better_than_its_trigger(
    side, bar, trigger
) -> None:
    price = stop_trades_at(side, trigger, bar)
    reached = bar.low <= trigger if side < 0 else bar.high >= trigger
    if price is None:
        assert not reached or abs((bar.low if side < 0 else bar.high) - trigger) < 1e-5
        return
    assert bar.low - 1e-5 <= price <= bar.high + 1e-5
    assert side * (price - trigger) >= 0
    assert is_gap(side, trigger, bar) == (side * (bar.open - trigger) >= -1e-6)
    if is_gap(side, trigger, bar):
        assert price == pytest.approx(bar.open)


@given(sides, tapes(), st.integers(100, 100_000), st.integers(0, 5))
def test_a_limit_needs_the_market_to_go_beyond_it(side, bar, limit, through) -> None:
    if limit_is_reached(side, limit, bar, through):
        beyond = limit - bar.low if side > 0 else bar.high - limit
        assert beyond >= through - 1e-5
        assert limit_is_reached(side, limit, bar, 0)


@given(sides, st.integers(1, 1_000), st.integers(1, 1_000))
def test_a_limit_never_trades_beyond_its_price(side, limit, taken) -> None:
    assert side * (limit_price(side, limit, taken) - limit) <= 0


@given(st.integers(1, 10**6), tapes(), st.floats(0.001, 1.0))
def test_no_order_is_more_than_its_share_of_the_bar(wanted, bar, share) -> None:
    lots = fillable(wanted, bar, share)
    assert 0 <= lots <= wanted
    assert lots <= bar.lots * share + 1e-5


@pytest.mark.parametrize("volume", [0.0, -5.0, math.nan, math.inf, -math.inf])
def test_a_volume_that_is_none_trades_nothing(volume: float) -> None:
    bar = tape(Bar(100.0, 101.0, 99.0, 100.0, volume), SPY)
    assert bar.lots == 0.0
    assert fillable(5, bar, 1.0) == 0


@given(st.integers(1, 1_000), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_fill_that_is_cut_short_leaves_something_and_takes_something(lots, seed, k) -> None:
    luck = Luck(seed, "capital")
    cut = cut_short(lots, 1.0, luck, "a", k)
    assert 1 <= cut <= lots
    assert cut < lots or lots == 1
    assert cut_short(lots, 0.0, luck, "a", k) == lots
    assert cut == cut_short(lots, 1.0, luck, "a", k), "luck is a property of the order"


def test_luck_comes_as_often_as_it_should() -> None:
    luck = Luck(7, "capital")
    cut = sum(cut_short(10, 0.3, luck, f"o{k}", k) < 10 for k in range(2_000))
    assert 0.26 < cut / 2_000 < 0.34


def test_each_part_of_what_luck_is_keyed_on_draws_anew() -> None:
    plain = (7, "capital", "SPY/entry/3/0", 4, "partial")
    others = [
        (8, "capital", "SPY/entry/3/0", 4, "partial"),
        (7, "shadow:lightgbm", "SPY/entry/3/0", 4, "partial"),
        (7, "capital", "QQQ/entry/3/0", 4, "partial"),
        (7, "capital", "SPY/stop/3/0", 4, "partial"),
        (7, "capital", "SPY/entry/3/1", 4, "partial"),
        (7, "capital", "SPY/entry/3/0", 5, "partial"),
        (7, "capital", "SPY/entry/3/0", 4, "reject"),
    ]
    draws = [Luck(seed, name).draw(*key) for seed, name, *key in (plain, plain, *others)]
    assert draws[0] == draws[1]
    assert len(set(draws)) == 1 + len(others)
    assert all(0.0 <= draw < 1.0 for draw in draws)


@pytest.mark.parametrize("key", sorted(GOOD))
@pytest.mark.parametrize("bad", [-0.1, 1.5, math.nan, None])
def test_impossible_settings_are_refused(key, bad) -> None:
    with pytest.raises(msgspec.ValidationError):
        PaperRules(**GOOD | {key: bad})
