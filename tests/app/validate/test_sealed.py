"""What was sealed with a candidate is read again, and believed only if it still holds."""

from __future__ import annotations

import copy
import functools
import operator
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from stairway.adapters.artifacts.directory import new_key, public_bytes, seal
from stairway.app.folder import RunFolder
from stairway.app.validate.report import SEALED
from stairway.app.validate.sealed import Registry, Today, differences, read_again
from stairway.app.validate.sealed import same as same_as
from stairway.base.errors import DataError
from stairway.base.units import UtcNs
from stairway.base.verdict import Inconclusive, Pass, Refuse, Verdict, passed
from stairway.evaluation.battery.study import BatteryReport
from stairway.evaluation.evidence import EVIDENCE_GATES
from stairway.evaluation.proof import Proof, hash_of, to_bytes
from stairway.evaluation.proof_of_returns import Figures, proof_of_returns
from stairway.evaluation.sceptic.record import Record
from stairway.evaluation.skill import Forecasts
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


def today(shown: Figures = NOW, **told: object) -> Today:
    given = {"causality": proof_of("a").causality, "battery": None} | told
    return Today(figures=shown, **given)


def sealed(shown: Figures = NOW, trials: int = 2) -> Proof:
    record = Record(net=NET, names=("a", "b"), chosen=0, n_trials=2, periods_per_year=252.0)
    found = proof_of_returns(record, None, (EVIDENCE, HOW), np.random.default_rng(0))
    return msgspec.structs.replace(
        proof_of("a", trials=trials), shown=msgspec.structs.replace(found, figures=shown)
    )


def same(proof: Proof, named: str | None, counted: int, now: Today) -> Verdict:
    return same_as(proof, named, counted, now, registered=True)


def test_what_is_registered_and_measured_the_same_passes() -> None:
    proof = sealed()
    assert isinstance(same(proof, hash_of(proof), 2, today()), Pass)


def test_other_draws_of_history_and_more_tries_are_no_contradiction() -> None:
    proof = sealed(figures(NET, seed=5))
    assert isinstance(same(proof, hash_of(proof), 9, today(figures(NET, trials=9))), Pass)


@pytest.mark.parametrize("named", [None, "0" * 64], ids=["none", "another"])
def test_a_proof_that_was_not_registered_is_refused_and_both_are_named(
    named: str | None,
) -> None:
    said = same(sealed(), named, 2, today())
    assert isinstance(said, Refuse)
    assert hash_of(sealed())[:12] in said.findings[0].detail
    assert (named or "none")[:12] in said.findings[0].detail


def test_a_registry_that_counts_fewer_tries_is_refused() -> None:
    said = same(sealed(trials=7), hash_of(sealed(trials=7)), 6, today())
    assert said.findings[0].detail == "the sealed proof counts 7 tries, the registry 6"


def test_a_figure_that_comes_out_another_way_is_refused_with_both_values() -> None:
    other = figures(NET + 0.001)
    proof = sealed(other)
    said = same(proof, hash_of(proof), 2, today())
    assert isinstance(said, Refuse)
    (finding,) = said.findings
    assert finding.code == "proof.contradicted"
    was = msgspec.json.decode(msgspec.json.encode(other.net))["max_drawdown_frac"]
    now = NOW.net.max_drawdown_frac
    assert f"net.max_drawdown_frac was {was:.6g} and is {now:.6g}" in finding.detail


def test_what_was_never_measured_is_no_proof() -> None:
    proof = proof_of("a")
    assert isinstance(same(proof, hash_of(proof), 1, today()), Refuse)


def test_two_figures_that_differ_are_never_written_alike() -> None:
    one, other = (
        msgspec.structs.replace(NOW, psr=msgspec.structs.replace(NOW.psr, probability=p))
        for p in (0.12345671, 0.12345672)
    )
    assert list(differences(one, other)) == ["psr.probability was 0.12345671 and is 0.12345672"]


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
        kept.folder, kept.candidate(None), kept.registry(hash_of(proof), 500), today()
    ).sealed
    assert (found.sha256, found.trials, found.registered) == (hash_of(proof), 2, 500)
    assert list(found.checks) == ["entry", "proof", *EVIDENCE_GATES]
    assert isinstance(found.checks["proof"], Pass)
    assert found.checks["deflated_sharpe"].findings[0].n == 500


def test_before_the_climb_it_is_held_against_what_training_said(tmp_path: Path) -> None:
    proof = sealed()
    kept, nobody = Kept(tmp_path, to_bytes(proof)), Registry({})
    good = read_again(kept.folder, kept.candidate(hash_of(proof)), nobody, today()).sealed
    bad = read_again(kept.folder, kept.candidate("0" * 64), nobody, today()).sealed
    assert isinstance(good.checks["proof"], Pass)
    assert isinstance(bad.checks["proof"], Refuse)
    assert "training.json names 000000000000" in bad.checks["proof"].findings[0].detail


@pytest.mark.parametrize(
    ("registry", "way_out"),
    [(Registry({}, climbed=True), "restore the record"), (Registry({}), "finish the run with")],
    ids=["climbed", "not_yet"],
)
def test_where_no_record_says_who_was_registered_nothing_is_called_registered(
    tmp_path: Path, registry: Registry, way_out: str
) -> None:
    proof = sealed()
    kept = Kept(tmp_path, to_bytes(proof))
    found = read_again(kept.folder, kept.candidate(hash_of(proof)), registry, today()).sealed
    entry = found.checks["entry"]
    assert isinstance(entry, Inconclusive)
    assert entry.findings[0].code == "proof.entry"
    assert "is not registered: " in entry.findings[0].detail
    assert way_out in entry.findings[0].detail
    assert (found.registered, found.trials) == (None, 2)
    assert SEALED.format(found).endswith("; registered: no")
    assert "is the one that training.json names" in found.checks["proof"].findings[0].detail


def test_a_registered_hash_counts_more_than_what_training_said(tmp_path: Path) -> None:
    proof = sealed()
    kept = Kept(tmp_path, to_bytes(proof))
    found = read_again(
        kept.folder, kept.candidate(hash_of(proof)), kept.registry("0" * 64, 2), today()
    ).sealed
    assert isinstance(found.checks["proof"], Refuse)


@pytest.mark.parametrize("content", [None, b"{}"], ids=["none", "unreadable"])
def test_a_model_without_a_proof_that_can_be_read_ends_it_in_a_sentence(
    tmp_path: Path, content: bytes | None
) -> None:
    kept = Kept(tmp_path, content)
    with pytest.raises(DataError, match=r"is refused: .*; restore it from a copy"):
        read_again(kept.folder, kept.candidate(None), Registry({}), today())


def test_a_candidate_with_nothing_sealed_passes_nothing(tmp_path: Path) -> None:
    kept = Kept(tmp_path, None)
    never = msgspec.structs.replace(kept.candidate(None), digest=None)
    found = read_again(kept.folder, never, Registry({}), today())
    assert (found.proof, found.sealed.sha256) == (None, None)
    (said,) = found.sealed.checks.values()
    assert isinstance(said, Inconclusive)
    assert said.findings[0].detail.startswith("no proof is sealed with a, and none is register")


def test_a_seal_that_training_does_not_name_is_read_by_the_registry_and_refused(
    tmp_path: Path,
) -> None:
    proof = sealed()
    kept = Kept(tmp_path, to_bytes(proof))
    forgot = msgspec.structs.replace(kept.candidate(None), digest=None)
    found = read_again(kept.folder, forgot, kept.registry(hash_of(proof), 2), today())
    assert found.proof == proof
    assert isinstance(found.sealed.checks["entry"], Refuse)
    assert kept.digest[:12] in found.sealed.checks["entry"].findings[0].detail
    assert isinstance(found.sealed.checks["proof"], Pass)


def test_of_two_that_came_in_under_one_name_the_later_is_looked_up() -> None:
    def came(at: int, digest: str, model: str = "a") -> ModelRegistered:
        return ModelRegistered(UtcNs(at), model, "v", digest, None, 1, Stage.CANDIDATE, None)

    entries = (came(2, "late"), came(1, "early"), came(3, "other", "b"))
    registry = Registry({entry.digest: entry for entry in entries})
    assert [registry.digest_of(name) for name in ("a", "b", "c")] == ["late", "other", None]


def test_a_seal_under_the_name_of_another_is_refused(tmp_path: Path) -> None:
    proof = sealed()
    kept = Kept(tmp_path, to_bytes(proof))
    posing = msgspec.structs.replace(kept.candidate(hash_of(proof)), model="b")
    said = read_again(kept.folder, posing, Registry({}), today()).sealed.checks["entry"]
    assert isinstance(said, Refuse)
    assert said.findings[0].detail.endswith("was sealed as a, and is handed in as b")


def test_one_that_the_registry_does_not_have_stays_open_where_it_has_others(
    tmp_path: Path,
) -> None:
    proof = sealed()
    kept = Kept(tmp_path, to_bytes(proof))
    other = ModelRegistered(
        UtcNs(1), "a", "v1", "f" * 64, None, 1, Stage.CANDIDATE, hash_of(proof)
    )
    found = read_again(
        kept.folder, kept.candidate(hash_of(proof)), Registry({"f" * 64: other}), today()
    )
    said = found.sealed.checks["entry"]
    assert isinstance(said, Inconclusive)
    assert said.findings[0].detail.endswith(f"not registered as a, model {'f' * 12} is")
    assert found.sealed.registered is None
    assert "that training.json names" in found.sealed.checks["proof"].findings[0].detail


def test_what_training_says_otherwise_of_the_features_is_refused_with_both() -> None:
    proof = sealed()
    other = today(causality=passed("test.causality", "EDITED"))
    said = same(proof, hash_of(proof), 2, other)
    assert isinstance(said, Refuse)
    assert "causality.findings[0].detail was as given and is EDITED" in said.findings[0].detail


def test_what_training_says_otherwise_of_the_splits_is_refused_with_both() -> None:
    clean = dict.fromkeys(
        ("causality", "purge", "surrogates", "sentinel", "verdict"), passed("leak.x", "clean")
    )
    battery = BatteryReport(**clean, fired=())
    proof = msgspec.structs.replace(sealed(), battery=battery)
    assert isinstance(same(proof, hash_of(proof), 2, today(battery=battery)), Pass)
    edited = msgspec.structs.replace(battery, purge=passed("leak.x", "EDITED"))
    said = same(proof, hash_of(proof), 2, today(battery=edited))
    assert isinstance(said, Refuse)
    assert said.findings[0].detail.endswith(
        "battery.purge.findings[0].detail was clean and is EDITED"
    )
    gone = same(proof, hash_of(proof), 2, today())
    assert gone.findings[0].detail.endswith("battery was measured and is not measured")


DRAWN = (
    "trials.n",
    "mean.low",
    "mean.high",
    "deflated.trials.n",
    "deflated.probability",
    "deflated.psr.benchmark_per_bar",
    "deflated.psr.probability",
    "backtest_years",
    "baseline.p_value",
    "champion.p_value",
    "standing.p_values",
    "standing.members",
)
"""All that hangs on drawn histories or on the count of tries."""


@pytest.fixture(scope="module")
def everything() -> Figures:
    """Figures with all in them that can be measured."""
    rng, n = np.random.default_rng(1), 400
    net, row = rng.normal(0.002, 0.01, (n, 2)), np.arange(n)
    said, blank = rng.uniform(0.3, 0.7, n), np.full((n, 1), np.nan)
    came = (rng.random(n) < said).astype(np.int64)
    forecasts = Forecasts(
        confidence=np.column_stack([said, blank]),
        outcome=np.column_stack([came, np.full(n, -1)]),
        start=np.column_stack([row + 1] * 2),
        end=np.column_stack([row + 2] * 2),
        regime=np.full(n, ""),
    )
    record = Record(
        net=net,
        names=("a", "b"),
        chosen=0,
        n_trials=2,
        periods_per_year=252.0,
        baseline=rng.normal(0.0, 0.01, n),
        champion=rng.normal(0.0, 0.01, n),
        gross=net[:, 0] + 1e-4,
    )
    return proof_of_returns(
        record, forecasts, (EVIDENCE, HOW), np.random.default_rng(0)
    ).figures


def leaves(told: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    pairs = told.items() if isinstance(told, dict) else enumerate(told)
    for key, value in pairs:
        if isinstance(value, dict | list):
            yield from leaves(value, (*path, key))
        elif value is not None:
            yield (*path, key)


def a_little_other(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case float():
            return value + max(1e-6 * abs(value), 1e-6)
        case int():
            return value + 1
        case _:
            return f"{value}?"


def test_every_figure_that_neither_draws_nor_counts_is_held_against_the_seal(
    everything: Figures,
) -> None:
    plain = msgspec.json.decode(msgspec.json.encode(everything))
    free = set()
    for path in leaves(plain):
        told = copy.deepcopy(plain)
        *way, last = path
        parent = functools.reduce(operator.getitem, way, told)
        parent[last] = a_little_other(parent[last])
        other = msgspec.convert(told, Figures)
        if not list(differences(other, everything)):
            free.add(".".join(key for key in path if isinstance(key, str)))
    assert free == set(DRAWN)


def test_a_part_of_what_is_gone_is_called_not_measured() -> None:
    none = msgspec.structs.replace(NOW, mean=None)
    said = list(differences(none, NOW))
    assert said[0].startswith("mean.annual was not measured and is ")


def test_where_nobody_counts_the_gates_answer_with_the_count_of_the_seal(
    tmp_path: Path,
) -> None:
    proof = sealed(trials=7)
    kept = Kept(tmp_path, to_bytes(proof))
    found = read_again(
        kept.folder, kept.candidate(hash_of(proof)), Registry({}), today()
    ).sealed
    assert found.checks["deflated_sharpe"].findings[0].n == 7
