"""Only a regular file is read, and nothing is waited for."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from stairway.app.plain_file import read_plain


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
