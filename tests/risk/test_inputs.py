"""Whatever is missing or impossible is refused, field by field."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.base.units import UtcNs
from stairway.base.verdict import Refuse
from stairway.market.instrument import Instrument
from stairway.risk.account import Account, Barrier, Sight
from stairway.risk.clamp import ClampedOrder, clamp
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
        ("bar_age_ns", -1),
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


@pytest.mark.parametrize("value", [*NOT_NUMBERS, 1.5, True, 2**63, [0]])
def test_the_instant_of_a_wish_is_a_whole_number_of_nanoseconds(value) -> None:
    assert_refused_everywhere(bent(0, as_of_ns=value), "as_of_ns")


def test_a_wish_may_be_of_any_day() -> None:
    assert asked(bent(0, as_of_ns=UtcNs(0))) is None
    assert asked(bent(0, as_of_ns=UtcNs(-(10**18)))) is None


@pytest.mark.parametrize("value", [*NOT_NUMBERS, 1.5, True, 2**63, [0]])
def test_when_a_symbol_was_entered_is_a_whole_number_of_nanoseconds(value) -> None:
    # None used to be taken for "never", and text raised.
    assert_refused_everywhere(bent(2, last_entry_ns={"A": value}), "last_entry_ns")
    assert_refused_everywhere(bent(2, last_entry_ns={"B": value}), "last_entry_ns")


@pytest.mark.parametrize("value", [None, math.nan, "A", [], (), {1: 5}, {None: 5}])
@pytest.mark.parametrize("name", ["held_micros", "working_micros", "last_entry_ns"])
def test_what_is_kept_by_symbol_is_a_dictionary_of_texts(name, value) -> None:
    assert_refused_everywhere(bent(2, **{name: value}), name)


@pytest.mark.parametrize("value", [None, "A", ["A"], 5, ("A", None), math.nan])
def test_frozen_symbols_are_texts(value) -> None:
    assert_refused_everywhere(bent(2, frozen_symbols=value), "frozen_symbols")


@pytest.mark.parametrize("value", [None, 0, 1, "no", math.nan])
def test_the_kill_switch_is_on_or_off(value) -> None:
    assert_refused_everywhere(bent(2, halted=value), "halted")


@pytest.mark.parametrize("value", [None, "d", [], 5, (None,), ("d",), ({"model": "m"},)])
def test_votes_are_votes(value) -> None:
    assert_refused_everywhere(bent(0, votes=value), "votes")


@pytest.mark.parametrize("value", [*NOT_NUMBERS, -0.1, True])
@pytest.mark.parametrize("name", ["weight", "confidence"])
def test_what_a_vote_weighs_and_says_is_a_number(name, value) -> None:
    (vote,) = some_case()[0].votes
    assert_refused_everywhere(bent(0, votes=(replace(vote, **{name: value}),)), name)


def test_nobody_needs_to_have_voted() -> None:
    assert asked(bent(0, votes=())) is None


@pytest.mark.parametrize("value", [None, 5, math.nan, ["A"]])
def test_a_symbol_is_text(value) -> None:
    assert_refused_everywhere(bent(0, symbol=value), "symbol")


@pytest.mark.parametrize("value", [None, "ensemble", 5])
def test_a_route_is_one_of_those_there_are(value) -> None:
    assert_refused_everywhere(bent(0, route=value), "route")


@pytest.mark.parametrize("value", [None, 5, math.nan, ["trend"]])
def test_a_regime_is_text(value) -> None:
    assert_refused_everywhere(bent(1, regime=value), "regime")


@pytest.mark.parametrize("name", ACCOUNT_NUMBERS)
def test_money_and_counts_are_whole_numbers(name) -> None:
    whole = getattr(some_case()[2], name)
    for value in (whole + 0.5, float(whole), whole > 0):
        assert_refused_everywhere(bent(2, **{name: value}), name)


@pytest.mark.parametrize("name", ["bar_age_ns", "unchanged_bars"])
def test_an_age_is_a_whole_number(name) -> None:
    for value in (0.0, 1.5, False):
        assert_refused_everywhere(bent(1, **{name: value}), name)


kinds = st.one_of(
    st.none(), st.booleans(), st.floats(), st.text(max_size=2), st.integers(),
    st.just(()), st.just([]), st.just({}), st.binary(max_size=2), st.just(object()),
)  # fmt: skip


@given(st.sampled_from([0, 1, 2]), st.data(), kinds)
def test_whatever_kind_is_handed_in_the_answer_is_an_order_or_a_refusal(
    part: int, data: st.DataObject, value: object
) -> None:
    name = data.draw(st.sampled_from(type(some_case()[part]).__struct_fields__))
    assert isinstance(clamp(*bent(part, **{name: value})), ClampedOrder | Refuse)
