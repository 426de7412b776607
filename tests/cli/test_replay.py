from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stairway.app import replay as replaying
from stairway.app.facts import LAYOUT
from stairway.cli import replay as command


ONLY_THE_LAYOUT = b'{"layout": %d}' % LAYOUT


def test_an_identical_record_ends_with_0(
    finished_run: Path, stairway: Callable[..., Any]
) -> None:
    said = stairway("replay", finished_run)
    assert said.code == 0
    assert said.out.startswith(f"identical  {finished_run}\n")
    assert said.err.startswith("climbing ...")


def test_as_data_it_says_the_same(finished_run: Path, stairway: Callable[..., Any]) -> None:
    said = stairway("replay", finished_run, "--json")
    answer = json.loads(said.out)
    assert said.code == 0
    assert (answer["identical"], answer["finished"], answer["difference"]) == (True, True, None)
    assert answer["run_hash"] in stairway("replay", finished_run).out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("durable.db", b"run.started"),
        ("durable.db", b"trade.intent"),
        ("telemetry.db", b"market.bar"),
        ("telemetry.db", b"book.marked"),
    ],
)
def test_a_changed_byte_of_the_record_is_one_sentence(
    name: str, words: bytes, finished_run: Path, refused: Callable[..., str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    path = run / "log" / name
    # Everywhere: a database keeps old copies in places that nobody reads any more.
    path.write_bytes(path.read_bytes().replace(words, words[:-1] + b"?"))
    assert name.removesuffix(".db") in refused("replay", run)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda run: shutil.rmtree(run / "log"), "has no record yet"),
        (lambda run: (run / "run.json").unlink(), "is no run folder"),
        (lambda run: (run / "run.json").write_bytes(b'{"layout": 99}'), "layout 99"),
        (lambda run: (run / "run.json").write_bytes(ONLY_THE_LAYOUT), "cannot be read"),
        (lambda run: (run / "log" / "telemetry.db").unlink(), "telemetry"),
    ],
)
def test_a_folder_that_cannot_be_replayed_is_one_sentence(
    spoil: Callable[[Path], object],
    words: str,
    finished_run: Path,
    refused: Callable[..., str],
    tmp_path: Path,
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    spoil(run)
    assert words in refused("replay", run)


def test_ctrl_c_is_one_sentence(
    finished_run: Path, stairway: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(replaying, "walk", interrupted)
    said = stairway("replay", finished_run)
    assert (said.code, said.out) == (command.STOPPED, "")
    assert said.sentence == "stopped; a replay changes nothing"


def in_a_shell(redirected: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does, its output led where ``redirected`` says."""
    program = "from stairway.cli.main import main; main()"
    return subprocess.run(
        ["bash", "-c", f'set -o pipefail; "$@" {redirected}', "bash",
         sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("redirected", "code"),
    [
        (">&-", 0),
        (">&- 2>&-", 0),
        ("<&- >&-", 0),
        ("| head -c 3", 0),
        ("| true", 1),
        ("2>&1 | true", 1),
        (">/dev/full", 1),
    ],
)
def test_nobody_who_listens_is_no_fault_of_ours(
    finished_run: Path, redirected: str, code: int
) -> None:
    ended = in_a_shell(redirected, "replay", finished_run)
    assert "Traceback" not in ended.stdout + ended.stderr
    assert "a fault in stairway itself" not in ended.stderr
    assert "Exception ignored" not in ended.stderr
    assert ended.returncode == code, ended


def test_a_record_is_never_given_the_number_of_a_closed_stream(finished_run: Path) -> None:
    """Whatever a library prints would be written into it."""
    program = (
        "import os; from stairway.cli import main as cli; cli._open_what_was_closed();"
        f"fd = os.open({str(finished_run / 'log' / 'durable.db')!r}, os.O_RDONLY);"
        "print(fd, flush=True); raise SystemExit(0 if fd > 2 else 9)"
    )
    ended = subprocess.run(
        ["bash", "-c", '"$@" <&- >&- 2>&-', "bash", sys.executable, "-c", program],
        capture_output=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["replay", "nowhere"]])
def test_other_commands_bear_a_closed_output_too(arguments: list[str]) -> None:
    ended = in_a_shell(">&-", *arguments)
    assert "Traceback" not in ended.stderr
    assert "a fault in stairway itself" not in ended.stderr
    assert ended.returncode == (1 if "replay" in arguments else 0)


def test_a_shadow_replay_asks_the_models_anew_and_comes_to_the_same(
    finished_run: Path, stairway: Callable[..., Any], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)

    said = stairway("replay", run, "--shadow")
    again = json.loads(stairway("replay", run, "--shadow", "--json").out)

    assert said.code == 0, said
    assert said.out.startswith(f"identical  {run}: ")
    assert [word in said.out for word in ("ticks", "decisions", "orders")] == [True] * 3
    assert again["hashes"] == [line.split()[1] for line in said.out.splitlines()[-3:]]
    assert sorted(p.name for p in run.glob("shadow-*")) == ["shadow-1", "shadow-2"]


def test_a_model_is_named_by_the_beginning_of_its_digest(
    finished_run: Path, refused: Callable[..., str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)

    assert "is the beginning of 0 digests" in refused("replay", run, "--shadow", "--model", "x")
    assert "digests; the run has" in refused("replay", run, "--shadow", "--model", "")


@pytest.mark.parametrize("option", ["--model", "--models", "--trust"])
def test_a_plain_replay_asks_no_model(option: str, refused: Callable[..., str]) -> None:
    assert refused("replay", "x", option, "y").startswith(
        "--model, --models and --trust belong"
    )


def test_a_run_that_is_not_finished_cannot_be_shadowed(
    finished_run: Path, refused: Callable[..., str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    shutil.rmtree(run / "log")

    assert "finish it: stairway run --resume" in refused("replay", run, "--shadow")
    assert not list(run.glob("shadow-*"))
