from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from scipy.stats import norm

from stairway.base.units import Micros
from stairway.risk.account import (
    Account,
    Barrier,
    gross_micros,
    marked,
    net_micros,
    new_day,
    one_day_var_frac,
    opened,
    stop_frac,
    symbol_micros,
    target_frac,
)
from stairway.testing.risk import some_case

money = st.integers(-(10**15), 10**15)
holdings = st.dictionaries(st.sampled_from("ABC"), money, max_size=3)


def book(held: dict[str, int], working: dict[str, int]) -> Account:
    return replace(opened(Micros(10**12)), held_micros=held, working_micros=working)


def test_a_new_account_holds_nothing_and_has_lost_nothing() -> None:
    account = opened(Micros(7))
    assert account.equity_micros == account.day_start_micros == account.peak_micros == 7
    assert (gross_micros(account), net_micros(account), account.heat_micros) == (0, 0, 0)
    assert not account.halted


@given(st.lists(st.integers(1, 10**15), min_size=1, max_size=20))
def test_the_peak_is_the_highest_worth_so_far(worths) -> None:
    account = opened(Micros(worths[0]))
    for worth in worths:
        account = marked(account, Micros(worth))
    assert account.peak_micros == max(worths)
    assert account.equity_micros == worths[-1]
    assert account.day_start_micros == worths[0]


def test_a_new_day_starts_from_what_is_there_and_forgets_the_messages() -> None:
    busy = replace(marked(opened(Micros(100)), Micros(80)), parents=3, children=9, messages=2)
    fresh = new_day(busy)
    assert (fresh.day_start_micros, fresh.parents, fresh.children) == (80, 0, 0)
    assert (fresh.peak_micros, fresh.messages) == (100, 2)


@given(holdings, holdings)
def test_gross_is_at_least_net_and_is_the_sum_of_the_symbols(held, working) -> None:
    account = book(held, working)
    assert gross_micros(account) >= abs(net_micros(account))
    assert gross_micros(account) == sum(symbol_micros(account, s) for s in "ABC")


def test_an_entry_against_a_position_takes_room_and_gives_none() -> None:
    account = book({"A": 100}, {"A": -100})
    assert (symbol_micros(account, "A"), gross_micros(account), net_micros(account)) == (
        200,
        200,
        0,
    )


def test_a_symbol_that_is_not_held_takes_no_room() -> None:
    assert symbol_micros(book({"B": 5}, {}), "A") == 0


@given(st.floats(1e-6, 1.0), st.floats(0.01, 1000.0), st.floats(0.51, 0.9999))
def test_value_at_risk_is_the_normal_quantile_of_a_day(volatility, bars, confidence) -> None:
    expected = norm.ppf(confidence) * volatility * math.sqrt(bars)
    assert one_day_var_frac(volatility, bars, confidence) == pytest.approx(expected, rel=1e-9)


def test_value_at_risk_of_what_is_not_known_is_not_known() -> None:
    assert math.isnan(one_day_var_frac(math.nan, 1.0, 0.99))


def test_a_short_is_stopped_where_the_label_had_its_upper_barrier() -> None:
    sight = some_case()[1]
    barrier = Barrier(stop_vol=1.0, target_vol=3.0, horizon_bars=5)
    assert stop_frac(sight, barrier, 1) == target_frac(sight, barrier, -1) == 0.01
    assert stop_frac(sight, barrier, -1) == target_frac(sight, barrier, 1) == 0.03


def test_an_account_survives_the_record() -> None:
    account = book({"A": -5}, {"B": 3})
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(account), type=Account) == account
