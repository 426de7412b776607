"""Harm comes first, then the next step; and what is missing can always be asked."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from stairway.base.verdict import Inconclusive, Pass, Refuse, refuse
from stairway.lifecycle.facts import GateGiven, ModelMoved
from stairway.lifecycle.probation import Grade
from stairway.lifecycle.review import harm, next_step, review
from stairway.lifecycle.stage import Stage
from stairway.testing.climbing import climb_rules
from stairway.testing.stairs import EVIDENCE, LIVE, Stairs


def at(stage: Stage) -> Stairs:
    stairs = Stairs()
    match stage:
        case Stage.CANDIDATE:
            stairs.register("d1")
        case Stage.SHADOW:
            stairs.to_shadow("d1")
        case Stage.CANARY:
            stairs.to_canary("d1")
        case Stage.CHAMPION:
            stairs.to_champion("d1")
        case Stage.RETIRED:
            stairs.to_champion("d1")
            stairs.order("d1", Stage.RETIRED)
        case Stage.QUARANTINED:
            stairs.to_shadow("d1")
            stairs.order("d1", Stage.QUARANTINED)
        case Stage.BASELINE:
            stairs.register("d1", "baseline", stage)
    return stairs


@pytest.mark.parametrize("stage", list(Stage))
def test_a_review_of_nothing_new_moves_nobody(stage: Stage) -> None:
    stairs = at(stage)
    assert stairs.stage("d1") is stage
    state, facts = review(stairs.state, "d1")
    assert state.entry("d1").stage is stage
    assert not any(isinstance(fact, ModelMoved) for fact in facts)


@pytest.mark.parametrize("stage", list(Stage))
def test_a_second_review_has_nothing_to_add(stage: Stage) -> None:
    state, _ = review(at(stage).state, "d1")
    assert review(state, "d1") == (state, ())


@pytest.mark.parametrize("stage", list(Stage))
def test_what_is_missing_can_be_asked_at_every_stage(stage: Stage) -> None:
    verdict = next_step(at(stage).state, "d1")
    assert isinstance(verdict, Inconclusive)
    assert verdict.findings


def test_a_model_that_lost_nothing_is_only_suspected() -> None:
    assert harm(at(Stage.CHAMPION).state, "d1") is Grade.SUSPECTED


def test_harm_comes_before_a_promotion() -> None:
    """Everything for the next step arrives together with a reason to fall."""
    stairs = at(Stage.CANARY)
    stairs.gate("d1", LIVE, Pass())
    for i in range(100):
        stairs.trade("d1", -1.0 if i % 3 == 0 else 1.0, book="canary:d1")
        stairs.pair("d1", 1.0, 0.0)
    assert stairs.stage("d1") is Stage.CANARY, "only a sign of life is missing"
    stairs.gate("d1", "calibration_skill", refuse("calibration.skill", "gone"))
    assert stairs.stage("d1") is Stage.SHADOW
    stairs.healthy("d1")
    assert stairs.stage("d1") is Stage.SHADOW


def test_the_gravest_reason_decides() -> None:
    stairs = at(Stage.CHAMPION)
    for _ in range(9):
        stairs.trade("d1", -1.0)
    stairs.gate("d1", "causality", refuse("causality.leak", "it looks ahead"))
    assert stairs.stage("d1") is Stage.QUARANTINED
    assert stairs.last(ModelMoved).grade == "confirmed"


def test_a_candidates_refusal_waits_for_every_gate() -> None:
    stairs = at(Stage.CANDIDATE)
    for name in EVIDENCE[:-1]:
        stairs.gate("d1", name, refuse("x.bad", name))
        assert stairs.stage("d1") is Stage.CANDIDATE
    assert isinstance(next_step(stairs.state, "d1"), Refuse)
    stairs.gate("d1", EVIDENCE[-1], Pass())
    assert stairs.stage("d1") is Stage.QUARANTINED, "causality was among them"


def test_the_ramp_waits_for_hours_and_for_trades() -> None:
    stairs = at(Stage.CHAMPION)
    stairs.wait(100)
    assert stairs.state.entry("d1").share == 0.05, "no trades"
    for i in range(10):
        stairs.trade("d1", -1.0 if i % 3 == 0 else 1.0)
    assert stairs.state.entry("d1").share == 0.25
    for i in range(10):
        stairs.trade("d1", -1.0 if i % 3 == 0 else 1.0)
    assert stairs.state.entry("d1").share == 0.25, "ten hours are not a day"
    stairs.wait(14)
    assert stairs.state.entry("d1").share == 1.0


def test_the_whole_capital_waits_for_the_end_of_probation() -> None:
    rules = climb_rules()
    long = replace(rules, probation=replace(rules.probation, window_hours=500))
    stairs = Stairs(long)
    stairs.register("d1")
    stairs.order("d1", Stage.CHAMPION)
    for i in range(90):
        stairs.trade("d1", -1.0 if i % 3 == 0 else 1.0)
    assert stairs.state.entry("d1").share == 0.25, "hours and trades were there long ago"
    stairs.wait(500)
    assert stairs.state.entry("d1").share == 1.0


def test_no_evidence_and_no_harm_moves_the_static_rule() -> None:
    stairs = at(Stage.BASELINE)
    for gate in (*EVIDENCE, LIVE, "artifact"):
        for verdict in (Pass(), refuse("x", "y")):
            stairs.tell(GateGiven(stairs.now_ns, gate, "baseline", "d1", verdict))
    stairs.show_skill("d1", trades=30)
    stairs.wait(10_000.0)
    assert stairs.stage("d1") is Stage.BASELINE
    assert stairs.facts == []
    verdict = next_step(stairs.state, "d1")
    assert isinstance(verdict, Inconclusive)
    assert verdict.findings[0].detail == "a baseline does not climb"
