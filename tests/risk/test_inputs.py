"""Whatever is missing or impossible is refused, field by field."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace

from stairway.base.units import UtcNs
from stairway.market.instrument import Instrument
from stairway.risk.account import Account, Barrier, Sight
from stairway.risk.clamp import clamp
from stairway.risk.inputs import unusable
from stairway.risk.sizing import ladder
from stairway.testing.risk import Case, some_case

NOT_NUMBERS = [math.nan, math.inf, -math.inf, None, "100"]
SIGHT_NUMBERS = [name for name in Sight.__struct_fields__ if name != "regime"]
ACCOUNT_NUMBERS = [
    "equity_micros",
    "day_start_micros",
    "peak_micros",
    "heat_micros",
    "open_orders",
    "messages",
    "parents",
    "children",
]


def asked(case: Case):
    wish, sight, account, instrument, terms, _ = case
    return unusable(wish, sight, account, instrument, terms)


def bent(part: int, **change) -> Case:
    case = list(some_case())
    case[part] = replace(case[part], **change)
    return tuple(case)


def with_barrier(**change) -> Case:
    return bent(4, barrier=replace(some_case()[4].barrier, **change))


def assert_refused_everywhere(case: Case, *words: str) -> None:
    for answer in (asked(case), ladder(*case), clamp(*case)):
        assert answer.findings[0].code == "risk.unusable_input"
        assert all(word in answer.findings[0].detail for word in words)


def test_the_plain_case_is_usable() -> None:
    assert asked(some_case()) is None


@pytest.mark.parametrize("value", NOT_NUMBERS)
@pytest.mark.parametrize("name", SIGHT_NUMBERS)
def test_nothing_that_is_seen_may_be_missing(name, value) -> None:
    assert_refused_everywhere(bent(1, **{name: value}), name, "A")


@pytest.mark.parametrize("value", NOT_NUMBERS)
@pytest.mark.parametrize("name", ACCOUNT_NUMBERS)
def test_nothing_of_the_account_may_be_missing(name, value) -> None:
    assert_refused_everywhere(bent(2, **{name: value}), name)


@pytest.mark.parametrize("value", NOT_NUMBERS)
@pytest.mark.parametrize("name", ["held_micros", "working_micros"])
def test_no_position_may_be_unknown(name, value) -> None:
    assert_refused_everywhere(bent(2, **{name: {"B": value}}), name)


@pytest.mark.parametrize("value", NOT_NUMBERS)
@pytest.mark.parametrize("name", Barrier.__struct_fields__)
def test_no_barrier_may_be_missing(name, value) -> None:
    assert_refused_everywhere(with_barrier(**{name: value}), name)


@pytest.mark.parametrize("value", [*NOT_NUMBERS, -0.01, 1.01])
def test_the_ramp_is_a_share_of_full_size(value) -> None:
    assert_refused_everywhere(bent(4, ramp=value), "ramp")


@pytest.mark.parametrize("value", [*NOT_NUMBERS, -0.1, 1.1])
def test_a_probability_lies_between_none_and_all(value) -> None:
    assert_refused_everywhere(bent(0, probability=value), "probability")


@pytest.mark.parametrize("value", [*NOT_NUMBERS, 0.0, -0.5, 1.5])
def test_caution_never_enlarges_and_never_vanishes(value) -> None:
    assert_refused_everywhere(bent(0, caution=value), "caution")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("price_usd", 0.0),
        ("price_usd", -1.0),
        ("price_usd", 1e13),
        ("reference_usd", 0.0),
        ("volatility_per_bar", 0.0),
        ("volatility_per_bar", -0.01),
        ("periods_per_year", 0.5),
        ("correlation", 1.1),
        ("correlation", -1.1),
        ("bar_age_s", -1.0),
        ("unchanged_bars", -1),
        ("cost_bps", -1.0),
        ("var_frac", 0.0),
    ],
)
def test_what_cannot_be_is_refused(name, value) -> None:
    assert_refused_everywhere(bent(1, **{name: value}), name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("equity_micros", 0),
        ("equity_micros", -1),
        ("day_start_micros", 0),
        ("peak_micros", 1),
        ("heat_micros", -1),
        ("open_orders", -1),
        ("equity_micros", 2**63),
    ],
)
def test_an_account_that_cannot_be_is_refused(name, value) -> None:
    assert_refused_everywhere(bent(2, **{name: value}), name)


@pytest.mark.parametrize(
    ("name", "value"), [("stop_vol", 0.0), ("target_vol", -1.0), ("horizon_bars", 0)]
)
def test_a_barrier_that_cannot_be_is_refused(name, value) -> None:
    assert_refused_everywhere(with_barrier(**{name: value}), name)


def test_a_price_of_less_than_a_tick_is_refused() -> None:
    answer = asked(bent(3, tick_usd=1000.0))
    assert "less than one tick" in answer.findings[0].detail


def test_correlations_may_exceed_one_by_rounding() -> None:
    assert asked(bent(1, correlation=1.0 + 1e-12)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"side": -1},
        {"side": 0},
        {"side": 1, "probability": 0.4},
        {"side": 1, "probability": 0.5},
        {"side": -1, "probability": 0.5},
    ],
)
def test_a_side_that_contradicts_the_probability_is_refused(change) -> None:
    for answer in (asked(bent(0, **change)), clamp(*bent(0, **change))):
        assert answer.findings[0].code == "risk.side"


@pytest.mark.parametrize("side", [2, -2, 0.5, None, math.nan])
def test_a_side_is_long_or_short(side) -> None:
    assert asked(bent(0, side=side)).findings[0].code in {"risk.side", "risk.unusable_input"}


def test_a_wish_is_not_sized_as_another_instrument() -> None:
    wish, sight, account, _, terms, _ = some_case()
    other = Instrument(symbol="B", tick_usd=0.01, lot_units=1.0)
    answer = unusable(wish, sight, account, other, terms)
    assert answer.findings[0].code == "risk.symbol_mismatch"


def test_a_value_that_is_no_number_is_not_put_on_record_as_one() -> None:
    assert asked(bent(1, price_usd=math.nan)).findings[0].value is None
    assert asked(bent(1, price_usd=-2.0)).findings[0].value == -2.0


def test_every_number_that_the_clamp_is_told_is_looked_at() -> None:
    known = {*ACCOUNT_NUMBERS, "held_micros", "working_micros"}
    others = {"last_entry_ns", "frozen_symbols", "halted"}
    assert known | others == set(Account.__struct_fields__)
    assert bent(0, as_of_ns=UtcNs(0))[0].as_of_ns == 0
