"""The state changes by recorded facts only, and knows what they imply."""

from __future__ import annotations

import pytest

from stairway.base.errors import InvariantError
from stairway.base.units import UtcNs
from stairway.base.verdict import Pass
from stairway.lifecycle.climb import on
from stairway.lifecycle.facts import (
    GateGiven,
    ModelMoved,
    ModelRegistered,
    ProbationChanged,
    RampChanged,
)
from stairway.lifecycle.probation import Probation, Status
from stairway.lifecycle.rollback import Rest
from stairway.lifecycle.stage import Stage
from stairway.lifecycle.state import Climb, recorded, start
from stairway.testing.climbing import climb_rules

NOW = UtcNs(5)


def with_model() -> Climb:
    state = start(climb_rules())
    return on(state, ModelRegistered(NOW, "m", "v", "d", None, 1), NOW)[0]


def step(before: Stage, after: Stage, at: int = 7) -> ModelMoved:
    return ModelMoved(UtcNs(at), "m", "d", before, after, "x", Pass())


def test_the_stairs_begin_empty() -> None:
    state = start(climb_rules())
    assert state.registry.entries == state.known == state.probations == state.rests == {}


def test_a_slot_without_rollbacks_does_not_rest() -> None:
    assert with_model().rest("m") == Rest()


def test_an_unknown_model_stands_nowhere() -> None:
    with pytest.raises(InvariantError, match="no model 'ghost' is registered"):
        with_model().entry("ghost")


def test_a_recorded_move_moves_and_turns_the_page() -> None:
    state = recorded(with_model(), step(Stage.CANDIDATE, Stage.SHADOW))
    assert (state.entry("d").stage, state.entry("d").since_ns) == (Stage.SHADOW, 7)
    assert state.known["d"].paired.n == 0


def test_a_recorded_ramp_sets_the_share_and_its_date() -> None:
    state = recorded(with_model(), RampChanged(UtcNs(9), "m", "d", 0.25))
    assert state.entry("d").share == 0.25
    assert state.known["d"].ramp_since_ns == 9


def test_a_recorded_probation_belongs_to_its_slot_and_its_model() -> None:
    watched = Probation("m", "d", None, NOW, NOW)
    state = recorded(with_model(), ProbationChanged(NOW, watched, 1.0))
    assert state.probations == {"m": watched}
    assert state.probation("d") == watched
    other = Probation("m", "somebody", None, NOW, NOW, status=Status.PASSED)
    state = recorded(state, ProbationChanged(NOW, other, 1.0))
    assert state.probation("d") is None


def test_a_recorded_verdict_moves_nothing() -> None:
    state = with_model()
    assert recorded(state, GateGiven(NOW, "g", "m", "d", Pass())) == state


def test_facts_are_applied_in_order() -> None:
    up = (step(Stage.CANDIDATE, Stage.SHADOW), step(Stage.SHADOW, Stage.CANARY, 8))
    assert recorded(with_model(), *up).entry("d").stage is Stage.CANARY
    with pytest.raises(InvariantError, match="recorded to move from shadow"):
        recorded(with_model(), *reversed(up))


def test_recording_leaves_the_state_it_was_given_alone() -> None:
    state = with_model()
    recorded(state, step(Stage.CANDIDATE, Stage.SHADOW))
    assert state == with_model()
