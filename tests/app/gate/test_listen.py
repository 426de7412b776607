"""A source is marked before its first record is read, and again after its last."""

from __future__ import annotations

import os
from pathlib import Path

from stairway.app.gate.asked import Asked
from stairway.app.gate.listen import listen
from stairway.app.gate.once import gated
from stairway.app.progress import Silent
from stairway.testing.telemetry import telemetry, write


class Touching(Silent):
    """Changes when a file was written, as soon as its first records are counted."""

    def __init__(self, path: Path) -> None:
        self._path, self.told = path, 0

    def advance(self, done: int) -> None:
        assert done > 0
        self.told += 1
        if self.told == 1:
            os.utime(self._path, ns=(1, 1))


def large(folder: Path) -> Path:
    """Write a file of more parts than are read ahead."""
    path = Path(write(telemetry("healthy", events=2_000), folder / "bot.jsonl"))
    path.write_bytes(path.read_bytes() * 60)
    return path


def test_what_is_changed_while_it_is_read_has_another_mark_after(tmp_path: Path) -> None:
    path = large(tmp_path)
    progress = Touching(path)
    report = gated(Asked(str(path)), progress)
    assert progress.told > 5
    assert not report.untouched
    assert report.marks[1]["modified_ns"] == 1
    assert report.marks[0]["sha256"] == report.marks[1]["sha256"]


def test_what_is_left_alone_has_the_same_mark_after(tmp_path: Path) -> None:
    path = large(tmp_path)
    first, after = listen(Asked(str(path)), Silent()).marks
    assert first == after
    assert gated(Asked(str(path)), Silent()).untouched
