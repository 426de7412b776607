"""``stairway train rl``: what it asks of a person, and one sentence for what cannot be."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest

from stairway.app.rl import listen as rl_listen
from stairway.cli import train, watching
from stairway.testing.journal import practice_result


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--seeds", 0), "--seeds is 0; from 1 to 64"),
        (("--seeds", 99_999_999_999), "--seeds is 99999999999"),
        (("--seeds", 65), "--seeds is 65"),
        (("--seed", -1), "seeds are"),
        (("--source", "nowhere.toml"), "nowhere.toml"),
        (("--policy", "nowhere.toml"), "nowhere.toml"),
        (("--practice", "nowhere.toml"), "nowhere.toml"),
        (("--resume", "nowhere"), "nowhere"),
        (("--resume", "x", "--seeds", "3"), "--seeds was settled"),
        (("--resume", "x", "--practice", "practice"), "--practice was settled"),
        (("--resume", "x", "--cache", "mine"), "--cache was settled"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    arguments: tuple[object, ...], words: str, refused: Callable[..., str]
) -> None:
    assert words in refused("train", "rl", *arguments)


def test_a_folder_that_holds_something_is_left_alone(
    refused: Callable[..., str], tmp_path: Path
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")

    assert str(full) in refused("train", "rl", "--out", full)
    assert [p.name for p in full.iterdir()] == ["mine.txt"]


@pytest.fixture
def trained(
    stairway: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Call the command where the training itself, tested elsewhere, came to this."""

    def call(result: Any, *more: str) -> Any:
        monkeypatch.setattr(rl_listen, "practise", lambda *_: result)
        return stairway("train", "rl", "--out", "here", *more)

    return call


@pytest.mark.parametrize(
    ("result", "code", "words"),
    [
        (practice_result(), 0, "The policy of seed 1 was accepted"),
        (practice_result(accepted=False), 2, "No policy was accepted"),
        (practice_result(accepted=False, chosen_seed=1), 2, "No policy was accepted"),
    ],
)
def test_a_refused_policy_ends_with_2(
    result: Any, code: int, words: str, trained: Callable[..., Any]
) -> None:
    said = trained(result)

    assert said.code == code
    assert words in said.out
    assert Path("here/train.html").stat().st_size > 10_000


def test_the_board_counts_a_seed_s_steps_from_the_reference_on(
    stairway: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []

    def hear(_seeds: object, before: int = 0) -> NoReturn:
        told.append(before)
        raise KeyboardInterrupt

    monkeypatch.setattr(watching, "Watching", hear)
    stairway("train", "rl", "--out", "here")
    assert told == [409_600]


def test_the_first_look_in_the_help_is_a_file_that_there_is() -> None:
    (named,) = re.findall(r"--practice (\S+\.toml)", train.HELP)
    assert (Path(__file__).parents[2] / named).is_file()


def test_json_is_the_result_and_nothing_else(trained: Callable[..., Any]) -> None:
    said = trained(practice_result(), "--json")

    assert msgspec.convert(json.loads(said.out), type(practice_result())) == practice_result()


def test_ctrl_c_says_how_to_go_on(
    stairway: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rl_listen, "practise", interrupted)
    said = stairway("train", "rl", "--out", "here")

    assert said.code == 130
    assert said.sentence.endswith("resume with: stairway train rl --resume here")


def test_ctrl_c_before_there_is_a_folder_promises_none(
    stairway: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rl_listen, "prepared", interrupted)
    said = stairway("train", "rl", "--out", "here")

    assert said.code == 130
    assert "--resume" not in said.sentence
    assert "start it again" in said.sentence


def test_a_reference_alone_leaves_no_run_and_says_what_to_do_next(
    stairway: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rl_listen, "make_reference", lambda *_: Path("cache/gold-1"))

    plain = stairway("train", "rl", "--gold", "--cache", "a b")
    data = stairway("train", "rl", "--gold", "--json")

    assert plain.code == data.code == 0
    assert "kept in cache/gold-1" in plain.out
    assert plain.out.endswith("  stairway train rl --cache 'a b'\n")
    assert json.loads(data.out) == {"reference": "cache/gold-1", "train": "stairway train rl"}
    assert not Path("runs").exists()


def test_a_reference_half_made_is_not_said_to_be_kept(
    stairway: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rl_listen, "make_reference", interrupted)
    said = stairway("train", "rl", "--gold")

    assert said.code == 130
    assert "kept" not in said.sentence


def test_references_lie_where_it_was_said(
    stairway: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rl_listen, "practise", lambda *_: practice_result())
    stairway("train", "rl", "--out", "here", "--cache", "mine")

    asked = json.loads(Path("here/practice.json").read_text())
    assert Path(asked["gold"]) == Path("mine/gold").absolute()


@pytest.mark.parametrize(
    "words",
    [
        "train.html",
        "result.json",
        "unaccepted/",
        "live.json",
        "practice.json",
        "cache",
        "--resume runs/rl/sample-1",
        "standard error",
        "130",
        "runs/rl/SOURCE-N",
    ],
)
def test_help_says_what_is_left_where_and_how_it_ends(
    words: str, stairway: Callable[..., Any]
) -> None:
    assert words in stairway("train", "rl", "--help").out


def test_help_of_the_group_leads_to_the_command(stairway: Callable[..., Any]) -> None:
    said = stairway("train", "--help").out

    assert "stairway train rl --help" in said
