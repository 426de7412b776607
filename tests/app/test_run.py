from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from stairway.app import run as running
from stairway.app.folder import RunFolder, open_existing, read_bars
from stairway.app.progress import Silent
from stairway.app.request import Request, resumed
from stairway.app.run import describe, first_index, keep, prepare, run, stock
from stairway.app.settings import decode, load, plain
from stairway.base.errors import ConfigError, DataError
from stairway.base.verdict import Pass, refuse
from stairway.testing.bars import random_walk
from stairway.testing.runs import quickly
from stairway.training.report import TrainingReport


class Notes(Silent):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)


def request(source: Path, out: Path, **more: object) -> Request:
    return Request(source=str(source), out=out, **more)


def test_what_a_run_is_asked_for_is_kept_whole(walk_source: Path, tmp_path: Path) -> None:
    with quickly():
        prepared = prepare(request(walk_source, tmp_path / "run", seed=3), Silent())
    folder, ask = open_existing(tmp_path / "run")
    assert folder == prepared.folder
    assert msgspec.json.encode(ask) == msgspec.json.encode(prepared.ask)
    assert (ask.seed, ask.source, ask.plan, ask.models) == (3, str(walk_source), None, None)
    assert ask.first_index == first_index(prepared.settings, prepared.bars) == 660
    assert decode(ask.policy, "kept") == prepared.settings
    assert read_bars(folder, ask).fingerprint == prepared.bars.fingerprint


def test_the_environment_overrides_the_policy_once_and_for_all(
    walk_source: Path, tmp_path: Path
) -> None:
    with quickly(STAIRWAY__ACCOUNT__EQUITY_USD="5e4"):
        prepare(request(walk_source, tmp_path / "run"), Silent())
    again = prepare(resumed(tmp_path / "run"), Silent())
    assert again.settings.account.equity_usd == 5e4
    assert plain(again.settings) != plain(load("daily"))


def test_the_data_report_is_said_in_words(walk_source: Path, tmp_path: Path) -> None:
    notes = Notes()
    with quickly():
        prepare(request(walk_source, tmp_path / "run"), notes)
    set_outside = [line for line in notes.lines if line.startswith("from the environment: ")]
    told = notes.lines[len(set_outside) :]
    assert "from the environment: STAIRWAY__BOOSTING__ROUNDS=10" in set_outside
    assert told[0] == "1100 bars of both instruments, 2015-01-05 to 2019-03-22"
    assert told[1:] == [f"  {s}: 1100 rows, left out: none" for s in ("ALPHA", "BETA")]


def test_rows_that_were_left_out_are_counted_by_reason(finished_run: Path) -> None:
    report = open_existing(finished_run)[1].data_report
    table = msgspec.structs.replace(report.tables[0], dropped={"not_finite": 3, "unpaired": 0})
    lines = describe(msgspec.structs.replace(report, tables=(table, report.tables[1])))
    assert lines[1].endswith("left out: 3 not_finite")


def test_misfortune_is_planted_before_anything_is_kept(
    walk_source: Path, tmp_path: Path
) -> None:
    from stairway.app.drill import unfortunate  # noqa: PLC0415

    with quickly():
        prepared = prepare(request(walk_source, tmp_path / "run"), Silent(), unfortunate)
    folder, ask = open_existing(tmp_path / "run")
    assert ask.plan is not None
    assert read_bars(folder, ask).fingerprint == prepared.bars.fingerprint
    assert prepared.bars.fingerprint != random_walk(1_100, seed=3).fingerprint


def test_run_json_is_what_makes_a_folder_a_run(finished_run: Path, tmp_path: Path) -> None:
    prepared = prepare(resumed(finished_run), Silent())
    order: list[str] = []

    class Watched(type(tmp_path)):
        def replace(self, target: Path) -> Path:
            order.append(Path(target).name)
            return super().replace(target)

    root = Watched(tmp_path / "run")
    root.mkdir()
    keep(running.Prepared(RunFolder(root), prepared.ask, prepared.settings, prepared.bars))
    assert order == ["bars.npz", "run.json"]


def test_models_are_looked_at_before_a_folder_is_made(
    walk_source: Path, finished_run: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.pub"
    wrong.write_bytes(bytes(32))
    asked = request(walk_source, tmp_path / "run", models=finished_run / "models", trust=wrong)
    with quickly(), pytest.raises(DataError, match="signed by another key"):
        prepare(asked, Silent())
    assert not (tmp_path / "run").exists()


def test_a_pipeline_that_sees_the_future_stops_the_run(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leaking(*_: object) -> TrainingReport:
        verdict = refuse("causality.leak", "column ALPHA.rsi looks 1 bar ahead")
        return TrainingReport(660, "d", "c", "s", verdict, (), None)

    shutil.copytree(finished_run, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "log")
    (tmp_path / "run" / "perf.json").unlink()
    monkeypatch.setattr(running, "train", leaking)
    notes = Notes()
    outcome = run(resumed(tmp_path / "run"), notes)
    assert (outcome.exit_code, outcome.run_hash) == (2, None)
    assert notes.lines == ["refused: causality.leak: column ALPHA.rsi looks 1 bar ahead"]
    assert not (tmp_path / "run" / "log").exists(), "nobody climbed"


def test_trained_models_are_opened_from_where_they_were_sealed(finished_run: Path) -> None:
    asked = resumed(finished_run)
    shelf = stock(asked, prepare(asked, Silent()), Silent())
    assert shelf is not None
    assert [m.manifest.passport.model for m in shelf.sealed] == [
        "lightgbm",
        "policy",
        "xgboost",
    ]
    assert shelf.first_index == 660
    for model in shelf.sealed:
        gates = {e.gate: e.verdict for e in model.manifest.passport.evidence}
        assert isinstance(gates["causality"], Pass)


def test_a_folder_in_which_a_run_was_begun_is_taken_again(
    walk_source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    out.mkdir()
    for name in ("bars.npz", ".run.json.new", ".bars.npz.new", ".writable"):
        (out / name).write_bytes(b"half")
    with quickly():
        prepare(request(walk_source, out), Silent())
    with quickly(), pytest.raises(ConfigError, match=f"or --resume {out}"):
        prepare(request(walk_source, out), Silent())
