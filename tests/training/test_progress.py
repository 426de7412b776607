"""Progress is nearness to the targets with care for risk, and never profit."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.simulation.targets import Targets
from stairway.testing.journal import rollout
from stairway.training.progress import Habits, ProgressRules, habits, progress

GOAL = Targets(hold=0.55, fills_per_session=20.0, fills_low=15.0, risk_factor=1.0)
RULES = ProgressRules(hold_width=0.1, trades_width=0.35)


def come(care=(1.0, 1.0, 1.0), **figures: float) -> float:
    usual = {"hold_rate": 0.55, "fills_per_session": 17.0, "score": 0.0}
    return progress(Habits(**(usual | figures)), GOAL, care, RULES)


def test_a_policy_on_target_that_takes_care_is_all_the_way() -> None:
    assert come() == 1.0


@pytest.mark.parametrize("fills", [15.0, 17.0, 20.0])
def test_anywhere_in_the_band_of_trades_is_on_target(fills: float) -> None:
    assert come(fills_per_session=fills) == 1.0


@pytest.mark.parametrize("hold", [0.45, 0.65])
def test_one_width_of_the_hold_rate_halves_it(hold: float) -> None:
    assert come(hold_rate=hold) == pytest.approx(0.5)


@pytest.mark.parametrize("fills", [20.0 * math.exp(0.35), 15.0 * math.exp(-0.35)])
def test_one_width_of_trades_halves_it(fills: float) -> None:
    assert come(fills_per_session=fills) == pytest.approx(0.5)


def test_the_farther_of_the_two_says_how_far_it_has_come() -> None:
    assert come(hold_rate=0.75, fills_per_session=17.0) == come(
        hold_rate=0.75, fills_per_session=20.0 * math.exp(0.35)
    )
    assert come(hold_rate=0.55, fills_per_session=60.0) == come(
        hold_rate=0.60, fills_per_session=60.0
    )


def test_the_way_from_holding_to_the_targets_goes_up_though_trading_overshoots() -> None:
    way = [(0.895, 14.0), (0.884, 13.7), (0.56, 38.0), (0.516, 24.4), (0.52, 18.5)]
    shares = [come(hold_rate=h, fills_per_session=t) for h, t in way]
    assert shares == sorted(shares)


def test_risk_scales_it_all() -> None:
    assert come(care=(0.5, 1.0, 0.0)) == pytest.approx(0.5)


def test_profit_has_no_part_in_it() -> None:
    assert Habits._fields == ("hold_rate", "fills_per_session", "score")
    assert come(score=3.0) == 1.0


def test_habits_are_means_over_roll_outs() -> None:
    seen = [
        rollout(1, n, hold_rate=h, fills_per_session=f, score=s)
        for n, (h, f, s) in enumerate([(0.5, 10.0, 1.0), (0.25, 30.0, -0.5)])
    ]
    assert habits(seen) == (0.375, 20.0, 0.25)


def test_who_never_practised_has_come_nowhere() -> None:
    assert progress(habits([]), GOAL, (1.0,), RULES) == 0.0


@pytest.mark.parametrize("name", ["hold_rate", "fills_per_session"])
def test_what_is_not_a_number_is_no_progress(name: str) -> None:
    assert come(**{name: math.nan}) == 0.0
    assert come(care=(math.nan, 1.0)) == 0.0


def test_no_trade_at_all_is_far_but_a_number() -> None:
    assert 0.0 < come(fills_per_session=0.0) < 0.03


@given(st.floats(0.0, 1.0), st.floats(0.0, 300.0), st.floats(0.0, 1.0))
def test_it_is_a_share(hold: float, fills: float, care: float) -> None:
    assert 0.0 <= come(care=(care,), hold_rate=hold, fills_per_session=fills) <= 1.0


@given(st.floats(0.0, 0.45), st.floats(0.0, 0.45))
def test_nearer_is_never_less(one: float, other: float) -> None:
    near, far = sorted((one, other))
    assert come(hold_rate=0.55 + near) >= come(hold_rate=0.55 + far)
    assert come(hold_rate=0.55 - near) >= come(hold_rate=0.55 - far)
