"""``stairway train rl``: what it asks of a person, and one sentence for what cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stairway.app.rl import listen as rl_listen
from stairway.cli import watching
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
    ],
)
def test_a_refused_policy_ends_with_2(
    result: Any, code: int, words: str, trained: Callable[..., Any]
) -> None:
    said = trained(result)

    assert said.code == code
    assert words in said.out
    assert Path("here/train.html").stat().st_size > 10_000


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
    assert said.sentence.endswith("finish it with: stairway train rl --resume here")


def test_without_a_terminal_each_cycle_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    result = practice_result(accepted=False)

    with watching.Watching(result.seeds) as ear:
        ear.begin("cycle 1 of 4", 12)
        ear.advance(3)
        ear.rollout(result.rollouts[0])
        ear.seed_cycle(result.seed_cycles[-1])
        ear.cycle(result.cycles[0])

    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == "cycle 1 of 4 ..."
    assert err.splitlines()[1].startswith("seed 2, cycle 2: hold rate 0.56")
    assert err.splitlines()[2].startswith("cycle 1: revert")
