"""Each control holds at its bound and refuses one step beyond."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.base.units import NS_PER_SECOND, Micros
from stairway.base.verdict import Pass, Refuse
from stairway.risk import controls
from stairway.risk.account import opened
from stairway.testing.risk import some_case, some_limits

WISH, SIGHT, _, _, _, RULES = some_case()
LIMITS = some_limits()
EQUITY = 10**12
ACCOUNT = opened(Micros(EQUITY))
NOW = WISH.as_of_ns


def entered(seconds_ago: float):
    return {"last_entry_ns": {"A": NOW - round(seconds_ago * NS_PER_SECOND)}}


def may_enter(account=None, sight=None, limits=LIMITS, **change):
    account = replace(account or ACCOUNT, **change)
    return controls.may_enter(WISH, sight or SIGHT, account, limits)


def may_send(lots=1, notional=EQUITY // 100, risk=EQUITY // 1000, limits=LIMITS, **change):
    account = replace(ACCOUNT, **change)
    return controls.may_send(WISH, lots, notional, risk, account, limits)


def codes(verdict) -> list[str]:
    assert isinstance(verdict, Refuse)
    return [finding.code for finding in verdict.findings]


def test_an_idle_account_may_enter_and_send() -> None:
    assert isinstance(may_enter(), Pass)
    assert isinstance(may_send(), Pass)


@pytest.mark.parametrize(
    ("inside", "outside", "code"),
    [
        ({"halted": False}, {"halted": True}, "risk.halted"),
        ({"halted": False}, {"halted": None}, "risk.halted"),
        ({"frozen_symbols": ("B",)}, {"frozen_symbols": ("B", "A")}, "risk.frozen_symbol"),
        (
            {"equity_micros": EQUITY * 98 // 100 + 1},
            {"equity_micros": EQUITY * 98 // 100},
            "risk.daily_loss",
        ),
        (
            {"peak_micros": EQUITY * 125 // 100 - 1},
            {"peak_micros": EQUITY * 125 // 100},
            "risk.drawdown",
        ),
        ({"open_orders": 3}, {"open_orders": 4}, "risk.open_orders"),
        ({"messages": 59}, {"messages": 60}, "risk.message_rate"),
        ({"children": 20}, {"children": 21}, "risk.child_ratio"),
        (
            {"children": 40, "parents": 2},
            {"children": 41, "parents": 2},
            "risk.child_ratio",
        ),
        (entered(30), entered(29.999), "risk.duplicate"),
        (entered(31), entered(0), "risk.duplicate"),
        (entered(86_400), entered(-1), "risk.duplicate"),
    ],
)
def test_the_account_is_held_to_each_limit(inside, outside, code) -> None:
    assert isinstance(may_enter(**inside), Pass)
    assert codes(may_enter(**outside)) == [code]


@pytest.mark.parametrize(
    ("inside", "outside", "code"),
    [
        ({"bar_age_ns": 60 * 10**9}, {"bar_age_ns": 60 * 10**9 + 1}, "risk.stale_bar"),
        ({"bar_age_ns": 0}, {"bar_age_ns": -1}, "risk.stale_bar"),
        ({"bar_age_ns": 0}, {"bar_age_ns": math.nan}, "risk.stale_bar"),
        ({"unchanged_bars": 3}, {"unchanged_bars": 4}, "risk.frozen_feed"),
        ({"price_usd": 123.75}, {"price_usd": 123.76}, "risk.price_collar"),
        ({"price_usd": 74.25}, {"price_usd": 74.24}, "risk.price_collar"),
        ({"price_usd": 99.0}, {"price_usd": math.nan}, "risk.price_collar"),
        ({"reference_usd": 100.0}, {"reference_usd": math.nan}, "risk.price_collar"),
    ],
)
def test_the_market_is_held_to_each_limit(inside, outside, code) -> None:
    assert isinstance(may_enter(sight=replace(SIGHT, **inside)), Pass)
    assert codes(may_enter(sight=replace(SIGHT, **outside))) == [code]


def test_a_restricted_symbol_is_never_traded() -> None:
    limits = replace(LIMITS, restricted_symbols=("A",))
    assert codes(may_enter(limits=limits)) == ["risk.restricted_symbol"]


def test_another_symbols_entry_is_no_duplicate() -> None:
    assert isinstance(may_enter(last_entry_ns={"B": NOW}), Pass)


def test_two_entries_at_one_instant_are_duplicates_even_without_a_window() -> None:
    limits = replace(LIMITS, duplicate_window_s=0.0)
    assert codes(may_enter(limits=limits, **entered(0))) == ["risk.duplicate"]
    assert isinstance(may_enter(limits=limits, **entered(1e-9)), Pass)


@pytest.mark.parametrize(
    ("inside", "outside", "code"),
    [
        ({"lots": 10_000}, {"lots": 10_001}, "risk.max_lots"),
        ({"lots": 1}, {"lots": 0}, "risk.max_lots"),
        ({"lots": 1}, {"lots": -1}, "risk.max_lots"),
        ({"lots": 1}, {"lots": math.nan}, "risk.max_lots"),
        ({"notional": EQUITY // 5}, {"notional": EQUITY // 5 + 1}, "risk.symbol_share"),
        (
            {"held_micros": {"A": EQUITY * 19 // 100}},
            {"held_micros": {"A": EQUITY * 19 // 100 + 1}},
            "risk.symbol_share",
        ),
        (
            {"working_micros": {"A": -EQUITY * 19 // 100}},
            {"working_micros": {"A": -EQUITY * 19 // 100 - 1}},
            "risk.symbol_share",
        ),
        (
            {"held_micros": {"B": -EQUITY * 99 // 100}},
            {"held_micros": {"B": -EQUITY * 99 // 100 - 1}},
            "risk.gross",
        ),
        ({"risk": EQUITY * 6 // 100}, {"risk": EQUITY * 6 // 100 + 1}, "risk.heat"),
        (
            {"heat_micros": EQUITY * 59 // 1000},
            {"heat_micros": EQUITY * 59 // 1000 + 1},
            "risk.heat",
        ),
        ({"risk": 1}, {"risk": 0}, "risk.heat"),
    ],
)
def test_the_order_is_held_to_each_limit(inside, outside, code) -> None:
    assert isinstance(may_send(**inside), Pass)
    assert codes(may_send(**outside)) == [code]


def test_an_order_may_be_too_dear_whatever_the_equity() -> None:
    limits = replace(LIMITS, max_notional_usd=10_000.0)
    assert isinstance(may_send(limits=limits), Pass)
    assert codes(may_send(notional=EQUITY // 100 + 1, limits=limits)) == ["risk.max_notional"]


@pytest.mark.parametrize("worth", [0, -1, math.nan])
def test_an_order_worth_nothing_is_refused(worth) -> None:
    assert "risk.max_notional" in codes(may_send(notional=worth))


def test_net_exposure_counts_the_side() -> None:
    limits = replace(LIMITS, max_net_frac=0.1)
    long = {"held_micros": {"B": EQUITY * 95 // 1000}}
    short = {"held_micros": {"B": -EQUITY * 95 // 1000}}
    assert codes(may_send(limits=limits, **long)) == ["risk.net"]
    assert isinstance(may_send(limits=limits, **short), Pass)
    selling = replace(WISH, side=-1)
    account = replace(ACCOUNT, **short)
    sold = controls.may_send(selling, 1, EQUITY // 100, 1, account, limits)
    assert codes(sold) == ["risk.net"]


def test_a_refusal_names_everything_that_is_wrong() -> None:
    verdict = may_enter(halted=True, open_orders=9, sight=replace(SIGHT, unchanged_bars=9))
    assert codes(verdict) == ["risk.halted", "risk.frozen_feed", "risk.open_orders"]


def test_a_finding_carries_what_was_measured_and_the_bound() -> None:
    finding = may_enter(equity_micros=EQUITY * 9 // 10).findings[0]
    assert (finding.value, finding.bound) == (pytest.approx(0.1), 0.02)


@given(st.integers(1, 2 * EQUITY), st.integers(1, 2 * EQUITY), st.integers(1, 2 * EQUITY))
def test_no_account_enters_that_has_lost_too_much(equity, day_start, peak) -> None:
    account = replace(
        ACCOUNT,
        equity_micros=equity,
        day_start_micros=day_start,
        peak_micros=max(equity, peak),
    )
    lost_today = equity <= day_start * 0.98 - 1
    lost_from_peak = equity <= max(equity, peak) * 0.80 - 1
    if lost_today or lost_from_peak:
        assert isinstance(may_enter(account), Refuse)


@given(st.floats(0.01, 1e6), st.floats(0.01, 1e6))
def test_the_collar_is_as_wide_above_as_below(price, reference) -> None:
    sight = replace(SIGHT, price_usd=price, reference_usd=reference)
    mirror = replace(sight, price_usd=2 * reference - price)
    one, other = controls.inside_collar(sight, LIMITS), controls.inside_collar(mirror, LIMITS)
    away = abs(price - reference) / reference
    if abs(away - 0.25) > 1e-9:
        assert type(one) is type(other)
        assert isinstance(one, Pass) == (away <= 0.25)
