"""A state is taken up to the last bit, or refused; gains may change, the law may not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from msgspec.structs import replace

from stairway.base.errors import ConfigError, DataError
from stairway.simulation.controller import (
    ControllerRules,
    Law,
    Rates,
    Regulated,
    State,
    regulate,
    start,
    terms_of,
)
from stairway.simulation.controller_state import (
    LANES,
    REGULATED,
    as_arrays,
    from_arrays,
    retuned,
)
from stairway.simulation.controlling import kernels
from stairway.simulation.lanes import Lanes
from stairway.simulation.terms import as_array
from stairway.testing.steering import controller_rules

ENVS = 8


def used(rules: ControllerRules, rollouts: int = 7, seed: int = 1) -> State:
    """A state that has seen something."""
    return went_on(start(rules, ENVS), rules, rollouts, seed)


def went_on(state: State, rules: ControllerRules, rollouts: int, seed: int) -> State:
    rng = np.random.default_rng(seed)
    for _ in range(rollouts):
        if isinstance(state, Lanes):
            terms = as_array(terms_of(state, rules))
            for _ in range(90):
                state.step(terms, float(rng.integers(0, ENVS + 1)), float(rng.uniform(-3, 3)))
        fills, hold = float(rng.uniform(0, 80)), float(rng.uniform())
        measured = Rates(hold, fills, 0.9, float(rng.uniform(1, 20)), 2_000, 0.3)
        answer = regulate(state, measured, rules)
        assert isinstance(answer, tuple)
        state = answer[0]
    return state


def bits(state: State) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in as_arrays(state).items()}


@pytest.mark.parametrize("law", list(Law))
def test_a_state_is_taken_up_to_the_last_bit_and_goes_on_alike(law: Law) -> None:
    rules = controller_rules(law)
    state = used(rules)
    again = from_arrays(as_arrays(state), rules, ENVS)
    assert bits(again) == bits(state)
    assert terms_of(again, rules) == terms_of(state, rules)
    assert bits(went_on(again, rules, 5, seed=2)) == bits(went_on(state, rules, 5, seed=2))


@pytest.mark.parametrize("law", list(Law))
def test_a_fresh_state_can_be_written_down_too(law: Law) -> None:
    rules = controller_rules(law)
    assert bits(from_arrays(as_arrays(start(rules, ENVS)), rules, ENVS)) == bits(
        start(rules, ENVS)
    )


def test_what_is_written_down_does_not_move_with_the_lanes() -> None:
    rules = controller_rules(Law.LITERAL)
    state = used(rules)
    written = as_arrays(state)[LANES]
    before = written.tobytes()
    went_on(state, rules, 1, seed=3)
    assert written.tobytes() == before != as_arrays(state)[LANES].tobytes()


def test_lanes_that_were_taken_up_do_not_write_into_the_checkpoint() -> None:
    rules = controller_rules(Law.LITERAL)
    arrays = as_arrays(used(rules))
    before = arrays[LANES].tobytes()
    went_on(from_arrays(arrays, rules, ENVS), rules, 1, seed=3)
    assert arrays[LANES].tobytes() == before


@pytest.mark.parametrize("law", list(Law))
def test_a_missing_array_is_named_beside_those_that_are_there(law: Law) -> None:
    with pytest.raises(
        DataError, match=r"needs the array controller\.\w+, and .* holds policy"
    ):
        from_arrays({"policy": np.zeros(3)}, controller_rules(law), ENVS)


def test_a_checkpoint_of_another_law_is_refused() -> None:
    arrays = as_arrays(used(controller_rules(Law.LITERAL)))
    with pytest.raises(DataError, match=r"needs the array controller\.regulated"):
        from_arrays(arrays, controller_rules(Law.REGULATED), ENVS)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("law", [Law.REGULATED, Law.LITERAL])
def test_a_number_that_is_none_is_refused_wherever_it_stands(law: Law, value: float) -> None:
    rules = controller_rules(law)
    for name, array in as_arrays(used(rules)).items():
        for place in (0, 2, array.size - 1):
            broken = array.copy()
            broken[place] = value
            with pytest.raises(DataError, match="finite"):
                from_arrays({name: broken}, rules, ENVS)


@pytest.mark.parametrize("law", [Law.REGULATED, Law.LITERAL, Law.FIXED])
def test_an_array_of_another_shape_or_type_is_refused(law: Law) -> None:
    rules = controller_rules(law)
    for name, array in as_arrays(used(rules)).items():
        for broken in (np.append(array, 0.0), array.astype(np.float32)):
            with pytest.raises(DataError, match="must be float64 of shape"):
                from_arrays({name: broken}, rules, ENVS)


@pytest.mark.parametrize(
    ("place", "value"),
    [(0, -1.0), (1, 1.01), (1, -1.01), (2, 1e3), (3, -1e3), (4, -1.0), (4, 2.5)],
)
def test_a_regulated_state_that_no_run_can_have_left_is_refused(
    place: int, value: float
) -> None:
    rules = controller_rules()
    array = as_arrays(used(rules))[REGULATED]
    array[place] = value
    with pytest.raises(DataError, match="no run under these rules"):
        from_arrays({REGULATED: array}, rules)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (kernels.SUM, 1.5),
        (kernels.SEEN, -1.0),
        (kernels.SEEN, 2.5),
        (kernels.SLOW, 0.51),
        (kernels.BONUS, 0.021),
        (kernels.BONUS, -0.001),
        (kernels.TICKET, -0.1),
        (kernels.HEAD, ENVS + 1.0),
        (kernels.HEAD, -1.0),
    ],
)
def test_lanes_that_no_run_can_have_left_are_refused(place: int, value: float) -> None:
    rules = controller_rules(Law.LITERAL)
    array = as_arrays(used(rules))[LANES]
    array[place] = value
    with pytest.raises(DataError, match="no run under these rules"):
        from_arrays({LANES: array}, rules, ENVS)


def test_gains_are_adjusted_and_the_memory_goes_on() -> None:
    rules = controller_rules()
    softer = replace(rules, regulated=replace(rules.regulated, hold_gain=2.0))
    state = used(rules)
    measured = Rates(0.65, 20.0, 0.9, 5.5, 2_000, 0.0)
    strong, weak = (regulate(retuned(state, r), measured, r) for r in (rules, softer))
    assert isinstance(strong, tuple)
    assert isinstance(weak, tuple)
    assert weak[1].bonus == pytest.approx(0.5 * strong[1].bonus)
    assert weak[1].ticket == strong[1].ticket


def test_lanes_take_new_gains_and_keep_their_window() -> None:
    rules = controller_rules(Law.LITERAL)
    harder = replace(rules, literal=replace(rules.literal, fast_gain=0.5))
    state = used(rules)
    again = retuned(state, harder, ENVS)
    assert isinstance(state, Lanes)
    assert isinstance(again, Lanes)
    assert again.memory.tobytes() == state.memory.tobytes()
    assert (again.knobs != state.knobs).sum() == 1


def test_the_law_and_its_window_cannot_be_adjusted() -> None:
    rules = controller_rules(Law.LITERAL)
    longer = replace(rules, literal=replace(rules.literal, window_steps=500))
    for other in (controller_rules(), longer):
        with pytest.raises(ConfigError, match="the law and its window cannot"):
            retuned(used(rules), other, ENVS)


def test_a_target_may_be_moved_under_a_regulated_state() -> None:
    rules = controller_rules()
    moved = replace(rules, targets=replace(rules.targets, hold=0.6))
    state = used(rules)
    assert isinstance(state, Regulated)
    assert retuned(state, moved) == state
