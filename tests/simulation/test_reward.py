"""Each term of the reward says what it is worth, alone and together."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.simulation import kernels, reward

BPS = st.floats(-500.0, 500.0)
SCALE = st.floats(0.1, 50.0)


def test_a_profit_is_the_change_of_log_equity_less_interest() -> None:
    gained = reward.profit_bps(100.0, 101.0, risk_free_bps=0.25)
    assert gained == pytest.approx(10_000 * math.log(1.01) - 0.25)


def test_profits_of_bars_in_a_row_add_up() -> None:
    one = reward.profit_bps(1e12, 1.01e12, 0.1)
    two = reward.profit_bps(1.01e12, 0.97e12, 0.1)
    assert one + two == pytest.approx(reward.profit_bps(1e12, 0.97e12, 0.2))


@pytest.mark.parametrize("left", [1.0, 0.0, -5e9])
def test_an_account_with_nothing_left_has_lost_a_finite_amount(left: float) -> None:
    assert reward.profit_bps(1e11, left, 0.0) == pytest.approx(10_000 * math.log(1e-11))


@given(BPS, SCALE)
def test_profit_is_counted_in_its_usual_size(gained: float, scale: float) -> None:
    assert reward.profit(gained, scale) * scale == pytest.approx(gained)


@pytest.mark.parametrize("action", range(9))
def test_only_holding_both_is_paid_for(action: int) -> None:
    assert reward.hold_bonus(action, 0.5) == (0.5 if action == 4 else 0.0)


@pytest.mark.parametrize("fills", [0, 1, 2])
def test_every_position_change_costs_the_same(fills: int) -> None:
    assert reward.ticket_cost(fills, 0.25) == 0.25 * fills


def test_a_negative_ticket_pays_for_trading() -> None:
    assert reward.ticket_cost(2, -0.25) == -0.5


@given(BPS, SCALE, st.floats(0.0, 5.0))
def test_only_losses_hurt_and_they_hurt_by_their_square(
    gained: float, scale: float, weight: float
) -> None:
    hurt = reward.downside(gained, scale, weight)
    if gained >= 0.0:
        assert hurt == 0.0
    else:
        assert hurt == pytest.approx(weight * (gained / scale) ** 2)
        assert reward.downside(2.0 * gained, scale, weight) == pytest.approx(4.0 * hurt)


@given(BPS, SCALE, st.floats(0.0, 5.0), st.integers(0, 8), st.integers(0, 2))
def test_compiled_and_plain_terms_are_the_same(
    gained: float, scale: float, weight: float, action: int, fills: int
) -> None:
    assert kernels._profit(gained, scale) == reward.profit(gained, scale)
    assert kernels._hold_bonus(action, weight) == reward.hold_bonus(action, weight)
    assert kernels._ticket_cost(fills, weight) == reward.ticket_cost(fills, weight)
    assert kernels._downside(gained, scale, weight) == reward.downside(gained, scale, weight)
    after = 1e11 * math.exp(gained / 10_000)
    plain = reward.profit_bps(1e11, after, 0.5)
    assert kernels._profit_bps(1e11, after, 0.5) == pytest.approx(plain, abs=1e-10)
