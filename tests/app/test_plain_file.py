"""Only a regular file is read, and nothing is waited for."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from stairway.app.plain_file import open_anew, open_plain, read_plain


def made_a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def test_a_file_is_read_whole_through_a_link_too(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5_000
    (tmp_path / "file").write_bytes(content)
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_plain(tmp_path / "file") == read_plain(tmp_path / "link") == content


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["a pipe", "a folder"])
def test_what_is_no_file_is_refused_at_once_and_let_go_of(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "it"
    make(path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with pytest.raises(OSError, match="no regular file") as refused:
            read_plain(path)
        assert refused.value.filename == str(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_socket_is_not_opened(tmp_path: Path) -> None:
    made_a_socket(tmp_path / "it")
    with pytest.raises(OSError, match="it"):
        read_plain(tmp_path / "it")


def test_what_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_plain(tmp_path / "nothing")


# -- to write ------------------------------------------------------------------------------


def linked(path: Path) -> None:
    target = path.with_name("elsewhere")
    target.write_bytes(b"theirs")
    path.symlink_to(target)


NO_FILE = pytest.mark.parametrize(
    "make",
    [os.mkfifo, made_a_socket, linked],
    ids=["a pipe", "a socket", "a link"],
)


def test_what_is_opened_to_write_is_made_and_keeps_what_it_held(tmp_path: Path) -> None:
    path = tmp_path / "it"
    for _ in range(2):
        with open_plain(path) as file:
            file.seek(0, os.SEEK_END)
            file.write(b"more")
    assert path.read_bytes() == b"moremore"
    assert not path.stat().st_mode & 0o111, "it is no program"


@NO_FILE
def test_what_is_no_file_is_not_written_to_and_let_go_of(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path / "it")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with pytest.raises(OSError, match="it"):
            open_plain(tmp_path / "it")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@NO_FILE
def test_where_it_is_opened_anew_what_is_no_file_makes_room(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path / "it")
    with open_anew(tmp_path / "it") as file:
        file.write(b"ours")
    assert not (tmp_path / "it").is_symlink()
    assert (tmp_path / "it").read_bytes() == b"ours"
    if make is linked:
        assert (tmp_path / "elsewhere").read_bytes() == b"theirs"


def test_what_is_opened_anew_is_empty(tmp_path: Path) -> None:
    (tmp_path / "it").write_bytes(b"a long leftover")
    with open_anew(tmp_path / "it") as file:
        file.write(b"new")
    assert (tmp_path / "it").read_bytes() == b"new"


def test_a_folder_is_never_taken_away(tmp_path: Path) -> None:
    (tmp_path / "it").mkdir()
    for opening in (open_plain, open_anew):
        with pytest.raises(OSError, match="it"):
            opening(tmp_path / "it")
    assert (tmp_path / "it").is_dir()
