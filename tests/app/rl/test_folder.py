"""Checkpoints on disk: the newest counts, the one before it stays, and half of one is none."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from stairway.app.rl import folder as rl_folder
from stairway.app.rl.folder import (
    cycle_name,
    forget_old,
    newest,
    open_practice,
    read_encoded,
    read_newest,
    require_seeds,
    rollout_name,
    write_checkpoint,
)
from stairway.base.errors import ConfigError, DataError
from stairway.training.checkpoint import Checkpoint, Mark
from stairway.training.journal import LAYOUT, Frozen

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
        rl_folder, "write_whole", lambda p, c: (order.append(p.suffix), whole(p, c))
    )
    for n in (1, 2, 3):
        write(tmp_path, n)
    assert order == [".safetensors", ".json"] * 3
    removed: list[str] = []
    unlink = Path.unlink
    monkeypatch.setattr(Path, "unlink", lambda p, **k: (removed.append(p.name), unlink(p, **k)))
    forget_old(newest(tmp_path, ""))
    assert removed == ["cycle-01.json", "cycle-01.safetensors"]
    assert [p.name for p in newest(tmp_path, "")] == ["cycle-03", "cycle-02"]


def test_a_disk_without_room_leaves_the_last_good_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 1)
    whole = rl_folder.write_whole

    def full(path: Path, content: bytes) -> None:
        if path.suffix == ".json":
            msg = "no room left"
            raise ConfigError(msg)
        whole(path, content)

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
    for n in (1, 2, 3):
        write(tmp_path, n)
    (tmp_path / name).write_text("mine")
    found = read_newest(newest(tmp_path, ""), IDENTITY)
    assert found is not None
    assert found.mark.cycle == 3
    forget_old(newest(tmp_path, ""))
    assert (tmp_path / name).read_text() == "mine"
    assert [p.name for p in newest(tmp_path, "")] == ["cycle-03", "cycle-02"]


def test_one_of_something_else_is_refused(tmp_path: Path) -> None:
    write(tmp_path, 1)
    other = msgspec.structs.replace(IDENTITY, data="x")
    with pytest.raises(DataError, match="made on other data"):
        read_newest(newest(tmp_path, ""), other)


def test_what_is_missing_is_said_by_name(tmp_path: Path) -> None:
    said = r"the thing .*cycle-01\.safetensors cannot be read \(No such .*\); do this"
    with pytest.raises(DataError, match=said):
        read_encoded(tmp_path / "cycle-01", "the thing", "do this")


# -- what was asked for, and what came of it -----------------------------------------------


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no training run: it has no practice\.json"):
        open_practice(tmp_path)


@pytest.mark.parametrize("layout", [0, 99, None, "1"])
def test_a_run_of_another_layout_is_refused(layout: object, tmp_path: Path) -> None:
    (tmp_path / "practice.json").write_bytes(msgspec.json.encode({"layout": layout}))
    with pytest.raises(ConfigError, match="has layout"):
        open_practice(tmp_path)


def test_a_run_that_another_version_began_is_not_taken_up(tmp_path: Path) -> None:
    said = {"layout": LAYOUT, "version": "0.0.1", "what_we_do_not_know": True}
    (tmp_path / "practice.json").write_bytes(msgspec.json.encode(said))
    with pytest.raises(ConfigError, match=r"begun by stairway 0\.0\.1 and this is .*; finish"):
        open_practice(tmp_path)


BARE = f'{{"layout":{LAYOUT}}}'.encode()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", BARE, b"\xff", b"[" * 90_000])
def test_a_damaged_run_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "practice.json").write_bytes(content)
    with pytest.raises(DataError, match=r"practice\.json cannot be read"):
        open_practice(tmp_path)


def test_a_run_of_the_other_kind_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "run.json").touch()
    with pytest.raises(
        ConfigError, match=r"is a run and no training run; .*: stairway run --r"
    ):
        open_practice(tmp_path)


@pytest.mark.parametrize("seeds", [(), (1, 1), (-1,), (2**31,), tuple(range(65))])
def test_seeds_that_cannot_run_are_refused(seeds: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="give 1 to 64 different whole numbers"):
        require_seeds(seeds)


def test_the_newest_checkpoint_is_that_of_the_highest_number(tmp_path: Path) -> None:
    for cycle in (98, 99, 100, 101):
        (tmp_path / f"{cycle_name(cycle)}.json").touch()

    assert [path.name for path in newest(tmp_path, "cycle-")] == [
        "cycle-101",
        "cycle-100",
        "cycle-99",
        "cycle-98",
    ]
