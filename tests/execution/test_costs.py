"""Costs are paid, grow with size, and are never rounded in our favour."""

from __future__ import annotations

import math
from fractions import Fraction

import msgspec
import numba
import pytest
from hypothesis import given, strategies as st

from stairway.execution.costs import (
    CostRules,
    fee_micros,
    one_way_bps,
    round_trip_bps,
    slip_bps,
)

GOOD = {
    "fee_bps": 0.5,
    "half_spread_bps": 1.0,
    "impact_coef_bps": 10.0,
    "max_participation_frac": 0.1,
}
shares = st.floats(0.0, 1.0)
bps = st.floats(0.0, 1_000.0)


@given(st.integers(0, 10**15), st.integers(0, 10_000))
def test_a_fee_is_the_exact_one_rounded_up_to_a_micro(notional: int, centibps: int) -> None:
    fee_bps = centibps / 100
    exact = Fraction(notional) * Fraction(centibps, 100) / 10_000
    assert 0 <= fee_micros(notional, fee_bps) - exact < 1


def test_the_smallest_trade_still_pays() -> None:
    assert fee_micros(1, 0.01) == 1
    assert fee_micros(0, 0.01) == 0


@given(shares, shares, bps, bps)
def test_a_larger_order_never_slips_less(one, other, spread, coef) -> None:
    small, large = sorted((one, other))
    assert slip_bps(small, spread, coef) <= slip_bps(large, spread, coef)
    assert slip_bps(small, spread, coef) >= spread


def test_impact_goes_with_the_square_root_of_the_share() -> None:
    assert slip_bps(0.04, 0.0, 10.0) == pytest.approx(2.0 * slip_bps(0.01, 0.0, 10.0))


@pytest.mark.parametrize("share", [math.nan, -0.1, -math.inf])
def test_a_share_that_is_none_gives_no_number(share: float) -> None:
    assert math.isnan(slip_bps(share, 1.0, 10.0))


@given(shares, bps, bps)
def test_a_compiled_environment_can_share_the_formula(share, spread, coef) -> None:
    assert COMPILED(share, spread, coef) == slip_bps(share, spread, coef)


COMPILED = numba.njit(slip_bps)


def test_in_and_out_cost_twice_one_way() -> None:
    rules = CostRules(**GOOD)
    assert one_way_bps(rules, 0.01) == pytest.approx(0.5 + 1.0 + 1.0)
    assert round_trip_bps(rules, 0.01) == 2 * one_way_bps(rules, 0.01)


@pytest.mark.parametrize("key", sorted(GOOD))
@pytest.mark.parametrize("bad", [math.nan, -1.0, math.inf, "free"])
def test_a_cost_that_is_no_cost_is_refused(key, bad) -> None:
    with pytest.raises(msgspec.ValidationError):
        CostRules(**GOOD | {key: bad})


def test_no_participation_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        CostRules(**GOOD | {"max_participation_frac": 0.0})
