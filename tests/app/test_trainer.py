from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stairway.adapters.artifacts.directory import list_digests, open_sealed
from stairway.app import settings, trainer
from stairway.app.folder import RunFolder
from stairway.app.shelf import made
from stairway.app.trainer import Job, main, read_job, train, tried
from stairway.base.errors import ConfigError, DataError
from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.evaluation.proof import DEFLATED, Proof, apart, deflated_at, from_bytes, hash_of
from stairway.evaluation.significance.deflated import chance_variance
from stairway.lifecycle.facts import GateGiven
from stairway.market.bars import PairBars
from stairway.models.manifest import Family, GateEvidence
from stairway.models.sealed import SealedModel
from stairway.testing.bars import random_walk
from stairway.training.candidate import BINDING_GATES, Backtest, binding_verdict
from stairway.training.leak import LEAKING
from stairway.training.material import Observed
from stairway.training.report import TrainingReport

N = 900


def policy(**changes: dict[str, object]) -> dict[str, object]:
    tables = settings.plain(settings.load("daily"))
    tables["prover"] |= {"cuts": 8, "max_bars": 300}
    tables["boosting"] |= {"rounds": 20}
    tables["calibration"] |= {"min_samples": 10}
    tables["battery"] |= {"cuts": 1, "surrogates": 8, "shuffles": 8, "rounds": 2}
    for section, keys in changes.items():
        tables[section] |= keys
    return tables


def keep(bars: PairBars, root: Path) -> None:
    columns = (
        "time_ns",
        "session",
        "last_of_session",
        "open",
        "high",
        "low",
        "close",
        "volume",
    )
    np.savez(root / "bars.npz", **{name: getattr(bars, name) for name in columns})


def job_in(root: Path, bars: PairBars | None = None, **changes: object) -> Job:
    root.mkdir(parents=True, exist_ok=True)
    walk = random_walk(N, seed=3) if bars is None else bars
    keep(walk, root)
    plain = Job(
        root=str(root),
        n_bars=N - 100,
        instruments=walk.instruments,
        policy=policy(),
        families=(Family.LIGHTGBM, Family.XGBOOST),
        drill=False,
        seed=7,
    )
    return msgspec.structs.replace(plain, **changes)


def nothing_earned(confidence: np.ndarray) -> np.ndarray:
    return np.zeros(confidence.shape[0])


def no_backtest(job: Job, observed: Observed) -> Backtest:
    assert len(observed.bars) == job.n_bars
    return Backtest(nothing_earned, nothing_earned, 252.0)


def silent(*_: object) -> None:
    return None


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainingReport]:
    root = tmp_path_factory.mktemp("run")
    return root, train(job_in(root, drill=True), no_backtest, silent)


def test_every_family_is_sealed_with_its_evidence(
    trained: tuple[Path, TrainingReport],
) -> None:
    root, report = trained
    trust = (root / "trust.pub").read_bytes()

    for found in report.candidates[:2]:
        opened = open_sealed(root / "models", found.digest, trust)
        assert isinstance(opened, SealedModel)
        assert opened.manifest.passport.model == found.model
        assert opened.manifest.passport.evidence == found.evidence
        assert opened.manifest.version == found.version
        assert {e.gate for e in found.evidence} >= set(BINDING_GATES)
    assert set(list_digests(root / "models")) == {
        report.baseline,
        *(c.digest for c in report.candidates[:2]),
    }


def test_the_rule_of_the_policy_is_sealed_beside_them_under_the_same_key(
    trained: tuple[Path, TrainingReport],
) -> None:
    root, report = trained
    assert report.baseline is not None
    trust = (root / "trust.pub").read_bytes()

    opened = open_sealed(root / "models", report.baseline, trust)

    assert isinstance(opened, SealedModel)
    passport = opened.manifest.passport
    assert (passport.model, passport.family) == ("baseline", Family.RULE)
    assert opened.body.rules == settings.load("daily").baseline
    assert passport.evidence == (GateEvidence("causality", report.causality),)
    others = [
        open_sealed(root / "models", c.digest, trust).manifest for c in report.candidates[:2]
    ]
    assert {m.version for m in others} == {opened.manifest.version}
    assert {m.passport.schema_hash for m in others} == {passport.schema_hash}
    assert {m.passport.data_fingerprint for m in others} == {passport.data_fingerprint}


def test_every_model_carries_a_proof_that_its_report_names(
    trained: tuple[Path, TrainingReport],
) -> None:
    root, report = trained
    trust = (root / "trust.pub").read_bytes()

    for found in report.candidates[:2]:
        sealed = open_sealed(root / "models", found.digest, trust)
        proof = from_bytes(sealed.proof)
        assert isinstance(proof, Proof)
        assert found.proof == sealed.proof_hash == hash_of(proof)
        assert (proof.model, proof.evidence) == (found.model, found.evidence)
        assert (proof.trials, proof.battery) == (2, report.battery)
        assert proof.data_fingerprint == report.data_fingerprint
        figures = proof.shown.figures
        assert {"all", "range"} <= {one.regime for one in figures.honesty}
        assert figures.choice is None, "accounts that hold nothing cannot be ranked"
        assert (figures.names, figures.trials.n) == (("lightgbm", "xgboost"), 2)
        assert figures.gross.total_return_frac == 0.0
        asked = {one.question: one.checks for one in proof.shown.answers}
        assert "416 of 500 returns needed" in asked["baseline"]["spa"].findings[0].detail
        assert "not shown" in asked["costs"]["taken"].findings[0].detail
    assert open_sealed(root / "models", report.baseline, trust).proof is None


def far_apart(_job: Job, _observed: Observed) -> Backtest:
    """Earn well on one family's probabilities, and badly on the other's."""
    heard: dict[bytes, int] = {}

    def earned(confidence: np.ndarray) -> np.ndarray:
        sign = heard.setdefault(confidence.tobytes(), 1 - 2 * (len(heard) % 2))
        return np.random.default_rng(len(heard)).normal(sign * 0.01, 0.01, confidence.shape[0])

    return Backtest(earned, nothing_earned, 252.0)


def test_the_verdict_of_a_candidate_is_that_of_its_evidence_with_all_tries_known(
    tmp_path: Path,
) -> None:
    report = train(job_in(tmp_path), far_apart, silent)
    trust = (tmp_path / "trust.pub").read_bytes()
    for found in report.candidates:
        proof = from_bytes(open_sealed(tmp_path / "models", found.digest, trust).proof)
        spread = apart(proof.shown)
        assert spread > 10 * chance_variance(proof.account.n_bars)
        (luck,) = (e.verdict for e in found.evidence if e.gate == DEFLATED)
        assert luck == deflated_at(proof.account, 2, spread)
        assert luck != deflated_at(proof.account, 2, 0.0)
        assert found.verdict == binding_verdict(found.evidence)
        assert found.evidence == proof.evidence


def test_the_leak_battery_judged_the_pipeline_once_for_all(
    trained: tuple[Path, TrainingReport],
) -> None:
    _, report = trained
    said = [
        e.verdict for c in report.candidates for e in c.evidence if e.gate == "leak_battery"
    ]

    assert said == [report.battery.verdict] * 2
    assert report.battery.fired == ()
    assert report.battery.causality is not None


def test_a_training_counts_each_family_that_it_tries() -> None:
    families = (Family.LIGHTGBM, Family.XGBOOST, Family.POLICY)
    walk = random_walk(60, seed=1)
    job = Job(
        root="x",
        n_bars=50,
        instruments=walk.instruments,
        policy={},
        families=families,
        drill=False,
        seed=1,
    )
    assert [tried(msgspec.structs.replace(job, families=families[:n])) for n in range(4)] == [
        1,
        1,
        2,
        3,
    ]


def test_a_policy_without_a_rule_trains_nothing(tmp_path: Path) -> None:
    lacking = {name: keys for name, keys in policy().items() if name != "baseline"}

    with pytest.raises(ConfigError, match=r"no \[baseline\] section"):
        train(job_in(tmp_path, policy=lacking), no_backtest, silent)

    assert not (tmp_path / "models").exists()


def test_without_any_candidate_the_rule_is_sealed_all_the_same(tmp_path: Path) -> None:
    report = train(job_in(tmp_path, families=()), no_backtest, silent)

    assert report.candidates == ()
    assert list_digests(tmp_path / "models") == (report.baseline,)


def test_random_bars_are_proved_causal_and_refused_for_lack_of_skill(
    trained: tuple[Path, TrainingReport],
) -> None:
    _, report = trained

    assert isinstance(report.causality, Pass)
    assert not any(isinstance(c.verdict, Pass) for c in report.candidates)


def test_the_drill_offers_a_leak_and_the_prover_names_its_column(
    trained: tuple[Path, TrainingReport],
) -> None:
    root, report = trained
    leaking = report.candidates[-1]

    assert leaking.model == "leaking"
    assert isinstance(leaking.verdict, Refuse)
    assert any(f"ALPHA.{LEAKING}" in finding.detail for finding in leaking.verdict.findings)
    assert (leaking.digest, leaking.oof) == (None, None)
    assert not (root / "oof" / "leaking.npz").exists()


def test_predictions_out_of_fold_are_left_for_the_report(
    trained: tuple[Path, TrainingReport],
) -> None:
    root, report = trained

    for found in report.candidates[:2]:
        with np.load(root / found.oof, allow_pickle=False) as table:
            said, came = table["confidence"], table["outcome"]
            assert table["regime"].shape == table["time_ns"].shape == (N - 100,)
            scored = np.isfinite(said) & (came >= 0)
            assert int(scored.sum()) == int(found.metrics["forecasts"])


def test_the_folder_holds_nothing_but_what_it_should(
    trained: tuple[Path, TrainingReport],
) -> None:
    root, report = trained

    files = {f.relative_to(root).as_posix() for f in root.rglob("*") if f.is_file()}
    outside = {f for f in files if not f.startswith("models/")}
    oof = {"oof/lightgbm.npz", "oof/xgboost.npz"}
    assert outside == {"bars.npz", "trust.pub", "generation.1", *oof}
    assert len((root / "trust.pub").read_bytes()) == 32
    assert {f.split("/")[1] for f in files - outside} == {
        report.baseline,
        *(c.digest for c in report.candidates if c.digest),
    }


def test_the_report_reads_back_as_it_was_written(
    trained: tuple[Path, TrainingReport],
) -> None:
    _, report = trained

    assert msgspec.json.decode(msgspec.json.encode(report), type=TrainingReport) == report


def test_the_same_job_gives_the_same_digests_under_another_key(
    trained: tuple[Path, TrainingReport], tmp_path: Path
) -> None:
    root, report = trained

    again = train(job_in(tmp_path / "again", drill=True), no_backtest, silent)

    assert again == report
    assert (tmp_path / "again" / "trust.pub").read_bytes() != (root / "trust.pub").read_bytes()


def test_a_training_that_was_stopped_is_simply_done_again(tmp_path: Path) -> None:
    # Given sealed models, but no report: the process died, and its key with it
    job = job_in(tmp_path, families=(Family.LIGHTGBM,))
    first = train(job, no_backtest, silent)
    old_trust = (tmp_path / "trust.pub").read_bytes()

    # When the same job is done again
    again = train(job, no_backtest, silent)

    # Then the model is there under the new key, and under no other
    digest, trust = again.candidates[0].digest, (tmp_path / "trust.pub").read_bytes()
    assert digest == first.candidates[0].digest
    assert isinstance(open_sealed(tmp_path / "models", digest, trust), SealedModel)
    assert isinstance(open_sealed(tmp_path / "models", digest, old_trust), Refuse)


def test_a_training_that_was_finished_is_not_touched(tmp_path: Path) -> None:
    job = job_in(tmp_path, families=(Family.LIGHTGBM,))
    report = train(job, no_backtest, silent)
    (tmp_path / "training.json").write_bytes(msgspec.json.encode(report))
    trust = (tmp_path / "trust.pub").read_bytes()

    with pytest.raises(ConfigError, match="trained already"):
        train(job, no_backtest, silent)

    assert (tmp_path / "trust.pub").read_bytes() == trust
    sealed = {report.candidates[0].digest, report.baseline}
    assert set(list_digests(tmp_path / "models")) == sealed


def test_bars_after_the_training_part_are_not_looked_at(
    trained: tuple[Path, TrainingReport], tmp_path: Path
) -> None:
    # Given the same bars with another future
    _, report = trained
    walk = random_walk(N, seed=3)
    for column in (walk.open, walk.high, walk.low, walk.close):
        column[N - 100 :] *= 3.0

    other = train(job_in(tmp_path, bars=walk, drill=True), no_backtest, silent)

    assert [c.digest for c in other.candidates] == [c.digest for c in report.candidates]
    assert other.baseline == report.baseline


def test_nothing_is_trained_where_causality_could_not_be_shown(tmp_path: Path) -> None:
    job = job_in(tmp_path, policy=policy(prover={"min_bars": 5_000, "max_bars": 9_000}))

    report = train(job, no_backtest, silent)

    assert isinstance(report.causality, Inconclusive)
    assert [c.digest for c in report.candidates] == [None, None]
    assert report.baseline is None
    assert not any(isinstance(c.verdict, Pass) for c in report.candidates)
    assert not (tmp_path / "models").exists()


def test_progress_names_the_model_and_counts_to_the_end(tmp_path: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    job = job_in(tmp_path, families=(Family.XGBOOST,))

    train(job, no_backtest, lambda *said: heard.append(said))

    assert heard[0] == ("proving the pipeline", 0, 1)
    walk = [said for said in heard if said[0] == "xgboost: walk-forward"]
    assert walk[-1][1] == walk[-1][2] == 5
    assert walk[0][1] == 0


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "short"])
def test_damaged_bars_are_one_clear_sentence(tmp_path: Path, damage: str) -> None:
    job = job_in(tmp_path)
    path = RunFolder(tmp_path).bars
    match damage:
        case "missing":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "cut":
            path.write_bytes(path.read_bytes()[:500])
        case _:
            job = msgspec.structs.replace(job, n_bars=N + 1)

    with pytest.raises(DataError, match=r"cannot be read|holds 900 bars"):
        train(job, no_backtest, silent)


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["/nowhere/job.json"]])
def test_a_job_that_cannot_be_read_is_said_in_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1

    line = msgspec.json.decode(capsys.readouterr().out)
    assert line["error"]["kind"] == "ConfigError"
    assert "job" in line["error"]["message"].lower()


def test_a_job_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    job = msgspec.to_builtins(job_in(tmp_path)) | {"bypass": True}
    (tmp_path / "job.json").write_bytes(msgspec.json.encode(job))

    with pytest.raises(ConfigError, match="bypass"):
        read_job([str(tmp_path / "job.json")])


def test_the_process_trains_with_the_real_back_test_and_writes_its_report_last(
    tmp_path: Path,
) -> None:
    job = job_in(tmp_path, families=(Family.LIGHTGBM,))
    (tmp_path / "job.json").write_bytes(msgspec.json.encode(job))

    done = subprocess.run(
        [sys.executable, "-m", "stairway.app.trainer", str(tmp_path / "job.json")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    lines = [msgspec.json.decode(line) for line in done.stdout.splitlines()]
    assert all(set(line) == {"label", "done", "total"} for line in lines)
    report = msgspec.json.decode((tmp_path / "training.json").read_bytes(), type=TrainingReport)
    assert report.candidates[0].digest is not None
    assert "after_cost_sharpe" in {e.gate for e in report.candidates[0].evidence}


def test_the_trainer_is_the_only_process_that_needs_training_libraries() -> None:
    assert trainer.__name__ == "stairway.app.trainer"
    code = "import sys, stairway.app.train; print('lightgbm' in sys.modules)"

    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert said.stdout.strip() == "False"


def test_trees_that_too_little_is_left_for_are_refused_and_the_training_goes_on(
    tmp_path: Path,
) -> None:
    """Too few independent samples to calibrate with is no reason to end the whole run."""
    asked = policy(calibration={"min_samples": 5_000})
    report = train(job_in(tmp_path, policy=asked), no_backtest, silent)

    assert [c.model for c in report.candidates] == ["lightgbm", "xgboost"]
    assert list_digests(tmp_path / "models") == (report.baseline,)
    for found in report.candidates:
        assert (found.digest, found.version, found.oof) == (None, None, None)
        assert isinstance(found.verdict, Inconclusive)
        told = found.verdict.findings[0]
        assert told.code == "evidence.too_little"
        assert told.detail.startswith(f"{found.model}: calibration needs 5000 independent")
        assert told.detail.endswith("give more bars, or raise [run] train_frac")
        assert told.bound == 5_000
        assert 0 < told.value < 5_000
        assert {e.gate for e in found.evidence} == set(BINDING_GATES)
        assert not any(f.code == "gate.unseen" for f in found.verdict.findings)


def test_who_was_refused_for_lack_of_bars_is_turned_away_and_the_rule_trades(
    tmp_path: Path,
) -> None:
    asked = policy(calibration={"min_samples": 5_000})
    report = train(job_in(tmp_path, policy=asked), no_backtest, silent)

    shelf = made(RunFolder(tmp_path), report, settings.decode(asked, "kept"), N - 100)

    assert shelf.sealed == ()
    assert [name for name, _ in shelf.turned_away] == ["lightgbm", "xgboost"]
    gates = {(f.model, f.gate) for f in shelf.facts(0) if isinstance(f, GateGiven)}
    assert ("lightgbm", "calibration_skill") in gates
