"""A run is proved from what lies in its folder, and only from that."""

from __future__ import annotations

import hashlib
import io
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from stairway.app.folder import RunFolder
from stairway.app.progress import Silent
from stairway.app.train import read_report
from stairway.app.validate.asked import Asked
from stairway.app.validate.of_run import run_proofs
from stairway.app.validate.report import ModelProof, Report
from stairway.base.errors import ConfigError, DataError
from stairway.base.verdict import Refuse, passed

ONE = "lightgbm"


@pytest.fixture(scope="module")
def report(finished_run: Path) -> Report:
    return run_proofs(Asked(target=finished_run, model=ONE), Silent())


@pytest.fixture
def folder(finished_run: Path, tmp_path: Path) -> RunFolder:
    shutil.copytree(finished_run, tmp_path / "run")
    return RunFolder(tmp_path / "run")


def proof(folder: RunFolder, model: str = ONE) -> ModelProof:
    (one,) = run_proofs(Asked(target=folder.root, model=model), Silent()).proofs
    return one


def edited(folder: RunFolder, **changed: Any) -> None:
    """Write other words into training.json, of the first candidate or of the whole."""
    told = msgspec.json.decode(folder.training.read_bytes())
    told["candidates"][0] |= {k: v for k, v in changed.items() if k in told["candidates"][0]}
    told |= {k: v for k, v in changed.items() if k in told}
    folder.training.write_bytes(msgspec.json.encode(told))


def test_everything_that_was_read_is_hashed_the_key_and_the_model_among_it(
    finished_run: Path, report: Report
) -> None:
    folder = RunFolder(finished_run)
    digest = read_report(folder).candidates[0].digest
    assert digest is not None
    manifest, signature = (
        folder.models / digest / f"manifest.{end}" for end in ("json", "sig")
    )
    files = [
        *(folder.ask, folder.bars, folder.training, folder.root / "oof" / f"{ONE}.npz"),
        *(folder.trust, manifest, signature),
    ]
    registry = f"{folder.log}: model.moved"
    assert set(report.read) == {*map(str, files), registry}
    for path in files:
        assert report.read[str(path)] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert report.read[str(manifest)] == digest


def test_where_there_is_no_record_nothing_is_hashed_of_it(
    folder: RunFolder, report: Report
) -> None:
    shutil.rmtree(folder.log)
    read = run_proofs(Asked(target=folder.root, model=ONE), Silent()).read
    assert len(read) == len(report.read) - 1
    assert not any("model.moved" in name for name in read)


def test_the_seal_is_believed_before_what_training_says(folder: RunFolder) -> None:
    edited(folder, causality=passed("causality.clean", "EDITED"), battery=None)
    one = proof(folder)
    assert "EDITED" not in str(one.answers)
    assert one.battery is not None
    assert one.sealed is not None
    assert isinstance(one.sealed.checks["proof"], Refuse)


def test_a_candidate_that_left_no_returns_says_why_and_is_not_measured(
    folder: RunFolder,
) -> None:
    refused = {"type": "refuse", "findings": [{"code": "x", "detail": "no samples"}]}
    edited(folder, oof=None, verdict=refused)
    one = proof(folder)
    assert (one.figures, one.curves, one.sealed) == (None, {}, None)
    assert isinstance(one.verdict, Refuse)
    assert "no samples" in str(one.verdict)


def test_of_one_that_left_nothing_only_what_was_read_is_hashed(folder: RunFolder) -> None:
    edited(folder, oof=None)
    read = run_proofs(Asked(target=folder.root, model=ONE), Silent()).read
    assert not any("manifest" in name or name.endswith("trust.pub") for name in read)


def test_one_that_is_no_candidate_is_named_with_those_that_are(finished_run: Path) -> None:
    with pytest.raises(ConfigError, match="has no candidate 'none'; it has: lightgbm, xgb"):
        run_proofs(Asked(target=finished_run, model="none"), Silent())


@pytest.mark.parametrize(
    "given",
    [{"baseline": "hold"}, {"costs": ("fee",)}, {"policy": "daily"}, {"n_trials": 3}],
    ids=["baseline", "cost", "policy", "trials"],
)
def test_a_run_has_its_own_and_takes_nothing_else(
    finished_run: Path, given: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match="belongs to a file of returns"):
        run_proofs(Asked(target=finished_run, **given), Silent())


def test_a_run_that_was_not_trained_says_how_to_go_on(folder: RunFolder) -> None:
    folder.training.unlink()
    with pytest.raises(ConfigError, match="finish it with: stairway run --resume"):
        proof(folder)


@pytest.mark.parametrize("damage", ["cut", "other", "short"])
def test_predictions_that_are_damaged_or_of_other_bars_are_named(
    folder: RunFolder, damage: str
) -> None:
    path = folder.root / "oof" / f"{ONE}.npz"
    with np.load(io.BytesIO(path.read_bytes())) as kept:
        columns = dict(kept)
    match damage:
        case "cut":
            path.write_bytes(path.read_bytes()[:100])
        case "other":
            np.savez(path, **columns | {"time_ns": columns["time_ns"] + 1})
        case _:
            np.savez(path, **columns | {"returns": columns["returns"][:-1]})
    with pytest.raises(DataError, match=rf"{ONE}.npz .*restore it from a copy"):
        proof(folder)


def test_a_seal_that_only_the_registry_names_is_hashed_like_the_others(
    folder: RunFolder,
) -> None:
    digest = read_report(folder).candidates[0].digest
    edited(folder, digest=None, proof=None)
    read = run_proofs(Asked(target=folder.root, model=ONE), Silent()).read
    assert read[f"{folder.models}/{digest}/manifest.json"] == digest
