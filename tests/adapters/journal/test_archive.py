"""The index of what has left the databases."""

from __future__ import annotations

import msgspec
import pytest

from stairway.adapters.journal.archive import Archive
from stairway.adapters.journal.segment import write_segment
from stairway.base.errors import DamagedLogError
from stairway.events.envelope import Envelope, Head, chain


def filled(folder, stream="fill", portions=3, each=4):
    archive, head, events = Archive(folder), Head(), []
    for _ in range(portions):
        portion, digest = [], head.hash
        for n in range(head.position + 1, head.position + each + 1):
            digest = chain(digest, stream, n, b"%d" % n)
            portion.append(Envelope(stream, n, b"%d" % n, digest, n))
        archive.add([write_segment(archive.folder, head, portion)])
        events += portion
        head = Head(portion[-1].position, digest)
    return archive, events


def test_nothing_archived_is_an_empty_archive(tmp_path):
    archive = Archive(tmp_path)
    assert archive.segments() == ()
    assert archive.end("fill") == Head()
    assert list(archive.read("fill", 0)) == []
    assert not archive.folder.exists()


@pytest.mark.parametrize("after", [0, 1, 4, 5, 11, 12, 99])
def test_reading_starts_behind_a_position(tmp_path, after):
    archive, events = filled(tmp_path)
    assert list(archive.read("fill", after)) == events[after:]


def test_only_the_files_that_are_needed_are_opened(tmp_path):
    archive, events = filled(tmp_path)
    (archive.folder / archive.segments("fill")[0].name).unlink()
    assert list(archive.read("fill", 4)) == events[4:]
    with pytest.raises(DamagedLogError, match="position 1"):
        list(archive.read("fill", 3))


def test_streams_do_not_see_each_other(tmp_path):
    filled(tmp_path)
    archive, _ = filled(tmp_path, "order", portions=1)
    assert archive.end("fill").position == 12
    assert archive.end("order").position == 4
    assert len(archive.segments()) == 4
    assert archive.end("trade.closed") == Head()


def test_what_another_process_adds_is_seen_at_the_next_look(tmp_path):
    reader = Archive(tmp_path)
    _, events = filled(tmp_path)
    assert reader.end("fill") == Head()
    reader.refresh()
    assert reader.end("fill") == Head(12, events[-1].hash)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"[{}]", b"\xff\xfe", b"null"])
def test_an_index_that_is_none_is_refused(tmp_path, content):
    archive, _ = filled(tmp_path)
    (archive.folder / "index.json").write_bytes(content)
    with pytest.raises(DamagedLogError, match=r"index\.json, cannot be read"):
        Archive(tmp_path)


def drop_first(rows):
    return rows[1:]


def drop_middle(rows):
    return [rows[0], rows[2]]


def swap(rows):
    return [rows[1], rows[0], rows[2]]


def again(rows):
    return [*rows, rows[-1]]


def other_hash(rows):
    return [rows[0], rows[1] | {"before": "ab" * 32}, rows[2]]


def backwards(rows):
    return [rows[0] | {"last": 0}, *rows[1:]]


@pytest.mark.parametrize(
    "change", [drop_first, drop_middle, swap, again, other_hash, backwards]
)
def test_an_index_with_a_gap_is_refused(tmp_path, change):
    archive, _ = filled(tmp_path)
    path = archive.folder / "index.json"
    path.write_bytes(msgspec.json.encode(change(msgspec.json.decode(path.read_bytes()))))
    with pytest.raises(DamagedLogError, match="gap in stream 'fill'"):
        Archive(tmp_path)
