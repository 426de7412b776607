from __future__ import annotations

import threading
from pathlib import Path

import pytest

from stairway.app.gate import gate, wait
from stairway.app.gate.asked import Asked
from stairway.app.gate.report import GateReport
from stairway.app.gate.wait import more, pause, waited
from stairway.base.errors import ConfigError
from stairway.testing.telemetry import telemetry, write


class Grows:
    """Hears how it stands, and lets the rest of the stream come."""

    def __init__(self, path: Path, rest: bytes) -> None:
        self.path, self.rest, self.heard = path, rest, list[GateReport]()

    def say(self, report: GateReport, seconds: float) -> None:
        self.heard.append(report)
        assert 1.0 <= seconds <= 60.0
        threading.Timer(0.2, self._grow).start()

    def _grow(self) -> None:
        with self.path.open("ab") as file:
            file.write(self.rest)
        self.rest = b""


@pytest.mark.parametrize("begin", [0, 100])
def test_waiting_ends_when_enough_has_come(
    begin: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "_MOST_S", 1.0)
    lines = (
        write(telemetry("healthy"), tmp_path / "all.jsonl")
        .read_bytes()
        .splitlines(keepends=True)
    )
    path = tmp_path / "bot.jsonl"
    path.write_bytes(b"".join(lines[:begin]))
    line = Grows(path, b"".join(lines[begin:]))
    report = waited(Asked(str(path)), line)
    assert report.passed
    assert [one.rate.events for one in line.heard] == [begin]


def test_a_refusal_is_not_waited_away(tmp_path: Path) -> None:
    path = write(telemetry("capped"), tmp_path / "bot.jsonl")
    assert waited(Asked(str(path)), Grows(path, b"")).exit_code == 2


def test_the_wait_is_as_long_as_the_rate_says(tmp_path: Path) -> None:
    made = telemetry("few_after")
    report = gate(write(made, tmp_path / "bot.jsonl"), after=made.cutover)
    assert report.rate.per_minute == pytest.approx(5.0)
    assert report.rate.eta_minutes == pytest.approx(52.0), (
        "an hour is needed, eight minutes are there"
    )
    assert pause(report) == 60.0


def test_standard_input_is_not_waited_for() -> None:
    with pytest.raises(ConfigError, match="--wait"):
        waited(Asked("-"), Grows(Path(), b""))


def test_what_came_between_two_looks_is_not_waited_for_again(tmp_path: Path) -> None:
    path = write(telemetry("healthy"), tmp_path / "bot.jsonl")
    mark = gate(path).marks[1]
    with path.open("ab") as file:
        file.write(b"\n")
    looking = threading.Thread(target=more, args=(Asked(str(path)), mark, 0.0), daemon=True)
    looking.start()
    looking.join(10.0)
    assert not looking.is_alive()
