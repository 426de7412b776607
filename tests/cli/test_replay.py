from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stairway.app import replay as replaying
from stairway.cli import replay as command


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
        (lambda run: (run / "run.json").write_bytes(b'{"layout": 2}'), "layout 2"),
        (lambda run: (run / "run.json").write_bytes(b'{"layout": 1}'), "cannot be read"),
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
