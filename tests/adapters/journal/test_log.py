"""What nobody who interrupts, and no archive from elsewhere, may do to the log."""

from __future__ import annotations

import dis
import shutil
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from stairway.adapters import journal
from stairway.adapters.journal.archiver import RetentionRules, archive_old
from stairway.adapters.journal.files import Lock
from stairway.adapters.journal.log import open_folder, verify
from stairway.adapters.journal.settings import Settings
from stairway.base.errors import ConfigError, DamagedLogError, DataError, DiskFullError
from stairway.base.verdict import Pass, Refuse
from stairway.testing.log import small_settings

SETTINGS = Settings(**small_settings())
# The thread hardly ever comes to it, so that whoever waits commits himself.
SLOW = Settings(**small_settings(commit_ms=1_000.0))
STEPS = Settings(**small_settings(commit_events=4))
OURS = str(Path(journal.__file__).parent)
# After these, and at a jump back, Python looks whether there is a signal.
LOOKS = {"RESUME", "CALL", "CALL_FUNCTION_EX", "JUMP_BACKWARD"}


@contextmanager
def interrupted_at(nth):
    """Interrupt the ``nth`` place of the log's code where Ctrl-C could have come.

    Yields a list that holds the place once it was interrupted.
    """
    left, fired, last = nth, [], {}

    def trace(frame, event, _arg):
        nonlocal left
        if not frame.f_code.co_filename.startswith(OURS) or fired:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            before, last[id(frame)] = last.get(id(frame)), frame.f_lasti
            if before is not None and looks(frame.f_code, before):
                left -= 1
            if left == 0:
                fired.append(f"{frame.f_code.co_qualname}:{frame.f_lineno}")
                raise KeyboardInterrupt
        elif event == "return":
            last.pop(id(frame), None)
        return trace

    was = sys.gettrace()
    sys.settrace(trace)
    try:
        yield fired
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(was)


def looks(code, offset):
    return dis.opname[code.co_code[offset]] in LOOKS


def payloads(log, stream="fill"):
    return [event.payload for event in log.read(stream)]


def test_an_append_interrupted_anywhere_leaves_all_of_it_or_nothing(tmp_path):
    places, wanted = set(), []
    with closing(open_folder(tmp_path, SETTINGS)) as log:
        for nth in range(1, 1_000):
            with interrupted_at(nth) as fired:
                log.append("fill", [b"one %d" % nth, b"two %d" % nth])
            # What comes next goes behind it, whatever became of it.
            head = log.append("fill", [b"next %d" % nth])
            found = payloads(log)
            assert found[: len(wanted)] == wanted
            assert found[len(wanted) :] in (
                [b"next %d" % nth],
                [b"one %d" % nth, b"two %d" % nth, b"next %d" % nth],
            ), fired
            assert head == log.head("fill")
            assert head.position == len(found)
            wanted = found
            places.update(fired)
            if not fired:
                break
    assert any("put" in place for place in places)
    assert any("_move_on" in place for place in places)
    assert len(places) > 10
    assert isinstance(verify(tmp_path), Pass)


def test_a_flush_interrupted_anywhere_loses_and_repeats_nothing(tmp_path):
    places = set()
    with closing(open_folder(tmp_path, SLOW)) as log:
        for nth in range(1, 1_000):
            log.append("fill", [b"%d" % nth])
            with interrupted_at(nth) as fired:
                log.flush()
            log.flush()
            places.update(fired)
            if not fired:
                break
        assert payloads(log) == [b"%d" % n for n in range(1, nth + 1)]
    assert any("Journal.commit" in place for place in places)
    assert isinstance(verify(tmp_path), Pass)


def test_a_close_interrupted_anywhere_lets_nobody_else_write_before_its_thread_is_done(
    tmp_path,
):
    places, wanted = set(), 0
    for nth in range(1, 1_000):
        log = open_folder(tmp_path, STEPS)
        assert log.head("timing").position == wanted
        wanted = log.append("timing", [b"%d" % nth] * 60).position
        with interrupted_at(nth) as fired:
            log.close()
        try:
            Lock(tmp_path / "lock").release()
        except ConfigError:
            # It was interrupted before it had begun, or while it could not help it.
            log.close()
        assert log._writer._is_gone
        log.close()
        places.update(fired)
        if not fired:
            break
    assert {"Worker.end", "Waiting.wait", "SqliteLog.close"} <= {
        place.partition(":")[0] for place in places
    }
    assert isinstance(verify(tmp_path), Pass)


@pytest.mark.parametrize("ask", ["append", "head", "streams"])
@pytest.mark.parametrize("is_committed", [False, True])
def test_whoever_was_interrupted_is_told_where_the_log_ends(
    tmp_path, monkeypatch, ask, is_committed
):
    with closing(open_folder(tmp_path, SETTINGS, clock_ns=lambda: 7)) as log:
        put = log._writer.put

        def cut(rows):
            put(rows)
            if is_committed:
                log._writer.flush()
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(log._writer, "put", cut)
            with pytest.raises(KeyboardInterrupt):
                log.append("fill", [b"one", b"two"])
        if ask == "head":
            assert log.head("fill").position == 2
        elif ask == "streams":
            assert log.streams() == ("fill",)
        assert log.append("fill", [b"three"], expected=2).position == 3
        events = list(log.read("fill"))
        assert [event.payload for event in events] == [b"one", b"two", b"three"]
        assert [event.recorded_ns for event in events] == [7, 8, 9]


def test_what_was_refused_has_no_place(tmp_path, monkeypatch):
    with closing(open_folder(tmp_path, SETTINGS)) as log:

        def full(_rows):
            raise DiskFullError

        with monkeypatch.context() as patch:
            patch.setattr(log._writer, "put", full)
            with pytest.raises(DiskFullError):
                log.append("fill", [b"refused"])
        assert log.head("fill").position == 0
        assert log.append("fill", [b"one"]).position == 1


def filled(folder, tag, count=100):
    with closing(open_folder(folder, SETTINGS)) as log:
        log.append("fill", [b"%s %d" % (tag, n) for n in range(count)])
    return folder


def archived(folder, keep):
    rules = RetentionRules(keep_events=keep, keep_days=0)
    return archive_old(folder, rules, {}, 2**62, lambda *_: None)


def refused(folder, match):
    """Require that nobody opens it, whichever way, and that nothing in it is changed."""
    before = {path.name: path.read_bytes() for path in folder.glob("durable.[dm]*[bk]")}
    for read_only in (False, True):
        with pytest.raises(DamagedLogError, match=match):
            open_folder(folder, SETTINGS, read_only=read_only)
    answer = verify(folder)
    assert isinstance(answer, Refuse)
    assert "restore the folder" in answer.findings[0].detail
    assert {p.name: p.read_bytes() for p in folder.glob("durable.[dm]*[bk]")} == before


@pytest.mark.parametrize("more", [0, 1, 50])
def test_databases_older_than_the_archive_beside_them_are_refused(tmp_path, more):
    log, backup = filled(tmp_path / "log", b"old", 50), tmp_path / "backup"
    shutil.copytree(log, backup)
    filled(log, b"new", 50 + more)
    archived(log, 1)
    shutil.copytree(log / "archive", backup / "archive")
    refused(backup, rf"'fill', position 51: .*the archive beside it goes on to {99 + more}")


def test_an_archive_from_before_a_stream_was_first_written_is_refused(tmp_path):
    log, backup = filled(tmp_path / "log", b"old", 0), tmp_path / "backup"
    shutil.copytree(log, backup)
    filled(log, b"new")
    archived(log, 1)
    shutil.copytree(log / "archive", backup / "archive")
    refused(backup, "'fill', position 1: .*goes on to 99")


@pytest.mark.parametrize("trimmed", [False, True])
def test_the_archive_of_another_log_is_refused(tmp_path, trimmed):
    log, other = filled(tmp_path / "log", b"ours"), filled(tmp_path / "other", b"theirs")
    archived(other, 50)
    if trimmed:
        archived(log, 50)
        shutil.rmtree(log / "archive")
    shutil.copytree(other / "archive", log / "archive")
    match = "position 51: it does not follow" if trimmed else "position 50: .*of another log"
    refused(log, match)


def test_databases_that_are_gone_beside_their_archive_are_missed(tmp_path):
    log = filled(tmp_path / "log", b"ours")
    archived(log, 10)
    for path in [*log.glob("durable.*"), *log.glob("telemetry.*")]:
        path.unlink()
    refused(log, "durable.db is gone.*archive beside it holds events")
    assert not (log / "durable.db").exists()


def test_a_folder_in_the_place_of_a_file_that_is_made_ready_is_named(tmp_path):
    (tmp_path / "durable.mark.new").mkdir()
    with pytest.raises(ConfigError, match=r"durable\.mark\.new\): that is a folder.*move it"):
        open_folder(tmp_path, SETTINGS)
    (tmp_path / "durable.mark.new").rmdir()
    open_folder(tmp_path, SETTINGS).close()


def test_every_folder_that_is_made_for_a_log_is_made_to_last(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("stairway.adapters.journal.files.sync_folder", synced.append)
    open_folder(tmp_path / "a" / "b" / "log", SETTINGS).close()
    assert {tmp_path, tmp_path / "a", tmp_path / "a" / "b"} <= set(synced)


def test_a_clock_that_is_out_of_its_mind_is_refused_and_the_writer_goes_on(tmp_path):
    clock = [10**18]
    with closing(open_folder(tmp_path, SETTINGS, clock_ns=lambda: clock[0])) as log:
        log.append("fill", [b"before"])
        for clock[0] in (2**63 - 1, 2**63 + 5, 10**40):
            with pytest.raises(DataError, match="the clock says"):
                log.append("fill", [b"beyond"])
        with pytest.raises(DataError, match="an event is bytes"):
            log.append("fill", ["text"])
        clock[0] = 10**18 + 7
        assert log.append("fill", [b"after"]).position == 2
        assert payloads(log) == [b"before", b"after"]
        assert isinstance(log.health(), Pass)
    assert isinstance(verify(tmp_path), Pass)
