"""What the school hands over comes back from disk as it was."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from stairway.app.rl.disk import Disk
from stairway.app.rl.folder import RlFolder, cycle_name, newest, rollout_name
from stairway.base.errors import DataError
from stairway.testing.cycles import standing
from stairway.testing.journal import rollout
from stairway.training.cycle import Phase, State, start
from stairway.training.journal import Frozen
from stairway.training.pupil_state import Good, PutDown
from stairway.training.keeping import Midway, Saved

IDENTITY = Frozen("d", "s", "e", "a", "g", "t")
MACHINE = start([standing(0, 0.5)]).state


def put_down(n: float) -> PutDown:
    tensors = {"model.parameters": np.full(4, n, np.float32), "env.done": np.array([True])}
    return PutDown(tensors, {"model": {"steps": 3}, "readings": []})


def saved(machine: State = MACHINE) -> Saved:
    return Saved(
        machine=machine,
        pupils={7: put_down(1.5), 12: put_down(2.5)},
        goods={7: Good(put_down(0.5).tensors, 11), 12: Good(put_down(0.25).tensors, 12)},
        rollouts=(rollout(7, 0), rollout(12, 0)),
        seed_cycles=(),
    )


def midway(seed: int, cycle: int, count: int) -> Midway:
    made = tuple(rollout(seed, n, cycle=cycle) for n in range(count))
    return Midway(seed, cycle, put_down(seed + count / 10), made)


def disk(folder: Path) -> Disk:
    return Disk(RlFolder(folder), IDENTITY, {"seeds": [7, 12]})


def same(one: PutDown, other: PutDown) -> bool:
    return one.notes == other.notes and all(
        np.array_equal(t, other.tensors[n]) and t.dtype == other.tensors[n].dtype
        for n, t in one.tensors.items()
    )


def test_where_nothing_was_kept_nothing_is_read(tmp_path: Path) -> None:
    assert disk(tmp_path).read() is None


def test_a_run_comes_back_as_it_was(tmp_path: Path) -> None:
    kept = saved()
    disk(tmp_path).cycle(kept)
    back, midways = disk(tmp_path).read()
    assert midways == {}
    assert back.machine == kept.machine
    assert (back.rollouts, back.seed_cycles) == (kept.rollouts, kept.seed_cycles)
    for seed in (7, 12):
        assert same(back.pupils[seed], kept.pupils[seed])
        assert np.array_equal(back.goods[seed].weights, kept.goods[seed].weights)
        assert back.goods[seed].adam_steps == kept.goods[seed].adam_steps


def test_seeds_come_back_where_they_were_inside_the_cycle(tmp_path: Path) -> None:
    disk(tmp_path).cycle(saved())
    for count in (1, 2, 3):
        disk(tmp_path).midway(midway(7, 1, count))
    _, midways = disk(tmp_path).read()
    assert set(midways) == {7}
    assert len(midways[7].rollouts) == 3
    assert same(midways[7].put_down, midway(7, 1, 3).put_down)
    kept = [p.name for p in newest(RlFolder(tmp_path).seed(7), "")]
    assert kept == ["cycle-01-rollout-0003", "cycle-01-rollout-0002"]


def test_what_lies_behind_the_start_of_the_cycle_is_not_taken_up(tmp_path: Path) -> None:
    disk(tmp_path).midway(midway(7, 1, 3))
    disk(tmp_path).cycle(saved(msgspec.structs.replace(MACHINE, cycle=2)))
    _, midways = disk(tmp_path).read()
    assert midways == {}


def test_a_run_that_is_done_takes_nothing_up(tmp_path: Path) -> None:
    disk(tmp_path).midway(midway(7, 2, 3))
    done = msgspec.structs.replace(MACHINE, cycle=2, phase=Phase.DONE)
    disk(tmp_path).cycle(saved(done))
    back, midways = disk(tmp_path).read()
    assert midways == {}
    assert back.machine.phase is Phase.DONE


def test_seeds_whose_numbers_begin_alike_are_not_mixed_up(tmp_path: Path) -> None:
    kept = saved()._replace(
        pupils={1: put_down(1.0), 11: put_down(11.0)},
        goods={1: Good(put_down(0.1).tensors, 1), 11: Good(put_down(0.2).tensors, 2)},
    )
    disk(tmp_path).cycle(kept)
    back, _ = disk(tmp_path).read()
    assert back.pupils[1].weights[0] == 1.0
    assert back.pupils[11].weights[0] == 11.0
    assert set(back.pupils[1].tensors) == set(put_down(1.0).tensors)


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    disk(tmp_path).cycle(saved())
    other = msgspec.structs.replace(IDENTITY, gate="other")
    with pytest.raises(DataError, match="made under another gate"):
        Disk(RlFolder(tmp_path), other).read()


def test_a_checkpoint_in_the_place_of_another_seed_s_is_refused(tmp_path: Path) -> None:
    kept, machine = disk(tmp_path), MACHINE
    kept.cycle(saved(machine))
    cycle = machine.cycle
    for seed in (7, 12):
        kept.midway(midway(seed, cycle, 2))
    folder = RlFolder(tmp_path)
    for ending in (".json", ".safetensors"):
        name = rollout_name(cycle, 2) + ending
        (folder.seed(7) / name).write_bytes((folder.seed(12) / name).read_bytes())

    with pytest.raises(DataError, match=r"seed 12, cycle .* lies in another one's place"):
        disk(tmp_path).read()


def test_a_checkpoint_under_the_name_of_another_cycle_is_refused(tmp_path: Path) -> None:
    disk(tmp_path).cycle(saved())
    folder = RlFolder(tmp_path).cycles
    for path in list(folder.iterdir()):
        path.rename(folder / ("cycle-09" + path.suffix))

    with pytest.raises(DataError, match=r"the whole run, cycle 1, .* in another one's place"):
        disk(tmp_path).read()


def test_a_checkpoint_of_seed_0_is_none_of_the_whole_run(tmp_path: Path) -> None:
    disk(tmp_path).cycle(saved())
    disk(tmp_path).midway(midway(0, 1, 1))
    folder = RlFolder(tmp_path)
    for ending in (".json", ".safetensors"):
        content = (folder.seed(0) / (rollout_name(1, 1) + ending)).read_bytes()
        (folder.cycles / (cycle_name(1) + ending)).write_bytes(content)

    with pytest.raises(DataError, match=r"of seed 0, cycle 1, .* in another one's place"):
        disk(tmp_path).read()


def test_what_was_asked_for_is_kept_with_the_whole_run(tmp_path: Path) -> None:
    disk(tmp_path).cycle(saved())
    path, *_ = newest(RlFolder(tmp_path).cycles, "")
    record = msgspec.json.decode(path.with_suffix(".json").read_bytes())
    assert record["notes"]["asked"] == {"seeds": [7, 12]}


@pytest.mark.parametrize("how", ["cut", "flipped"])
def test_the_only_checkpoint_inside_a_cycle_can_be_done_without(
    how: str, tmp_path: Path
) -> None:
    disk(tmp_path).cycle(saved())
    disk(tmp_path).midway(midway(7, 1, 1))
    path = RlFolder(tmp_path).seed(7) / rollout_name(1, 1)
    arrays = path.with_suffix(".safetensors")
    whole = arrays.read_bytes()
    arrays.write_bytes(whole[:-4] if how == "cut" else whole[:-1] + bytes([whole[-1] ^ 1]))

    with pytest.raises(DataError, match=r"cycle-01-rollout-0001\.json: the check") as refused:
        disk(tmp_path).read()
    assert str(refused.value).endswith(
        f"; remove {path}.json, and --resume takes the seed up from what is before that"
    )
    path.with_suffix(".json").unlink()
    _, midways = disk(tmp_path).read()
    assert midways == {}


@pytest.mark.parametrize("kind", [MemoryError, PermissionError])
def test_what_the_machine_lacks_is_blamed_on_no_checkpoint(
    kind: type[Exception], tmp_path: Path
) -> None:
    disk(tmp_path).cycle(saved())
    blaming = disk(tmp_path).blaming
    with pytest.raises(kind), blaming():
        raise kind
    with pytest.raises(DataError, match=r"cycle-01\.json holds what no"), blaming():
        raise KeyError


def test_checkpoints_of_a_cycle_that_the_run_was_taken_back_from_are_not_kept(
    tmp_path: Path,
) -> None:
    for count in (5, 6):
        disk(tmp_path).midway(midway(7, 3, count))
    for count in (1, 2, 3):
        disk(tmp_path).midway(midway(7, 2, count))
        last = newest(RlFolder(tmp_path).seed(7), "")[0]
        assert last.name == rollout_name(2, count)
    kept = [p.name for p in newest(RlFolder(tmp_path).seed(7), "")]
    assert kept == [rollout_name(2, 3), rollout_name(2, 2)]


def test_how_far_a_policy_was_trained_is_in_the_mark_of_every_checkpoint(
    tmp_path: Path,
) -> None:
    kept = saved()
    disk(tmp_path).cycle(kept)
    disk(tmp_path).midway(midway(7, 1, 3))
    folder = RlFolder(tmp_path)
    (whole,), (inside,) = newest(folder.cycles, ""), newest(folder.seed(7), "")
    for path, steps in ((whole, kept.rollouts[-1].steps), (inside, rollout(7, 2).steps)):
        record = msgspec.json.decode(path.with_suffix(".json").read_bytes())
        assert record["mark"]["steps"] == steps
