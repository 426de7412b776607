"""What a checkpoint cannot have been left with is refused by its file, however well it is sealed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load

from stairway.app.rl.disk import Disk
from stairway.app.rl.folder import (
    RlFolder,
    cycle_name,
    newest,
    read_encoded,
    rollout_name,
    write_checkpoint,
)
from stairway.app.rl.train import taken_up
from stairway.base.errors import DataError
from stairway.testing.cycles import made_ground, practice_rules
from stairway.testing.ears import Deaf
from stairway.training import gold as golds
from stairway.training.checkpoint import Checkpoint, read_record
from stairway.training.gold import Gold
from stairway.training.keeping import Midway
from stairway.training.school import School

RULES = practice_rules()
SEEDS = (3, 12)
WHOLE, INSIDE = cycle_name(2), rollout_name(2, 2)

Change = Callable[[dict[str, Any], dict[str, Any]], object]


class Stop(Exception):  # noqa: N818 - a place to stop at, and no error
    """Raised where a run is to end."""


class Until(Disk):
    """Keeps everything until seed 12 has done two roll-outs of the second cycle."""

    def midway(self, midway: Midway) -> None:
        super().midway(midway)
        if (midway.seed, midway.cycle, len(midway.rollouts)) == (12, 2, 2):
            raise Stop


def school(gold: Gold) -> School:
    return School(made_ground(), RULES, gold, SEEDS, "settings")


@pytest.fixture(scope="module")
def gold() -> Gold:
    return golds.make(made_ground().training, RULES.lessons, RULES.gold, lambda *_: None)


@pytest.fixture(scope="module")
def stopped(gold: Gold, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped inside its second cycle. Copy it; never write to it."""
    root, one = tmp_path_factory.mktemp("stopped") / "run", school(gold)
    disk = Until(RlFolder(root), one.frozen)
    disk.cycle(one.begin())
    with pytest.raises(Stop):
        one.run(disk, Deaf(), lambda work, seeds: [work(seed) for seed in seeds])
    return root


@pytest.fixture
def run(stopped: Path, tmp_path: Path) -> RlFolder:
    shutil.copytree(stopped, tmp_path / "run")
    return RlFolder(tmp_path / "run")


def reseal(path: Path, change: Change) -> None:
    """Change arrays and notes of a checkpoint, and seal it anew."""
    encoded = read_encoded(path, "it", "")
    record = read_record(encoded.record)
    tensors = load(encoded.tensors)
    change(tensors, record.notes)
    write_checkpoint(path, Checkpoint(record.mark, record.identity, tensors, record.notes))


def full(name: str, value: float, at: Any = ...) -> Change:
    def change(tensors: dict[str, Any], _: dict[str, Any]) -> None:
        tensors[name] = tensors[name].copy()
        tensors[name][at] = value

    return change


def array(name: str, make: Callable[[Any], Any]) -> Change:
    return lambda tensors, _: tensors.update({name: make(tensors[name])})


def noted(value: Any, *at: Any) -> Change:
    def change(_: dict[str, Any], notes: Any) -> None:
        for step in at[:-1]:
            notes = notes[step]
        notes[at[-1]] = value

    return change


def test_what_was_not_changed_is_taken_up(run: RlFolder, gold: Gold) -> None:
    for path in (run.cycles / WHOLE, run.seed(12) / INSIDE):
        reseal(path, lambda *_: None)
    one = school(gold)
    assert taken_up(one, Disk(run, one.frozen))
    inside = [r.seed for r in one.rollouts if r.cycle == 2]
    assert sorted(inside) == [3] * 2 + [12] * 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (full("3/now/env.tally", np.nan), "counted and not measured"),
        (full("3/now/env.tally", 1.0), "counted and not measured"),
        (full("3/now/env.books", np.nan), "books of the snapshot holds numbers that are not"),
        (full("3/now/env.books", 1e9, (0, 0)), "books of the snapshot hold what no accounts"),
        (full("3/now/env.books", -1.0, (1, 0)), "books of the snapshot hold what no accounts"),
        (full("3/now/env.books", 0.5, (0, 3)), "books of the snapshot hold what no accounts"),
        (full("3/now/env.keys", 2**64 - 1), "not keyed as those of seed 3"),
        (full("3/now/env.knobs", 0.0, 2), "knobs of the snapshot hold what no accounts"),
        (full("3/now/model.parameters", np.inf), "parameters holds numbers that are not finite"),
        (full("12/good/model.adam_first", np.nan), "adam_first .* go back to is not finite"),
        (array("3/now/model.last_obs", lambda t: t[:-1]), "last_obs must be float32"),
        (array("3/now/env.books", lambda t: t.astype(np.float32)), "books of the snapshot is f"),
        (array("3/now/env.identity", lambda t: t[:1]), r"identity of the snapshot is uint8 \(1,"),
        (array("12/good/model.parameters", lambda t: t[:-1]), "not of its layers and its contr"),
        (lambda t, _: t.pop("3/now/model.adam_first"), "the arrays are"),
        (lambda t, _: t.pop("3/now/env.keys"), "not keyed as those of seed 3"),
        (lambda t, _: t.pop("12/good/model.adam_second"), "not of its layers and its contr"),
        (lambda t, _: t.clear(), "not keyed"),
        (lambda _, n: n["seeds"].pop("12"), r"no run of seeds \[3, 12\] leaves such seeds after 1 cycles"),
        (lambda _, n: n.pop("machine"), "holds other notes: .*`machine`"),
        (noted([], "seed_cycles"), "such a reference"),
        (lambda _, n: n["seed_cycles"].pop(), "such judgements"),
        (noted(7, "machine", "cycle"), "such a cycle begun"),
        (noted(-1, "machine", "cycle"), "such a cycle begun"),
        (noted([], "machine", "reports"), "it says that it was made at"),
        (noted("done", "machine", "phase"), "such a phase"),
        (noted("gate", "machine", "phase"), "such a phase"),
        (noted("finished", "machine", "reports", 0, "outcome"), "such a phase"),
        (noted(2, "machine", "reports", 0, "cycle"), "such cycles"),
        (noted(None, "machine", "gains", "hold"), "holds other notes"),
        (noted([], "rollouts"), "it says that it was made at"),
        (lambda _, n: n["rollouts"].pop(0), "such roll-outs"),
        (noted(9, "rollouts", 0, "seed"), "such roll-outs"),
        (noted({}, "seeds", "3", "notes"), "not a pupil's"),
        (noted({"model": {}, "readings": []}, "seeds", "3", "notes"), "scalars are not those"),
        (noted(-1, "seeds", "3", "adam_steps"), "holds other notes"),
    ],
)  # fmt: skip
def test_a_whole_run_that_cannot_have_been_left_is_refused_with_the_last_good_one(
    change: Change, words: str, run: RlFolder, gold: Gold
) -> None:
    path, one = run.cycles / WHOLE, school(gold)
    reseal(path, change)
    with pytest.raises(DataError, match=words) as refused:
        taken_up(one, Disk(run, one.frozen))
    said = str(refused.value)
    assert said.startswith(f"{path}.json holds what no run can go on from: ")
    assert said.endswith(
        f"; the last good one is {run.cycles / cycle_name(1)}.json: remove {path}.json to go "
        "on from there"
    )
    assert said.count(".json") == 3
    assert "\n" not in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (full("env.tally", np.nan), "counted and not measured"),
        (full("env.keys", 1), "not keyed as those of seed 12"),
        (lambda t, _: t.clear(), "not keyed"),
        (noted([], "rollouts"), "it says that it was made at"),
        (lambda _, n: n["rollouts"].pop(), "it says that it was made at"),
        (noted(3, "rollouts", 0, "seed"), "are not those of seed 12 inside of cycle 2"),
        (noted(1, "rollouts", 0, "cycle"), "are not those of seed 12 inside of cycle 2"),
        (noted(5, "notes", "model", "num_timesteps"), "its policy took 5 steps, and its last"),
        (noted({}, "notes", "model"), "scalars are not those"),
        (noted("x", "rollouts"), "holds other notes"),
    ],
)
def test_a_seed_that_cannot_have_been_left_is_refused_with_what_to_remove(
    change: Change, words: str, run: RlFolder, gold: Gold
) -> None:
    path, older = newest(run.seed(12), cycle_name(2))
    one = school(gold)
    reseal(path, change)
    with pytest.raises(DataError, match=words) as refused:
        taken_up(one, Disk(run, one.frozen))
    said = str(refused.value)
    assert said.startswith(f"{path}.json holds what no run can go on from: ")
    assert said.endswith(
        f"the last good one is {older}.json: remove {path}.json to go on from there"
    )
    older.with_suffix(".json").unlink()
    with pytest.raises(
        DataError, match="and --resume takes the seed up from what is before that"
    ):
        taken_up(one, Disk(run, one.frozen))
    path.with_suffix(".json").unlink()
    again = school(gold)
    assert taken_up(again, Disk(run, again.frozen))
