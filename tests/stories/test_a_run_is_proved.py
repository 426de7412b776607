"""A run leaves proofs with its models; `stairway validate` reads them and measures again."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stairway.app.facts import LAYOUT
from stairway.app.folder import RunFolder
from stairway.app.progress import Silent
from stairway.app.request import Request
from stairway.app.run import run
from stairway.app.train import read_report
from stairway.app.validate.asked import Asked
from stairway.app.validate.report import Report
from stairway.app.validate.sealed import REGISTRY
from stairway.app.validate.validated import validated
from stairway.base.errors import ConfigError
from stairway.base.verdict import Inconclusive, Pass, Refuse, passed
from stairway.dashboard.proof.page import page
from stairway.evaluation.evidence import EVIDENCE_GATES
from stairway.testing.runs import quickly, write_source


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proved")
    with quickly():
        run(Request(source=str(write_source(folder)), out=folder / "run"), Silent())
    return folder / "run"


@pytest.fixture(scope="module")
def report(root: Path) -> Report:
    return validated(Asked(target=root), Silent())


def copied(root: Path, to: Path) -> RunFolder:
    shutil.copytree(root, to / "run")
    return RunFolder(to / "run")


def test_what_was_sealed_is_what_is_measured_and_registered(root: Path, report: Report) -> None:
    said = {c.model: c for c in read_report(RunFolder(root)).candidates}
    assert (
        [one.name for one in report.proofs] == list(said) == ["lightgbm", "xgboost", "policy"]
    )
    for one in report.proofs:
        assert one.sealed.sha256 == said[one.name].proof
        assert (one.sealed.trials, one.sealed.registered) == (3, 3)
        assert isinstance(one.sealed.checks["proof"], Pass)
        assert isinstance(one.sealed.checks["entry"], Pass)
        assert list(one.sealed.checks)[2:] == list(EVIDENCE_GATES)
        gates = {e.gate: e.verdict for e in said[one.name].evidence}
        assert all(one.sealed.checks[gate] == gates[gate] for gate in EVIDENCE_GATES)


def test_the_account_before_costs_and_the_rule_are_beside_it(report: Report) -> None:
    for one in report.proofs:
        assert None not in (one.figures.gross, one.figures.psr)
        assert {"net", "gross", "baseline"} <= set(one.curves)


def test_nothing_of_noise_is_proved_and_the_page_shows_what_was_sealed(report: Report) -> None:
    assert report.exit_code == 2
    text, html = report.as_text(100), page(report)
    for one in report.proofs:
        line = f"proof {one.sealed.sha256:.12}, 3 tries; registered: 3"
        assert line in text
        assert line in html


def told_otherwise(folder: RunFolder, **changed: object) -> None:
    """Write training.json with other words, of all candidates or of the whole."""
    told = msgspec.json.decode(folder.training.read_bytes())
    for candidate in told["candidates"]:
        candidate |= {name: to for name, to in changed.items() if name in candidate}
    told |= {name: to for name, to in changed.items() if name in told}
    folder.training.write_bytes(msgspec.json.encode(told))


def test_a_seal_that_training_is_made_to_forget_is_found_in_the_registry(
    root: Path, tmp_path: Path
) -> None:
    folder = copied(root, tmp_path)
    told_otherwise(folder, digest=None, proof=None)
    one = validated(Asked(target=folder.root, model="lightgbm"), Silent()).proofs[0]
    entry = one.sealed.checks["entry"]
    assert isinstance(entry, Refuse)
    assert isinstance(one.verdict, Refuse)
    assert entry.findings[0].detail.startswith("training.json names no sealed lightgbm")
    assert isinstance(one.sealed.checks["proof"], Pass)


def test_a_finished_run_whose_record_is_gone_is_open_and_names_nobody_registered(
    root: Path, tmp_path: Path
) -> None:
    folder = copied(root, tmp_path)
    folder.result.write_text('{"finished": true}')
    shutil.rmtree(folder.log)
    report = validated(Asked(target=folder.root, model="lightgbm"), Silent())
    (one,) = report.proofs
    entry = one.sealed.checks["entry"]
    assert isinstance(entry, Inconclusive)
    assert "the run left a result, and no record says who was registered" in str(entry)
    assert "restore the record" in str(entry)
    assert one.sealed.registered is None
    assert "registered: no" in page(report)
    assert not [path for path in report.read if REGISTRY in path]


def test_what_training_is_made_to_say_of_the_future_is_held_against_the_seal(
    root: Path, tmp_path: Path
) -> None:
    folder = copied(root, tmp_path)
    before = read_report(folder).causality.findings[0].detail
    told_otherwise(folder, causality=passed("causality.clean", "EDITED"))
    one = validated(Asked(target=folder.root, model="lightgbm"), Silent()).proofs[0]
    said = one.sealed.checks["proof"]
    assert isinstance(said, Refuse)
    assert f"causality.findings[0].detail was {before} and is EDITED" in said.findings[0].detail
    assert "EDITED" not in str(one.answers)


def test_returns_that_were_changed_afterwards_contradict_what_was_sealed(
    root: Path, tmp_path: Path
) -> None:
    folder = copied(root, tmp_path)
    path = folder.root / "oof" / "lightgbm.npz"
    with np.load(io.BytesIO(path.read_bytes())) as kept:
        columns = dict(kept)
    columns["returns"] = columns["returns"] + 0.001
    np.savez(path, **columns)
    one = validated(Asked(target=folder.root, model="lightgbm"), Silent()).proofs[0]
    said = one.sealed.checks["proof"]
    assert isinstance(said, Refuse)
    assert isinstance(one.verdict, Refuse)
    assert "what is sealed is not what is found now: " in said.findings[0].detail
    assert " was " in said.findings[0].detail


def test_a_run_of_the_layout_before_is_refused_by_its_layout(
    root: Path, tmp_path: Path
) -> None:
    """Its settings lack sections that are needed now; nobody has to find out which."""
    folder = copied(root, tmp_path)
    asked = msgspec.json.decode(folder.ask.read_bytes())
    for section in ("proof", "battery"):
        del asked["policy"][section]
    folder.ask.write_bytes(msgspec.json.encode(asked | {"layout": LAYOUT - 1}))
    with pytest.raises(ConfigError, match=f"has layout {LAYOUT - 1} and this version reads"):
        validated(Asked(target=folder.root), Silent())
