"""Files of another policy in the folder are refused, however well they are sealed."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from stairway.app.rl.folder import RlFolder, newest, write_checkpoint
from stairway.app.rl.left import FILES, leave
from stairway.app.rl.outcome import read_result, write_result
from stairway.base.errors import DataError
from stairway.models.actor import Actor
from stairway.models.normaliser import Normaliser
from stairway.models.policy import Policy
from stairway.models.policy_form import to_bytes
from stairway.testing.models import toy_actor
from stairway.training.checkpoint import Checkpoint, read_record
from stairway.training.journal import PracticeResult
from stairway.training.pupil_state import WEIGHTS

LEFT = toy_actor(7)
"""What the folder's own run left."""


def put(folder: RlFolder, result: PracticeResult, actor: Actor, **more: Any) -> None:
    """Put files of another policy there, set their hashes anew, and seal all of it."""
    content = dict(zip(FILES, (*to_bytes(actor), b"any"), strict=True))
    files = leave(folder, folder.policy, content)
    write_result(folder, msgspec.structs.replace(result, files=files, **more))


def checkpointed(folder: RlFolder, tensors: dict[str, np.ndarray]) -> None:
    """Write the last checkpoint anew, with other arrays."""
    path = newest(folder.cycles, "")[0]
    record = read_record(path.with_suffix(".json").read_bytes())
    write_checkpoint(path, Checkpoint(record.mark, record.identity, tensors, record.notes))


def test_the_policy_that_was_left_may_be_sealed_again(over) -> None:
    folder, result = over()
    put(folder, result, LEFT)
    assert read_result(folder) == result


def test_the_policy_of_another_run_is_refused(over) -> None:
    folder, result = over()
    put(folder, result, toy_actor(8))
    with pytest.raises(DataError, match=r"policy\.safetensors does not hold the weights that"):
        read_result(folder)


@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("part", ["weights", "biases"])
def test_the_last_bit_of_any_layer_counts(part: str, layer: int, over) -> None:
    folder, result = over()
    parts = {name: [*getattr(LEFT.policy, name)] for name in ("weights", "biases")}
    changed = parts[part][layer].copy()
    changed.flat[-1] = np.nextafter(changed.flat[-1], np.float32(9.0))
    parts[part][layer] = changed
    other = Policy(tuple(parts["weights"]), tuple(parts["biases"]))
    put(folder, result, Actor(other, LEFT.normaliser))
    with pytest.raises(
        DataError, match=r"does not hold the weights .* remove it, and stairway"
    ):
        read_result(folder)


def test_a_policy_of_other_layers_is_refused(over) -> None:
    folder, result = over()
    put(folder, result, toy_actor(7, (16, 8)))
    with pytest.raises(DataError, match=r"architecture\.json has other layers than the last"):
        read_result(folder)


def test_another_normaliser_is_refused(over) -> None:
    folder, result = over()
    was = LEFT.normaliser
    put(
        folder, result, Actor(LEFT.policy, Normaliser(was.mean, was.deviation * 1.01, was.clip))
    )
    with pytest.raises(
        DataError, match=r"architecture\.json and spans are of another normaliser"
    ):
        read_result(folder)


def test_a_split_that_was_moved_is_refused(over) -> None:
    folder, result = over()
    first, *others = result.spans
    moved = (msgspec.structs.replace(first, bars=first.bars - 1), *others)
    put(folder, result, LEFT, spans=moved)
    with pytest.raises(DataError, match="another normaliser, split or bars"):
        read_result(folder)


def test_weights_that_nobody_judged_are_refused(over) -> None:
    """The checkpoint was written anew too: its weights have not the hash of the result."""
    folder, _ = over()
    path = newest(folder.cycles, "")[0]
    flat = np.zeros(2 * (26 * 16 + 16 + 16 * 16 + 16) + 9 * 17 + 17, np.float32)
    checkpointed(folder, {f"1/good/{WEIGHTS}": flat})
    with pytest.raises(DataError, match="say different things of policy_digest"):
        read_result(folder)
    checkpointed(folder, {})
    with pytest.raises(DataError, match=f"{path}.safetensors holds no weights of seed 1"):
        read_result(folder)


def test_files_that_are_no_policy_are_refused(over) -> None:
    folder, result = over()
    files = leave(folder, folder.policy, {name: name.encode() for name in FILES})
    write_result(folder, msgspec.structs.replace(result, files=files))
    with pytest.raises(DataError, match="the policy that was left is no sound one"):
        read_result(folder)


@pytest.mark.parametrize("ending", [".json", ".safetensors"])
def test_without_what_it_is_held_against_it_is_refused(ending: str, over) -> None:
    folder, _ = over()
    newest(folder.cycles, "")[0].with_suffix(ending).unlink()
    with pytest.raises(DataError, match=r"checkpoint.*(none in|cannot be read)"):
        read_result(folder)


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff"])
def test_without_what_was_asked_for_it_is_refused(content: bytes | None, over) -> None:
    folder, _ = over()
    folder.ask.unlink()
    if content is not None:
        folder.ask.write_bytes(content)
    with pytest.raises(DataError, match=r"practice\.json cannot be read .*; restore it"):
        read_result(folder)
