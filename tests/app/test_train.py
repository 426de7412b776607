from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from stairway.app import train as training
from stairway.app.folder import RunFolder, open_existing
from stairway.app.progress import Silent
from stairway.app.train import CANDIDATES, read_report, train
from stairway.base.errors import ConfigError, DataError
from stairway.testing.runs import quickly


@pytest.fixture
def untrained(finished_run: Path, tmp_path: Path) -> RunFolder:
    """A run whose bars are kept and whose models are not made yet."""
    for name in ("run.json", "bars.npz"):
        shutil.copy2(finished_run / name, tmp_path / name)
    return RunFolder(tmp_path)


def test_the_same_job_gives_the_same_models_under_another_key(
    untrained: RunFolder, finished_run: Path
) -> None:
    _, ask = open_existing(untrained.root)
    report = train(untrained, ask, 660, Silent())
    before = read_report(RunFolder(finished_run))
    assert report == before
    assert tuple(c.model for c in report.candidates) == CANDIDATES
    assert untrained.trust.read_bytes() != RunFolder(finished_run).trust.read_bytes()


def test_what_was_trained_is_not_trained_again(
    finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "Child", None)
    folder, ask = open_existing(finished_run)
    assert train(folder, ask, 660, Silent()) == read_report(folder)


def test_what_the_trainer_says_is_raised_here(untrained: RunFolder) -> None:
    _, ask = open_existing(untrained.root)
    with quickly(), pytest.raises(DataError, match="holds 1100 bars"):
        train(untrained, ask, 9_999, Silent())
    wrong = msgspec.structs.replace(ask, policy=ask.policy | {"labels": {}})
    with pytest.raises(ConfigError, match="cannot be used for training"):
        train(untrained, wrong, 660, Silent())
    assert not untrained.training.exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff\xfe"])
def test_a_damaged_report_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "training.json").write_bytes(content)
    with pytest.raises(DataError, match=r"training.json cannot be read"):
        read_report(RunFolder(tmp_path))


def test_a_missing_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"training.json cannot be read"):
        read_report(RunFolder(tmp_path))
