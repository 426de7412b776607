"""Compiled loops of the controller, against plain Python and at their edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.base.arrays import FloatArray
from stairway.simulation.controlling import kernels
from stairway.simulation.lanes import Lanes, open_lanes
from stairway.simulation.targets import TargetMode, aims_of
from stairway.simulation.terms import BONUS, SCALE, TICKET
from stairway.testing.steering import literal_rules, target_rules

ANY = st.floats(-10.0, 10.0) | st.just(math.nan)


def lanes(envs: int = 1, window: int = 250) -> Lanes:
    rules = literal_rules()
    made = open_lanes(rules, target_rules(TargetMode.FIXED), rules.fast_gain, envs)
    return Lanes(np.append(made.memory[: kernels.HEAD], np.zeros(window)), made.knobs)


def terms() -> FloatArray:
    return np.array([5.5, 0.0, 0.0, 0.1])


@given(ANY, ANY, ANY)
def test_clipping_keeps_nan_and_is_what_numpy_does(x: float, one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    if math.isnan(low) or math.isnan(high):
        return
    found = kernels.clip(x, low, high)
    assert found == pytest.approx(np.clip(x, low, high), nan_ok=True)
    assert found == pytest.approx(kernels.clip.py_func(x, low, high), nan_ok=True)


@given(st.sampled_from(list(TargetMode)), st.floats(-5.0, 5.0) | st.just(math.nan))
def test_the_compiled_goal_is_the_written_one(mode: TargetMode, score: float) -> None:
    aims = aims_of(target_rules(mode))
    assert aims.shape == (kernels.AIMS,)
    found, truth = kernels.goal_of(score, aims), kernels.goal_of.py_func(score, aims)
    assert found == pytest.approx(truth, nan_ok=True)


@given(st.integers(0, 8), st.floats(-3.0, 3.0), st.integers(0, 60))
def test_a_compiled_step_is_the_written_one(held: int, score: float, before: int) -> None:
    rng = np.random.default_rng(before)
    one, other = lanes(8, 20), lanes(8, 20)
    paid, owed = terms(), terms()
    for _ in range(before):
        many = float(rng.integers(0, 9))
        one.step(paid, many, 0.5)
        kernels.literal_step.py_func(other.memory, other.knobs, owed, many, 0.5)
    bonus = kernels.literal_step(one.memory, one.knobs, paid, held, score)
    truth = kernels.literal_step.py_func(other.memory, other.knobs, owed, held, score)
    assert bonus == pytest.approx(truth, rel=1e-12)
    np.testing.assert_allclose(one.memory, other.memory, rtol=1e-12)
    np.testing.assert_allclose(paid, owed, rtol=1e-12)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=80), st.integers(1, 30))
def test_the_error_is_that_of_the_trailing_window_and_of_nothing_else(
    held: list[int], window: int
) -> None:
    rule = lanes(4, window)
    for i, many in enumerate(held):
        rule.step(terms(), float(many), 0.0)
        inside = held[max(i + 1 - window, 0) : i + 1]
        assert rule.memory[kernels.ERROR] == sum(inside) / (4 * len(inside)) - 0.55


def test_a_step_sets_bonus_and_ticket_and_leaves_scale_and_downside_alone() -> None:
    rule, paid = lanes(), terms()
    bonus = rule.step(paid, 1.0, 0.0)
    assert paid[BONUS] == bonus == rule.bonus
    assert paid[TICKET] == rule.ticket
    assert paid[SCALE] == 5.5
    assert paid[3] == 0.1


@pytest.mark.parametrize(
    ("held", "score"),
    [(math.nan, 0.0), (-1.0, 0.0), (9.0, 0.0), (1.0, math.nan), (1.0, math.inf)],
)
def test_what_cannot_be_leaves_every_number_as_it_was(held: float, score: float) -> None:
    rule, paid = lanes(8), terms()
    rule.step(paid, 4.0, 1.0)
    before = rule.memory.tobytes(), paid.tobytes()
    assert math.isnan(kernels.literal_step(rule.memory, rule.knobs, paid, held, score))
    assert (rule.memory.tobytes(), paid.tobytes()) == before


def test_the_ring_is_all_that_is_remembered_and_its_sum_is_exact_for_ever() -> None:
    rule, paid = lanes(7, 11), terms()
    rng = np.random.default_rng(3)
    held = rng.integers(0, 8, size=20_000).astype(np.float64)
    size = rule.memory.size
    for many in held:
        rule.step(paid, many, 0.0)
    assert rule.memory.size == size == kernels.HEAD + 11
    assert rule.memory[kernels.SUM] == held[-11:].sum()


def test_the_slow_lane_moves_every_25th_step_only() -> None:
    rule, paid, slow = lanes(), terms(), []
    for _ in range(100):
        rule.step(paid, 1.0, 0.0)
        slow.append(rule.memory[kernels.SLOW])
    moved = np.flatnonzero(np.diff(slow, prepend=0.0))
    assert moved.tolist() == [24, 49, 74, 99]
    assert slow[24] == pytest.approx(0.05 * 0.45)


def test_an_opportunity_is_never_larger_than_one() -> None:
    def fast(score: float) -> float:
        rule = lanes()
        return rule.step(terms(), 1.0, score)

    assert fast(3.0) == fast(30.0)
    assert fast(-3.0) == fast(-30.0)
    assert fast(3.0) < fast(0.0) < fast(-3.0)
