"""A file that knows how long it has to be."""

from __future__ import annotations

import os
import shutil

import apsw
import pytest

from stairway.adapters.journal.journal import MARK_COMMITS, Journal, Reader, mark_path
from stairway.adapters.journal.mark import read_mark
from stairway.adapters.journal.rows import sealed
from stairway.adapters.journal.store import Row, Store, Sync
from stairway.base.errors import DamagedLogError, DiskFullError, RecordError
from stairway.events.envelope import GENESIS, Head, chain


def rows_of(stream, count, head=None):
    position, digest = (head.position, head.hash) if head else (0, GENESIS)
    rows = []
    for n in range(position + 1, position + count + 1):
        digest = chain(digest, stream, n, b"%d" % n)
        rows.append(sealed(Row(stream, n, 1_000 + n, digest, b"%d" % n)))
    return rows


def killed(journal, path, elsewhere):
    """Copy the files as a kill would leave them, and let the journal go."""
    elsewhere.mkdir()
    for file in path.parent.iterdir():
        if file.is_file() and not file.name.endswith("-shm"):
            shutil.copy(file, elsewhere)
    journal.close()
    return elsewhere / path.name


def test_the_mark_follows_each_durable_commit(tmp_path):
    path = tmp_path / "x.db"
    journal = Journal(path, Sync.FULL)
    for n in (1, 2, 3):
        rows = rows_of("fill", 2, journal.heads.get("fill"))
        journal.commit(rows)
        assert read_mark(mark_path(path)) == journal.heads
        assert journal.heads == {"fill": Head(2 * n, rows[-1][4].hex())}
    journal.close()


def test_the_mark_is_synced_at_rest_and_at_the_latest_after_so_many_commits(
    tmp_path, monkeypatch
):
    journal = Journal(tmp_path / "x.db", Sync.FULL)
    syncs = []
    monkeypatch.setattr(os, "fdatasync", syncs.append)
    for n in range(1, 2 * MARK_COMMITS + 2):
        journal.commit(rows_of("fill", 1, journal.heads.get("fill")))
        assert len(syncs) == n // MARK_COMMITS
    journal.settle()
    journal.settle()
    assert len(syncs) == 3
    journal.commit(rows_of("fill", 1, journal.heads["fill"]))
    journal.close()
    assert len(syncs) == 4


def test_the_mark_of_telemetry_claims_only_what_a_checkpoint_has_synced(tmp_path):
    path = tmp_path / "x.db"
    journal = Journal(path, Sync.NORMAL)
    journal.commit(rows_of("timing", 5))
    assert read_mark(mark_path(path)) == {}
    journal.checkpoint()
    assert read_mark(mark_path(path)) == journal.heads
    journal.commit(rows_of("timing", 5, journal.heads["timing"]))
    assert read_mark(mark_path(path))["timing"].position == 5
    journal.close()
    assert read_mark(mark_path(path))["timing"].position == 10


def test_a_checkpoint_that_is_not_done_leaves_the_mark(tmp_path):
    path = tmp_path / "x.db"
    journal = Journal(path, Sync.NORMAL)
    journal.commit(rows_of("timing", 5))
    beside = apsw.Connection(str(path))
    beside.execute("begin")
    beside.execute("select * from event").fetchall()
    journal.commit(rows_of("timing", 5, journal.heads["timing"]))
    journal.checkpoint()
    assert read_mark(mark_path(path)) == {}
    beside.close()
    journal.close()


def test_what_was_committed_behind_the_mark_is_taken_over(tmp_path):
    path = tmp_path / "x.db"
    journal = Journal(path, Sync.FULL)
    journal.commit(rows_of("fill", 3))
    older = mark_path(path).read_bytes()
    journal.commit(rows_of("fill", 3, journal.heads["fill"]))
    copy = killed(journal, path, tmp_path / "copy")
    mark_path(copy).write_bytes(older)
    again = Journal(copy, Sync.FULL)
    assert again.heads["fill"].position == 6
    assert read_mark(mark_path(copy))["fill"].position == 6
    again.close()


def test_what_a_killed_writer_left_is_moved_before_the_mark_claims_it(tmp_path):
    path = tmp_path / "x.db"
    journal = Journal(path, Sync.NORMAL)
    journal.commit(rows_of("timing", 5))
    copy = killed(journal, path, tmp_path / "copy")
    beside = apsw.Connection(str(copy))
    beside.execute("begin")
    beside.execute("select * from event").fetchall()
    head = Store(copy).last("timing")
    other = Store(copy, Sync.NORMAL)
    other.insert(rows_of("timing", 5, head))
    other.close(checkpoint=False)
    # The reader keeps the last rows where they are, which may not be on the disk.
    again = Journal(copy, Sync.NORMAL)
    assert again.heads["timing"].position == 10
    assert read_mark(mark_path(copy)) == {}
    beside.close()
    again.close()
    assert read_mark(mark_path(copy))["timing"].position == 10


def test_damage_behind_the_mark_is_found_at_opening(tmp_path):
    path = tmp_path / "x.db"
    journal = Journal(path, Sync.FULL)
    journal.commit(rows_of("fill", 3))
    older = mark_path(path).read_bytes()
    journal.commit(rows_of("fill", 3, journal.heads["fill"]))
    copy = killed(journal, path, tmp_path / "copy")
    mark_path(copy).write_bytes(older)
    connection = apsw.Connection(str(copy))
    connection.execute("update event set payload = x'00' where position = 5")
    connection.close()
    for opened in (lambda: Journal(copy, Sync.FULL), lambda: Reader(copy)):
        with pytest.raises(DamagedLogError, match="'fill', position 5"):
            opened()


def test_a_record_that_ends_before_its_mark_has_lost_its_tail(tmp_path):
    path = tmp_path / "x.db"
    journal = Journal(path, Sync.FULL)
    journal.commit(rows_of("fill", 3))
    earlier = path.with_name("x.db-wal").read_bytes()
    journal.commit(rows_of("fill", 3, journal.heads["fill"]))
    copy = killed(journal, path, tmp_path / "copy")
    copy.with_name("x.db-wal").write_bytes(earlier)
    for opened in (lambda: Journal(copy, Sync.FULL), lambda: Reader(copy)):
        with pytest.raises(DamagedLogError, match=r"'fill', position 4: .* mark 6"):
            opened()


def test_another_record_of_the_same_length_is_not_this_one(tmp_path):
    for name, stream_payload in (("one", "fill"), ("two", "fill")):
        journal = Journal(tmp_path / f"{name}.db", Sync.FULL)
        digest = chain(GENESIS, stream_payload, 1, name.encode())
        journal.commit([sealed(Row("fill", 1, 7, digest, name.encode()))])
        journal.close()
    shutil.copy(tmp_path / "two.db", tmp_path / "one.db")
    with pytest.raises(DamagedLogError, match="not the event that the high-water mark names"):
        Reader(tmp_path / "one.db")


def test_a_tail_that_goes_while_a_reader_looks_is_noticed(tmp_path):
    path = tmp_path / "x.db"
    journal = Journal(path, Sync.FULL)
    journal.commit(rows_of("fill", 30))
    journal.close()
    reader = Reader(path)
    connection = apsw.Connection(str(path))
    connection.execute("delete from event where position > 20")
    connection.close()
    with pytest.raises(DamagedLogError, match="'fill', position 21: this event is missing"):
        list(reader.read("fill"))
    with pytest.raises(DamagedLogError, match="position 25: this event is missing"):
        list(reader.read("fill", 25))
    reader.close()


def test_every_complaint_is_collected(tmp_path):
    path = tmp_path / "x.db"
    journal = Journal(path, Sync.FULL)
    for stream in ("a", "b", "c"):
        journal.commit(rows_of(stream, 9))
    journal.close()
    connection = apsw.Connection(str(path))
    connection.execute("update event set crc = 0 where position = 5 and stream <> 2")
    connection.close()
    reader = Reader(path)
    good, complaints = reader.findings()
    assert good == 4 + 9 + 4
    assert [(c.file, c.stream, c.position) for c in complaints] == [
        ("x.db", "a", 5),
        ("x.db", "c", 5),
    ]
    reader.close()


def test_pages_that_do_not_hang_together_are_a_complaint(tmp_path):
    path = tmp_path / "x.db"
    journal = Journal(path, Sync.FULL)
    journal.commit(rows_of("fill", 500))
    journal.close()
    content = bytearray(path.read_bytes())
    content[28:32] = (len(content) // 4096 + 5).to_bytes(4, "big")
    path.write_bytes(bytes(content) + bytes(5 * 4096))
    reader = Reader(path)
    good, complaints = reader.findings()
    assert good == 500
    (complaint,) = complaints
    assert "SQLite says" in str(complaint)
    assert (complaint.file, complaint.stream) == ("x.db", None), "no one stream is to blame"
    reader.close()


def test_a_mark_that_cannot_be_written_ends_writing(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "x.db", Sync.FULL)

    def fail(_heads):
        raise OSError(5, "I/O error")

    monkeypatch.setattr(journal._mark, "write", fail)
    with pytest.raises(RecordError, match=r"high-water mark of .* look after the disk"):
        journal.commit(rows_of("fill", 1))
    monkeypatch.setattr(journal._mark, "sync", lambda: fail(None))
    with pytest.raises(RecordError, match=r"high-water mark of .* look after the disk"):
        journal.settle()
    journal.close(failed=True)


def test_a_journal_let_go_after_a_failure_writes_nothing_more(tmp_path):
    path = tmp_path / "x.db"
    journal = Journal(path, Sync.NORMAL)
    journal.commit(rows_of("timing", 3))
    before = {f.name: f.read_bytes() for f in tmp_path.iterdir() if f.suffix != ".db-shm"}
    journal.close(failed=True)
    after = {f.name: f.read_bytes() for f in tmp_path.iterdir() if f.suffix != ".db-shm"}
    assert {k: v for k, v in after.items() if "shm" not in k} == {
        k: v for k, v in before.items() if "shm" not in k
    }


@pytest.mark.parametrize("call", ["settle", "checkpoint"])
def test_a_journal_closed_on_a_full_disk_leaves_what_is_committed_where_it_is(
    tmp_path, monkeypatch, call
):
    path = tmp_path / "x.db"
    journal = Journal(path, Sync.FULL)
    journal.commit(rows_of("fill", 5))

    def full(**_):
        raise DiskFullError

    monkeypatch.setattr(journal, call, full)
    before, log = path.read_bytes(), tmp_path / "x.db-wal"
    left = log.stat().st_size
    journal.close()
    assert (path.read_bytes(), log.stat().st_size) == (before, left), "SQLite moved nothing"
    again = Journal(path, Sync.FULL)
    assert again.heads["fill"].position == 5
    again.close()
