"""What must reach the disk reaches it whole; one writer; room kept for the worst day."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from stairway.adapters.journal import files
from stairway.adapters.journal.files import Ballast, Lock, make_folder, replace, sync_folder
from stairway.base.errors import ConfigError, DiskFullError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "file"
    replace(path, b"first")
    replace(path, b"second")
    assert path.read_bytes() == b"second"
    assert names(tmp_path) == ["file"]


def test_a_file_is_on_disk_before_its_name_and_its_name_before_the_return(
    tmp_path, monkeypatch
):
    calls = []
    fsync = os.fsync

    def recorded(fd):
        calls.append((Path(f"/proc/self/fd/{fd}").readlink(), names(tmp_path)))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", recorded)
    replace(tmp_path / "file", b"content")
    assert calls == [(tmp_path / "file.new", ["file.new"]), (tmp_path, ["file"])]


@pytest.mark.parametrize("left", ["file", "link", "hard link", "pipe", "socket"])
def test_whatever_lies_where_a_file_is_made_ready_is_neither_waited_for_nor_written_to(
    tmp_path, left
):
    path, other, fresh = (tmp_path / name for name in ("file", "other", "file.new"))
    other.write_bytes(b"precious")
    match left:
        case "file":
            fresh.write_bytes(b"of one who was killed, and longer")
        case "link":
            fresh.symlink_to(other)
        case "hard link":
            fresh.hardlink_to(other)
        case "pipe":
            os.mkfifo(fresh)
        case _:
            with socket.socket(socket.AF_UNIX) as one:
                one.bind(str(fresh))
    replace(path, b"content")
    assert (path.read_bytes(), other.read_bytes()) == (b"content", b"precious")
    assert stat.S_ISREG(path.lstat().st_mode)
    assert names(tmp_path) == ["file", "other"]


def test_what_somebody_puts_there_meanwhile_is_not_written_to(tmp_path, monkeypatch):
    theirs = tmp_path / "theirs"
    theirs.write_bytes(b"theirs")
    taken_away = Path.unlink

    def put_back(path, *, missing_ok=False):
        taken_away(path, missing_ok=missing_ok)
        path.symlink_to(theirs)

    monkeypatch.setattr(Path, "unlink", put_back)
    with pytest.raises(FileExistsError):
        replace(tmp_path / "mark", b"new")
    assert theirs.read_bytes() == b"theirs"


def test_a_folder_where_a_file_is_made_ready_is_named_and_left_alone(tmp_path):
    (tmp_path / "file.new").mkdir()
    with pytest.raises(IsADirectoryError, match=r"file\.new"):
        replace(tmp_path / "file", b"content")
    assert names(tmp_path) == ["file.new"]


def test_a_crash_before_the_rename_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    replace(path, b"old")

    def fail(_fd):
        raise OSError(5, "I/O error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="I/O error"):
        replace(path, b"new")
    assert path.read_bytes() == b"old"


def test_syncing_a_folder_that_is_none_fails(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        sync_folder(tmp_path / "file")


def test_a_lock_is_held_by_one_and_can_be_passed_on(tmp_path):
    first = Lock(tmp_path / "lock")
    with pytest.raises(ConfigError, match=f"process {os.getpid()}; .* read_only"):
        Lock(tmp_path / "lock")
    first.release()
    first.release()
    second = Lock(tmp_path / "lock")
    first.release()
    with pytest.raises(ConfigError):
        Lock(tmp_path / "lock")
    second.release()


def test_the_lock_of_a_dead_process_is_free(tmp_path):
    code = (
        "import os, sys, pathlib; from stairway.adapters.journal.files import Lock\n"
        "lock = Lock(pathlib.Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(ConfigError, match=f"process {holder.pid};"):
            Lock(path)
        holder.kill()
        holder.wait()
        Lock(path).release()


def test_ballast_takes_its_room_and_gives_it_back(tmp_path):
    ballast = Ballast(tmp_path / "ballast", 1_000_000)
    ballast.load()
    ballast.load()
    assert (tmp_path / "ballast").stat().st_blocks * 512 >= 1_000_000
    ballast.drop()
    ballast.drop()
    assert names(tmp_path) == []


def test_ballast_that_does_not_fit_says_what_to_do_and_leaves_nothing(tmp_path):
    ballast = Ballast(tmp_path / "ballast", 1 << 60)
    with pytest.raises(DiskFullError, match=r"set \[log\] ballast_bytes lower"):
        ballast.load()
    assert names(tmp_path) == []


def test_ballast_fails_otherwise_as_the_disk_does(tmp_path, monkeypatch):
    def fail(_fd, _offset, _size):
        raise OSError(5, "I/O error")

    monkeypatch.setattr(os, "posix_fallocate", fail)
    with pytest.raises(OSError, match="I/O error"):
        Ballast(tmp_path / "ballast", 10).load()
    assert names(tmp_path) == []


@pytest.mark.parametrize("there", [0, 1, 2, 3])
def test_every_folder_that_is_made_is_made_to_last(tmp_path, monkeypatch, there):
    parts = [tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "c"]
    for folder in parts[:there]:
        folder.mkdir()
    synced = []
    monkeypatch.setattr(files, "sync_folder", synced.append)
    make_folder(parts[-1])
    assert parts[-1].is_dir()
    # Its own name also where it was there: its maker may have been killed.
    assert sorted(synced) == [folder.parent for folder in parts[min(there, 2) :]]
