from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from stairway.app.climber import CLIMBED, main
from stairway.app.progress import Silent
from stairway.app.replay import replay


def error(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    return msgspec.json.decode(capsys.readouterr().out.splitlines()[-1].encode())["error"]


def test_it_finishes_the_climb_and_leaves_its_hash(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    shutil.rmtree(run / "log")
    (run / "perf.json").unlink()
    assert main([str(run)]) == 0
    left = msgspec.json.decode((run / CLIMBED).read_bytes())
    assert left == {"run_hash": replay(finished_run, Silent()).run_hash}
    lines = [msgspec.json.decode(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == {"label": "climbing", "done": 0, "total": 440}
    assert lines[-1] == {"label": "climbing", "done": 440, "total": 440}


@pytest.mark.parametrize("arguments", [(), ("a", "b")])
def test_it_takes_one_folder(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    assert error(capsys)["message"].endswith(f"got {len(arguments)} arguments")


def test_what_is_wrong_is_said_to_whoever_listens(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([str(tmp_path)]) == 1
    said = error(capsys)
    assert said["kind"] == "ConfigError"
    assert "no run.json" in said["message"]
