from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from msgspec.structs import replace

from stairway.app.gate import gate, wait
from stairway.app.gate.asked import Asked
from stairway.app.gate.listen import Counting
from stairway.app.gate.report import GateReport
from stairway.app.gate.wait import Looks, pause, waited
from stairway.app.progress import Silent
from stairway.base.errors import ConfigError
from stairway.supervision.ports import Chunk
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


def fed(path: Path, begin: int, monkeypatch: pytest.MonkeyPatch) -> tuple[GateReport, Grows]:
    """Wait for a healthy bot of which some lines are there at first."""
    monkeypatch.setattr(wait, "_MOST_S", 1.0)
    whole = write(telemetry("healthy"), path.with_name(f"all{path.suffix}"))
    lines = whole.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:begin]))
    line = Grows(path, b"".join(lines[begin:]))
    return waited(Asked(str(path)), line), line


@pytest.mark.parametrize("name", ["bot.jsonl", "bot.csv"])
def test_a_later_look_reads_only_what_came_and_counts_as_one_pass_does(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = list[int]()
    path = tmp_path / name
    original = Counting.add

    def add(self: Counting, chunks: Iterable[Chunk], progress: Silent) -> None:
        kept = list(chunks)
        read.append(sum(map(len, kept)))
        original(self, kept, progress)

    with monkeypatch.context() as patch:
        patch.setattr(Counting, "add", add)
        report, _ = fed(path, 101, patch)
    records = 1200 if name == "bot.jsonl" else 3600
    begun = 101 if name == "bot.jsonl" else 100
    assert read == [begun, records - begun]
    once = gate(path)
    assert report.models == once.models
    assert report.rate.alert.startswith("no event for "), "what is waited for goes on"
    assert replace(report.rate, alert="") == once.rate
    assert report.marks[0]["sha256"] == once.marks[0]["sha256"]


def test_a_line_that_is_not_whole_is_read_once_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "_MOST_S", 1.0)
    whole = write(telemetry("healthy"), tmp_path / "all.jsonl").read_bytes()
    path, cut = tmp_path / "bot.jsonl", len(whole) // 10
    path.write_bytes(whole[:cut])
    report = waited(Asked(str(path)), Grows(path, whole[cut:]))
    assert report.passed
    assert report.rate.events == 1200


def changed(path: Path, how: str) -> None:
    text = path.read_bytes()
    if how == "rotated":
        path.rename(path.with_suffix(".1"))
    path.write_bytes({"truncated": text[:90], "rotated": text, "anew": text[::-1]}[how])


@pytest.mark.parametrize(
    ("how", "words"),
    [("truncated", "was truncated"), ("rotated", "was rotated"), ("anew", "was written anew")],
)
def test_a_file_that_is_not_the_one_it_was_ends_the_wait_and_is_named(
    how: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "bot.jsonl"
    lines = (
        write(telemetry("healthy"), tmp_path / "all.jsonl")
        .read_bytes()
        .splitlines(keepends=True)
    )
    path.write_bytes(b"".join(lines[:100]))
    looks = Looks(Asked(str(path)))
    assert not looks.again().passed
    changed(path, how)
    report = looks.again()
    assert looks.ended
    assert (report.exit_code, report.codes[0]) == (2, "gate.source_changed")
    assert f"{path} {words}" in report.reasons[0].detail or words in report.reasons[0].detail
    assert report.rate.events == 100, "what was counted is still told"


def test_what_was_counted_is_looked_at_again_before_anything_passes(tmp_path: Path) -> None:
    path = write(telemetry("healthy"), tmp_path / "bot.jsonl")
    text = path.read_bytes()
    looks = Looks(Asked(str(path)))
    few = text.splitlines(keepends=True)[:100]
    path.write_bytes(b"".join(few))
    assert not looks.again().passed
    with path.open("r+b") as file:
        file.write(text[:2000].replace(b"BUY", b"BUX"))
        file.seek(0, 2)
        file.write(text[len(b"".join(few)) :])
    assert looks.again().codes[0] == "gate.source_changed"


def test_what_came_between_two_looks_is_not_waited_for_again(tmp_path: Path) -> None:
    path = tmp_path / "bot.jsonl"
    lines = (
        write(telemetry("healthy"), tmp_path / "all.jsonl")
        .read_bytes()
        .splitlines(keepends=True)
    )
    path.write_bytes(b"".join(lines[:100]))
    looks = Looks(Asked(str(path)))
    looks.again()
    with path.open("ab") as file:
        file.write(b"\n")
    resting = threading.Thread(target=looks.rest, args=(0.0,), daemon=True)
    resting.start()
    resting.join(10.0)
    assert not resting.is_alive()


@pytest.mark.parametrize("name", ["bot.jsonl.gz", "bot.parquet"])
def test_what_is_written_anew_each_time_is_read_anew(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "_MOST_S", 1.0)
    path = write(telemetry("healthy", events=100), tmp_path / name)
    looks = Looks(Asked(str(path)))
    assert looks.again().rate.events == 100
    write(telemetry("healthy"), path)
    looks.rest(0.0)
    assert looks.again().passed


def test_a_model_that_began_late_is_waited_for_at_its_own_pace(tmp_path: Path) -> None:
    """The old one has answered for an hour and a half, the new one for ten minutes."""
    rows = [f"{1772442000 + 20 * n},BTC,old,BUY,0.{n:04}" for n in range(270)]
    rows += [f"{1772446800 + 2 * n},ETH,new,SELL,0.{n:04}" for n in range(301)]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["ts,symbol,model,action,confidence", *rows]) + "\n")
    eta = gate(path).rate.eta_minutes
    assert eta is not None
    assert eta > 45.0


def test_a_stream_that_slowed_down_at_its_end_alerts(tmp_path: Path) -> None:
    busy = [1772442000 + 2 * n for n in range(5_400)]
    slow = [1772452800 + 300 * n for n in range(24)]
    rows = [
        f"{at},BTC,m,{('BUY', 'SELL')[at // 7 % 2]},0.{at % 9_973:04}" for at in busy + slow
    ]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["ts,symbol,model,action,confidence", *rows]) + "\n")
    alert = gate(path).rate.alert
    assert alert.startswith("events come slowly: 0.3 a minute of 2 in the ten minutes before")
