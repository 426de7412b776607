"""The reference of a run: found where it is kept, or made once and kept there.

It is kept under the hash of data, settings, environment, program and libraries, as a
checkpoint like any other: verified to the last bit whenever it is read. A run takes a copy
into its own folder and from then on uses no other, so that what lies in the cache may
change or go.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from stairway.app.provenance import libraries
from stairway.app.rl.folder import RlFolder, kept_at, read_encoded, write_encoded
from stairway.base.errors import ConfigError, DataError
from stairway.base.hashing import content_hash
from stairway.base.verdict import Pass, Refuse
from stairway.models.observation import ACTIONS, OBSERVATION
from stairway.simulation.batch import PairBatch
from stairway.training.checkpoint import Checkpoint, Encoded, Mark, decode, encode
from stairway.training.ear import Ear
from stairway.training.gold import CYCLE, Gold, holds_enough, identity, make
from stairway.training.journal import Frozen
from stairway.training.measured import Rollout
from stairway.training.ppo.layout import Layout
from stairway.training.practice_ground import PracticeGround
from stairway.training.practice_rules import PracticeRules
from stairway.training.pupil_state import PutDown, parameters_of

_MAKERS = ("python", "numpy", "numba", "torch", "stable-baselines3")
"""Libraries that decide, to the bit, what a reference comes to."""


class _Notes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    notes: dict[str, Any]
    rollouts: tuple[Rollout, ...]
    hold_rate: float


def fetched(cache: Path, ground: PracticeGround, rules: PracticeRules, ear: Ear) -> Encoded:
    """Return the reference for this data and these settings; make it if there is none.

    Raises
    ------
    DataError
        If what is kept is damaged, or what was made does not hold enough. One that cannot
        be kept is said aloud, and used all the same.
    """
    expected = expected_identity(ground, rules)
    at = kept_at(cache, expected)
    if at.with_suffix(".json").exists():
        remedy = f"remove {at.parent} to make it anew"
        encoded = read_encoded(at, "the reference", remedy)
        answer = decode(encoded, expected)
        if isinstance(answer, Refuse):
            msg = f"{at}.json: {answer.findings[0].detail}; {remedy}"
            raise DataError(msg)
        return encoded
    encoded = _made(expected, ground, rules, ear)
    try:
        keep(at, encoded)
    except ConfigError as error:
        # The run has a copy of its own, and goes on; the next one makes it again.
        ear.note(str(error))
    return encoded


def keep(at: Path, encoded: Encoded) -> None:
    """Keep a reference for other runs.

    Raises
    ------
    ConfigError
        If there is no room or no permission.
    """
    try:
        write_encoded(at, encoded, shared=True)
    except ConfigError as error:
        why = getattr(error.__cause__, "strerror", error)
        msg = (
            f"the reference cannot be kept in {at.parent} ({why}), and the next run makes it "
            "anew; make room there, or give another --cache"
        )
        raise ConfigError(msg) from error


def opened(folder: RlFolder, ground: PracticeGround, rules: PracticeRules) -> Gold:
    """Read the copy that a run started from.

    Raises
    ------
    DataError
        If it is missing, damaged, of other data or settings, or does not hold enough.
    """
    what = "the reference model that this run started from,"
    encoded = read_encoded(folder.gold, what, "restore it, or start a new run")
    answer = decode(encoded, expected_identity(ground, rules))
    if isinstance(answer, Refuse):
        found = answer.findings[0]
        said, other = found.detail, found.code.removeprefix("checkpoint.")
        if other == "settings":
            said += f" (versions of stairway and of {', '.join(_MAKERS)} count as settings)"
        then = "restore it, or start a new run"
        if other in Frozen.__struct_fields__:
            then = f"put {folder.ask} back as it was, {then}"
        msg = f"{folder.gold}.json: {said}; {then}"
        raise DataError(msg)
    try:
        notes = msgspec.convert(answer.notes, _Notes)
    except msgspec.ValidationError as error:
        msg = f"{folder.gold}.json: its notes are not those of a reference: {error}"
        raise DataError(msg) from error
    held = holds_enough(notes.hold_rate, rules.gold.tail_rollouts, rules.gold)
    if not isinstance(held, Pass):
        raise DataError(held.findings[0].detail)
    return Gold(PutDown(dict(answer.tensors), notes.notes), notes.rollouts, notes.hold_rate)


def expected_identity(ground: PracticeGround, rules: PracticeRules) -> Frozen:
    """Say what a reference for this data and these settings must say that it is.

    What the environment does with a step, the program's version and those of the libraries
    are part of it: where one of them is another, so may the reference be.
    """
    hidden = rules.learner.hidden
    layout = Layout(OBSERVATION, hidden, hidden, ACTIONS)
    walked = PairBatch(ground.training, rules.environment, n_envs=1, seed=0).fingerprint
    blank = parameters_of(layout, np.zeros(layout.parameters, np.float32))
    asked = identity(ground.data, rules.lessons, rules.gold)
    return Frozen(
        data=ground.data,
        settings=content_hash((asked, walked, made_with())),
        environment=walked,
        architecture=blank.architecture,
        gold="",
        gate="",
    )


def made_with() -> dict[str, str]:
    """Versions of the program and of the libraries that decide what a reference comes to.

    Examples
    --------
    >>> sorted(made_with())
    ['numba', 'numpy', 'python', 'stable-baselines3', 'stairway', 'torch']
    """
    found = libraries()
    return {"stairway": version("stairway")} | {n: found[n] for n in _MAKERS if n in found}


def _made(expected: Frozen, ground: PracticeGround, rules: PracticeRules, ear: Ear) -> Encoded:
    total = rules.gold.steps // (rules.learner.n_envs * rules.gold.n_steps)
    ear.begin("making the reference", total)
    gold = make(ground.training, rules.lessons, rules.gold, lambda done, _: ear.advance(done))
    notes = _Notes(gold.put_down.notes, gold.rollouts, gold.hold_rate)
    mark = Mark(rules.gold.seed, CYCLE, total, gold.rollouts[-1].steps)
    return encode(Checkpoint(mark, expected, gold.put_down.tensors, msgspec.to_builtins(notes)))
