"""The policy in a training run's folder is the one that the verdict was given for, or refused."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from stairway.app.rl.folder import RlFolder
from stairway.app.rl.left import FILES, read_left
from stairway.app.rl.outcome import read_result, write_result
from stairway.base.errors import DataError
from stairway.base.hashing import digest
from stairway.testing.journal import practice_result
from stairway.training.journal import LeftFile


def edited(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def made_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def made_a_pipe(path: Path) -> None:
    """Nobody writes to it: who opens it to read waits for ever."""
    path.unlink()
    os.mkfifo(path)


def made_a_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


SPOILT: dict[str, tuple[Callable[[Path], None], str]] = {
    "edited": (edited, "is not the file that this training run left: its SHA-256 begins with"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-1]), "is not the file that"),
    "emptied": (lambda path: path.write_bytes(b""), "is not the file that"),
    "removed": (Path.unlink, "cannot be read .No such file or directory."),
    "a folder": (made_a_folder, "cannot be read .it is no regular file."),
    "a pipe": (made_a_pipe, "cannot be read .it is no regular file."),
    "a device": (made_a_device, "cannot be read .it is no regular file."),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", SPOILT)
def test_a_file_that_is_not_what_was_left_is_refused_by_name(how: str, name: str, over) -> None:
    folder, _ = over()
    spoil, words = SPOILT[how]
    spoil(folder.policy / name)
    with pytest.raises(DataError, match=f"^{folder.policy / name} {words}") as refused:
        read_result(folder)
    assert f"remove {folder.result}, and stairway train rl --resume" in str(refused.value)


def test_two_files_that_changed_places_are_refused(over) -> None:
    folder, _ = over()
    one, two = (folder.policy / name for name in FILES[:2])
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    with pytest.raises(DataError, match="is not the file that this training run left"):
        read_result(folder)


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize(
    "name", ["policy/notes.txt", "policy/more/x", "unaccepted/policy.onnx"]
)
def test_a_file_that_was_added_is_refused_by_name(name: str, accepted, over) -> None:
    folder, _ = over(practice_result(accepted=accepted))
    path = folder.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    added = "/".join(name.split("/")[:2])
    with pytest.raises(DataError, match=f"^{folder.root / added} was not left by this .*take"):
        read_result(folder)


@pytest.mark.parametrize(
    ("result", "name"),
    [
        (practice_result(accepted=True), "unaccepted"),
        (practice_result(accepted=False), "policy"),
        (practice_result(accepted=False), "unaccepted"),
    ],
    ids=["accepted", "refused", "nothing kept"],
)
def test_an_empty_folder_where_none_was_left_is_refused(result, name: str, over) -> None:
    """An empty policy/ beside a refused run would look as if one had been accepted."""
    folder, _ = over(result)
    (folder.root / name).mkdir()
    with pytest.raises(DataError, match=f"^{folder.root / name} was not left by .*; take it"):
        read_result(folder)


def test_a_file_in_the_place_of_a_folder_is_refused_by_name(over) -> None:
    folder, _ = over()
    folder.unaccepted.write_text("mine")
    with pytest.raises(DataError, match=f"^{folder.unaccepted} was not left by this"):
        read_result(folder)


@pytest.mark.parametrize(
    "files",
    [
        (),
        (LeftFile("policy/policy.onnx", "0" * 64),),
        tuple(LeftFile(f"unaccepted/{name}", "0" * 64) for name in FILES),
        tuple(LeftFile(f"../policy/{name}", "0" * 64) for name in FILES),
        tuple(LeftFile(f"policy/{name}", "0" * 64) for name in reversed(FILES)),
    ],
    ids=["none", "one", "the other folder", "outside", "another order"],
)
def test_a_new_seal_over_other_names_is_refused(files: tuple[LeftFile, ...], over) -> None:
    folder, result = over()
    write_result(folder, msgspec.structs.replace(result, files=files))
    with pytest.raises(
        DataError, match=r"result\.json binds .*, where a run that came to this"
    ):
        read_result(folder)


def test_what_is_read_is_what_was_hashed(over) -> None:
    folder, result = over()
    content = read_left(folder, result)
    assert [*content] == [*FILES]
    assert [digest(part) for part in content.values()] == [f.sha256 for f in result.files]


def test_where_no_cycle_was_kept_nothing_was_left(over) -> None:
    folder, result = over(practice_result(accepted=False))
    assert result.files == ()
    assert read_left(folder, result) == {}


def test_what_is_left_lies_where_the_folder_lies(over, tmp_path: Path) -> None:
    """Names are those inside the folder: it may be moved or copied."""
    folder, result = over()
    shutil.copytree(folder.root, tmp_path / "moved" / "run")
    assert read_result(RlFolder(tmp_path / "moved" / "run")) == result
    assert all(re.fullmatch(r"policy/[a-z.]+", file.name) for file in result.files)
