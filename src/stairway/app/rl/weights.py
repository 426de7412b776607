"""The weights in the files of a policy are those that the last checkpoint keeps.

A hash in ``result.json`` says that a file is the one that was left, as long as nobody wrote
both anew. What the gate judged stands in the checkpoint as well: its weights are laid
beside those in ``policy.safetensors``, and the normaliser in ``architecture.json`` beside
the hash that every checkpoint carries. What ``policy.onnx`` computes is not looked at here:
it is held by its hash alone, and nothing of ours reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

import msgspec
import numpy as np

from stairway.app.plain_file import read_plain
from stairway.app.rl.folder import RlFolder, newest, read_encoded
from stairway.app.rl.left import ARCHITECTURE, TENSORS
from stairway.base.arrays import Float32Array
from stairway.base.errors import DataError
from stairway.base.hashing import content_hash
from stairway.base.verdict import Refuse
from stairway.models import policy_form
from stairway.models.actor import Actor
from stairway.models.observation import ACTIONS, OBSERVATION
from stairway.models.policy_form import Written
from stairway.training.checkpoint import decode
from stairway.training.journal import PracticeResult
from stairway.training.ppo.layout import Layout
from stairway.training.pupil_state import WEIGHTS, parameters_of

_SEEN = ("training", "validation")


class _Bars(msgspec.Struct, frozen=True):
    bars_fingerprint: str


def require_kept(folder: RlFolder, result: PracticeResult, left: Mapping[str, bytes]) -> None:
    """Hold the files of a policy against the weights that the last checkpoint keeps.

    Parameters
    ----------
    left
        Bytes of the files by name; nothing where no policy was left.

    Raises
    ------
    DataError
        Naming what does not hold what was judged.
    """
    seed = result.chosen_seed
    if seed is None:
        return
    actor = policy_form.from_bytes(Written(left[TENSORS], left[ARCHITECTURE]))
    if isinstance(actor, Refuse):
        _refuse(folder, f"the policy that was left is no sound one: {actor.findings[0].detail}")
    flat = _kept(folder, result, seed)
    hidden = actor.policy.hidden
    layout = Layout(OBSERVATION, hidden, hidden, ACTIONS)
    if flat.shape != (layout.parameters,):
        _refuse(folder, f"{ARCHITECTURE} has other layers than the last checkpoint")
    kept = parameters_of(layout, flat)
    if (kept.architecture, kept.digest) != (result.frozen.architecture, result.policy_digest):
        _refuse(
            folder, "the result and the last checkpoint say different things of policy_digest"
        )
    _require_same(folder, actor, layout, flat)
    if _seen_through(folder, result, actor) != result.frozen.data:
        _refuse(
            folder,
            f"{ARCHITECTURE} and spans are of another normaliser, split or bars than those "
            "that were practised with",
        )


def _kept(folder: RlFolder, result: PracticeResult, seed: int) -> Float32Array:
    path = newest(folder.cycles, "")[0]
    remedy = "restore it, or start a new run"
    answer = decode(read_encoded(path, "the last checkpoint", remedy), result.frozen)
    name = f"{seed}/good/{WEIGHTS}"
    if isinstance(answer, Refuse):
        msg = f"{path}.json: {answer.findings[0].detail}; {remedy}"
        raise DataError(msg)
    if name not in answer.tensors:
        msg = f"{path}.safetensors holds no weights of seed {seed}; {remedy}"
        raise DataError(msg)
    return answer.tensors[name]


def _require_same(folder: RlFolder, actor: Actor, layout: Layout, flat: Float32Array) -> None:
    """Compare layer by layer, to the bit."""
    layers = zip(actor.policy.weights, actor.policy.biases, strict=True)
    found = [array for layer in layers for array in layer]
    if [a.tobytes() for a in found] != [a.tobytes() for a in layout.actor_of(flat)]:
        _refuse(folder, f"{TENSORS} does not hold the weights that the last checkpoint keeps")


def _seen_through(folder: RlFolder, result: PracticeResult, actor: Actor) -> str:
    """Hash of bars, split and normaliser, as checkpoints carry it."""
    try:
        asked = msgspec.json.decode(read_plain(folder.ask), type=_Bars)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        msg = f"{folder.ask} cannot be read ({error}); restore it, or start a new run"
        raise DataError(msg) from error
    spans = {span.name: span.bars for span in result.spans}
    ends = np.cumsum([spans.get(name, 0) for name in _SEEN]).tolist()
    return content_hash((asked.bars_fingerprint, ends, actor.normaliser.fingerprint))


def _refuse(folder: RlFolder, why: str) -> NoReturn:
    msg = (
        f"{folder.result}: {why}; remove it, and stairway train rl --resume {folder.root} "
        "writes the policy and it again"
    )
    raise DataError(msg)
