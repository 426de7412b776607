"""The regulated law as SPEC has it, its stories, its bounds, and what it will not take in."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.base.verdict import Refuse
from stairway.simulation.controller import (
    Constant,
    ControllerRules,
    Law,
    Rates,
    Regulated,
    RegulatedRules,
    State,
    regulate,
    start,
    terms_of,
)
from stairway.simulation.lanes import Lanes
from stairway.simulation.targets import TargetMode
from stairway.simulation.terms import Terms, as_array
from stairway.testing.steering import controller_rules, regulated_rules

RULES = controller_rules(mode=TargetMode.FIXED)
SEEN = Rates(0.55, 20.0, 0.95, RULES.scale_bps, 2_000, 0.0)
ROLLOUTS = st.builds(
    Rates,
    hold_rate=st.floats(0.0, 1.0),
    fills_per_session=st.floats(0.0, 780.0),
    no_fill_share=st.floats(0.0, 1.0),
    rms_profit_bps=st.floats(0.0, 10_000.0),
    steps=st.integers(1, 10**9),
    score=st.floats(-3.0, 3.0),
)


def took(
    state: State, measured: Rates, rules: ControllerRules = RULES
) -> tuple[Regulated, Terms]:
    answer = regulate(state, measured, rules)
    assert isinstance(answer, tuple)
    assert isinstance(answer[0], Regulated)
    return answer[0], answer[1]


def after(*rollouts: Rates, rules: ControllerRules = RULES) -> tuple[Regulated, Terms]:
    state, terms = start(rules), None
    for measured in rollouts:
        state, terms = took(state, measured, rules)
    assert isinstance(state, Regulated)
    assert terms is not None
    return state, terms


# --- stories


def test_an_all_hold_episode_lowers_the_bonus() -> None:
    _, level = after(SEEN)
    _, terms = after(SEEN, replace(SEEN, hold_rate=1.0, fills_per_session=0.0))
    assert terms.bonus < level.bonus
    assert terms.bonus == -2.0


def test_an_all_hold_episode_pays_for_trades() -> None:
    assert after(replace(SEEN, hold_rate=1.0, fills_per_session=0.0))[1].ticket == -1.5


def test_an_over_trading_episode_raises_the_ticket() -> None:
    _, level = after(SEEN)
    _, terms = after(SEEN, replace(SEEN, fills_per_session=60.0))
    assert terms.ticket > level.ticket
    assert terms.ticket == 1.5


def test_a_policy_that_is_where_it_should_be_is_neither_paid_nor_charged() -> None:
    assert after(SEEN, SEEN, SEEN)[1] == Terms(5.5, 0.0, 0.0, 0.0)


# --- the formula, number by number


@given(st.floats(0.0, 1.0))
def test_the_bonus_is_twice_s_times_four_errors_clipped(hold: float) -> None:
    _, terms = after(replace(SEEN, hold_rate=hold))
    assert terms.bonus == pytest.approx(2.0 * max(-1.0, min(-4.0 * (hold - 0.55), 1.0)))


@given(st.floats(0.0, 780.0), st.floats(-1.0, 1.0))
def test_the_trades_lane_is_what_the_law_says(fills: float, integral: float) -> None:
    before = Regulated(RULES.scale_bps**2, integral, 0.0, 0.0, 7)
    state, terms = took(before, replace(SEEN, fills_per_session=fills))
    x = max(-1.0, min(math.log(fills / 20.0), 1.0)) if fills / 20.0 > 0.0 else -1.0
    u = x + integral
    w = max(-1.0, min(u, 1.0))
    grown = integral + 0.05 * x + 0.5 * (w - u)
    assert terms.ticket == pytest.approx(1.5 * w, abs=1e-12)
    assert state.integral == pytest.approx(max(-1.0, min(grown, 1.0)), abs=1e-12)
    assert state.rollouts == 8


def test_terms_grow_with_the_size_of_profits_as_they_have_been_of_late() -> None:
    wide = replace(SEEN, hold_rate=1.0, rms_profit_bps=2.0 * RULES.scale_bps)
    kept = math.exp(-1.0)
    size = math.sqrt(kept + (1.0 - kept) * 4.0)
    assert after(wide)[1].bonus == pytest.approx(-2.0 * size)
    assert after(*[wide] * 40)[1].bonus == pytest.approx(-4.0)


def test_in_a_market_that_stands_still_the_terms_keep_a_quarter_of_their_size() -> None:
    still = replace(SEEN, hold_rate=1.0, rms_profit_bps=0.0)
    assert after(*[still] * 40)[1].bonus == -0.5


def test_two_half_roll_outs_count_as_one_in_the_trailing_size() -> None:
    whole = replace(SEEN, rms_profit_bps=11.0)
    half = replace(whole, steps=1_000)
    assert after(half, half)[0].second_moment_bps2 == pytest.approx(
        after(whole)[0].second_moment_bps2
    )


def test_no_fill_at_all_is_the_least_there_is_and_no_logarithm_of_nothing() -> None:
    none, few = (after(replace(SEEN, fills_per_session=f))[1].ticket for f in (0.0, 1e-300))
    assert none == few == -1.5


def test_the_hold_target_follows_the_score_when_asked_to() -> None:
    linear = controller_rules(mode=TargetMode.LINEAR)
    calm, stress = (
        after(replace(SEEN, hold_rate=0.65, score=s), rules=linear)[1].bonus for s in (0.0, 1.0)
    )
    assert calm == pytest.approx(2.0 * -0.4)
    assert stress == pytest.approx(0.0, abs=1e-12)


def test_downside_and_scale_are_the_rules_own() -> None:
    rules = controller_rules(downside=0.3)
    _, terms = after(SEEN, rules=rules)
    assert (terms.scale_bps, terms.downside) == (5.5, 0.3)


# --- bounds


def assert_within_bounds(state: Regulated, rules: ControllerRules = RULES) -> None:
    size = max(math.sqrt(state.second_moment_bps2) / rules.scale_bps, 0.25)
    assert abs(state.bonus) <= 2.0 * size
    assert abs(state.ticket) <= 1.5 * size
    assert abs(state.integral) <= 1.0


def test_ten_thousand_roll_outs_of_an_error_that_swings_never_leave_the_bounds() -> None:
    sides = [
        replace(RULES, targets=replace(RULES.targets, hold=h, hold_low=h)) for h in (0.4, 0.6)
    ]
    highs = replace(SEEN, hold_rate=1.0, fills_per_session=20.0 * math.exp(0.6))
    lows = replace(SEEN, hold_rate=0.0, fills_per_session=20.0 * math.exp(-0.6))
    state: State = start(RULES)
    for i in range(10_000):
        side = (i // 40) % 2
        state, terms = took(state, (highs, lows)[side], sides[side])
        assert_within_bounds(state)
        assert terms.bonus == pytest.approx(2.0 if side else -2.0)


@given(st.lists(ROLLOUTS, min_size=1, max_size=40), st.sampled_from(list(TargetMode)))
def test_no_roll_outs_take_it_beyond_its_bounds(
    rollouts: list[Rates], mode: TargetMode
) -> None:
    state: State = start(controller_rules(mode=mode))
    for measured in rollouts:
        state, _ = took(state, measured, controller_rules(mode=mode))
        assert_within_bounds(state)


@pytest.mark.parametrize("fills", [0.0, 300.0])
def test_an_integral_that_could_not_help_does_not_wind_up(fills: float) -> None:
    far = replace(SEEN, fills_per_session=fills)
    state, _ = after(*[far] * 1_000)
    assert abs(state.integral) <= 0.11
    _, terms = took(state, replace(SEEN, fills_per_session=20.0 * 20.0 / max(fills, 1.0)))
    assert math.copysign(1.0, terms.ticket) == (1.0 if fills < 20.0 else -1.0)


@pytest.mark.parametrize("fills", [18.0, 22.0])
def test_the_integral_stops_at_its_own_limit(fills: float) -> None:
    gains = replace(RULES.regulated, integral_limit=0.3, anti_windup=0.0)
    near = replace(SEEN, fills_per_session=fills)
    state, _ = after(*[near] * 200, rules=replace(RULES, regulated=gains))
    assert state.integral == (0.3 if fills > 20.0 else -0.3)


# --- what is refused


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hold_rate", math.nan),
        ("hold_rate", -0.01),
        ("hold_rate", 1.01),
        ("fills_per_session", math.nan),
        ("fills_per_session", -1.0),
        ("fills_per_session", math.inf),
        ("no_fill_share", math.nan),
        ("no_fill_share", 2.0),
        ("rms_profit_bps", math.nan),
        ("rms_profit_bps", -1.0),
        ("rms_profit_bps", 1e9),
        ("steps", 0),
        ("steps", -5),
        ("score", math.nan),
        ("score", -math.inf),
    ],
)
@pytest.mark.parametrize("law", list(Law))
def test_a_figure_that_cannot_be_is_refused_by_name_and_the_state_stands(
    law: Law, name: str, value: float
) -> None:
    rules = controller_rules(law)
    state = start(rules)
    before = state.memory.tobytes() if isinstance(state, Lanes) else msgspec.json.encode(state)
    answer = regulate(state, replace(SEEN, **{name: value}), rules)
    assert isinstance(answer, Refuse)
    assert [f.code for f in answer.findings] == ["controller.measured"]
    assert name in answer.findings[0].detail
    now = state.memory.tobytes() if isinstance(state, Lanes) else msgspec.json.encode(state)
    assert now == before


def test_every_figure_that_cannot_be_is_named() -> None:
    answer = regulate(start(RULES), replace(SEEN, hold_rate=math.nan, steps=0), RULES)
    assert isinstance(answer, Refuse)
    assert [f.detail.split()[0] for f in answer.findings] == ["hold_rate", "steps"]


# --- the other laws, behind the same door


def test_fixed_terms_never_move() -> None:
    rules = controller_rules(Law.FIXED)
    state = start(rules)
    for hold in (0.0, 0.5, 1.0):
        answer = regulate(state, replace(SEEN, hold_rate=hold), rules)
        assert answer == (Constant(), Terms(5.5, 0.01, 0.0, 0.0))


@pytest.mark.parametrize("law", [Law.LITERAL, Law.PLAN])
def test_lanes_come_back_as_they_are_with_the_terms_that_they_reached(law: Law) -> None:
    rules = controller_rules(law)
    lanes = start(rules, envs=4)
    assert isinstance(lanes, Lanes)
    array = msgspec.structs.astuple(terms_of(lanes, rules))
    assert array == (5.5, 0.01, 0.5, 0.0)
    held = as_array(terms_of(lanes, rules))
    for _ in range(30):
        lanes.step(held, 4.0, 0.0)
    answer = regulate(lanes, SEEN, rules)
    assert isinstance(answer, tuple)
    assert answer[0] is lanes
    assert as_array(answer[1]).tolist() == held.tolist()


def test_the_plan_is_the_literal_law_with_its_own_fast_gain() -> None:
    literal, plan = start(controller_rules(Law.LITERAL)), start(controller_rules(Law.PLAN))
    assert isinstance(literal, Lanes)
    assert isinstance(plan, Lanes)
    assert (literal.knobs != plan.knobs).sum() == 1
    assert (0.25 in literal.knobs, 0.4 in plan.knobs) == (True, True)


def test_the_terms_in_force_are_those_that_were_given() -> None:
    state, terms = after(SEEN, replace(SEEN, hold_rate=0.9, fills_per_session=3.0))
    assert terms_of(state, RULES) == terms
    assert terms_of(start(RULES), RULES) == Terms(5.5, 0.0, 0.0, 0.0)


# --- settings


@pytest.mark.parametrize("field", RegulatedRules.__struct_fields__)
def test_no_gain_has_a_default_and_none_may_be_nan(field: str) -> None:
    settings = msgspec.to_builtins(regulated_rules())
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(settings | {field: math.nan}, RegulatedRules)
    del settings[field]
    with pytest.raises(msgspec.ValidationError, match=field):
        msgspec.convert(settings, RegulatedRules)


@pytest.mark.parametrize("field", ["hold_gain", "trades_gain", "hold_authority"])
def test_positive_feedback_cannot_be_asked_for(field: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        replace(regulated_rules(), **{field: -1.0})


@pytest.mark.parametrize("change", [{"law": "pid"}, {"scale_bps": 0.0}, {"downside": -0.1}])
def test_a_section_that_makes_no_sense_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        replace(RULES, **change)


def test_a_section_is_read_back_as_it_was_written() -> None:
    raw = msgspec.json.encode(RULES)
    assert msgspec.json.decode(raw, type=ControllerRules) == RULES
