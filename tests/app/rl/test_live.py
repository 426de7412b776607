"""The picture of a run is replaced whole, and a run that is to stop stops at a roll-out."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Event

import msgspec
import pytest

from stairway.app.rl.folder import RlFolder
from stairway.app.rl.live import Live, Stopped
from stairway.testing.journal import practice_result, rollout
from stairway.testing.ears import Deaf
from stairway.training.journal import PracticeResult


class Loud(Deaf):
    def __init__(self) -> None:
        self.heard: list[object] = []

    def begin(self, label: str, total: int) -> None:
        self.heard.append((label, total))

    def rollout(self, rollout) -> None:
        self.heard.append(rollout)

    def cycle(self, report) -> None:
        self.heard.append(report)

    def note(self, line: str) -> None:
        self.heard.append(line)


@pytest.fixture
def scene(tmp_path: Path):
    ear, stop, result = Loud(), Event(), practice_result()
    return Live(RlFolder(tmp_path), lambda: result, ear, stop), ear, stop, result


def test_what_is_heard_is_shown_and_passed_on(scene, tmp_path: Path) -> None:
    live, ear, _, result = scene
    live.begin("cycle 1 of 4", 6)
    assert not (tmp_path / "live.json").exists()
    live.rollout(rollout(1, 0))
    live.cycle(result.cycles[0])
    assert ear.heard == [("cycle 1 of 4", 6), rollout(1, 0), result.cycles[0]]
    shown = msgspec.json.decode((tmp_path / "live.json").read_bytes(), type=PracticeResult)
    assert shown == result
    assert [p.name for p in tmp_path.iterdir()] == ["live.json"]


def test_a_run_that_is_to_stop_stops_at_its_next_roll_out(scene, tmp_path: Path) -> None:
    live, ear, stop, _ = scene
    stop.set()
    for heard in (
        lambda: live.rollout(rollout(1, 0)),
        lambda: live.advance(3),
        lambda: live.begin("validation of cycle 1", 5),
    ):
        with pytest.raises(Stopped):
            heard()
    assert ear.heard == []
    assert not (tmp_path / "live.json").exists()


@pytest.mark.parametrize("name", ["live.json", ".live.json.new"])
def test_a_picture_that_cannot_be_written_stops_nothing_and_is_said_once(
    name: str, scene, tmp_path: Path
) -> None:
    live, ear, _, result = scene
    (tmp_path / name).mkdir()
    for n in range(3):
        live.rollout(rollout(1, n))
    live.cycle(result.cycles[0])
    notes = [line for line in ear.heard if isinstance(line, str)]
    assert len(ear.heard) == 5
    assert len(notes) == 1
    assert str(tmp_path / "live.json") in notes[0]
    assert "training goes on" in notes[0]


def test_a_picture_that_can_be_written_again_is(scene, tmp_path: Path) -> None:
    live, *_ = scene
    (tmp_path / "live.json").mkdir()
    live.rollout(rollout(1, 0))
    (tmp_path / "live.json").rmdir()
    live.rollout(rollout(1, 1))
    assert msgspec.json.decode((tmp_path / "live.json").read_bytes(), type=PracticeResult)


def test_a_pipe_beside_the_picture_is_not_waited_for(scene, tmp_path: Path) -> None:
    live, ear, *_ = scene
    os.mkfifo(tmp_path / ".live.json.new")
    live.rollout(rollout(1, 0))
    assert (tmp_path / "live.json").is_file()
    assert ear.heard == [rollout(1, 0)]
