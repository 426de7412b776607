"""A stage is judged on what happens in it; harm is remembered across all of them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from stairway.base.units import UtcNs
from stairway.base.verdict import Pass
from stairway.lifecycle import canary, evidence, probation, promotion
from stairway.lifecycle.evidence import Evidence
from stairway.lifecycle.facts import CanaryHealth
from stairway.lifecycle.stage import Stage
from stairway.supervision import eprocess
from stairway.testing.climbing import climb_rules

RULES = climb_rules()
PROMOTION, BREAKER = RULES.promotion, RULES.probation


def seasoned() -> Evidence:
    """A model that has been through much."""
    what = evidence.unknown(PROMOTION, BREAKER)
    health, paired, beside = what.health, what.paired, what.beside
    for _ in range(6):
        health = probation.observe(health, -1.0, BREAKER)
        paired = promotion.paired(paired, 1.0, 0.0, PROMOTION)
        beside = canary.compare(beside, -1.0, 1.0, RULES.canary, PROMOTION.betting)
    return replace(
        what,
        health=health,
        paired=paired,
        beside=beside,
        gates={"causality": Pass(), "quality_gate": Pass()},
        own_r=(1.0, -1.0),
        vitals=CanaryHealth(UtcNs(0), "d1", 10, 0, 1.0, 0.0),
        quiet_clocks=7,
        ramp_trades=3,
        resting_until_ns=UtcNs(99),
        needed_e=40.0,
        told=("Pass",),
    )


def turned(after: Stage) -> Evidence:
    return evidence.moved(seasoned(), after, PROMOTION, BREAKER)


def test_of_a_new_model_nothing_is_known() -> None:
    what = evidence.unknown(PROMOTION, BREAKER)
    assert what.gates == {}
    assert what.own_r == ()
    assert what.needed_e == PROMOTION.e_needed
    assert eprocess.e_value(what.paired) == probation.evidence(what.health) == 1.0


@pytest.mark.parametrize("after", list(Stage))
def test_what_was_shown_in_one_stage_does_not_count_in_the_next(after: Stage) -> None:
    what = turned(after)
    assert (what.paired.n, what.beside.process.n) == (0, 0)
    assert what.beside.total_r == what.beside.incumbent_total_r == 0.0
    assert (what.vitals, what.quiet_clocks, what.ramp_trades, what.told) == (None, 0, 0, ())


@pytest.mark.parametrize("after", list(Stage))
def test_proofs_stay_and_live_gates_must_answer_again(after: Stage) -> None:
    assert set(turned(after).gates) == {"causality"}


@pytest.mark.parametrize("after", list(Stage))
def test_evidence_of_harm_rests_and_debts_are_carried_on(after: Stage) -> None:
    what, before = turned(after), seasoned()
    assert what.health.carried == before.health.carried
    assert what.own_r == before.own_r
    assert (what.resting_until_ns, what.needed_e) == (99, 40.0)


@pytest.mark.parametrize(
    ("after", "fresh"),
    [(Stage.CANARY, 0), (Stage.CHAMPION, 0), (Stage.SHADOW, 6), (Stage.RETIRED, 6)],
)
def test_the_second_process_begins_again_with_every_promotion(after: Stage, fresh: int) -> None:
    assert turned(after).health.fresh.n == fresh
