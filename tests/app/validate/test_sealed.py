"""What was sealed with a candidate is read again, and believed only if it still holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stairway.adapters.artifacts.directory import new_key, public_bytes, seal
from stairway.app.folder import RunFolder
from stairway.app.validate.sealed import Registry, differences, read_again, same
from stairway.base.errors import DataError
from stairway.base.units import UtcNs
from stairway.base.verdict import Pass, Refuse, passed
from stairway.evaluation.evidence import EVIDENCE_GATES
from stairway.evaluation.proof import Proof, hash_of, to_bytes
from stairway.evaluation.proof_of_returns import Figures, proof_of_returns
from stairway.evaluation.sceptic.record import Record
from stairway.lifecycle.facts import ModelRegistered
from stairway.lifecycle.stage import Stage
from stairway.testing.models import toy_bundle
from stairway.testing.proofs import proof_of
from stairway.testing.sceptic import evidence_rules, proof_rules
from stairway.training.report import CandidateReport

EVIDENCE = evidence_rules()
HOW = proof_rules(pbo_blocks=4)
NET = np.random.default_rng(1).normal(0.001, 0.01, (400, 2))


def figures(net: np.ndarray, seed: int = 0, trials: int = 2) -> Figures:
    record = Record(
        net=net, names=("a", "b"), chosen=0, n_trials=trials, periods_per_year=252.0
    )
    rng = np.random.default_rng(seed)
    return proof_of_returns(record, None, (EVIDENCE, HOW), rng).figures


NOW = figures(NET)


def sealed(shown: Figures = NOW, trials: int = 2) -> Proof:
    record = Record(net=NET, names=("a", "b"), chosen=0, n_trials=2, periods_per_year=252.0)
    found = proof_of_returns(record, None, (EVIDENCE, HOW), np.random.default_rng(0))
    return msgspec.structs.replace(
        proof_of("a", trials=trials), shown=msgspec.structs.replace(found, figures=shown)
    )


def test_what_is_registered_and_measured_the_same_passes() -> None:
    proof = sealed()
    assert isinstance(same(proof, hash_of(proof), 2, NOW), Pass)


def test_other_draws_of_history_and_more_tries_are_no_contradiction() -> None:
    proof = sealed(figures(NET, seed=5))
    assert isinstance(same(proof, hash_of(proof), 9, figures(NET, trials=9)), Pass)


@pytest.mark.parametrize("named", [None, "0" * 64], ids=["none", "another"])
def test_a_proof_that_was_not_registered_is_refused_and_both_are_named(
    named: str | None,
) -> None:
    said = same(sealed(), named, 2, NOW)
    assert isinstance(said, Refuse)
    assert hash_of(sealed())[:12] in said.findings[0].detail
    assert (named or "none")[:12] in said.findings[0].detail


def test_a_registry_that_counts_fewer_tries_is_refused() -> None:
    said = same(sealed(trials=7), hash_of(sealed(trials=7)), 6, NOW)
    assert said.findings[0].detail == "the sealed proof counts 7 tries, the registry 6"


def test_a_figure_that_comes_out_another_way_is_refused_with_both_values() -> None:
    other = figures(NET + 0.001)
    proof = sealed(other)
    said = same(proof, hash_of(proof), 2, NOW)
    assert isinstance(said, Refuse)
    (finding,) = said.findings
    assert finding.code == "proof.contradicted"
    was = msgspec.json.decode(msgspec.json.encode(other.net))["max_drawdown_frac"]
    now = NOW.net.max_drawdown_frac
    assert f"net.max_drawdown_frac was {was:.6g} and is {now:.6g}" in finding.detail


def test_what_was_never_measured_is_no_proof() -> None:
    proof = proof_of("a")
    assert isinstance(same(proof, hash_of(proof), 1, NOW), Refuse)


def test_a_figure_that_is_gone_or_came_differs_too() -> None:
    none = msgspec.structs.replace(NOW, psr=None, sharpes=NOW.sharpes[:1])
    assert list(differences(none, NOW)) == [
        "psr was not measured and is measured",
        "sharpes had 1 values and has 2",
    ]
    assert list(differences(NOW, NOW)) == []


class Kept:
    """A folder with one sealed candidate, and what its training and the registry said."""

    def __init__(self, root: Path, content: bytes | None) -> None:
        key = new_key()
        self.folder = RunFolder(root)
        bundle = replace(toy_bundle(), proof=content)
        self.digest = seal(self.folder.models, bundle, key)
        self.folder.trust.write_bytes(public_bytes(key))

    def candidate(self, proof: str | None) -> CandidateReport:
        return CandidateReport(
            "a", self.digest, "v1", passed("x", "y"), (), {}, {}, None, proof
        )

    def registry(self, proof: str | None, trials: int) -> Registry:
        entry = ModelRegistered(
            UtcNs(1), "a", "v1", self.digest, None, trials, Stage.CANDIDATE, proof
        )
        return Registry({self.digest: entry})


def test_the_sealed_proof_is_held_against_the_registry_and_its_gates_answer_anew(
    tmp_path: Path,
) -> None:
    proof = sealed()
    kept = Kept(tmp_path, to_bytes(proof))
    found = read_again(
        kept.folder, kept.candidate(None), kept.registry(hash_of(proof), 500), NOW
    )
    assert (found.sha256, found.trials, found.registered) == (hash_of(proof), 2, 500)
    assert list(found.checks) == ["proof", *EVIDENCE_GATES]
    assert isinstance(found.checks["proof"], Pass)
    assert found.checks["deflated_sharpe"].findings[0].n == 500


def test_before_the_climb_it_is_held_against_what_training_said(tmp_path: Path) -> None:
    proof = sealed()
    kept, nobody = Kept(tmp_path, to_bytes(proof)), Registry({})
    good = read_again(kept.folder, kept.candidate(hash_of(proof)), nobody, NOW)
    bad = read_again(kept.folder, kept.candidate("0" * 64), nobody, NOW)
    assert isinstance(good.checks["proof"], Pass)
    assert isinstance(bad.checks["proof"], Refuse)


def test_a_registered_hash_counts_more_than_what_training_said(tmp_path: Path) -> None:
    proof = sealed()
    kept = Kept(tmp_path, to_bytes(proof))
    found = read_again(
        kept.folder, kept.candidate(hash_of(proof)), kept.registry("0" * 64, 2), NOW
    )
    assert isinstance(found.checks["proof"], Refuse)


@pytest.mark.parametrize("content", [None, b"{}"], ids=["none", "unreadable"])
def test_a_model_without_a_proof_that_can_be_read_ends_it_in_a_sentence(
    tmp_path: Path, content: bytes | None
) -> None:
    kept = Kept(tmp_path, content)
    with pytest.raises(DataError, match=r"is refused: .*; restore it from a copy"):
        read_again(kept.folder, kept.candidate(None), Registry({}), NOW)


def test_of_a_candidate_that_was_never_sealed_there_is_nothing(tmp_path: Path) -> None:
    kept = Kept(tmp_path, None)
    never = msgspec.structs.replace(kept.candidate(None), digest=None)
    assert read_again(kept.folder, never, Registry({}), NOW) is None
