"""Where the controller steers to, under each mode and each weather."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.base.errors import ConfigError
from stairway.simulation.targets import (
    FEWEST_FILLS,
    Band,
    TargetMode,
    TargetRules,
    outside_band,
    risk_factors,
    targets_at,
)
from stairway.testing.steering import target_rules

LINEAR, FIXED, BANDED = TargetMode.LINEAR, TargetMode.FIXED, TargetMode.BANDED
SCORES = st.floats(-3.0, 3.0)


def hold_at(score: float, mode: TargetMode) -> float:
    return targets_at(score, target_rules(mode)).hold


@given(SCORES)
def test_fixed_targets_do_not_look_at_the_weather(score: float) -> None:
    goal = targets_at(score, target_rules(FIXED))
    assert (goal.hold, goal.fills_per_session, goal.fills_low) == (0.55, 20.0, 15.0)
    assert goal.risk_factor == 1.0


@pytest.mark.parametrize(
    ("score", "hold"), [(-3.0, 0.40), (-1.5, 0.40), (0.0, 0.55), (1.0, 0.65), (3.0, 0.75)]
)
def test_linear_holds_more_the_higher_the_score_between_two_rates(
    score: float, hold: float
) -> None:
    assert hold_at(score, LINEAR) == pytest.approx(hold)


@given(SCORES, SCORES)
def test_linear_never_turns_round(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0.40 <= hold_at(low, LINEAR) <= hold_at(high, LINEAR) <= 0.75


@pytest.mark.parametrize(
    ("score", "figures"),
    [
        (3.0, (0.45, 20.0, 1.1)),
        (1.6, (0.45, 20.0, 1.1)),
        (1.5, (0.55, 15.0, 1.0)),
        (0.0, (0.55, 15.0, 1.0)),
        (-1.5, (0.55, 15.0, 1.0)),
        (-1.6, (0.65, 10.0, 0.9)),
        (-3.0, (0.65, 10.0, 0.9)),
    ],
)
def test_banded_trades_more_the_more_opportunity_there_is(
    score: float, figures: tuple[float, float, float]
) -> None:
    goal = targets_at(score, target_rules(BANDED))
    assert (goal.hold, goal.fills_per_session, goal.risk_factor) == figures


def test_an_opportunity_of_exactly_the_edge_is_still_usual() -> None:
    assert hold_at(1.5, BANDED) == 0.55
    assert hold_at(math.nextafter(1.5, 2.0), BANDED) == 0.45
    assert hold_at(math.nextafter(-1.5, -2.0), BANDED) == 0.65


def test_linear_and_banded_contradict_each_other_as_said() -> None:
    assert hold_at(3.0, LINEAR) > hold_at(-3.0, LINEAR)
    assert hold_at(3.0, BANDED) < hold_at(-3.0, BANDED)


@given(SCORES, st.sampled_from([LINEAR, FIXED]))
def test_only_banded_touches_the_volatility_target(score: float, mode: TargetMode) -> None:
    assert targets_at(score, target_rules(mode)).risk_factor == 1.0


@given(SCORES, st.sampled_from(list(TargetMode)))
def test_the_band_that_is_good_enough_ends_at_the_aim(score: float, mode: TargetMode) -> None:
    goal = targets_at(score, target_rules(mode))
    assert goal.fills_low == 0.75 * goal.fills_per_session


@pytest.mark.parametrize("mode", list(TargetMode))
def test_a_score_that_is_no_number_gives_targets_that_are_none(mode: TargetMode) -> None:
    goal = targets_at(math.nan, target_rules(mode))
    assert math.isnan(goal.hold)
    assert math.isnan(goal.fills_per_session)
    assert math.isnan(goal.fills_low)
    assert math.isnan(goal.risk_factor)


@pytest.mark.parametrize(("low", "high"), [(0.6, 0.75), (0.4, 0.5)])
def test_a_hold_rate_outside_its_own_bounds_is_refused(low: float, high: float) -> None:
    with pytest.raises(ConfigError, match="hold_low up to hold up to hold_high"):
        replace(target_rules(), hold_low=low, hold_high=high)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hold", 1.0),
        ("hold", math.nan),
        ("hold_per_score", math.inf),
        ("fills_per_session", 0.0),
        ("band_low_frac", 1.1),
        ("opportunity_edge", 0.0),
        ("mode", "quadratic"),
    ],
)
def test_a_target_that_cannot_be_reached_is_refused(name: str, value: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        replace(target_rules(), **{name: value})


@pytest.mark.parametrize("value", [0.0, 2.1, math.nan])
def test_a_risk_factor_that_would_be_a_bet_is_refused(value: float) -> None:
    with pytest.raises(msgspec.ValidationError):
        Band(hold=0.5, fills_per_session=10.0, risk_factor=value)


@pytest.mark.parametrize("field", TargetRules.__struct_fields__)
def test_no_target_has_a_default(field: str) -> None:
    settings = msgspec.to_builtins(target_rules())
    del settings[field]
    with pytest.raises(msgspec.ValidationError, match=field):
        msgspec.convert(settings, TargetRules)


@given(st.lists(SCORES, max_size=9), st.sampled_from(TargetMode))
def test_the_risk_at_many_bars_is_that_of_each(scores: list[float], mode: TargetMode) -> None:
    rules = target_rules(mode)
    expected = [targets_at(score, rules).risk_factor for score in scores]
    assert risk_factors(np.array(scores), rules).tolist() == expected


@given(st.floats(0.0, 1e4), st.floats(0.01, 1.0), st.floats(0.01, 1e3))
def test_fills_are_as_far_outside_the_band_as_they_would_have_to_be_multiplied_by(
    fills: float, low_frac: float, high: float
) -> None:
    low = low_frac * high
    apart = outside_band(fills, low, high)
    if low <= fills <= high:
        assert apart == pytest.approx(0.0, abs=1e-12)
    else:
        nearest = low if fills < low else high
        assert apart == pytest.approx(abs(math.log(max(fills, FEWEST_FILLS) / nearest)))


def test_fills_that_are_no_number_lie_nowhere() -> None:
    assert math.isnan(outside_band(math.nan, 15.0, 20.0))
