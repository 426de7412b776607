"""A verdict is believed only where it is what was written, and what the checkpoints say."""

from __future__ import annotations

import os
from typing import Any

import msgspec
import pytest

from stairway.app.rl.folder import RlFolder, newest
from stairway.app.rl.outcome import read_result, write_result
from stairway.base.errors import DataError
from stairway.testing.journal import practice_result, rollout
from stairway.training.journal import LAYOUT, PracticeResult, sealed

CHANGES = {
    "finished": False,
    "symbols": ("A", "B"),
    "seeds": (1, 3),
    "gold": None,
    "rollouts": (rollout(1, 0),),
    "seed_cycles": (),
    "cycles": (),
    "outcome": "early_stop",
    "chosen_seed": 2,
    "policy_digest": "00" * 32,
    "accepted": False,
    "held_out": (),
    "files": (),
    "seal": "00" * 32,
}
KEPT = {
    "finished", "rollouts", "seed_cycles", "cycles", "outcome", "chosen_seed", "accepted",
    "policy_digest",
}  # fmt: skip
"""What the last checkpoint says as well, and a new seal therefore does not mend."""


def edited(folder: RlFolder, **changes: Any) -> None:
    plain = msgspec.json.decode(folder.result.read_bytes())
    folder.result.write_bytes(msgspec.json.encode(plain | changes))


@pytest.mark.parametrize("accepted", [True, False])
def test_what_came_of_a_run_comes_back(accepted, over) -> None:
    folder, result = over(practice_result(accepted=accepted))
    assert read_result(folder) == result
    # The rest says which policy it is that was left.
    names = ("files", "frozen", "policy_digest")
    said = {name: getattr(result, name) for name in names}
    assert result == sealed(practice_result(accepted=accepted, **said))


@pytest.mark.parametrize("name", CHANGES)
def test_a_result_that_was_edited_is_refused_by_name(name: str, over) -> None:
    folder, _ = over()
    edited(folder, **{name: CHANGES[name]})
    with pytest.raises(
        DataError, match=rf"{folder.result} was changed .*: its seal differs; r"
    ):
        read_result(folder)


@pytest.mark.parametrize("name", sorted(KEPT))
def test_a_new_seal_does_not_make_another_verdict_true(name: str, over) -> None:
    folder, result = over()
    forged = msgspec.convert(
        msgspec.to_builtins(result) | {name: CHANGES[name]}, PracticeResult
    )
    write_result(folder, forged)
    with pytest.raises(
        DataError, match=rf"the last checkpoint say different things of .*{name}"
    ):
        read_result(folder)


ASKED = {
    "version": "9.9",
    "source": "mine.toml",
    "policy_name": "my.toml",
    "seeds": (1, 3),
    "symbols": ("A", "B"),
}


@pytest.mark.parametrize("name", ASKED)
def test_nor_does_it_make_another_thing_asked_for(name: str, over) -> None:
    folder, result = over()
    write_result(folder, msgspec.structs.replace(result, **{name: ASKED[name]}))
    with pytest.raises(DataError, match=rf"practice.json say different things of {name}; rem"):
        read_result(folder)


def test_a_result_without_what_was_asked_for_is_not_believed(over) -> None:
    folder, _ = over()
    folder.ask.write_bytes(b"[]")
    with pytest.raises(DataError, match=r"practice.json cannot be read"):
        read_result(folder)


def test_a_refused_run_cannot_be_made_an_accepted_one(over) -> None:
    folder, _ = over(practice_result(accepted=False))
    write_result(folder, practice_result(accepted=True))
    with pytest.raises(DataError, match=r"different things of .*seed_cycles, cycles.*accepted"):
        read_result(folder)


def test_the_result_of_another_run_is_refused(over) -> None:
    folder, result = over()
    frozen = msgspec.structs.replace(result.frozen, data="0" * 64)
    write_result(folder, msgspec.structs.replace(result, frozen=frozen))
    with pytest.raises(DataError, match="different things of frozen; remove it, and stairway"):
        read_result(folder)


def test_only_how_it_is_laid_out_may_change(over) -> None:
    folder, result = over()
    plain = msgspec.json.decode(folder.result.read_bytes())
    folder.result.write_bytes(msgspec.json.encode(dict(reversed(plain.items()))))
    assert read_result(folder) == result


def test_a_whole_number_in_the_place_of_a_fraction_is_the_same(over) -> None:
    first = msgspec.structs.replace(rollout(1, 0), score=1)
    folder, result = over(practice_result(rollouts=(first,)))
    assert read_result(folder) == result


@pytest.mark.parametrize("content", [None, b"", b"{}", b"[1]", b"\xff", b"[" * 90_000])
def test_a_result_that_is_none_is_refused(content: bytes | None, over) -> None:
    folder, _ = over()
    folder.result.unlink()
    if content is not None:
        folder.result.write_bytes(content)
    with pytest.raises(DataError, match=r"result\.json cannot be read .* --resume .* again"):
        read_result(folder)


def test_a_pipe_in_the_place_of_a_result_is_not_waited_for(over) -> None:
    folder, _ = over()
    folder.result.unlink()
    os.mkfifo(folder.result)
    with pytest.raises(DataError, match=r"result\.json cannot be read .*no regular file"):
        read_result(folder)


def test_a_result_of_another_layout_is_refused(over) -> None:
    folder, _ = over()
    edited(folder, layout=LAYOUT + 1)
    with pytest.raises(DataError, match=f"another version .layout {LAYOUT + 1}, here {LAYOUT}"):
        read_result(folder)


def test_without_a_checkpoint_nothing_can_be_held_against_anything(over) -> None:
    folder, _ = over()
    for path in newest(folder.cycles, ""):
        path.with_suffix(".json").unlink()
    with pytest.raises(DataError, match=r"cannot be held against a checkpoint, .* none in"):
        read_result(folder)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda b: b[:-9], "ends or breaks off"),
        (lambda b: b.replace(b'"rollout":0', b'"rollout":1', 1), "its seal differs"),
        (lambda _: b"{}", "not one of ours"),
    ],
)
def test_a_checkpoint_that_is_damaged_speaks_for_nothing(damage, words: str, over) -> None:
    folder, _ = over()
    path = newest(folder.cycles, "")[0].with_suffix(".json")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=f"cannot be held against {path}: .*{words}"):
        read_result(folder)
