"""Progress is nearness to the targets with care for risk, and never profit."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.simulation.targets import Targets
from stairway.testing.cycles import walked
from stairway.training.progress import ProgressRules, progress

GOAL = Targets(hold=0.55, fills_per_session=20.0, fills_low=15.0, risk_factor=1.0)
RULES = ProgressRules(hold_width=0.1, trades_width=0.35)


def come(care=(1.0, 1.0, 1.0), **figures: float) -> float:
    usual = {"hold_rate": 0.55, "fills_per_session": 17.0}
    return progress(walked(**(usual | figures)), GOAL, care, RULES)


def test_a_policy_on_target_that_takes_care_is_all_the_way() -> None:
    assert come() == 1.0


@pytest.mark.parametrize("fills", [15.0, 17.0, 20.0])
def test_anywhere_in_the_band_of_trades_is_on_target(fills: float) -> None:
    assert come(fills_per_session=fills) == 1.0


@pytest.mark.parametrize("hold", [0.45, 0.65])
def test_one_width_of_the_hold_rate_halves_its_half(hold: float) -> None:
    assert come(hold_rate=hold) == pytest.approx(0.75)


@pytest.mark.parametrize("fills", [20.0 * math.exp(0.35), 15.0 * math.exp(-0.35)])
def test_one_width_of_trades_halves_its_half(fills: float) -> None:
    assert come(fills_per_session=fills) == pytest.approx(0.75)


def test_risk_scales_it_all() -> None:
    assert come(care=(0.5, 1.0, 0.0)) == pytest.approx(0.5)


def test_profit_has_no_part_in_it() -> None:
    assert come(return_frac=-0.9, sharpe=-50.0, win_rate=0.0) == 1.0


@pytest.mark.parametrize("name", ["hold_rate", "fills_per_session"])
def test_what_is_not_a_number_is_no_progress(name: str) -> None:
    assert come(**{name: math.nan}) == 0.0
    assert come(care=(math.nan, 1.0)) == 0.0


def test_no_trade_at_all_is_far_but_a_number() -> None:
    assert 0.5 < come(fills_per_session=0.0) < 0.52


@given(st.floats(0.0, 1.0), st.floats(0.0, 300.0), st.floats(0.0, 1.0))
def test_it_is_a_share(hold: float, fills: float, care: float) -> None:
    assert 0.0 <= come(care=(care,), hold_rate=hold, fills_per_session=fills) <= 1.0


@given(st.floats(0.0, 0.45), st.floats(0.0, 0.45))
def test_nearer_is_never_less(one: float, other: float) -> None:
    near, far = sorted((one, other))
    assert come(hold_rate=0.55 + near) >= come(hold_rate=0.55 + far)
    assert come(hold_rate=0.55 - near) >= come(hold_rate=0.55 - far)
