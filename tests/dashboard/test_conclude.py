from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stairway.app.folder import RunFolder
from stairway.app.progress import Silent
from stairway.app.run import Outcome
from stairway.dashboard.conclude import NO_PROMISE, Conclusion, conclude
from stairway.dashboard.result import Result, Stopped
from stairway.dashboard.views import RunView


@pytest.fixture(scope="module")
def concluded(told: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Conclusion:
    root = tmp_path_factory.mktemp("concluded") / "drill-1"
    shutil.copytree(told.root, root)
    outcome = Outcome(RunFolder(root), 0, "h" * 64, ("undisturbed run: same hash",))
    return conclude(outcome, Silent())


def test_a_run_leaves_its_result_and_its_picture(concluded: Conclusion) -> None:
    assert isinstance(concluded.result, Result)
    root = Path(concluded.result.run)

    assert (root / "result.json").is_file()
    assert (root / "report.html").read_text("utf-8").startswith("<!doctype html>")


def test_the_file_and_the_printed_json_say_the_same(concluded: Conclusion) -> None:
    assert isinstance(concluded.result, Result)
    printed = msgspec.json.decode(concluded.as_json(), type=Result)
    written = msgspec.json.decode(
        (Path(concluded.result.run) / "result.json").read_bytes(), type=Result
    )

    assert printed == written == concluded.result


def test_a_result_is_read_from_the_record_alone(concluded: Conclusion, story: RunView) -> None:
    result = concluded.result

    assert isinstance(result, Result)
    assert result.run_hash == story.run_hash
    assert result.headline == "No model may touch money. The static rule trades."
    assert result.drill
    assert result.finished
    assert (result.bars, result.first_index, result.moves) == (80, 20, 5)
    assert result.first_day < result.last_day


def test_a_result_says_how_to_check_it(concluded: Conclusion) -> None:
    assert isinstance(concluded.result, Result)
    assert concluded.result.replay == f"stairway replay {concluded.result.run}"
    assert concluded.result.report == f"{concluded.result.run}/report.html"


def test_what_is_printed_promises_nothing(concluded: Conclusion) -> None:
    assert concluded.as_text().endswith(f"{NO_PROMISE}\n")


def test_the_report_and_the_terminal_tell_the_same_notes(concluded: Conclusion) -> None:
    assert isinstance(concluded.result, Result)
    report = Path(concluded.result.report).read_text("utf-8")

    assert "undisturbed run: same hash" in concluded.as_text()
    assert "undisturbed run: same hash" in report


def test_a_run_that_a_gate_stopped_has_notes_and_no_figures(tmp_path: Path) -> None:
    stopped = ("the causality prover stopped the run",)

    found = conclude(Outcome(RunFolder(tmp_path), 2, None, stopped), Silent())

    assert found.result == Stopped(str(tmp_path), stopped)
    assert found.as_text() == "the causality prover stopped the run\n"
    assert msgspec.json.decode(found.as_json())["notes"] == list(stopped)
    assert not list(tmp_path.iterdir())


def test_progress_is_told_to_its_end(told: RunFolder, tmp_path: Path) -> None:
    said: list[Any] = []

    class Listener(Silent):
        def begin(self, label: str, total: int) -> None:
            said.append((label, total))

        def advance(self, done: int) -> None:
            said.append(done)

    shutil.copytree(told.root, tmp_path / "run")
    conclude(Outcome(RunFolder(tmp_path / "run"), 0, "h", ()), Listener())

    assert said == [("writing the report", 2), 1, 2]
