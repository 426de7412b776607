"""The stairs, told as stories: who climbs, who falls, and who takes over."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from stairway.base.units import NS_PER_HOUR, UtcNs
from stairway.base.verdict import Inconclusive, Pass, Refuse, inconclusive, refuse
from stairway.lifecycle import climb, registry
from stairway.lifecycle.climb import Climb
from stairway.lifecycle.facts import (
    CanaryHealth,
    ClimbFact,
    GateGiven,
    ModelMoved,
    ModelRegistered,
    ProbationChanged,
    RampChanged,
    TradePaired,
)
from stairway.lifecycle.probation import Status
from stairway.lifecycle.stage import Stage
from stairway.supervision.facts import DriftDetected, DriftLevel
from stairway.testing.climbing import climb_rules, closed_trade
from stairway.testing.stairs import EVIDENCE, LIVE, Stairs

RULES = climb_rules()


def codes(verdict) -> set[str]:
    return {finding.code for finding in verdict.findings}


def drifted(stairs: Stairs, digest: str, level: DriftLevel = DriftLevel.DRIFT) -> DriftDetected:
    return DriftDetected(
        stairs.now_ns, "lightgbm", digest, level, "e_detector", 1200.0, 1000.0, 10, 0.3, -0.4
    )


def two_champions(rules=None) -> Stairs:
    """An old champion that has settled, and a new one that has just taken its place."""
    stairs = Stairs(rules)
    stairs.to_champion("old")
    stairs.settle("old")
    stairs.to_champion("new")
    return stairs


# -- up ------------------------------------------------------------------------------------


def test_a_good_model_climbs_on_its_evidence() -> None:
    stairs = Stairs()
    stairs.to_champion("d1")
    assert stairs.causes() == ["promotion.shadow", "promotion.canary", "promotion.champion"]
    moves = [fact for fact in stairs.facts if isinstance(fact, ModelMoved)]
    assert all(isinstance(move.verdict, Pass) for move in moves)
    assert {"promotion.e_value", "promotion.trades", "promotion.hours"} <= codes(
        moves[1].verdict
    )
    assert "promotion.preflight" in codes(moves[2].verdict)


def test_every_move_keeps_the_verdicts_of_its_gates() -> None:
    stairs = Stairs()
    stairs.register("d1")
    verdict = Pass(refuse("calibration.skill", "skill in trend", 0.03, 0.0, 900).findings)
    for name in EVIDENCE:
        stairs.gate("d1", name, verdict)
    *gates, proof = stairs.last(ModelMoved).verdict.findings
    assert tuple(gates) == verdict.findings * len(EVIDENCE)
    assert proof.code == "promotion.proof"


def test_a_canary_has_one_percent_and_a_champion_begins_at_five() -> None:
    stairs = Stairs()
    stairs.to_canary("d1")
    assert climb.capital_share(stairs.state, "d1") == 0.01
    stairs.healthy("d1")
    stairs.show_skill("d1")
    assert climb.capital_share(stairs.state, "d1") == 0.05


def test_a_champion_takes_the_whole_capital_only_after_its_probation() -> None:
    stairs = Stairs()
    stairs.to_champion("d1")
    for _ in range(3):
        stairs.wait(30)
        for r in (1.0, 1.0, -1.0):
            stairs.trade("d1", r)
    assert stairs.state.probation("d1").status is Status.MONITORING
    assert climb.capital_share(stairs.state, "d1") < 1.0
    stairs.settle("d1")
    assert stairs.state.probation("d1").status is Status.PASSED
    assert [f.share for f in stairs.facts if isinstance(f, RampChanged)] == [
        0.01,
        0.05,
        0.25,
        1.0,
    ]


@pytest.mark.parametrize("gate", EVIDENCE)
def test_without_any_one_gate_a_candidate_stays(gate: str) -> None:
    stairs = Stairs()
    stairs.register("d1")
    for name in EVIDENCE:
        if name != gate:
            stairs.gate("d1", name, Pass())
    stairs.wait(1_000)
    assert stairs.stage("d1") is Stage.CANDIDATE
    assert codes(climb.missing(stairs.state, "d1")) == {"promotion.gate_missing"}


def test_an_inconclusive_gate_leaves_it_where_it_is() -> None:
    stairs = Stairs()
    stairs.register("d1")
    for name in EVIDENCE:
        stairs.gate("d1", name, inconclusive("x.few", "too few"))
    assert stairs.stage("d1") is Stage.CANDIDATE
    for name in EVIDENCE:
        stairs.gate("d1", name, Pass())
    assert stairs.stage("d1") is Stage.SHADOW


def test_a_refused_candidate_retires_with_all_the_reasons() -> None:
    stairs = Stairs()
    stairs.register("d1")
    stairs.gate("d1", "calibration_skill", refuse("calibration.skill", "none"))
    assert stairs.stage("d1") is Stage.CANDIDATE, "the other gates have not spoken yet"
    stairs.gate("d1", "after_cost_sharpe", refuse("sharpe.low", "negative"))
    stairs.gate("d1", "causality", Pass())
    stairs.gate("d1", "leak_battery", Pass())
    stairs.gate("d1", "deflated_sharpe", Pass())
    assert stairs.stage("d1") is Stage.RETIRED
    assert stairs.causes() == ["gate.refused"]
    assert codes(stairs.last(ModelMoved).verdict) == {"calibration.skill", "sharpe.low"}


def test_a_leaking_candidate_is_quarantined() -> None:
    stairs = Stairs()
    stairs.register("d1")
    for name in EVIDENCE:
        stairs.gate("d1", name, refuse("causality.leak", "column x looks ahead"))
    assert stairs.stage("d1") is Stage.QUARANTINED


def test_a_shadow_whose_artifact_is_refused_is_quarantined() -> None:
    stairs = Stairs()
    stairs.to_shadow("d1")
    stairs.gate("d1", "artifact", refuse("artifact.changed", "a byte changed"))
    assert stairs.stage("d1") is Stage.QUARANTINED


def test_winning_without_a_quality_gate_is_not_enough() -> None:
    stairs = Stairs()
    stairs.to_shadow("d1")
    for _ in range(200):
        stairs.trade("d1", 1.0, book="shadow:d1")
        stairs.pair("d1", 1.0, 0.0)
    assert stairs.stage("d1") is Stage.SHADOW
    assert codes(climb.missing(stairs.state, "d1")) == {"promotion.gate_missing"}
    stairs.gate("d1", LIVE, Pass())
    assert stairs.stage("d1") is Stage.CANARY


def test_the_quality_gate_must_pass_again_as_a_canary() -> None:
    stairs = Stairs()
    stairs.to_canary("d1")
    assert "promotion.gate_missing" in codes(climb.missing(stairs.state, "d1"))


def test_fifty_trades_in_an_hour_are_not_a_day() -> None:
    stairs = Stairs()
    stairs.to_shadow("d1")
    stairs.gate("d1", LIVE, Pass())
    for _ in range(100):
        stairs.pair("d1", 1.0, 0.0)
    assert codes(climb.missing(stairs.state, "d1")) == {"promotion.hours"}
    stairs.wait(23.9)
    assert stairs.stage("d1") is Stage.SHADOW
    stairs.wait(0.1)
    assert stairs.stage("d1") is Stage.CANARY, "time alone was missing"


def test_a_year_of_waiting_is_no_evidence() -> None:
    stairs = Stairs()
    stairs.to_shadow("d1")
    stairs.gate("d1", LIVE, Pass())
    stairs.wait(24 * 365)
    assert stairs.stage("d1") is Stage.SHADOW


def test_doing_as_badly_as_a_bad_incumbent_is_not_enough_for_a_proven_loser() -> None:
    stairs = Stairs()
    stairs.to_shadow("d1")
    stairs.gate("d1", LIVE, Pass())
    for _ in range(60):
        stairs.trade("d1", -1.0, book="shadow:d1")
        stairs.pair("d1", -1.0, -2.0)
    assert stairs.stage("d1") is Stage.SHADOW
    assert codes(climb.missing(stairs.state, "d1")) == {"probation.bleeding"}


def test_what_is_still_missing_is_put_on_record_when_it_changes() -> None:
    stairs = Stairs()
    stairs.to_canary("d1")
    told = [
        f for f in stairs.facts if isinstance(f, GateGiven) and f.gate == "promotion.canary"
    ]
    assert [sorted(codes(f.verdict)) for f in told][-1] == ["promotion.e_value"]
    assert len(told) == len({tuple(sorted(codes(f.verdict))) for f in told})


def test_nobody_is_promoted_into_a_slot_whose_champion_is_on_probation() -> None:
    stairs = Stairs()
    stairs.to_champion("old")
    stairs.to_canary("new")
    stairs.healthy("new")
    stairs.show_skill("new", 200)
    assert stairs.champion() == "old"
    assert codes(climb.missing(stairs.state, "new")) == {"promotion.slot_busy"}
    stairs.settle("old")
    stairs.healthy("new")
    assert stairs.champion() == "new"


def test_a_model_that_the_breaker_would_throw_out_anyway_waits_for_a_person() -> None:
    cautious = replace(RULES.promotion.preflight, max_false_rollback=0.1)
    promotion = replace(RULES.promotion, preflight=cautious)
    stairs = Stairs(replace(RULES, promotion=promotion))
    stairs.to_canary("d1")
    stairs.healthy("d1")
    stairs.gate("d1", LIVE, Pass())
    wins = np.random.default_rng(3).random(150) < 0.4
    for r in np.where(wins, 2.0, -1.0).tolist():
        stairs.trade("d1", r, book="canary:d1")
        stairs.pair("d1", r, -0.6)
    lacks = climb.missing(stairs.state, "d1")
    assert isinstance(lacks, Inconclusive)
    assert codes(lacks) == {"promotion.preflight"}
    kept = stairs.state.known["d1"].flown
    assert isinstance(kept, Inconclusive), "it is drawn once, and not again at every bar"
    stairs.wait(1)
    assert stairs.state.known["d1"].flown is kept
    stairs.order("d1", Stage.CHAMPION)
    assert stairs.champion() == "d1"
    assert {"promotion.preflight", "operator.ordered"} <= codes(stairs.last(ModelMoved).verdict)


# -- down: the breaker ---------------------------------------------------------------------


def test_a_bad_model_promoted_by_hand_is_out_at_ten_trades() -> None:
    """The old champion is in charge again before the next bar."""
    stairs = Stairs()
    stairs.to_champion("old")
    stairs.settle("old")
    stairs.to_shadow("bad")
    stairs.order("bad", Stage.CHAMPION)
    assert stairs.champion() == "bad"
    for _ in range(9):
        stairs.trade("bad", -1.0)
    assert stairs.champion() == "bad"
    facts = stairs.trade("bad", -1.0)
    assert stairs.champion() == "old"
    moves = [(f.digest, f.after, f.cause) for f in facts if isinstance(f, ModelMoved)]
    assert moves == [
        ("bad", Stage.SHADOW, "rollback.breaker"),
        ("old", Stage.CHAMPION, "rollback.restored"),
    ]
    assert climb.capital_share(stairs.state, "old") == 1.0, "it had earned the whole"
    assert climb.capital_share(stairs.state, "bad") == 0.0


def test_the_record_of_a_rollback_says_why_and_how_sure() -> None:
    stairs = Stairs()
    stairs.to_champion("d1")
    for _ in range(10):
        stairs.trade("d1", -1.0)
    move = stairs.last(ModelMoved)
    assert isinstance(move.verdict, Refuse)
    assert codes(move.verdict) == {"probation.average_r", "probation.win_rate"}
    assert move.grade in {"suspected", "likely"}


def test_the_probations_state_is_on_record_after_every_trade() -> None:
    stairs = Stairs()
    stairs.to_champion("d1")
    for r in (1.0, -1.0, 0.0):
        stairs.trade("d1", r)
    told = [f.probation for f in stairs.facts if isinstance(f, ProbationChanged)]
    assert [p.trades_count for p in told] == [0, 1, 2, 3]
    assert (told[-1].wins, told[-1].losses, told[-1].total_r) == (1, 1, 0.0)
    assert {p.status for p in told} == {Status.MONITORING}


def test_without_a_champion_before_it_the_baseline_takes_over() -> None:
    stairs = Stairs()
    stairs.to_champion("d1")
    for _ in range(10):
        stairs.trade("d1", -1.0)
    assert stairs.champion() is None
    assert stairs.last(ProbationChanged).probation.status is Status.ROLLED_BACK


def test_a_rollback_of_a_rollback_goes_to_the_baseline() -> None:
    stairs = two_champions()
    for _ in range(10):
        stairs.trade("new", -1.0)
    assert stairs.champion() == "old"
    assert stairs.state.probation("old").status is Status.MONITORING
    for _ in range(10):
        stairs.trade("old", -1.0)
    assert stairs.champion() is None
    assert stairs.stage("new") is not Stage.CHAMPION


def test_trades_entered_before_the_promotion_do_not_count_for_probation() -> None:
    stairs = Stairs()
    stairs.to_champion("d1")
    early = closed_trade("d1", -1.0, day=stairs.now_ns / (24 * NS_PER_HOUR))
    stairs.tell(replace(early, opened_ns=UtcNs(stairs.now_ns - 1)))
    assert stairs.state.probation("d1").trades_count == 0


@pytest.mark.parametrize(
    "kind", [{"book": "canary:d1"}, {"stage": "canary"}, {"book": "shadow:d1"}]
)
def test_only_the_champions_own_trades_of_the_capital_count_for_probation(kind) -> None:
    stairs = Stairs()
    stairs.to_champion("d1")
    for _ in range(12):
        stairs.trade("d1", -1.0, **kind)
    assert stairs.state.probation("d1").trades_count == 0


def test_a_window_that_ends_with_few_trades_goes_on() -> None:
    stairs = Stairs()
    stairs.to_champion("d1")
    stairs.trade("d1", 1.0)
    stairs.wait(24 * 90)
    assert stairs.state.probation("d1").status is Status.MONITORING


def test_a_trade_delivered_twice_trips_nothing_early() -> None:
    stairs = Stairs()
    stairs.to_champion("d1")
    day = (stairs.now_ns + 2 * NS_PER_HOUR) / (24 * NS_PER_HOUR)
    trade = closed_trade("d1", -1.0, day=day)
    for _ in range(20):
        stairs.tell(trade)
    assert stairs.state.probation("d1").trades_count == 1
    assert stairs.champion() == "d1"


def test_a_pair_delivered_twice_counts_once() -> None:
    stairs = Stairs()
    stairs.to_shadow("d1")
    pair = TradePaired(stairs.now_ns, "t1", "d1", "shadow", 1.0, 0.0)
    stairs.tell(pair)
    once = stairs.state.known["d1"].paired
    stairs.tell(pair)
    assert stairs.state.known["d1"].paired == once
    assert once.n == 1


def test_a_slow_bleeder_is_rolled_back_after_its_probation_and_quarantined() -> None:
    stairs = Stairs()
    stairs.to_champion("d1")
    stairs.settle("d1")
    assert stairs.state.probation("d1").status is Status.PASSED
    for _ in range(80):
        if stairs.champion() is None:
            break
        for r in (-1.0, -1.0, 1.0, -1.0):
            stairs.trade("d1", r)
    assert stairs.stage("d1") is Stage.QUARANTINED
    assert stairs.last(ModelMoved).cause == "rollback.breaker"
    assert stairs.last(ModelMoved).grade == "confirmed"
    assert "probation.bleeding" in codes(stairs.last(ModelMoved).verdict)


def test_a_likely_bad_model_needs_twice_the_evidence_the_next_time() -> None:
    stairs = Stairs()
    stairs.to_champion("d1")
    for r in (-1.4,) * 10:
        stairs.trade("d1", r)
    assert stairs.last(ModelMoved).grade == "likely"
    assert stairs.state.known["d1"].needed_e == 40.0
    assert stairs.state.entry("d1").stage is Stage.SHADOW


def test_a_rolled_back_model_starts_its_shadow_with_nothing_shown() -> None:
    stairs = Stairs()
    stairs.to_champion("d1")
    for _ in range(10):
        stairs.trade("d1", -1.0)
    known = stairs.state.known["d1"]
    assert known.paired.n == 0
    assert known.health.carried.n > known.health.fresh.n == 10
    assert LIVE not in known.gates


def test_a_rolled_back_model_rests_before_it_climbs_again() -> None:
    stairs = Stairs(replace(RULES, rollback=replace(RULES.rollback, cooldown_hours=10_000)))
    stairs.to_champion("d1")
    for _ in range(10):
        stairs.trade("d1", -1.0)
    stairs.show_skill("d1", 200)
    assert stairs.stage("d1") is Stage.SHADOW
    assert codes(climb.missing(stairs.state, "d1")) == {"promotion.cooldown"}
    stairs.wait(10_000)
    assert stairs.stage("d1") is Stage.CANARY


def test_too_many_rollbacks_leave_the_slot_to_the_baseline() -> None:
    rules = replace(
        RULES, rollback=replace(RULES.rollback, max_rollbacks=1, window_hours=9_999)
    )
    stairs = two_champions(rules)
    stairs.tell(drifted(stairs, "new"))
    assert stairs.champion() == "old", "the first one is borne"
    stairs.to_shadow("third")
    stairs.order("third", Stage.CHAMPION)
    assert stairs.state.registry.slot("lightgbm").previous == "old"
    stairs.tell(drifted(stairs, "third"))
    assert stairs.champion() is None
    assert stairs.state.rest("lightgbm").until_ns == stairs.now_ns + 72 * NS_PER_HOUR


# -- down: drift, guardrails, gates --------------------------------------------------------


def test_proven_drift_rolls_a_champion_back() -> None:
    stairs = two_champions()
    facts = stairs.tell(drifted(stairs, "new"))
    assert stairs.champion() == "old"
    assert next(f for f in facts if isinstance(f, ModelMoved)).cause == "rollback.drift"


def test_a_signal_moves_nobody() -> None:
    stairs = two_champions()
    before = stairs.state
    assert stairs.tell(drifted(stairs, "new", DriftLevel.SIGNAL)) == ()
    assert stairs.state == before


def test_drift_of_a_shadow_moves_nobody() -> None:
    stairs = Stairs()
    stairs.to_shadow("d1")
    assert stairs.tell(drifted(stairs, "d1")) == ()


def test_drift_from_before_the_promotion_is_old_news() -> None:
    stairs = Stairs()
    stairs.to_champion("d1")
    old = replace(drifted(stairs, "d1"), time_ns=UtcNs(stairs.now_ns - 1))
    assert stairs.tell(old) == ()


@pytest.mark.parametrize("gate", [LIVE, "calibration_skill"])
def test_a_gate_that_refuses_takes_a_champion_down(gate: str) -> None:
    stairs = two_champions()
    stairs.gate("new", gate, refuse("gate.constant", "the output is constant"))
    assert stairs.champion() == "old"
    assert "rollback.guardrail" in stairs.causes()
    assert stairs.stage("new") is Stage.SHADOW


def test_a_champion_whose_artifact_is_refused_is_quarantined_at_once() -> None:
    stairs = two_champions()
    stairs.gate("new", "artifact", refuse("artifact.changed", "a byte changed"))
    assert stairs.stage("new") is Stage.QUARANTINED
    assert stairs.champion() == "old"


def test_an_old_champion_that_is_no_longer_fit_is_not_restored() -> None:
    stairs = two_champions()
    stairs.gate("old", "artifact", refuse("artifact.changed", "a byte changed"))
    stairs.tell(drifted(stairs, "new"))
    assert stairs.champion() is None


def test_an_inconclusive_gate_takes_nobody_down() -> None:
    stairs = two_champions()
    stairs.gate("new", LIVE, inconclusive("gate.too_few", "few"))
    assert stairs.champion() == "new"


def ill(stairs: Stairs, **change) -> CanaryHealth:
    return replace(CanaryHealth(stairs.now_ns, "d1", 1_000, 0, 1.0, 0.0), **change)


@pytest.mark.parametrize(
    "change",
    [
        {"errors": 9},
        {"latency_p999_ms": 11.0},
        {"drawdown_frac": 0.03},
        {"latency_p999_ms": None},
        {"answers": None},
        {"drawdown_frac": math.nan},
    ],
)
def test_a_canary_is_out_at_the_first_guardrail(change) -> None:
    stairs = Stairs()
    stairs.to_canary("d1")
    stairs.tell(ill(stairs, **change))
    assert stairs.stage("d1") is Stage.SHADOW
    assert stairs.last(ModelMoved).cause == "rollback.guardrail"
    assert climb.capital_share(stairs.state, "d1") == 0.0


def test_a_canary_that_goes_silent_is_out() -> None:
    stairs = Stairs()
    stairs.to_canary("d1")
    stairs.healthy("d1")
    for _ in range(30):
        stairs.wait(1)
    assert stairs.stage("d1") is Stage.CANARY
    stairs.wait(1)
    assert stairs.stage("d1") is Stage.SHADOW
    assert "canary.silent" in codes(stairs.last(ModelMoved).verdict)


def test_a_sign_of_life_from_before_the_canary_is_ignored() -> None:
    stairs = Stairs()
    stairs.to_canary("d1")
    stale = ill(stairs, errors=999, time_ns=UtcNs(stairs.state.entry("d1").since_ns - 1))
    assert stairs.tell(stale) == ()


def test_an_older_sign_of_life_never_replaces_a_newer_one() -> None:
    stairs = Stairs()
    stairs.to_canary("d1")
    first = ill(stairs)
    stairs.wait(1)
    stairs.healthy("d1")
    stairs.tell(replace(first, errors=999))
    assert stairs.stage("d1") is Stage.CANARY


def test_a_canary_that_trails_the_champion_is_out() -> None:
    stairs = Stairs()
    stairs.to_canary("d1")
    for _ in range(60):
        if stairs.stage("d1") is not Stage.CANARY:
            break
        stairs.pair("d1", -1.0, 1.0)
    assert stairs.stage("d1") is Stage.SHADOW
    assert "canary.sharpe" in codes(stairs.last(ModelMoved).verdict)


def test_a_canary_rollback_does_not_touch_the_champion() -> None:
    stairs = Stairs()
    stairs.to_champion("old")
    stairs.settle("old")
    stairs.to_canary("d1")
    before = stairs.state.registry.slot("lightgbm")
    stairs.tell(ill(stairs, errors=9))
    assert stairs.state.registry.slot("lightgbm") == before
    assert stairs.champion() == "old"


# -- by hand -------------------------------------------------------------------------------


def test_a_promotion_by_hand_takes_every_stair_and_is_signed() -> None:
    stairs = Stairs()
    stairs.register("d1")
    facts = stairs.order("d1", Stage.CHAMPION, who="grace")
    moves = [f for f in facts if isinstance(f, ModelMoved)]
    assert [m.after for m in moves] == [Stage.SHADOW, Stage.CANARY, Stage.CHAMPION]
    assert {m.cause for m in moves} == {"operator"}
    assert all("grace" in m.verdict.findings[-1].detail for m in moves)
    assert not any(isinstance(m.verdict, Pass) for m in moves), "nothing had passed"


def test_a_promotion_by_hand_starts_a_probation_like_any_other() -> None:
    stairs = Stairs()
    stairs.register("d1")
    stairs.order("d1", Stage.CHAMPION)
    assert stairs.state.probation("d1").status is Status.MONITORING
    assert climb.capital_share(stairs.state, "d1") == 0.05


def test_a_rollback_by_hand_restores_the_old_champion() -> None:
    stairs = two_champions()
    stairs.order("new", Stage.SHADOW)
    assert stairs.champion() == "old"
    assert stairs.stage("new") is Stage.SHADOW


def test_retiring_the_champion_by_hand_restores_the_one_before() -> None:
    stairs = two_champions()
    stairs.order("new", Stage.RETIRED)
    assert (stairs.champion(), stairs.stage("new")) == ("old", Stage.RETIRED)


def test_a_retired_champion_can_be_put_back_by_hand() -> None:
    stairs = two_champions()
    stairs.order("old", Stage.CHAMPION)
    assert stairs.champion() == "old"
    assert stairs.stage("new") is Stage.RETIRED


def test_an_order_that_is_not_legal_is_refused_on_the_record() -> None:
    stairs = Stairs()
    stairs.to_shadow("d1")
    stairs.order("d1", Stage.QUARANTINED)
    assert stairs.stage("d1") is Stage.QUARANTINED
    (fact,) = stairs.order("d1", Stage.CHAMPION)
    assert isinstance(fact, GateGiven)
    assert isinstance(fact.verdict, Refuse)
    assert codes(fact.verdict) == {"operator.illegal"}
    assert stairs.stage("d1") is Stage.QUARANTINED


def test_an_order_to_stay_is_refused_on_the_record() -> None:
    stairs = Stairs()
    stairs.to_shadow("d1")
    (fact,) = stairs.order("d1", Stage.SHADOW)
    assert isinstance(fact.verdict, Refuse)


# -- robustness ----------------------------------------------------------------------------


def test_facts_about_nobody_change_nothing() -> None:
    stairs = Stairs()
    before = stairs.state
    stairs.gate("ghost", "causality", Pass())
    stairs.tell(closed_trade("ghost", 1.0, day=1))
    stairs.tell(TradePaired(stairs.now_ns, "t", "ghost", "shadow", 1.0, 0.0))
    stairs.tell(ill(stairs, digest="ghost"))
    stairs.tell(drifted(stairs, "ghost"))
    stairs.order("ghost", Stage.CHAMPION)
    assert replace(stairs.state, now_ns=before.now_ns) == before
    assert stairs.facts == []


def test_the_stairs_do_not_listen_to_themselves() -> None:
    stairs = Stairs()
    stairs.to_shadow("d1")
    known = stairs.state.known["d1"]
    stairs.gate("d1", "promotion.canary", Pass())
    stairs.gate("d1", "anything", Pass())
    assert stairs.state.known["d1"] == known


def test_registering_twice_forgets_nothing() -> None:
    stairs = Stairs()
    stairs.to_champion("d1")
    before = stairs.state
    stairs.tell(ModelRegistered(stairs.now_ns, "lightgbm", "v9", "d1", None, 1))
    assert stairs.state == before


def test_a_clock_that_goes_back_ages_nothing() -> None:
    stairs = Stairs()
    stairs.to_shadow("d1")
    latest = stairs.state.now_ns
    stairs.now_ns = UtcNs(0)
    stairs.wait(1)
    assert stairs.state.now_ns == latest


def test_two_slots_do_not_disturb_each_other() -> None:
    stairs = Stairs()
    stairs.to_champion("d1")
    stairs.to_champion("x1", "xgboost")
    stairs.tell(replace(drifted(stairs, "x1"), model="xgboost"))
    assert stairs.champion("lightgbm") == "d1"
    assert stairs.champion("xgboost") is None


def test_what_is_on_record_is_what_is_so() -> None:
    """Folding the recorded facts gives the very registry that the stairs hold."""
    stairs = two_champions()
    for _ in range(10):
        stairs.trade("new", -1.0)
    state = registry.Registry()
    for digest in ("old", "new"):
        entry = stairs.state.entry(digest)
        born = ModelRegistered(
            UtcNs(0), entry.model, entry.version, digest, None, 1, proof=entry.proof
        )
        state = registry.on(state, born)
    for fact in stairs.facts:
        if isinstance(fact, ModelMoved | RampChanged):
            state = registry.on(state, fact)
    assert state == stairs.state.registry


def test_the_state_survives_being_written_down_in_the_middle_of_a_climb() -> None:
    stairs = two_champions()
    stairs.to_canary("third")
    stairs.healthy("third")
    packed = msgspec.msgpack.encode(stairs.state)
    assert msgspec.msgpack.decode(packed, type=Climb) == stairs.state


def test_the_facts_survive_being_written_down() -> None:
    stairs = two_champions()
    packed = msgspec.msgpack.encode(stairs.facts)
    assert msgspec.msgpack.decode(packed, type=list[ClimbFact]) == stairs.facts


def test_the_same_story_told_again_ends_the_same() -> None:
    assert two_champions().facts == two_champions().facts
