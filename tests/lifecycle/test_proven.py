"""Nobody leaves the ground without a proof: missing, another's, failed, or outnumbered."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from stairway.base.errors import InvariantError
from stairway.base.verdict import Inconclusive, Pass, Refuse, inconclusive, refuse
from stairway.evaluation.evidence import EVIDENCE_GATES
from stairway.evaluation.proof import Proof, hash_of
from stairway.lifecycle import climb, moves
from stairway.lifecycle.facts import GateGiven, ModelRegistered
from stairway.lifecycle.registry import Registry
from stairway.lifecycle.stage import Stage
from stairway.testing.proofs import account, proof_of
from stairway.testing.stairs import Stairs

ABOVE = (Stage.SHADOW, Stage.CANARY, Stage.CHAMPION)


def gates_pass(stairs: Stairs, digest: str = "d1") -> None:
    for gate in EVIDENCE_GATES:
        stairs.gate(digest, gate, Pass())


def climbing(proof: Proof | None, named: str | None, trials: int = 1) -> Stairs:
    """A candidate whose gates all passed, registered with a hash, and a proof handed in."""
    stairs = Stairs()
    stairs.enter("d1", proof=named, trials=trials)
    if proof is not None:
        stairs.attach("d1", proof)
    gates_pass(stairs)
    return stairs


GOOD = proof_of("lightgbm")
OTHERS = proof_of("xgboost")
FAILED = proof_of("lightgbm", {"leak_battery": refuse("leak.purge", "folds touch")})
UNSURE = proof_of("lightgbm", {"leak_battery": inconclusive("leak.too_few", "few")})
WITHOUT = {
    "none registered, none attached": (None, None),
    "registered, not attached": (None, hash_of(GOOD)),
    "attached, not registered": (GOOD, None),
    "another's hash": (GOOD, hash_of(OTHERS)),
    "changed after": (replace(GOOD, data_fingerprint="other bars"), hash_of(GOOD)),
    "of another model": (OTHERS, hash_of(OTHERS)),
    "refused": (FAILED, hash_of(FAILED)),
    "inconclusive": (UNSURE, hash_of(UNSURE)),
}


def test_with_a_proof_that_passed_it_reaches_the_shadow() -> None:
    stairs = climbing(GOOD, hash_of(GOOD))
    assert stairs.stage("d1") is Stage.SHADOW
    assert stairs.state.entry("d1").proof == hash_of(GOOD)


@pytest.mark.parametrize("case", WITHOUT)
def test_without_one_it_does_not(case: str) -> None:
    stairs = climbing(*WITHOUT[case])
    assert stairs.stage("d1") in {Stage.CANDIDATE, Stage.RETIRED}
    assert not any(cause.startswith("promotion.") for cause in stairs.causes())


@pytest.mark.parametrize("case", WITHOUT)
@pytest.mark.parametrize("after", ABOVE)
def test_nor_by_hand(case: str, after: Stage) -> None:
    stairs = climbing(*WITHOUT[case])
    before = stairs.stage("d1")
    (answer,) = stairs.order("d1", after)
    assert isinstance(answer, GateGiven)
    assert not isinstance(answer.verdict, Pass)
    assert stairs.stage("d1") is before


@pytest.mark.parametrize("case", WITHOUT)
def test_what_is_missing_is_said(case: str) -> None:
    stairs = climbing(*WITHOUT[case])
    verdict = moves.proven(stairs.state, "d1")
    assert isinstance(verdict, Refuse | Inconclusive)
    assert [f.code for f in verdict.findings] == ["promotion.no_proof"]


def test_one_that_was_registered_without_a_proof_waits_and_is_not_refused() -> None:
    stairs = climbing(GOOD, None)
    assert stairs.stage("d1") is Stage.CANDIDATE
    assert isinstance(moves.proven(stairs.state, "d1"), Inconclusive)


@pytest.mark.parametrize("after", ABOVE)
def test_with_a_proof_a_person_may_move_it_before_its_gates_answer(after: Stage) -> None:
    stairs = Stairs()
    stairs.register("d1")
    stairs.order("d1", after)
    assert stairs.stage("d1") is after


def test_a_person_may_take_an_unproven_one_away() -> None:
    stairs = climbing(None, None)
    stairs.order("d1", Stage.QUARANTINED)
    assert stairs.stage("d1") is Stage.QUARANTINED


def test_a_missing_proof_may_still_come_and_another_may_not_replace_it() -> None:
    stairs = climbing(None, hash_of(GOOD))
    assert stairs.stage("d1") is Stage.CANDIDATE
    stairs.attach("d1", GOOD)
    assert stairs.stage("d1") is Stage.SHADOW
    stairs.attach("d1", FAILED)
    assert stairs.state.known["d1"].attached == GOOD


def test_no_path_of_the_code_goes_round_it() -> None:
    stairs = climbing(None, None)
    with pytest.raises(InvariantError, match="without a proof that passed"):
        moves.move(stairs.state, "d1", Stage.SHADOW, "promotion.shadow", Pass())


def test_the_same_candidate_is_judged_otherwise_as_the_hundredth_try() -> None:
    proof = proof_of("lightgbm", traded=account(0.1))
    first, hundredth = (climbing(proof, hash_of(proof), trials) for trials in (1, 100))
    assert first.stage("d1") is Stage.SHADOW
    assert hundredth.stage("d1") is Stage.RETIRED


def test_a_registry_counts_what_was_tried_and_the_rule_is_no_try() -> None:
    stairs = Stairs()
    assert Registry().trials == 0
    stairs.register("rule", "baseline", Stage.BASELINE)
    assert stairs.state.registry.trials == 0
    stairs.enter("d1", trials=3)
    stairs.enter("d2", trials=7)
    assert stairs.state.registry.trials == 7


def test_a_registration_from_before_there_were_proofs_is_read() -> None:
    old = msgspec.json.encode(ModelRegistered(1, "m", "v", "d", None, 1))
    bare = {k: v for k, v in msgspec.json.decode(old).items() if k != "proof"}
    read = msgspec.json.decode(msgspec.json.encode(bare), type=ModelRegistered)
    assert read.proof is None
    assert climb.on(climb.start(Stairs().state.rules), read, 1)[0].entry("d").proof is None
