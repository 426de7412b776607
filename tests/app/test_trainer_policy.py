"""A trainer that is asked for a policy seals one beside the trees, with its own evidence."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from stairway.adapters.artifacts.directory import open_sealed
from stairway.adapters.runtimes import policy as policy_runtime
from stairway.app import settings
from stairway.app.backtesting import backtest_of
from stairway.app.practised import TeachingAsked
from stairway.app.trainer import Job, train
from stairway.base.errors import ConfigError, NothingLearntError
from stairway.base.verdict import Inconclusive, Refuse
from stairway.market.bars import PairBars
from stairway.models.bodies.policy import PolicyBody
from stairway.models.manifest import Family
from stairway.models.sealed import SealedModel
from stairway.testing.bars import random_walk
from stairway.training.candidate import BINDING_GATES, Backtest
from stairway.training.material import Observed
from stairway.training.policy_craft import Taught
from stairway.training.quick import Quick
from stairway.training.report import TrainingReport

N = 900
TINY = {"n_envs": 4, "n_steps": 50, "batch_size": 50, "n_epochs": 2, "hidden": [16, 16]}


def policy() -> dict[str, Any]:
    tables = settings.plain(settings.load("daily"))
    tables["prover"] |= {"cuts": 8, "max_bars": 300}
    tables["boosting"] |= {"rounds": 20}
    tables["calibration"] |= {"min_samples": 10}
    return tables


def shipped_tables() -> dict[str, Any]:
    text = files("stairway").joinpath("policies", "practice.toml").read_text("utf-8")
    return tomllib.loads(text)


def practised(kept: Path) -> TeachingAsked:
    tables = shipped_tables()
    tables["learner"] |= TINY
    tables["quick"] = {"steps": 400}
    return TeachingAsked("practice", tables, str(kept))


def keep(bars: PairBars, root: Path) -> None:
    names = ("time_ns", "session", "last_of_session", "open", "high", "low", "close", "volume")
    np.savez(root / "bars.npz", **{name: getattr(bars, name) for name in names})


def job_in(root: Path, kept: Path, **changes: Any) -> Job:
    root.mkdir(parents=True, exist_ok=True)
    walk = random_walk(N, seed=3)
    keep(walk, root)
    plain = Job(
        root=str(root),
        n_bars=N - 100,
        instruments=walk.instruments,
        policy=policy(),
        families=(Family.LIGHTGBM, Family.POLICY),
        drill=False,
        seed=7,
        practice=practised(kept),
    )
    return msgspec.structs.replace(plain, **changes)


def backtest_in(job: Job, observed: Observed) -> Backtest:
    return backtest_of(job.policy, observed.bars, observed.features, observed.regimes, job.seed)


def silent(*_: object) -> None:
    return None


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainingReport]:
    root = tmp_path_factory.mktemp("run")
    return root, train(job_in(root / "one", root / "kept"), backtest_in, silent)


def opened(root: Path, digest: str | None) -> SealedModel:
    found = open_sealed(root / "models", digest, (root / "trust.pub").read_bytes())
    assert isinstance(found, SealedModel)
    return found


def test_a_policy_is_sealed_beside_the_trees_with_the_gates_of_everybody(
    trained: tuple[Path, TrainingReport],
) -> None:
    root, report = trained
    trees, found = report.candidates
    assert (trees.model, found.model) == ("lightgbm", "policy")
    model = opened(root / "one", found.digest)
    passport = model.manifest.passport
    assert isinstance(model.body, PolicyBody)
    assert passport.family is Family.POLICY
    assert passport.trials == 2
    assert "torch" in passport.libraries
    assert {e.gate for e in found.evidence} >= set(BINDING_GATES)
    assert [e.gate for e in found.evidence] == [e.gate for e in trees.evidence]
    assert passport.schema_hash == report.schema_hash


def test_its_answers_out_of_fold_are_left_for_the_report(
    trained: tuple[Path, TrainingReport],
) -> None:
    root, report = trained
    with np.load(root / "one" / report.candidates[1].oof) as oof:
        assert np.isfinite(oof["confidence"]).any()
        assert oof["margin"].shape == (N - 100, 2)


def test_it_can_be_served(trained: tuple[Path, TrainingReport]) -> None:
    root, report = trained
    runtime = policy_runtime.load(opened(root / "one", report.candidates[1].digest))
    said = runtime.predict_pair(np.zeros((2, 12)), "range")
    assert all(0.0 < confidence < 1.0 for _, confidence in said)


def test_the_same_job_gives_the_same_digests_and_teaches_nobody_twice(
    trained: tuple[Path, TrainingReport],
) -> None:
    root, report = trained
    lessons = {path.name: path.stat().st_mtime_ns for path in (root / "kept").iterdir()}
    assert lessons
    again = train(job_in(root / "two", root / "kept"), backtest_in, silent)
    assert [c.digest for c in again.candidates] == [c.digest for c in report.candidates]
    after = {path.name: path.stat().st_mtime_ns for path in (root / "kept").iterdir()}
    assert after == lessons


def test_a_policy_without_practice_settings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no practice settings"):
        train(job_in(tmp_path / "run", tmp_path, practice=None), backtest_in, silent)


def test_trees_alone_need_no_practice_settings(tmp_path: Path) -> None:
    job = job_in(tmp_path / "run", tmp_path, practice=None, families=(Family.LIGHTGBM,))
    assert [c.model for c in train(job, backtest_in, silent).candidates] == ["lightgbm"]


def test_the_job_survives_its_file(tmp_path: Path) -> None:
    job = job_in(tmp_path / "run", tmp_path)
    written = msgspec.json.encode(job)
    read = msgspec.json.decode(written, type=Job)
    assert read.practice is not None
    assert msgspec.json.encode(read) == written


def test_a_policy_that_the_bars_are_too_few_for_is_refused_and_the_trees_go_on(
    tmp_path: Path,
) -> None:
    lessons = practised(tmp_path / "kept")
    lessons.tables["environment"]["daily"] |= {"episode_steps": 700, "min_episode_steps": 700}
    job = job_in(tmp_path / "one", tmp_path / "kept", practice=lessons)
    trees, found = train(job, backtest_in, silent).candidates

    assert isinstance(opened(tmp_path / "one", trees.digest), SealedModel)
    assert (found.model, found.digest) == ("policy", None)
    assert isinstance(found.verdict, Inconclusive)
    told = found.verdict.findings[0]
    assert told.code == "evidence.too_little"
    assert "policy: the course has" in told.detail
    assert (told.bound, told.value is not None and told.value < 700) == (700, True)


def test_a_policy_that_learns_what_is_no_number_is_refused_and_the_trees_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: object) -> Taught:
        msg = "weights of roll-out 3 are not finite"
        raise NothingLearntError(msg)

    monkeypatch.setattr(Quick, "__call__", nothing)
    job = job_in(tmp_path / "one", tmp_path / "kept")
    trees, found = train(job, backtest_in, silent).candidates

    assert trees.digest is not None
    assert isinstance(found.verdict, Refuse)
    assert found.verdict.findings[0].code == "evidence.nothing_learnt"
    assert "policy: weights of roll-out 3" in found.verdict.findings[0].detail
