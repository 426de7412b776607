"""A stretch of a stream, in a file."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.adapters.journal import segment as segments
from stairway.adapters.journal.segment import Segment, read_segment, write_segment
from stairway.base.errors import DamagedLogError
from stairway.events.envelope import Envelope, Head, chain

START = Head(4, "ab" * 32)


def events_of(payloads, head=START, stream="fill"):
    digest, made = head.hash, []
    for n, payload in enumerate(payloads, head.position + 1):
        digest = chain(digest, stream, n, payload)
        made.append(Envelope(stream, n, payload, digest, 1_000 + n))
    return made


def written(folder, payloads=(b"a", b"", b"\0\xff" * 40)):
    events = events_of(payloads)
    return events, write_segment(folder, START, events)


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=20))
def test_what_is_written_is_read_back_to_the_last_byte(tmp_path_factory, payloads):
    folder = tmp_path_factory.mktemp("archive")
    events, segment = written(folder, payloads)
    assert list(read_segment(folder, segment)) == events
    assert (segment.first, segment.last) == (5, 4 + len(payloads))
    assert segment.size_bytes == (folder / segment.name).stat().st_size


def test_anybody_who_reads_parquet_can_read_it(tmp_path):
    events, segment = written(tmp_path)
    table = pl.read_parquet(tmp_path / segment.name)
    assert table.columns == ["stream", "position", "recorded_ns", "hash", "payload"]
    assert table["payload"].to_list() == [event.payload for event in events]


def test_files_sort_as_their_events_do():
    names = [Segment("fill", n, "", n, "", 0, 0, "").name for n in (1, 9, 10, 65_536, 10**6)]
    assert names == sorted(names)


@pytest.mark.parametrize("at", [0, 10, 200, -1])
def test_a_changed_byte_is_refused_before_anything_is_parsed(tmp_path, monkeypatch, at):
    _, segment = written(tmp_path)
    path = tmp_path / segment.name
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    monkeypatch.setattr(segments.pl, "read_parquet", lambda *_: pytest.fail("it was parsed"))
    with pytest.raises(
        DamagedLogError, match=r"stream 'fill', position 5.*not what was written"
    ):
        list(read_segment(tmp_path, segment))


def test_a_file_that_is_gone_is_named(tmp_path):
    _, segment = written(tmp_path)
    (tmp_path / segment.name).unlink()
    with pytest.raises(DamagedLogError, match=r"000005-0*7\.parquet.*archive is missing"):
        list(read_segment(tmp_path, segment))


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"before": "cd" * 32}, "position 5: it does not follow"),
        ({"stream": "order"}, "position 5: it does not follow"),
        ({"first": 4}, "position 4: it does not follow"),
        ({"last": 8}, "position 8: the file ends too early"),
        ({"hash": "cd" * 32}, "position 8: the file ends too early"),
    ],
)
def test_a_file_that_is_not_the_one_of_the_index_is_refused(tmp_path, change, cause):
    _, segment = written(tmp_path)
    other = msgspec.structs.replace(segment, **change)
    (tmp_path / other.name).parent.mkdir(exist_ok=True)
    (tmp_path / other.name).write_bytes((tmp_path / segment.name).read_bytes())
    with pytest.raises(DamagedLogError, match=cause):
        list(read_segment(tmp_path, other))


def test_a_disk_that_keeps_something_else_is_found_out_at_once(tmp_path, monkeypatch):
    def lossy(path: Path, content: bytes):
        path.write_bytes(content[:-1] + b"\0")

    monkeypatch.setattr(segments, "replace", lossy)
    with pytest.raises(DamagedLogError, match="not what was written"):
        written(tmp_path)


def test_a_full_disk_leaves_no_file_of_that_name(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="no space"):
        written(tmp_path)
    assert not list(tmp_path.glob("*/*.parquet"))
