"""A training run that is over, without the training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from stairway.app.folder import write_json
from stairway.app.rl.folder import RlFolder, cycle_name, write_checkpoint
from stairway.app.rl.left import FILES, leave
from stairway.app.rl.outcome import write_result
from stairway.base.hashing import content_hash
from stairway.models.actor import Actor
from stairway.models.policy_form import to_bytes
from stairway.testing.journal import practice_result
from stairway.testing.models import toy_actor
from stairway.training.checkpoint import Checkpoint, Mark
from stairway.training.journal import PracticeResult
from stairway.training.ppo.layout import Layout
from stairway.training.pupil_state import WEIGHTS, parameters_of

Over = Callable[..., tuple[RlFolder, PracticeResult]]


ACTOR, OTHER = toy_actor(7), toy_actor(8)
BARS = "ba" * 32


def weights_of(actor: Actor) -> np.ndarray:
    """All weights as a checkpoint has them; those of the value net are 0."""
    arrays = iter(zip(actor.policy.weights, actor.policy.biases, strict=True))
    own = [array for layer in arrays for array in layer]
    layout = layout_of(actor)
    flat = np.zeros(layout.parameters, np.float32)
    named = [t for t in layout.tensors() if "value" not in t.name]
    for tensor, array in zip(named, own, strict=True):
        flat[tensor.start : tensor.stop] = array.ravel()
    return flat


def layout_of(actor: Actor) -> Layout:
    return Layout(26, actor.policy.hidden, actor.policy.hidden, 9)


def kept_as(result: PracticeResult) -> PracticeResult:
    """Say of a result that it is of the policy that stands here, behind its normaliser."""
    bars = {span.name: span.bars for span in result.spans}
    ends = [bars["training"], bars["training"] + bars["validation"]]
    parameters = parameters_of(layout_of(ACTOR), weights_of(ACTOR))
    frozen = msgspec.structs.replace(
        result.frozen,
        architecture=parameters.architecture,
        data=content_hash((BARS, ends, ACTOR.normaliser.fingerprint)),
    )
    said = None if result.chosen_seed is None else parameters.digest
    return msgspec.structs.replace(result, frozen=frozen, policy_digest=said)


@pytest.fixture
def over(tmp_path: Path) -> Over:
    """Leave what a run leaves that came to this: checkpoint, files of a policy, result."""

    def make(result: PracticeResult | None = None) -> tuple[RlFolder, PracticeResult]:
        result = kept_as(result or practice_result())
        folder, index = RlFolder(tmp_path), len(result.cycles) + 1
        notes = {
            "machine": {"reports": result.cycles, "cycle": index},
            "seeds": {},
            "rollouts": result.rollouts,
            "seed_cycles": result.seed_cycles,
        }
        mark = Mark(-1, index, 0, 24_000)
        named = ("version", "source", "policy_name", "seeds")
        asked: dict[str, Any] = {name: getattr(result, name) for name in named}
        asked["instruments"] = [{"symbol": symbol} for symbol in result.symbols]
        write_json(folder.ask, asked | {"bars_fingerprint": BARS})
        # What was practised with stands there for every seed.
        tensors = {f"{seed}/good/{WEIGHTS}": weights_of(ACTOR) for seed in result.seeds}
        last = Checkpoint(mark, result.frozen, tensors, msgspec.to_builtins(notes))
        write_checkpoint(folder.cycles / cycle_name(index), last)
        at = folder.policy if result.accepted else folder.unaccepted
        if result.chosen_seed is not None:
            content = dict(zip(FILES, (*to_bytes(ACTOR), b"any"), strict=True))
            files = leave(folder, at, content)
            result = msgspec.structs.replace(result, files=files)
        return folder, write_result(folder, result)

    return make
