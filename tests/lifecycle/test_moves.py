"""Every move comes with all that it brings along, in an order that can be folded."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from stairway.base.units import NS_PER_HOUR
from stairway.base.verdict import Inconclusive, Pass, Refuse, inconclusive, refuse
from stairway.lifecycle import moves
from stairway.lifecycle.facts import (
    GateGiven,
    ModelMoved,
    OperatorMoved,
    ProbationChanged,
    RampChanged,
)
from stairway.lifecycle.probation import Grade, Status
from stairway.lifecycle.stage import Stage
from stairway.testing.climbing import climb_rules
from stairway.testing.stairs import Stairs

HARM = refuse("x.harm", "it hurts")


def kinds(facts) -> list[str]:
    return [type(fact).__name__ for fact in facts]


def crowned(*digests: str) -> Stairs:
    """Champions by hand, each taking the place of the one before."""
    stairs = Stairs()
    for digest in digests:
        stairs.register(digest)
        stairs.order(digest, Stage.CHAMPION)
    return stairs


def test_a_step_to_the_shadow_is_a_move_and_nothing_else() -> None:
    stairs = Stairs()
    stairs.register("d1")
    state, facts = moves.move(stairs.state, "d1", Stage.SHADOW, "promotion.shadow", Pass())
    assert kinds(facts) == ["ModelMoved"]
    assert state.entry("d1").stage is Stage.SHADOW


def test_a_canary_comes_with_its_share() -> None:
    stairs = Stairs()
    stairs.to_shadow("d1")
    state, facts = moves.move(stairs.state, "d1", Stage.CANARY, "promotion.canary", Pass())
    assert kinds(facts) == ["ModelMoved", "RampChanged"]
    assert state.entry("d1").share == 0.01


def test_the_old_champion_leaves_before_the_new_one_comes() -> None:
    stairs = crowned("old")
    stairs.register("new")
    facts = stairs.order("new", Stage.CHAMPION)
    last = facts[-4:]
    assert kinds(last) == ["ModelMoved", "ModelMoved", "RampChanged", "ProbationChanged"]
    assert [f.digest for f in last[:3]] == ["old", "new", "new"]
    assert last[0].cause == "superseded"
    assert last[3].probation.old_version == "old"


def test_a_rollback_tells_the_whole_story_in_order() -> None:
    stairs = crowned("old", "new")
    _, facts = moves.roll_back(stairs.state, "new", "rollback.drift", HARM, Grade.SUSPECTED)
    assert kinds(facts) == [
        "ProbationChanged",
        "ModelMoved",
        "ModelMoved",
        "RampChanged",
        "ProbationChanged",
    ]
    assert facts[0].probation.status is Status.ROLLED_BACK
    assert (facts[1].after, facts[1].grade) == (Stage.SHADOW, "suspected")
    assert (facts[2].digest, facts[2].before) == ("old", Stage.RETIRED)
    assert facts[4].probation.new_version == "old"
    assert facts[4].probation.old_version is None, "there is nobody to go back to"


@pytest.mark.parametrize(
    ("grade", "after", "factor"),
    [
        (Grade.SUSPECTED, Stage.SHADOW, 1.0),
        (Grade.LIKELY, Stage.SHADOW, 2.0),
        (Grade.CONFIRMED, Stage.QUARANTINED, 1.0),
    ],
)
def test_the_grade_decides_where_it_lands_and_what_it_owes(grade, after, factor) -> None:
    stairs = crowned("d1")
    state, _ = moves.roll_back(stairs.state, "d1", "rollback.drift", HARM, grade)
    assert state.entry("d1").stage is after
    assert state.known["d1"].needed_e == 20.0 * factor


def test_after_a_rollback_model_and_slot_rest() -> None:
    stairs = crowned("d1")
    state, _ = moves.roll_back(stairs.state, "d1", "rollback.drift", HARM, Grade.SUSPECTED)
    until_ns = stairs.now_ns + 24 * NS_PER_HOUR
    assert state.known["d1"].resting_until_ns == until_ns
    assert state.rest("lightgbm").until_ns == until_ns


def test_a_canarys_rollback_leaves_the_slot_alone() -> None:
    stairs = crowned("old")
    stairs.to_canary("d1")
    state, facts = moves.roll_back(
        stairs.state, "d1", "rollback.guardrail", HARM, Grade.SUSPECTED
    )
    assert kinds(facts) == ["ModelMoved"]
    assert state.rests == {}
    assert state.registry.slot("lightgbm").champion == "old"


def test_a_restored_champion_that_was_still_ramping_goes_on_where_it_was() -> None:
    stairs = crowned("old")
    assert stairs.state.entry("old").share == 0.05
    stairs.register("new")
    stairs.order("new", Stage.CHAMPION)
    stairs.order("new", Stage.SHADOW)
    assert stairs.state.entry("old").share == 0.05


def test_a_ramp_is_one_fact() -> None:
    stairs = crowned("d1")
    state, facts = moves.ramp(stairs.state, "d1", 0.25)
    assert kinds(facts) == ["RampChanged"]
    assert isinstance(facts[0], RampChanged)
    assert state.entry("d1").share == 0.25


def test_there_is_nothing_to_tell_of_a_probation_that_never_was() -> None:
    stairs = Stairs()
    stairs.register("d1")
    assert moves.probation_told(stairs.state, "d1", Status.PASSED) == (stairs.state, ())


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [(Pass(), Pass), (HARM, Refuse), (inconclusive("x", "few"), Inconclusive)],
)
def test_an_order_keeps_what_the_stairs_would_have_said(verdict, kind) -> None:
    stairs = Stairs()
    stairs.register("d1")
    order = OperatorMoved(stairs.now_ns, "d1", Stage.SHADOW, "ada", "because")
    _, facts = moves.by_hand(stairs.state, order, verdict)
    (move,) = facts
    assert isinstance(move, ModelMoved)
    assert isinstance(move.verdict, kind)
    assert move.verdict.findings[-1].code == "operator.ordered"
    assert "because" in move.verdict.findings[-1].detail


@pytest.mark.parametrize("after", [Stage.CANDIDATE, Stage.CANARY])
def test_there_is_no_way_down_but_the_listed_ones(after: Stage) -> None:
    stairs = crowned("d1")
    facts = stairs.order("d1", after)
    assert [type(fact) for fact in facts] == [GateGiven]
    assert stairs.champion() == "d1"


def test_an_order_down_rests_the_model_without_a_grade() -> None:
    stairs = crowned("d1")
    facts = stairs.order("d1", Stage.SHADOW)
    assert isinstance(facts[0], ProbationChanged)
    assert stairs.last(ModelMoved).grade == ""
    assert stairs.state.known["d1"].resting_until_ns > stairs.now_ns
    assert stairs.state.known["d1"].needed_e == 20.0


def test_a_cooldown_of_nothing_lets_it_climb_at_once() -> None:
    rules = climb_rules()
    quick = replace(rules, rollback=replace(rules.rollback, cooldown_hours=0))
    stairs = Stairs(quick)
    stairs.register("d1")
    stairs.order("d1", Stage.CHAMPION)
    stairs.order("d1", Stage.SHADOW)
    assert stairs.state.known["d1"].resting_until_ns == stairs.now_ns
