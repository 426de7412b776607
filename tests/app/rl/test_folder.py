"""Checkpoints on disk: the newest counts, the one before it stays, and half of one is none."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stairway.app.rl import folder as rl_folder
from stairway.app.rl.folder import (
    cycle_name,
    forget_old,
    newest,
    read_encoded,
    read_newest,
    rollout_name,
    write_checkpoint,
    write_encoded,
)
from stairway.base.errors import ConfigError, DataError
from stairway.training.checkpoint import Checkpoint, Mark, encode
from stairway.training.journal import Frozen

IDENTITY = Frozen("d", "s", "e", "a", "g", "t")


def checkpoint(n: int) -> Checkpoint:
    return Checkpoint(Mark(1, n, 0, n), IDENTITY, {"x": np.full(3, float(n))}, {"n": n})


def write(folder: Path, n: int) -> Path:
    path = folder / cycle_name(n)
    write_checkpoint(path, checkpoint(n))
    return path


def test_names_are_in_the_order_of_what_they_name() -> None:
    names = [rollout_name(c, r) for c in (1, 2, 10, 99) for r in (1, 9, 10, 200)]
    assert names == sorted(names)
    assert cycle_name(2) < cycle_name(10)


def test_the_newest_checkpoint_is_read(tmp_path: Path) -> None:
    for n in (1, 2, 10):
        write(tmp_path, n)
    assert [p.name for p in newest(tmp_path, "")] == ["cycle-10", "cycle-02", "cycle-01"]
    found = read_newest(newest(tmp_path, ""), IDENTITY)
    assert found is not None
    assert (found.mark.cycle, found.notes, found.tensors["x"].tolist()) == (
        10,
        {"n": 10},
        [10] * 3,
    )


def test_where_there_is_none_there_is_none(tmp_path: Path) -> None:
    assert newest(tmp_path / "nowhere", "") == []
    assert read_newest([], IDENTITY) is None


def test_arrays_alone_are_no_checkpoint(tmp_path: Path) -> None:
    write(tmp_path, 1)
    (tmp_path / "cycle-02.safetensors").write_bytes(b"half")
    assert [p.name for p in newest(tmp_path, "")] == ["cycle-01"]


def test_the_record_is_written_after_the_arrays_and_removed_before_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    whole = rl_folder.write_whole
    monkeypatch.setattr(
        rl_folder,
        "write_whole",
        lambda p, c, **how: (order.append(p.suffix), whole(p, c, **how)),
    )
    paths = [write(tmp_path, n) for n in (1, 2, 3)]
    assert order == [".safetensors", ".json"] * 3
    removed: list[str] = []
    unlink = Path.unlink
    monkeypatch.setattr(Path, "unlink", lambda p, **k: (removed.append(p.name), unlink(p, **k)))
    forget_old(paths[-1])
    assert removed == ["cycle-01.json", "cycle-01.safetensors"]
    assert [p.name for p in newest(tmp_path, "")] == ["cycle-03", "cycle-02"]


def test_a_disk_without_room_leaves_the_last_good_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 1)
    whole = rl_folder.write_whole

    def full(path: Path, content: bytes, **how: bool) -> None:
        if path.suffix == ".json":
            msg = "no room left"
            raise ConfigError(msg)
        whole(path, content, **how)

    monkeypatch.setattr(rl_folder, "write_whole", full)
    with pytest.raises(ConfigError, match="no room"):
        write(tmp_path, 2)
    found = read_newest(newest(tmp_path, ""), IDENTITY)
    assert found is not None
    assert found.mark.cycle == 1


def test_a_damaged_one_is_refused_with_the_last_good_one_named(tmp_path: Path) -> None:
    first, second, third = (write(tmp_path, n) for n in (1, 2, 3))
    for path in (second, third):
        path.with_suffix(".json").write_bytes(b"{}")
    with pytest.raises(DataError) as refused:
        read_newest(newest(tmp_path, ""), IDENTITY)
    assert str(refused.value).startswith(f"{third}.json: ")
    assert f"the last good one is {first}.json: remove {third}.json" in str(refused.value)


def test_where_none_is_good_nothing_is_promised(tmp_path: Path) -> None:
    path = write(tmp_path, 1)
    path.with_suffix(".safetensors").unlink()
    other = write(tmp_path, 2)
    other.with_suffix(".json").write_bytes(b"[]")
    with pytest.raises(DataError, match="; restore it, or start a new run") as refused:
        read_newest(newest(tmp_path, ""), IDENTITY)
    assert "last good" not in str(refused.value)


@pytest.mark.parametrize("ending", [".json", ".safetensors"])
def test_a_pipe_in_the_place_of_a_checkpoint_is_not_waited_for(
    ending: str, tmp_path: Path
) -> None:
    path = write(tmp_path, 1).with_suffix(ending)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DataError, match=rf"{path} cannot be read \(it is no regular file\)"):
        read_newest(newest(tmp_path, ""), IDENTITY)


@pytest.mark.parametrize("ending", [".json", ".safetensors"])
def test_half_of_the_newest_gone_names_the_last_good_one(ending: str, tmp_path: Path) -> None:
    first, second = (write(tmp_path, n) for n in (1, 2))
    gone = second.with_suffix(ending)
    gone.unlink()
    if ending == ".json":
        gone.mkdir()
    with pytest.raises(DataError, match=rf"{gone} cannot be read \(.*\); the last good") as it:
        read_newest(newest(tmp_path, ""), IDENTITY)
    assert str(it.value).endswith(
        f"the last good one is {first}.json: remove {second}.json to go on from there"
    )


@pytest.mark.parametrize(
    "name", ["notes.json", "cycle-99 (copy).json", "2026.json", "cycle-.json", "cycle-1-a.json"]
)
def test_what_is_none_of_ours_neither_counts_nor_is_removed(name: str, tmp_path: Path) -> None:
    paths = [write(tmp_path, n) for n in (1, 2, 3)]
    (tmp_path / name).write_text("mine")
    found = read_newest(newest(tmp_path, ""), IDENTITY)
    assert found is not None
    assert found.mark.cycle == 3
    forget_old(paths[-1])
    assert (tmp_path / name).read_text() == "mine"
    assert [p.name for p in newest(tmp_path, "")] == ["cycle-03", "cycle-02"]


def test_one_of_something_else_is_refused(tmp_path: Path) -> None:
    write(tmp_path, 1)
    other = msgspec.structs.replace(IDENTITY, data="x")
    with pytest.raises(DataError, match="made on other data") as refused:
        read_newest(newest(tmp_path, ""), other)
    assert str(refused.value).count("start a new run") == 1


def test_what_is_missing_is_said_by_name(tmp_path: Path) -> None:
    said = r"the thing .*cycle-01\.safetensors cannot be read \(No such .*\); do this"
    with pytest.raises(DataError, match=said):
        read_encoded(tmp_path / "cycle-01", "the thing", "do this")


def test_the_newest_checkpoint_is_that_of_the_highest_number(tmp_path: Path) -> None:
    for cycle in (98, 99, 100, 101):
        (tmp_path / f"{cycle_name(cycle)}.json").touch()

    assert [path.name for path in newest(tmp_path, "cycle-")] == [
        "cycle-101",
        "cycle-100",
        "cycle-99",
        "cycle-98",
    ]


def test_half_a_shared_checkpoint_of_another_run_stands_in_nobody_s_way(tmp_path: Path) -> None:
    # Another run that keeps the same reference at the same time, and has come halfway.
    for ending in (".safetensors", ".json"):
        (tmp_path / f".state{ending}.new").mkdir()
    made = encode(checkpoint(1))
    write_encoded(tmp_path / "state", made, shared=True)
    assert read_encoded(tmp_path / "state", "it", "") == made


def nowhere(path: Path) -> None:
    path.symlink_to(path.with_name("nothing"))


@pytest.mark.parametrize("make", [os.mkfifo, nowhere], ids=["a pipe", "a dangling link"])
def test_what_lies_where_checkpoints_belong_and_is_no_folder_is_not_an_empty_one(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    assert newest(tmp_path / "cycles", "") == []
    make(tmp_path / "cycles")
    with pytest.raises(DataError, match=r"cycles is no folder, and the checkpoints .* copy"):
        newest(tmp_path / "cycles", "")


def test_what_is_later_than_the_one_just_written_goes_and_not_that_one(tmp_path: Path) -> None:
    for n in (1, 5, 6):
        write(tmp_path, n)
    forget_old(write(tmp_path, 2))
    assert [p.name for p in newest(tmp_path, "")] == ["cycle-02", "cycle-01"]
    assert not (tmp_path / "cycle-06.safetensors").exists()
