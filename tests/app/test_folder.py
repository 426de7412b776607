"""A run's folder is whole or refused, and says what to do."""

from __future__ import annotations

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace as with_field
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from stairway.app import folder as folders
from stairway.app import settings as policies
from stairway.app.facts import LAYOUT
from stairway.app.folder import Ask, Plan, RunFolder
from stairway.base.errors import ConfigError, DataError
from stairway.base.units import UtcNs
from stairway.market.facts import DataReport, TableReport
from stairway.testing.bars import INSTRUMENTS, random_walk

BARS = random_walk(40, seed=1)
PLAN = Plan(30, 25, "xgboost", 20, 3, 28)
REPORT = DataReport(
    tables=(TableReport("ALPHA", 41, 40, {"no_partner": 1}), TableReport("BETA", 40, 40, {})),
    bars=40,
    sessions=40,
    gaps=0,
    cut_short=0,
    first_ns=BARS.at(0).time_ns,
    last_ns=BARS.at(39).time_ns,
    bar_seconds=86_400,
    fingerprint=BARS.fingerprint,
)


def some_ask(plan: Plan | None = None) -> Ask:
    return Ask(
        layout=LAYOUT,
        version="0.1",
        source="sample",
        source_options={"kind": "sample"},
        policy_name="daily",
        policy=policies.plain(policies.load("daily")),
        seed=7,
        first_index=24,
        instruments=tuple(msgspec.to_builtins(one) for one in INSTRUMENTS),
        data_report=REPORT,
        bars_fingerprint="f",
        plan=plan,
    )


def kept(root: Path) -> RunFolder:
    """A folder with what a run writes first."""
    folder = folders.create(root)
    folders.write_bars(folder, BARS)
    folders.write_json(folder.ask, some_ask(PLAN))
    return folder


def test_what_was_asked_for_is_read_back(tmp_path: Path) -> None:
    kept(tmp_path / "run")
    folder, ask = folders.open_existing(tmp_path / "run")
    assert msgspec.json.encode(ask) == msgspec.json.encode(some_ask(PLAN))
    assert policies.decode(ask.policy, ask.policy_name) == policies.load("daily")
    assert folder == RunFolder(tmp_path / "run")


def test_bars_are_read_back_to_the_last_bit(tmp_path: Path) -> None:
    bars = folders.read_bars(kept(tmp_path / "run"), some_ask())
    assert bars.fingerprint == BARS.fingerprint
    assert bars.instruments == BARS.instruments


def test_everything_lies_inside_the_folder(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    paths = [getattr(folder, n) for n, v in vars(RunFolder).items() if isinstance(v, property)]
    assert len(paths) == len(set(paths)) >= 9
    assert all(path.parent == tmp_path for path in paths)


def test_a_folder_that_holds_something_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "a letter").write_text("dear")
    with pytest.raises(ConfigError, match="already holds something; give another --out"):
        folders.create(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["a letter"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(ConfigError, match="already holds something"):
        folders.create(tmp_path / "run")


def test_an_empty_folder_is_taken_and_parents_are_made(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert folders.create(tmp_path / "run").root.is_dir()
    assert list(folders.create(tmp_path / "a" / "b").root.iterdir()) == []


def test_a_place_where_nothing_can_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot write .*: .*; choose another --out"):
        folders.create(tmp_path / "file" / "run")
    with pytest.raises(ConfigError, match="cannot write"):
        folders.write_whole(tmp_path / "file" / "x", b"")


def test_no_run_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is no run folder, it has no run.json"):
        folders.open_existing(tmp_path)
    with pytest.raises(ConfigError, match="is no run folder"):
        folders.open_existing(tmp_path / "gone")


def test_a_training_run_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "practice.json").touch()
    with pytest.raises(ConfigError, match=r"is a training run, .*: stairway train rl --resume"):
        folders.open_existing(tmp_path)


@pytest.mark.parametrize("layout", [0, LAYOUT + 1, None, "1"])
def test_a_folder_of_another_layout_is_refused_and_not_guessed_at(
    tmp_path: Path, layout: object
) -> None:
    folder = kept(tmp_path / "run")
    asked = msgspec.json.decode(folder.ask.read_bytes()) | {"layout": layout}
    folder.ask.write_bytes(msgspec.json.encode(asked))
    with pytest.raises(ConfigError, match=f"has layout .* and this version reads {LAYOUT}"):
        folders.open_existing(folder.root)


def test_a_half_written_run_json_cannot_be_read(tmp_path: Path) -> None:
    folder = kept(tmp_path / "run")
    whole = folder.ask.read_bytes()
    for length in range(0, len(whole) - 2, 97):
        folder.ask.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"cannot be read .*; restore it from a copy"):
            folders.open_existing(folder.root)


@pytest.mark.parametrize(
    "content", [b"[1]", b"null", b'"\xff"', b'{"layout": %d}' % LAYOUT, b"\x00"]
)
def test_a_run_json_of_something_else_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    folder = kept(tmp_path / "run")
    folder.ask.write_bytes(content)
    with pytest.raises(DataError, match=r"run.json cannot be read"):
        folders.open_existing(folder.root)


def test_missing_bars_are_data_that_is_missing(tmp_path: Path) -> None:
    folder = kept(tmp_path / "run")
    folder.bars.unlink()
    with pytest.raises(DataError, match=r"bars.npz cannot be read"):
        folders.read_bars(folder, some_ask())


@pytest.mark.parametrize("length", [0, 1, 3, 30, 500, -1, -22, -100])
def test_bars_that_were_cut_short_are_refused(tmp_path: Path, length: int) -> None:
    folder = kept(tmp_path / "run")
    folder.bars.write_bytes(folder.bars.read_bytes()[:length])
    with pytest.raises(DataError, match="restore it from a copy, or start a new run with"):
        folders.read_bars(folder, some_ask())


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, bytes]:
    folder = kept(tmp_path_factory.mktemp("runs") / "run")
    return folder, folder.bars.read_bytes()


@hypothesis_settings(max_examples=150)
@given(st.data())
def test_a_flipped_bit_is_refused_or_changes_nothing(
    sound: tuple[RunFolder, bytes], data: st.DataObject
) -> None:
    folder, whole = sound
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[at] ^= 1 << data.draw(st.integers(0, 7))
    folder.bars.write_bytes(bytes(damaged))
    try:
        bars = folders.read_bars(folder, some_ask())
    except DataError:
        return
    assert bars.fingerprint == BARS.fingerprint


def test_a_header_that_asks_for_fewer_rows_than_there_are_is_refused(tmp_path: Path) -> None:
    """Numpy reads what the header asks for, and looks at the checksum only at the end."""
    folder = folders.create(tmp_path / "run")
    folders.write_bars(folder, random_walk(2_000, seed=1))
    whole = folder.bars.read_bytes()
    assert whole.count(b"(2000, 2)") == 5
    folder.bars.write_bytes(whole.replace(b"(2000, 2)", b"(1000, 2)"))
    with pytest.raises(DataError, match="damaged: its column open misses its checksum"):
        folders.read_bars(folder, some_ask())


def test_bars_with_a_column_too_many_or_too_few_are_refused(tmp_path: Path) -> None:
    folder = kept(tmp_path / "run")
    with np.load(folder.bars) as table:
        columns = {name: table[name] for name in table}
    np.savez(folder.bars, **columns, extra=np.zeros(3))
    with pytest.raises(DataError, match="extra"):
        folders.read_bars(folder, some_ask())
    del columns["close"]
    np.savez(folder.bars, **columns)
    with pytest.raises(DataError, match="close"):
        folders.read_bars(folder, some_ask())


def test_bars_never_unpickle_anything(tmp_path: Path) -> None:
    folder = kept(tmp_path / "run")
    np.savez(folder.bars, time_ns=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match="allow_pickle"):
        folders.read_bars(folder, some_ask())


@pytest.mark.parametrize("count", [0, 1, 3])
def test_instruments_that_are_no_pair_are_refused(tmp_path: Path, count: int) -> None:
    folder = kept(tmp_path / "run")
    pair = some_ask().instruments
    ask = msgspec.structs.replace(some_ask(), instruments=(pair * 2)[:count])
    with pytest.raises(DataError, match="cannot be read"):
        folders.read_bars(folder, ask)


def test_an_instrument_that_cannot_be_is_refused(tmp_path: Path) -> None:
    folder = kept(tmp_path / "run")
    first, second = some_ask().instruments
    broken = msgspec.structs.replace(
        some_ask(), instruments=(first | {"tick_usd": -1.0}, second)
    )
    with pytest.raises(DataError, match="cannot be read"):
        folders.read_bars(folder, broken)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    folders.write_whole(path, b"one")
    folders.write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    folders.write_whole(path, b"old")
    (tmp_path / ".file.new").mkdir()
    with pytest.raises(ConfigError, match="cannot write"):
        folders.write_whole(path, b"new")
    assert path.read_bytes() == b"old"


def test_many_may_write_one_shared_file_at_once_and_it_is_always_whole(tmp_path: Path) -> None:
    path = tmp_path / "shared"
    begin = threading.Barrier(8)
    texts = [bytes([65 + i]) * 200_000 for i in range(8)]

    def write(text: bytes) -> None:
        begin.wait()
        for _ in range(5):
            folders.write_whole(path, text, shared=True)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, texts))
    assert path.read_bytes() in texts
    assert [p.name for p in tmp_path.iterdir()] == ["shared"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
@pytest.mark.parametrize(
    ("there", "then"),
    [
        (None, "give the same command again"),
        ("run.json", "stairway run --resume {0}"),
        ("practice.json", "stairway train rl --resume {0}"),
    ],
)
def test_a_full_disk_says_what_to_free_and_how_to_go_on(
    code: int, there: str | None, then: str, tmp_path: Path
) -> None:
    if there is not None:
        (tmp_path / there).touch()
    path = tmp_path / "deep" / "x"
    said = str(folders._cannot_write(path, OSError(code, "full")))
    assert said == f"no room left for {path}; free some disk space, then {then}".format(
        tmp_path
    )


@contextmanager
def room_for(n_bytes: int) -> Iterator[None]:
    """Let no file of this process grow any larger."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_first_file_without_room_leaves_nothing_and_can_be_asked_for_again(
    tmp_path: Path,
) -> None:
    folder = folders.create(tmp_path / "run")
    with room_for(1_000), pytest.raises(ConfigError, match="then give the same command again"):
        folders.write_bars(folder, BARS)
    assert [*folder.root.iterdir()] == []
    assert kept(tmp_path / "run").bars.is_file()


@pytest.mark.parametrize("begun", [".run.json.new", ".practice.json.new", "bars.npz"])
def test_a_start_that_was_killed_as_it_began_is_begun_again(begun: str, tmp_path: Path) -> None:
    (tmp_path / begun).write_bytes(b"half")
    assert kept(tmp_path).bars.stat().st_size > 4


def test_json_is_for_people_too(tmp_path: Path) -> None:
    folders.write_json(tmp_path / "plan.json", PLAN)
    text = (tmp_path / "plan.json").read_text()
    assert text.endswith("}\n")
    assert '  "collapse_model": "xgboost"' in text
    assert msgspec.json.decode(text, type=Plan) == PLAN


def test_another_pair_of_bars_is_another_fingerprint(tmp_path: Path) -> None:
    folder = kept(tmp_path / "run")
    other = with_field(BARS, close=BARS.close + 0.01)
    folders.write_bars(folder, other)
    assert folders.read_bars(folder, some_ask()).fingerprint == other.fingerprint
    assert folders.read_bars(folder, some_ask()).at(0).time_ns == UtcNs(int(BARS.time_ns[0]))


# -- pipes, where files belong -------------------------------------------------------------


def test_a_pipe_in_the_place_of_the_bars_is_not_waited_for(tmp_path: Path) -> None:
    folder = folders.create(tmp_path / "run")
    os.mkfifo(folder.bars)
    with pytest.raises(DataError, match=r"bars\.npz cannot be read \(it is no regular file\)"):
        folders.load_bars(folder, INSTRUMENTS)


@pytest.mark.parametrize("shared", [False, True])
def test_a_pipe_that_was_left_beside_a_file_makes_room_for_it(shared, tmp_path: Path) -> None:
    whose = f".{os.getpid()}-{threading.get_ident()}" if shared else ""
    os.mkfifo(tmp_path / f".result.json{whose}.new")
    folders.write_whole(tmp_path / "result.json", b"{}", shared=shared)
    assert (tmp_path / "result.json").read_bytes() == b"{}"
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_a_folder_beside_a_file_is_named_and_left(tmp_path: Path) -> None:
    (tmp_path / "practice.json").write_bytes(b"{}")
    (tmp_path / ".result.json.new").mkdir()
    with pytest.raises(ConfigError, match=r"\.result\.json\.new is a folder; take it") as error:
        folders.write_whole(tmp_path / "result.json", b"{}")
    assert str(error.value).endswith(f"then stairway train rl --resume {tmp_path}")
    assert (tmp_path / ".result.json.new").is_dir()


def test_a_folder_in_the_place_of_a_file_is_named_and_not_what_was_to_be_renamed(
    tmp_path: Path,
) -> None:
    (tmp_path / "practice.json").write_bytes(b"{}")
    (tmp_path / "unaccepted" / "policy.onnx").mkdir(parents=True)
    path = tmp_path / "unaccepted" / "policy.onnx"
    with pytest.raises(ConfigError) as refused:
        folders.write_whole(path, b"x")
    assert str(refused.value) == (
        f"cannot write {path}: {path} is a folder; take it away, then stairway train rl "
        f"--resume {tmp_path}"
    )
    assert [p.name for p in path.parent.iterdir()] == ["policy.onnx"]


def a_link(path: Path) -> None:
    path.symlink_to(path.with_name("practice.json"))


def a_dangling_link(path: Path) -> None:
    path.symlink_to(path.with_name("nothing"))


@pytest.mark.parametrize("make", [os.mkfifo, Path.touch, a_link, a_dangling_link])
def test_what_is_no_folder_where_one_belongs_is_named_with_how_to_go_on(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    (tmp_path / "practice.json").write_bytes(b"{}")
    make(tmp_path / "seeds")
    with pytest.raises(ConfigError, match="seeds is no folder; take it away, then") as refused:
        folders.write_whole(tmp_path / "seeds" / "1" / "x.json", b"{}")
    assert str(refused.value).endswith(f"stairway train rl --resume {tmp_path}")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EACCES, "Permission denied; make that place writable, then"),
        (errno.EROFS, "Read-only file system; make that place writable, then"),
        (errno.EIO, "Input/output error; put that right, then"),
    ],
)
def test_a_write_that_the_system_refuses_says_how_to_go_on_and_never_another_out(
    code: int, words: str, tmp_path: Path
) -> None:
    (tmp_path / "run.json").touch()
    said = str(folders._cannot_write(tmp_path / "x", OSError(code, os.strerror(code))))
    assert said == f"cannot write {tmp_path / 'x'}: {words} stairway run --resume {tmp_path}"


def test_a_new_run_where_no_folder_can_be_says_what_lies_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"/file is no folder; choose another --out"):
        folders.create(tmp_path / "file" / "run")


def test_a_start_does_not_wait_for_a_pipe_where_it_tries_to_write(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".writable")
    folders.create(tmp_path)
    assert list(tmp_path.iterdir()) == []
