"""A log on a medium that cannot be written to from here, though others write to it."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import closing, suppress

import apsw
import pytest

from stairway.adapters.journal import asked as of_asked
from stairway.adapters.journal.asked import Asked
from stairway.adapters.journal.log import open_folder, verify
from stairway.adapters.journal.rest import rest_of
from stairway.adapters.journal.settings import Settings
from stairway.base.errors import DamagedLogError, DiskFullError
from stairway.base.verdict import Pass, Refuse
from stairway.testing.log import small_settings

SETTINGS = Settings(**small_settings())
STREAMS = ("fill", "timing")


def append(log, first, events):
    for stream in STREAMS:
        log.append(stream, [b"%d" % n for n in range(first, first + events)])
    log.flush()


def written(folder, first, events):
    with closing(open_folder(folder, SETTINGS)) as log:
        append(log, first, events)


def payloads(log, stream, after=0):
    return [event.payload for event in log.read(stream, after)]


def numbers(first, upto):
    return [b"%d" % n for n in range(first, upto)]


@pytest.fixture(params=["told so", "mounted so"])
def seen(request, tmp_path, monkeypatch):
    """The folder of a log, and the same folder where nothing can be written."""
    folder, seen = tmp_path / "log", tmp_path / "seen"
    written(folder, 0, 20)
    if request.param == "told so":
        monkeypatch.setattr(of_asked.os, "access", lambda path, _: path != seen)
        seen.symlink_to(folder)
        yield folder, seen
        return
    seen.mkdir()
    bind = ["mount", "-r", "--bind", folder, seen]
    if subprocess.run(bind, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    yield folder, seen
    subprocess.run(["umount", "-l", seen], check=True)


def test_a_reader_that_came_first_sees_what_a_later_writer_writes(seen):
    folder, here = seen
    with closing(open_folder(here, SETTINGS, read_only=True)) as reader:
        assert payloads(reader, "fill") == numbers(0, 20)
        with closing(open_folder(folder, SETTINGS)) as log:
            append(log, 20, 30)
            for stream in STREAMS:
                assert reader.head(stream).position == 50
                assert payloads(reader, stream, 20) == numbers(20, 50)
        # Also what he wrote before he let go of it, and what another writes after him.
        written(folder, 50, 10)
        assert [payloads(reader, stream, 50) for stream in STREAMS] == [numbers(50, 60)] * 2


def test_a_reader_in_the_middle_of_a_log_reads_on_when_a_writer_comes(seen):
    folder, here = seen
    written(folder, 20, 3_000)
    with closing(open_folder(here, SETTINGS, read_only=True)) as reader:
        events, read = reader.read("fill"), []
        with closing(open_folder(folder, SETTINGS)) as log:
            for event in events:
                read.append(event.payload)
                if event.position in {100, 700, 1_500}:
                    append(log, 3_020 + len(read), 500)
        assert read[:3_020] == numbers(0, 3_020)
        assert len(read) == 4_520
        assert reader.head("fill").position == 4_520


def test_a_writer_that_came_and_went_between_two_questions_is_noticed(seen):
    folder, here = seen
    with closing(open_folder(here, SETTINGS, read_only=True)) as reader:
        for first in range(20, 320, 100):
            written(folder, first, 100)
            assert reader.head("timing").position == first + 100
            assert payloads(reader, "timing", first) == numbers(first, first + 100)


def test_what_nobody_writes_to_is_asked_on_one_connection_and_leaves_no_file(seen):
    folder, here = seen
    before = sorted(folder.iterdir())
    with closing(open_folder(here, SETTINGS, read_only=True)) as reader:
        store = reader._reading.of("fill")._store
        connection = store._connection
        assert payloads(reader, "fill") == numbers(0, 20)
        assert store._connection is connection
    assert sorted(folder.iterdir()) == before


def test_an_error_of_a_file_at_rest_is_that_of_the_file(seen):
    folder, here = seen
    asked = Asked(here / "durable.db", read_only=True)
    with pytest.raises(apsw.SQLError, match="no such table"):
        asked.ask("select * from nowhere")
    assert asked.ask("select 1") == [(1,)]
    written(folder, 20, 1)
    assert asked.ask("select count(*) from event") == [(21,)]
    asked.close()
    written(folder, 21, 1)
    with pytest.raises(apsw.ConnectionClosedError):
        asked.ask("select 1")


def test_an_error_of_a_file_that_was_not_at_rest_is_none(seen):
    folder, here = seen
    asked = Asked(here / "durable.db", read_only=True)
    assert asked.ask("select count(*) from event") == [(20,)]
    with closing(apsw.Connection(str(folder / "durable.db"))) as writer:
        writer.execute("create table late (n)")
    assert asked.ask("select count(*) from late") == [(0,)]
    asked.close()


def test_a_change_between_the_look_and_the_first_answer_is_noticed(seen, monkeypatch):
    folder, here = seen
    connect, opened = of_asked.connect, []

    def connected(path, **words):
        monkeypatch.setattr(of_asked, "connect", connect)
        opened.append(connect(path, **words))
        assert opened[0].execute("select count(*) from event").fetchall() == [(20,)]
        written(folder, 20, 30)
        return opened[0]

    monkeypatch.setattr(of_asked, "connect", connected)
    asked = Asked(here / "durable.db", read_only=True)
    assert asked.ask("select count(*) from event") == [(50,)]
    with pytest.raises(apsw.ConnectionClosedError):
        opened[0].execute("select 1")
    asked.close()


def test_a_file_that_somebody_writes_to_is_asked_under_locks(seen):
    folder, here = seen
    with closing(open_folder(folder, SETTINGS)) as log:
        append(log, 20, 5)
        asked = Asked(here / "durable.db", read_only=True)
        connection = asked.connection
        assert not connection.open_flags & apsw.SQLITE_OPEN_URI
        append(log, 25, 5)
        assert asked.ask("select count(*) from event") == [(30,)]
        assert asked.connection is connection
        asked.close()


def test_a_file_that_is_damaged_at_rest_is_refused(seen):
    folder, here = seen
    path = folder / "durable.db"
    content = bytearray(path.read_bytes())
    content[4_096:] = bytes(len(content) - 4_096)
    path.write_bytes(content)
    with pytest.raises(DamagedLogError):
        open_folder(here, SETTINGS, read_only=True)


def test_nothing_that_is_gone_or_being_written_is_at_rest(tmp_path):
    path = tmp_path / "durable.db"
    assert rest_of(path) is None
    path.write_bytes(b"whole")
    before = rest_of(path)
    assert before is not None
    assert before == rest_of(path)
    # A reader that found no room leaves one like that.
    (tmp_path / "durable.db-wal").touch()
    assert rest_of(path) == before
    (tmp_path / "durable.db-wal").write_bytes(b"1")
    assert rest_of(path) is None
    (tmp_path / "durable.db-wal").unlink()
    assert rest_of(path) == before


def test_a_file_of_another_size_or_time_or_another_file_is_not_the_one_at_rest(tmp_path):
    path, other = tmp_path / "durable.db", tmp_path / "other.db"
    path.write_bytes(b"whole")
    before, times_ns = rest_of(path), (7, path.stat().st_mtime_ns)
    os.utime(path, ns=(7, times_ns[1] + 1))
    assert rest_of(path) not in {before, None}, "another time"
    os.utime(path, ns=times_ns)
    assert rest_of(path) == before
    path.write_bytes(b"wholly")
    os.utime(path, ns=times_ns)
    assert rest_of(path) not in {before, None}, "another size"
    path.write_bytes(b"whole")
    os.utime(path, ns=times_ns)
    shutil.copy2(path, other)
    os.utime(other, ns=times_ns)
    other.replace(path)
    assert rest_of(path) not in {before, None}, "another file"


@pytest.fixture
def full(tmp_path):
    """Fill up a disk of its own around a log that is given."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    yield lambda: fill(folder / "fat")
    subprocess.run(["umount", "-l", folder], check=True)


def fill(path):
    with suppress(OSError), path.open("wb", buffering=0) as fat:
        while True:
            fat.write(bytes(4_096))


def test_a_log_that_was_closed_is_looked_at_on_a_disk_that_is_full(tmp_path, full):
    folder = tmp_path / "disk" / "log"
    written(folder, 0, 20)
    full()
    for _ in range(2):
        # What a first look leaves beside it does not keep the next one from looking.
        assert isinstance(verify(folder), Pass)
        with closing(open_folder(folder, SETTINGS, read_only=True)) as reader:
            assert [payloads(reader, stream) for stream in STREAMS] == [numbers(0, 20)] * 2
    (tmp_path / "disk" / "fat").unlink()
    written(folder, 20, 5)
    assert isinstance(verify(folder), Pass)


def test_a_writer_that_comes_when_there_is_room_again_is_seen(tmp_path, full):
    folder = tmp_path / "disk" / "log"
    written(folder, 0, 20)
    full()
    with closing(open_folder(folder, SETTINGS, read_only=True)) as reader:
        assert payloads(reader, "timing") == numbers(0, 20)
        (tmp_path / "disk" / "fat").unlink()
        written(folder, 20, 5)
        assert payloads(reader, "timing") == numbers(0, 25)
        with closing(open_folder(folder, SETTINGS)) as log:
            append(log, 25, 5)
            assert payloads(reader, "timing") == numbers(0, 30)


def test_a_log_that_was_killed_says_on_a_full_disk_that_there_is_no_room(tmp_path, full):
    folder, killed = tmp_path / "disk" / "log", tmp_path / "killed"
    with closing(open_folder(killed, SETTINGS)) as log:
        append(log, 0, 20)
        shutil.copytree(killed, folder, ignore=shutil.ignore_patterns("*-shm", "ballast"))
    full()
    with pytest.raises(DiskFullError, match=r"no room left beside .*free some space"):
        open_folder(folder, SETTINGS, read_only=True)
    verdict = verify(folder)
    assert isinstance(verdict, Refuse)
    assert all("no room left beside" in finding.detail for finding in verdict.findings)
    (tmp_path / "disk" / "fat").unlink()
    assert isinstance(verify(folder), Pass), "nothing was damaged"
