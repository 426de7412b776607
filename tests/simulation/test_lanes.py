"""The rule as first written: right in its sign, bounded, and without authority."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.base.errors import ConfigError, DataError
from stairway.simulation import kernels as env_kernels
from stairway.simulation.batch import PairBatch
from stairway.simulation.controlling import kernels
from stairway.simulation.lanes import Lanes, LiteralRules, open_lanes
from stairway.simulation.targets import TargetMode
from stairway.simulation.terms import Terms, as_array
from stairway.testing.practice import env_rules, made_course
from stairway.testing.steering import literal_rules, target_rules

TERMS = Terms(5.5, 0.0, 0.0, 0.0)


def opened(
    gain: float = 0.25, mode: TargetMode = TargetMode.FIXED, envs: int = 1, **changes: object
) -> Lanes:
    return open_lanes(replace(literal_rules(), **changes), target_rules(mode), gain, envs)


def walk(rule: Lanes, held: float, steps: int, score: float = 0.0) -> float:
    terms, bonus = as_array(TERMS), math.nan
    for _ in range(steps):
        bonus = rule.step(terms, held, score)
    return bonus


def law(rule: Lanes, error: float, opportunity: float = 0.0) -> float:
    """One step of the law itself, past the window, under any error."""
    rule.memory[kernels.SEEN] += 1.0
    return kernels.literal_law(rule.memory, rule.knobs, error, opportunity)


def test_it_begins_with_the_base_figures() -> None:
    rule = opened()
    assert (rule.bonus, rule.ticket) == (0.01, 0.5)


def test_one_step_is_what_the_formula_says() -> None:
    rule = opened()
    bonus = walk(rule, 1.0, 1, score=1.5)
    error, opportunity = 0.45, 0.5
    assert bonus == pytest.approx(0.01 * (1.0 - 0.25 * error * (1.0 + 0.3 * opportunity)))
    assert rule.ticket == pytest.approx(0.5 * (1.0 - 0.4 * error))


def test_an_all_hold_episode_lowers_the_bonus_step_by_step() -> None:
    rule, terms = opened(), as_array(TERMS)
    bonuses = [rule.step(terms, 1.0, 0.0) for _ in range(1_000)]
    assert bonuses[0] < 0.01
    assert (np.diff(bonuses) <= 0.0).all()
    assert bonuses[-1] < 0.5 * bonuses[0]


def test_an_over_trading_episode_raises_the_ticket_and_the_bonus() -> None:
    rule = opened()
    assert walk(rule, 0.0, 500) > 0.01
    assert rule.ticket > 0.5


def test_the_bonus_is_one_float_however_many_environments_there_are() -> None:
    for envs in (1, 8, 64):
        bonus = walk(opened(envs=envs), float(envs), 3)
        assert type(bonus) is float
        assert bonus == walk(opened(), 1.0, 3)


@pytest.mark.parametrize("gain", [0.25, 0.4])
def test_ten_thousand_steps_of_an_error_that_swings_never_leave_the_bounds(
    gain: float,
) -> None:
    rule = opened(gain)
    for i in range(10_000):
        error = 0.6 if (i // 40) % 2 == 0 else -0.6
        bonus = law(rule, error, math.copysign(1.0, error))
        assert type(bonus) is float
        assert 0.0 <= bonus <= 0.02
        assert abs(rule.memory[kernels.SLOW]) <= 0.5
        assert 0.0 <= rule.ticket <= 0.5 * (1.0 + 0.4 * 0.6)


@given(st.lists(st.floats(-1.0, 1.0), max_size=200), st.floats(-1.0, 1.0), st.floats(0.1, 10.0))
def test_no_errors_and_no_gain_take_it_beyond_its_bounds(
    errors: list[float], opportunity: float, gain: float
) -> None:
    rule = opened(gain, slow_gain=5.0, slow_every_steps=1)
    for error in errors:
        assert 0.0 <= law(rule, error, opportunity) <= 0.02
        assert abs(rule.memory[kernels.SLOW]) <= 0.5
        assert rule.ticket >= 0.0


def test_a_lane_that_was_full_turns_with_the_first_error_of_the_other_sign() -> None:
    rule = opened(slow_every_steps=1)
    for _ in range(5_000):
        law(rule, 0.45)
    assert rule.memory[kernels.SLOW] == 0.5
    law(rule, -0.45)
    assert rule.memory[kernels.SLOW] < 0.5


@pytest.mark.parametrize("gain", [0.25, 0.4])
@pytest.mark.parametrize("mode", list(TargetMode))
@pytest.mark.parametrize("score", [-3.0, 0.0, 3.0])
def test_it_has_no_authority_and_pays_even_who_holds_for_ever(
    gain: float, mode: TargetMode, score: float
) -> None:
    assert walk(opened(gain, mode), 1.0, 5_000, score) > 0.18 * 0.01


def test_the_preset_pushes_harder_and_not_otherwise() -> None:
    rules = literal_rules()
    assert walk(opened(rules.plan_fast_gain), 1.0, 10) < walk(opened(rules.fast_gain), 1.0, 10)


def test_the_target_follows_the_score_of_the_step() -> None:
    rule = opened(mode=TargetMode.LINEAR)
    walk(rule, 1.0, 1, score=3.0)
    assert rule.memory[kernels.ERROR] == pytest.approx(1.0 - 0.75)


@pytest.mark.parametrize("held", [-1.0, 1.5, math.nan])
def test_a_count_that_is_none_is_refused_and_nothing_has_changed(held: float) -> None:
    rule = opened()
    walk(rule, 1.0, 30)
    before = rule.memory.tobytes()
    with pytest.raises(DataError, match="held must be from 0 to 1"):
        rule.step(as_array(TERMS), held, 0.0)
    assert rule.memory.tobytes() == before


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(DataError, match="the score finite"):
        opened().step(as_array(TERMS), 1.0, math.nan)


@pytest.mark.parametrize("envs", [0, -1])
def test_nobody_can_be_watched_without_an_environment(envs: int) -> None:
    with pytest.raises(ConfigError, match="at least one environment"):
        opened(envs=envs)


@pytest.mark.parametrize("field", LiteralRules.__struct_fields__)
def test_no_gain_has_a_default_and_none_may_be_nan(field: str) -> None:
    settings = msgspec.to_builtins(literal_rules())
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(settings | {field: math.nan}, LiteralRules)
    del settings[field]
    with pytest.raises(msgspec.ValidationError, match=field):
        msgspec.convert(settings, LiteralRules)


@pytest.mark.parametrize("field", ["fast_gain", "plan_fast_gain", "slow_gain", "ticket_gain"])
def test_positive_feedback_cannot_be_asked_for(field: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        replace(literal_rules(), **{field: -0.25})


def test_the_terms_of_running_accounts_are_steered_in_place() -> None:
    accounts = PairBatch(made_course(400, seed=7), env_rules(), n_envs=4, seed=1)
    accounts.reset()
    accounts.set_terms(TERMS)
    in_force = accounts.knobs[env_kernels.SCALE_BPS :]
    rule, paid = opened(envs=4), []
    for _ in range(60):
        accounts.step(np.array([4, 4, 4, 8]))
        paid.append(accounts.told[0, env_kernels.HOLD_BONUS])
        rule.step(in_force, 3.0, 0.0)
    assert paid[0] == 0.0
    assert (np.diff(paid[1:]) <= 0.0).all()
    assert 0.0 < paid[-1] < paid[1] < 0.01
    assert in_force.tolist() == [5.5, rule.bonus, rule.ticket, 0.0]
