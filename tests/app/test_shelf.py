"""Only what was signed is opened, and the climb begins where no model has looked."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stairway.adapters.artifacts.directory import new_key, public_bytes, seal
from stairway.app import settings as policies
from stairway.app import shelf as shelves
from stairway.app.folder import RunFolder
from stairway.app.terms import terms_hash
from stairway.base.errors import ConfigError, DataError
from stairway.base.units import UtcNs
from stairway.base.verdict import Pass, Refuse, refuse
from stairway.evaluation.proof import Proof, hash_of, to_bytes
from stairway.lifecycle.facts import GateGiven, ModelRegistered, ProofGiven
from stairway.lifecycle.stage import Stage
from stairway.models.baseline import BaselineRules
from stairway.models.manifest import GateEvidence
from stairway.testing.bars import random_walk
from stairway.testing.proofs import account, proof_of
from stairway.testing.models import rule_under, toy_bundle, toy_passport
from stairway.training.report import CandidateReport, TrainingReport

DAILY = policies.load("daily")
BARS = random_walk(60, seed=1)
SCHEMA = terms_hash(policies.plain(DAILY), BARS.instruments, planted=False)
NOW = UtcNs(5)


class Run:
    """A run's folder with its rule and models, sealed by its own key."""

    def __init__(self, root: Path, *seeds: int, last_ns: int | None = None) -> None:
        self.folder = RunFolder(root)
        self.folder.models.mkdir(parents=True)
        self.key = new_key()
        self.folder.trust.write_bytes(public_bytes(self.key))
        last = BARS.at(39).time_ns if last_ns is None else UtcNs(last_ns)
        self.rule = self.ruled(last)
        self.digests = [self.sealed(seed, last) for seed in seeds]

    def ruled(
        self, last_ns: UtcNs, rules: BaselineRules = DAILY.baseline, schema: str = SCHEMA
    ) -> str:
        return seal(self.folder.models, rule_under(rules, schema, last_ns), self.key)

    def remove(self, digest: str) -> None:
        shutil.rmtree(self.folder.models / digest)

    def sealed(self, seed: int, last_ns: UtcNs, schema: str = SCHEMA) -> str:
        passport = msgspec.structs.replace(
            toy_passport(f"slot{seed}", schema), last_data_ns=last_ns
        )
        return seal(self.folder.models, toy_bundle(seed, passport), self.key)

    def report(self, *away: str) -> TrainingReport:
        evidence = (GateEvidence("causality", refuse("causality.leak", "it saw ahead")),)
        sealed = [
            CandidateReport(f"slot{d}", d, "v", Pass(), (), {}, {}, None, None)
            for d in self.digests
        ]
        refused = [
            CandidateReport(name, None, None, evidence[0].verdict, evidence, {}, {}, None, None)
            for name in away
        ]
        return TrainingReport(40, "d", "c", SCHEMA, Pass(), (*sealed, *refused), self.rule)


def test_what_the_trainer_sealed_is_opened_and_loaded(tmp_path: Path) -> None:
    run = Run(tmp_path, 1, 2)
    shelf = shelves.made(run.folder, run.report(), DAILY, first_index=40)
    assert [s.digest for s in shelf.sealed] == run.digests
    assert set(shelf.runtimes) == {run.rule, *run.digests}
    assert shelf.baseline == shelf.rule.digest == run.rule
    card = shelf.runtimes[run.rule].card
    assert (card.model, card.digest, card.schema_hash) == ("baseline", run.rule, SCHEMA)
    assert (shelf.first_index, shelf.turned_away) == (40, ())
    row = np.full(12, 0.1)
    for digest in (run.rule, *run.digests):
        raw, confidence = shelf.runtimes[digest].predict(row, "range")
        assert np.isfinite(raw)
        assert 0.0 < confidence < 1.0


def test_without_any_model_the_rule_is_still_there(tmp_path: Path) -> None:
    run = Run(tmp_path)
    made = shelves.made(run.folder, run.report("leaking"), DAILY, first_index=40)
    assert [name for name, _ in made.turned_away] == ["leaking"]
    given = shelves.given(run.folder.models, run.folder.trust, DAILY, BARS)
    for shelf in (made, given):
        assert set(shelf.runtimes) == {run.rule}
        assert (shelf.sealed, shelf.first_index) == ((), 40)


def test_facts_register_each_model_with_its_evidence_and_those_turned_away(
    tmp_path: Path,
) -> None:
    run = Run(tmp_path, 1)
    facts = shelves.made(run.folder, run.report("leaking"), DAILY, 40).facts(NOW)
    assert all(fact.time_ns == NOW for fact in facts)
    registered = [f for f in facts if isinstance(f, ModelRegistered)]
    assert [(r.model, r.digest, r.stage) for r in registered] == [
        ("slot1", run.digests[0], Stage.CANDIDATE),
        ("baseline", run.rule, Stage.BASELINE),
    ]
    told = [
        (g.gate, g.model, g.digest, type(g.verdict)) for g in facts if isinstance(g, GateGiven)
    ]
    assert told == [
        ("causality", "slot1", run.digests[0], Pass),
        ("causality", "baseline", run.rule, Pass),
        ("causality", "leaking", "", Refuse),
    ]


def test_the_rule_is_registered_with_its_passport(tmp_path: Path) -> None:
    run = Run(tmp_path)
    (registered, _) = shelves.made(run.folder, run.report(), DAILY, 40).facts(NOW)
    assert registered == ModelRegistered(
        NOW, "baseline", "v20150227_210000", run.rule, None, 1, Stage.BASELINE
    )


def proved(model: str, trials: int, per_bar: float = 0.1) -> Proof:
    return proof_of(model, trials=trials, traded=account(per_bar))


def put(run: Run, slot: str, trials: int, bars: str, *, last_ns: UtcNs) -> str:
    """Seal a model of a training on these bars, with its proof."""
    proof = proved(slot, trials)
    passport = msgspec.structs.replace(
        toy_passport(slot, SCHEMA),
        last_data_ns=last_ns,
        trials=trials,
        data_fingerprint=bars,
        evidence=proof.evidence,
    )
    bundle = replace(toy_bundle(3, passport), proof=to_bytes(proof))
    return seal(run.folder.models, bundle, run.key)


def test_a_model_is_registered_with_the_hash_of_its_proof_and_the_proof_follows(
    tmp_path: Path,
) -> None:
    run = Run(tmp_path)
    digest = put(run, "slot1", 3, "bars", last_ns=BARS.at(39).time_ns)
    shelf = shelves.given(run.folder.models, run.folder.trust, DAILY, BARS)
    registered, given, *_ = shelf.facts(NOW)
    proof = proved("slot1", 3)
    assert isinstance(registered, ModelRegistered)
    assert (registered.digest, registered.trials) == (digest, 3)
    assert registered.proof == hash_of(proof)
    assert given == ProofGiven(NOW, "slot1", digest, proof)


def test_trials_of_one_training_are_one_count_and_those_of_another_come_on_top(
    tmp_path: Path,
) -> None:
    """What the hundredth try shows by luck is not what the first one does."""
    run = Run(tmp_path)
    early, late = BARS.at(30).time_ns, BARS.at(39).time_ns
    put(run, "slot2", 98, "later bars", last_ns=late)
    put(run, "slot1", 3, "bars", last_ns=early)
    put(run, "slot3", 3, "bars", last_ns=early)
    facts = shelves.given(run.folder.models, run.folder.trust, DAILY, BARS).facts(NOW)
    counted = {f.model: f.trials for f in facts if isinstance(f, ModelRegistered)}
    assert counted == {"slot1": 3, "slot2": 101, "slot3": 3, "baseline": 1}
    luck = {
        f.model: f.verdict.findings[0].value
        for f in facts
        if isinstance(f, GateGiven) and f.gate == "deflated_sharpe"
    }
    assert luck["slot1"] == luck["slot3"] > luck["slot2"]


def test_a_proof_of_another_passport_is_not_taken(tmp_path: Path) -> None:
    run = Run(tmp_path)
    passport = msgspec.structs.replace(
        toy_passport("slot1", SCHEMA), last_data_ns=BARS.at(39).time_ns
    )
    for content in (to_bytes(proved("slot1", 3)), b"{}"):
        bundle = replace(toy_bundle(1, passport), proof=content)
        digest = seal(run.folder.models, bundle, run.key)
        shelf = shelves.given(run.folder.models, run.folder.trust, DAILY, BARS)
        with pytest.raises(DataError, match=f"the proof of model {digest[:12]}"):
            shelf.facts(NOW)
        run.remove(digest)


def test_given_models_climb_after_the_last_bar_that_any_of_them_saw(tmp_path: Path) -> None:
    run = Run(tmp_path, 1)
    run.sealed(2, BARS.at(49).time_ns)
    shelf = shelves.given(run.folder.models, run.folder.trust, DAILY, BARS)
    assert shelf.first_index == 50
    assert len(shelf.sealed) == 2
    assert shelf.turned_away == ()


@pytest.mark.parametrize(("shift_ns", "first"), [(0, 40), (1, 40), (-1, 39)])
def test_a_bar_that_a_model_saw_to_the_nanosecond_is_not_climbed_on(
    tmp_path: Path, shift_ns: int, first: int
) -> None:
    run = Run(tmp_path, 1, last_ns=BARS.at(39).time_ns + shift_ns)
    assert shelves.given(run.folder.models, run.folder.trust, DAILY, BARS).first_index == first


def test_models_that_saw_everything_have_nothing_to_climb_on(tmp_path: Path) -> None:
    run = Run(tmp_path, 1, last_ns=BARS.at(59).time_ns)
    with pytest.raises(ConfigError, match="the models saw bars up to 2015-03-27T20:00:00 UTC"):
        shelves.given(run.folder.models, run.folder.trust, DAILY, BARS)


def test_a_folder_without_models_is_refused(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.remove(run.rule)
    for folder in (run.folder.models, tmp_path / "gone"):
        with pytest.raises(ConfigError, match="holds no sealed model"):
            shelves.given(folder, run.folder.trust, DAILY, BARS)


def test_a_key_that_is_not_there_is_refused(tmp_path: Path) -> None:
    run = Run(tmp_path, 1)
    with pytest.raises(ConfigError, match=r"public key .* cannot be read"):
        shelves.given(run.folder.models, tmp_path / "gone.pub", DAILY, BARS)


def test_what_another_key_signed_is_not_loaded(tmp_path: Path) -> None:
    run, stranger = Run(tmp_path / "a", 1), Run(tmp_path / "b", 2)
    with pytest.raises(DataError, match=r"is refused: .*; nothing of it was loaded"):
        shelves.given(run.folder.models, stranger.folder.trust, DAILY, BARS)


def test_a_byte_that_changed_is_not_loaded(tmp_path: Path) -> None:
    run = Run(tmp_path, 1)
    blob = max((run.folder.models / run.digests[0]).iterdir(), key=lambda p: p.stat().st_size)
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    blob.chmod(0o644)
    blob.write_bytes(bytes(content))
    with pytest.raises(DataError, match=f"model {run.digests[0][:12]} is refused"):
        shelves.made(run.folder, run.report(), DAILY, 40)


def test_a_model_of_other_features_is_refused(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.sealed(1, BARS.at(39).time_ns, schema="5" * 64)
    with pytest.raises(ConfigError):
        shelves.given(run.folder.models, run.folder.trust, DAILY, BARS)


def test_an_artifact_is_opened_again_from_its_bytes(tmp_path: Path) -> None:
    run = Run(tmp_path, 1)
    (digest,) = run.digests
    shelf = shelves.made(run.folder, run.report(), DAILY, 40)
    whole = shelf.reopen(digest)
    assert isinstance(whole, Pass)
    assert whole.findings[0].detail.startswith("slot1 v")
    blob = next(p for p in (run.folder.models / digest).iterdir() if p.suffix == ".safetensors")
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes()[:-1])
    assert isinstance(shelf.reopen(digest), Refuse)
    assert isinstance(shelf.reopen("0" * 64), Refuse)


def test_a_swapped_key_file_changes_nothing_for_a_shelf_that_is_open(tmp_path: Path) -> None:
    run = Run(tmp_path, 1)
    shelf = shelves.made(run.folder, run.report(), DAILY, 40)
    run.folder.trust.write_bytes(public_bytes(new_key()))
    assert isinstance(shelf.reopen(run.digests[0]), Pass)


# --- the rule


def test_a_folder_without_a_rule_has_no_last_resort_and_is_refused(tmp_path: Path) -> None:
    run = Run(tmp_path, 1, 2)
    run.remove(run.rule)
    with pytest.raises(ConfigError, match=r"holds 0 sealed rules, .*: give all of it"):
        shelves.given(run.folder.models, run.folder.trust, DAILY, BARS)


def test_of_two_rules_none_is_chosen(tmp_path: Path) -> None:
    run = Run(tmp_path, 1)
    run.ruled(UtcNs(BARS.at(20).time_ns))
    with pytest.raises(ConfigError, match="holds 2 sealed rules, and exactly one"):
        shelves.given(run.folder.models, run.folder.trust, DAILY, BARS)


@pytest.mark.parametrize("name", ["MAX_EDGE", "SCALE_SIGMAS"])
def test_a_rule_that_is_not_the_policys_is_refused(tmp_path: Path, name: str) -> None:
    run = Run(tmp_path, 1)
    other = policies.load("daily", {f"STAIRWAY__BASELINE__{name}": "0.05"})
    terms = terms_hash(policies.plain(other), BARS.instruments, planted=False)
    assert terms == SCHEMA, "the terms of the models say nothing about the rule"
    said = r"the sealed rule has max_edge 0.1 and scale_sigmas 2.0, and \[baseline\] .* 0.05"
    with pytest.raises(ConfigError, match=said):
        shelves.given(run.folder.models, run.folder.trust, other, BARS)
    with pytest.raises(ConfigError, match=said):
        shelves.made(run.folder, run.report(), other, 40)


def test_the_rule_of_the_policy_is_sealed_under_another_digest_for_other_numbers(
    tmp_path: Path,
) -> None:
    other = policies.load("daily", {"STAIRWAY__BASELINE__MAX_EDGE": "0.05"})
    run = Run(tmp_path)
    one = run.rule
    run.remove(one)
    run.rule = run.ruled(UtcNs(BARS.at(39).time_ns), other.baseline)
    assert shelves.made(run.folder, run.report(), other, 40).baseline == run.rule != one


def test_a_rule_of_other_features_is_refused(tmp_path: Path) -> None:
    run = Run(tmp_path, 1)
    run.remove(run.rule)
    run.ruled(UtcNs(BARS.at(39).time_ns), schema="5" * 64)
    with pytest.raises(ConfigError, match="baseline was taught on 555555555555"):
        shelves.given(run.folder.models, run.folder.trust, DAILY, BARS)


@pytest.mark.parametrize(
    "name", ["manifest.json", "manifest.sig", "rule.json", "parity.safetensors"]
)
def test_a_byte_of_the_rule_that_changed_is_found(tmp_path: Path, name: str) -> None:
    run = Run(tmp_path, 1)
    path = run.folder.models / run.rule / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match=f"model {run.rule[:12]} is refused"):
        shelves.given(run.folder.models, run.folder.trust, DAILY, BARS)
    with pytest.raises(DataError, match="nothing of it was loaded"):
        shelves.made(run.folder, run.report(), DAILY, 40)


def test_a_rule_that_another_key_signed_is_not_loaded(tmp_path: Path) -> None:
    run, stranger = Run(tmp_path / "a", 1), Run(tmp_path / "b")
    run.remove(run.rule)
    shutil.copytree(stranger.folder.models / stranger.rule, run.folder.models / stranger.rule)
    with pytest.raises(DataError, match="signed by another key"):
        shelves.given(run.folder.models, run.folder.trust, DAILY, BARS)


def test_a_rule_that_the_report_does_not_name_is_not_looked_for(tmp_path: Path) -> None:
    run = Run(tmp_path, 1)
    nameless = msgspec.structs.replace(run.report(), baseline=None)
    trees = msgspec.structs.replace(run.report(), baseline=run.digests[0])
    for report in (nameless, trees):
        with pytest.raises(ConfigError, match="holds 0 sealed rules"):
            shelves.made(run.folder, report, DAILY, 40)


def test_the_rule_is_opened_again_from_its_bytes_like_any_other(tmp_path: Path) -> None:
    run = Run(tmp_path, 1)
    shelf = shelves.made(run.folder, run.report(), DAILY, 40)
    whole = shelf.reopen(shelf.baseline)
    assert isinstance(whole, Pass)
    assert whole.findings[0].detail == "baseline v20150227_210000 is whole"
    blob = run.folder.models / run.rule / "rule.json"
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes().replace(b"0.1", b"0.2"))
    assert isinstance(shelf.reopen(shelf.baseline), Refuse)
    assert shelf.runtimes[run.rule].predict(np.full(12, 0.1), "trend"), "it stays in memory"


def test_models_of_a_drill_or_of_other_instruments_are_refused(tmp_path: Path) -> None:
    """Their evidence speaks of other bars, whatever their features are called."""
    first, second = BARS.instruments
    taught = [
        terms_hash(policies.plain(DAILY), BARS.instruments, planted=True),
        terms_hash(policies.plain(DAILY), (second, first), planted=False),
    ]
    for number, schema in enumerate(taught):
        run = Run(tmp_path / str(number))
        run.sealed(1, UtcNs(BARS.at(39).time_ns), schema)
        with pytest.raises(ConfigError, match="bars of a drill"):
            shelves.given(run.folder.models, run.folder.trust, DAILY, BARS)


def test_a_successor_stands_beside_its_champion_under_another_version(tmp_path: Path) -> None:
    run = Run(tmp_path, 1)
    second = run.sealed(1, BARS.at(44).time_ns)
    shelf = shelves.given(run.folder.models, run.folder.trust, DAILY, BARS)
    assert {model.digest for model in shelf.sealed} == {*run.digests, second}


def test_two_models_under_one_label_are_refused_and_both_are_named(tmp_path: Path) -> None:
    run = Run(tmp_path, 1)
    (model,) = shelves.given(run.folder.models, run.folder.trust, DAILY, BARS).sealed
    other = replace(model, digest="ab" * 32)
    with pytest.raises(ConfigError, match=r"two sealed models named 'slot1' of one") as refused:
        shelves._require_one_each([model, other], tmp_path)
    for digest in (model.digest, other.digest):
        assert f"({digest[:12]})" in str(refused.value)
