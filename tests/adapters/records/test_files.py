"""A file is marked while something else is done, and the mark is that of a patient reader."""

from __future__ import annotations

import gc
import hashlib
import threading
from pathlib import Path

import pytest

from stairway.adapters.feeds import jsonl
from stairway.adapters.records.files import RecordFile
from stairway.supervision.field_map import Opening

SIZES = [1, 2**22 - 1, 2**22, 2**22 + 1, 9_000_000]


def file_of(size: int, folder: Path) -> Path:
    path = folder / "bot.jsonl"
    path.write_bytes(bytes(range(256)) * (size // 256) + b"x" * (size % 256))
    return path


@pytest.mark.parametrize("size", SIZES)
def test_the_hash_is_that_of_the_whole_file(size: int, tmp_path: Path) -> None:
    path = file_of(size, tmp_path)
    mark = dict(RecordFile(path).mark())
    assert mark["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (mark["path"], mark["bytes"]) == (str(path), size)
    assert mark["modified_ns"] == path.stat().st_mtime_ns


def test_two_marks_are_equal_as_long_as_the_file_is_the_same(tmp_path: Path) -> None:
    path = file_of(1_000, tmp_path)
    file = RecordFile(path)
    first, again = file.mark(), file.mark()
    assert first == again
    assert len(first) == len(list(first)) == 4
    path.write_bytes(b"y" * 1_000)
    assert file.mark() != first


def test_a_mark_is_of_the_file_that_was_there_when_it_was_asked_for(tmp_path: Path) -> None:
    path = file_of(9_000_000, tmp_path)
    was = hashlib.sha256(path.read_bytes()).hexdigest()
    mark = RecordFile(path).mark()
    (tmp_path / "other").write_bytes(b"other")
    (tmp_path / "other").replace(path)
    assert mark["sha256"] == was


def test_a_hash_that_nobody_asks_for_any_more_ends(tmp_path: Path) -> None:
    path = file_of(10, tmp_path)
    with path.open("r+b") as file:
        file.truncate(2**38)  # holes only: nothing is written, and hashing it takes minutes
    RecordFile(path).mark()
    gc.collect()
    for thread in threading.enumerate():
        if thread.name == "hash":
            thread.join(10)
            assert not thread.is_alive()


def test_a_file_that_cannot_be_read_says_so_to_whoever_asks(tmp_path: Path) -> None:
    file = RecordFile(file_of(10, tmp_path))
    file.path.unlink()
    with pytest.raises(OSError, match=r"bot\.jsonl"):
        file.mark()


LINE = b'{"a":"' + b"x" * 900 + b'"}\n'


@pytest.mark.parametrize("first", [b"", b"\xef\xbb\xbf"], ids=["plain", "marked"])
@pytest.mark.parametrize("end", [b"", b'{"a":1}', b"\n\n"], ids=["whole", "open", "blank"])
def test_lines_are_the_same_however_blocks_cut_them(
    first: bytes, end: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "bot.jsonl"
    path.write_bytes(first + LINE * 20_000 + end)
    chunks = list(jsonl.open_feed(str(path), Opening()).chunks(7_000))
    texts = [text for chunk in chunks for text in chunk.texts]
    assert texts == [LINE] * 20_000 + [end] * bool(end.strip())
    numbers = [
        int(chunk.place(row).split()[1]) for chunk in chunks for row in range(len(chunk))
    ]
    assert numbers == list(range(1, len(texts) + 1))
    assert [chunk.open_end for chunk in chunks][-1] == (end == b'{"a":1}')
