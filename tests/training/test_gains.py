"""Gains rise where a lane is too weak, fall where it hunts, and never leave their bounds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import InvariantError
from stairway.simulation.controller import Law
from stairway.testing.cycles import gain_rules
from stairway.testing.journal import rollout
from stairway.testing.steering import controller_rules
from stairway.training.gains import LaneErrors, adjusted, lane_errors, lowered
from stairway.training.journal import Gains
from stairway.training.measured import Rollout

RULES = gain_rules()
ONE = Gains(1.0, 1.0)
CALM = (0.01, -0.01, 0.02, 0.0, -0.02, 0.01)
WEAK = (0.3, 0.25, 0.2, 0.2, 0.2, 0.2)
HUNTS = (0.2, -0.2, 0.2, -0.2, 0.2, -0.2)


def again(lanes: list[LaneErrors], rules=RULES) -> Gains:
    """Adjust after a cycle that went like the one before it."""
    return adjusted(ONE, lanes, lanes, rules)


def hold(*seeds: tuple[float, ...]) -> float:
    return again([LaneErrors(i, e, CALM) for i, e in enumerate(seeds)]).hold


def test_a_lane_on_target_keeps_its_gain() -> None:
    assert hold(CALM) == 1.0


def test_a_lane_that_stays_on_one_side_is_raised() -> None:
    assert hold(WEAK) == 1.25
    assert hold(tuple(-e for e in WEAK)) == 1.25


def then(*cycles: tuple[float, ...]) -> float:
    """Gain of a hold lane after two cycles of one seed."""
    was, now = ([LaneErrors(1, errors, ())] for errors in cycles)
    return adjusted(ONE, was, now, RULES).hold


def test_what_is_off_for_one_cycle_is_still_unwinding() -> None:
    assert adjusted(ONE, [], [LaneErrors(1, WEAK, WEAK)], RULES) == ONE
    assert then((), WEAK) == then(CALM, WEAK) == 1.0
    assert then(WEAK, CALM) == 1.0


def test_what_went_from_one_side_to_the_other_is_not_weak() -> None:
    assert then(tuple(-e for e in WEAK), WEAK) == 1.0


def test_what_hunts_is_lowered_however_the_cycle_before_went() -> None:
    assert then(WEAK, HUNTS) == then((), HUNTS) == 0.8
    assert then(HUNTS, CALM) == 1.0


def test_an_earlier_error_that_is_no_number_is_our_own_mistake_too() -> None:
    with pytest.raises(InvariantError, match="not a finite number"):
        then((math.nan,), CALM)


def test_a_lane_that_hunts_is_lowered() -> None:
    assert hold(HUNTS) == 0.8


def test_small_swings_within_the_tolerance_are_not_hunting() -> None:
    assert hold(tuple(e / 5 for e in HUNTS)) == 1.0


def test_a_swing_that_is_large_on_one_side_only_is_not_hunting() -> None:
    assert hold((0.2, -0.01, 0.2, -0.01, 0.01, -0.01)) == 1.0


def test_only_the_later_half_of_a_cycle_says_that_a_lane_is_weak() -> None:
    assert hold((0.9, 0.9, 0.9, 0.01, 0.0, 0.01)) == 1.0
    assert hold((0.0, 0.0, 0.0, 0.2, 0.2, 0.2)) == 1.25


def test_the_median_seed_decides() -> None:
    assert hold(CALM, CALM, WEAK) == 1.0
    assert hold(CALM, HUNTS, HUNTS) == 0.8
    assert hold(CALM, HUNTS, CALM) == 1.0


def test_the_lanes_are_judged_apart() -> None:
    errors = [LaneErrors(1, WEAK, tuple(4 * e for e in HUNTS))]
    assert again(errors) == Gains(hold=1.25, trades=0.8)


def test_the_trades_lane_has_a_tolerance_of_its_own() -> None:
    errors = [LaneErrors(1, CALM, (0.15,) * 6)]
    assert again(errors).trades == 1.0
    assert again(errors, gain_rules(trades_tolerance=0.1)).trades == 1.25


def test_exactly_at_the_tolerance_is_near_enough() -> None:
    rules = gain_rules(hold_tolerance=0.25)
    assert again([LaneErrors(1, (0.25,) * 6, ())], rules).hold == 1.0
    assert again([LaneErrors(1, (0.2500001,) * 6, ())], rules).hold == 1.25


def test_half_of_the_steps_across_is_not_yet_hunting() -> None:
    half = (0.2, -0.2, -0.2)
    assert again([LaneErrors(1, half, ())]).hold == 1.25
    assert again([LaneErrors(1, half, ())], gain_rules(hunting_frac=0.4)).hold == 0.8


def test_where_no_controller_steers_nothing_changes() -> None:
    assert again([]) == ONE
    assert again([LaneErrors(1, (), ())]) == ONE


def test_a_single_roll_out_cannot_hunt() -> None:
    assert hold((0.3,)) == 1.25


def test_after_a_revert_both_fall() -> None:
    assert lowered(ONE, RULES) == Gains(0.8, 0.8)


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_an_error_that_is_no_number_is_our_own_mistake(broken: float) -> None:
    with pytest.raises(InvariantError, match="not a finite number"):
        hold((0.1, broken))


errors = st.lists(st.floats(-1.0, 1.0), max_size=8).map(tuple)


@given(st.lists(st.tuples(errors, errors), max_size=4), st.floats(0.5, 2.0))
def test_gains_never_leave_their_bounds(seeds, start: float) -> None:
    gains = Gains(start, start)
    for _ in range(12):
        lanes = [LaneErrors(i, h, t) for i, (h, t) in enumerate(seeds)]
        gains = adjusted(gains, lanes, lanes, RULES)
        assert 0.5 <= gains.hold <= 2.0
        assert 0.5 <= gains.trades <= 2.0
    for _ in range(12):
        gains = lowered(gains, RULES)
    assert gains == Gains(0.5, 0.5)


# -- lanes ---------------------------------------------------------------------------------


def seen(hold: float | None, fills: float | None, **changes: float) -> Rollout:
    return rollout(1, 1, target_hold=hold, target_fills=fills, **changes)


def test_lane_errors_are_distances_from_the_targets() -> None:
    rules = controller_rules()
    found = lane_errors(
        7,
        [
            seen(0.5, 20.0, hold_rate=0.75, fills_per_session=20.0 * math.exp(0.5)),
            seen(0.5, 20.0, hold_rate=0.25, fills_per_session=20.0 * math.exp(-0.25)),
        ],
        rules,
    )
    assert (found.seed, found.hold) == (7, (0.25, -0.25))
    assert found.trades == pytest.approx((0.5, -0.25))


def test_errors_of_trades_are_clipped_on_both_sides_and_no_fill_at_all_is_the_least() -> None:
    limit = controller_rules().regulated.log_limit
    rollouts = [seen(0.5, 1.0, fills_per_session=fills) for fills in (1e6, 1e-6, 0.0)]
    assert lane_errors(1, rollouts, controller_rules()).trades == (limit, -limit, -limit)


@pytest.mark.parametrize(("hold", "fills"), [(None, 20.0), (0.5, None), (None, None)])
def test_a_roll_out_without_targets_has_no_errors(
    hold: float | None, fills: float | None
) -> None:
    rollouts = [seen(hold, fills), seen(0.5, 20.0)]
    found = lane_errors(1, rollouts, controller_rules())
    assert (len(found.hold), len(found.trades)) == (1, 1)


@pytest.mark.parametrize("law", [Law.LITERAL, Law.FIXED])
def test_only_the_regulated_law_has_lanes(law: Law) -> None:
    assert lane_errors(1, [seen(0.5, 20.0)], controller_rules(law)) == LaneErrors(1, (), ())
