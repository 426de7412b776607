from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stairway.app.gate import gate
from stairway.cli.waiting import told
from stairway.testing.telemetry import telemetry, write

REPORTS = Path("reports/safety")


@pytest.fixture(scope="module")
def bots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bots")
    for name in ("healthy", "one_dead", "few_after", "fallback"):
        write(telemetry(name), folder / f"{name}.jsonl")
    return folder


def kept() -> list[Path]:
    return sorted(REPORTS.iterdir()) if REPORTS.exists() else []


def test_a_healthy_bot_passes_and_the_verdict_is_kept(
    stairway: Callable[..., Any], bots: Path
) -> None:
    said = stairway("gate", "--source", bots / "healthy.jsonl")
    assert said.code == 0
    assert said.out.startswith("Was alive: all 3 pass up to 2026-03-02; silent for ")
    assert {f.name for f in kept()[0].iterdir()} == {"report.json", "report.md", "report.html"}
    for form in kept()[0].iterdir():
        text = form.read_text()
        assert "Nothing was trained, nothing was activated, and nothing was written" in text
        assert "sha256" in text
        assert "healthy.jsonl" in text


@pytest.mark.parametrize(
    ("form", "begins"),
    [
        ("text", "Refused: mlp/mlp-v1."),
        ("json", "{"),
        ("md", "# Refused"),
        ("html", "<!doctype"),
    ],
)
def test_a_dead_model_is_refused_in_every_form(
    form: str, begins: str, stairway: Callable[..., Any], bots: Path
) -> None:
    said = stairway("gate", "--source", bots / "one_dead.jsonl", "--format", form)
    assert (said.code, said.out[: len(begins)]) == (2, begins)
    assert "mlp" in said.out
    if form == "json":
        assert json.loads(said.out)["verdict"]["type"] == "refuse"
    if form != "text":
        assert said.out == (kept()[0] / f"report.{form}").read_text()


def test_no_line_is_wider_than_a_narrow_terminal(
    stairway: Callable[..., Any], bots: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    made = telemetry("few_after")
    out = stairway("gate", "--source", bots / "few_after.jsonl", "--after", made.cutover).out
    lines = [line for line in out.splitlines() if not line.startswith("again ")]
    assert max(map(len, lines)) <= 60


def test_the_command_that_is_shown_asks_the_same_again(
    stairway: Callable[..., Any], bots: Path
) -> None:
    made = telemetry("few_after")
    asked = ("--source", str(bots / "few_after.jsonl"), "--after", made.cutover)
    first = stairway("gate", *asked)
    again = re.search(r"^again  stairway (.*)$", first.out, re.MULTILINE)
    assert again is not None
    assert stairway(*again[1].split()).out == first.out
    assert first.code == 2


@pytest.mark.parametrize("command", ["diagnose", "constants"])
def test_both_say_it_in_words_and_in_json(
    command: str, stairway: Callable[..., Any], bots: Path
) -> None:
    said = stairway(command, "--source", bots / "one_dead.jsonl")
    assert said.code == 2
    assert "0.65" in said.out
    found = json.loads(stairway(command, "--source", bots / "one_dead.jsonl", "--json").out)
    assert "Nothing was trained" in found["statement"]
    assert stairway(command, "--source", bots / "healthy.jsonl").code == 0
    assert kept() == [], "only a verdict is kept"


def test_how_a_source_is_understood_is_said_and_nothing_is_kept(
    stairway: Callable[..., Any], bots: Path
) -> None:
    said = stairway("gate", "--source", bots / "healthy.jsonl", "--explain-source")
    assert said.code == 0
    assert "layout  payload" in said.out
    assert "2026-03-02T09:00:00Z  forest/forest-v1" in said.out
    assert kept() == []


def test_a_percentage_is_read_with_the_map_of_the_example(
    stairway: Callable[..., Any], tmp_path: Path
) -> None:
    rows = "\n".join(f"2026-03-02T09:{i:02}:00,BTC,LONG,{50 + i}" for i in range(40))
    table = tmp_path / "log.csv"
    table.write_text(f"at,market,side,conviction\n{rows}\n")
    example = Path(__file__).resolve().parents[2] / "examples" / "gate" / "percent.toml"
    asked = ("gate", "--source", table, "--field-map", example, "--format", "json")
    counted = json.loads(stairway(*asked).out)["models"][0]["after"]["counted"]
    assert (counted["events"], counted["p10_ppm"], counted["actions"]["BUY"]) == (
        40,
        530_000,
        40,
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--source", "none.jsonl"), "does not exist"),
        (("--source", "kafka://h/t"), "nothing here reads"),
        (("--source", "redis://127.0.0.1:1/0?stream=a"), "does not answer"),
        (("--after", "2126-03-02T13:00:00Z"), "future"),
        (("--after", "soon"), "no instant"),
        (("--after", "last-deploy"), "no deployment is on record"),
        (("--policy", "lenient"), "lenient"),
        (("--field-map", "none.toml"), "cannot be read"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_keeps_nothing(
    arguments: tuple[str, str], words: str, refused: Callable[..., str], bots: Path
) -> None:
    source = () if "--source" in arguments else ("--source", bots / "healthy.jsonl")
    assert words in refused("gate", *source, *arguments)
    assert kept() == []


def test_an_empty_source_is_2_and_kept(stairway: Callable[..., Any], tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    said = stairway("gate", "--source", empty)
    assert (said.code, len(kept())) == (2, 1)
    assert "there are no records" in " ".join(said.out.split())


def test_what_is_still_missing_is_said_while_waiting(bots: Path) -> None:
    made = telemetry("few_after")
    line = told(gate(bots / "few_after.jsonl", after=made.cutover), 60.0)
    assert line == (
        "waiting: 41 events, 5 a minute; forest/forest-v1: 41 of 200 answers; enough in about "
        "52 minutes; asked again in 60 s"
    )


def test_json_is_called_as_elsewhere_too(stairway: Callable[..., Any], bots: Path) -> None:
    said = stairway("gate", "--source", bots / "healthy.jsonl", "--json")
    assert json.loads(said.out)["verdict"]["type"] == "pass"
    assert json.loads(said.out)["source"].endswith("healthy.jsonl")


def test_two_forms_at_once_contradict_each_other(
    refused: Callable[..., str], bots: Path
) -> None:
    asked = ("--source", bots / "healthy.jsonl", "--json", "--format", "md")
    assert "contradict each other" in refused("gate", *asked)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopping_in_the_middle_of_a_pass_is_one_line_and_keeps_nothing(
    number: signal.Signals, bots: Path, tmp_path: Path
) -> None:
    program = "from stairway.cli.main import main; main()"
    child = subprocess.Popen(
        [sys.executable, "-c", program, "gate", "--source", "-"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stderr is not None
    child.stdin.write((bots / "healthy.jsonl").read_bytes())
    child.stdin.flush()
    assert b"reading" in child.stderr.readline()
    child.send_signal(number)
    # What it waits for has to end, as whatever is cut off by Ctrl-C in a pipe does.
    out, err = child.communicate(timeout=30)
    assert out == b""
    assert not (tmp_path / "reports").exists()
    if number is signal.SIGKILL:
        assert child.returncode == -9
    else:
        assert child.returncode == 130
        assert err.decode().splitlines() == [
            "stairway: stopped; what was read is as it was, and no verdict was kept"
        ]
