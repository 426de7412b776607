from __future__ import annotations

import gc
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from stairway.adapters.journal.doorbell import Doorbell, Ringer, ring
from stairway.adapters.journal.told import SOON, told_in
from stairway.adapters.logs.sqlite import Config, open_log
from stairway.base.errors import ConfigError
from stairway.testing.log import small_settings

CONFIG = Config(**small_settings())
ROW = ("timing", 1, 7, 99, b"\1" * 32, b"x")


def descriptors():
    # What an earlier test left to the garbage is let go of before it is counted.
    gc.collect()
    return sorted(Path("/proc/self/fd").iterdir())


def bells(folder):
    return sorted(p.name for p in (folder / "bells").iterdir())


def test_everybody_who_waits_is_rung_and_a_ring_before_the_wait_counts(tmp_path):
    with Doorbell(tmp_path) as one, Doorbell(tmp_path) as two:
        ring(tmp_path)
        assert (one.wait(1.0), two.wait(1.0)) == (True, True)
        assert (one.wait(0.0), two.wait(0.0)) == (False, False)


@pytest.mark.parametrize(
    ("mode", "owner", "is_believed"),
    [
        (0o755, os.geteuid(), True),
        (0o755, 0, True),
        (0o755, 4_711, False),
        (0o775, 0, False),
        (0o757, os.geteuid(), False),
    ],
    ids=["mine", "of root", "of another", "of root's group", "of everybody"],
)
def test_what_comes_with_a_ring_is_believed_where_nobody_else_can_say_it(
    tmp_path, monkeypatch, mode, owner, is_believed
):
    class Ear:
        def hear(self, said):
            heard.append(said)

    def looked(path, **words):
        found = stat(path, **words)
        return os.stat_result((0o040000 | mode, *found[1:4], owner, *found[5:10]))

    heard, stat = [], Path.stat
    with monkeypatch.context() as patched:
        patched.setattr(Path, "stat", looked)
        bell = Doorbell(tmp_path, Ear())
    with bell, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.sendto(b"note", str(next((tmp_path / "bells").iterdir())))
        assert bell.wait(0.5)
    assert bool(heard) == is_believed


def test_many_rings_are_one(tmp_path):
    with Doorbell(tmp_path) as bell:
        for _ in range(5):
            ring(tmp_path)
        assert bell.wait(1.0)
        assert not bell.wait(0.0)


def test_a_bell_that_nobody_listens_to_stops_nobody_who_rings(tmp_path):
    ringer = Ringer(tmp_path)
    with Doorbell(tmp_path) as deaf, Doorbell(tmp_path) as bell:
        for _ in range(5_000):
            ringer.ring()
        assert deaf.wait(0.0)
        assert bell.wait(0.0)
    ringer.close()


def test_ringing_where_nobody_ever_waited_does_nothing(tmp_path):
    ring(tmp_path)
    ring(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_the_bell_of_a_dead_process_is_taken_down(tmp_path):
    hang_up = (
        "import os, sys, pathlib; from stairway.adapters.journal.doorbell import Doorbell;"
    )
    hang_up += "Doorbell(pathlib.Path(sys.argv[1])); os._exit(9)"
    done = subprocess.run([sys.executable, "-c", hang_up, tmp_path], check=False)
    assert done.returncode == 9
    assert len(bells(tmp_path)) == 1
    with Doorbell(tmp_path) as bell:
        assert len(bells(tmp_path)) == 2
        ring(tmp_path)
        assert bells(tmp_path) == [bell._path.name]
        assert bell.wait(1.0)
    assert bells(tmp_path) == []


@pytest.mark.parametrize("length", [1, 60, 75, 76, 77, 100, 200])
def test_a_folder_with_a_long_path_has_bells_too(tmp_path, length):
    folder = tmp_path / ("a" * length)
    folder.mkdir()
    before = descriptors()
    with Doorbell(folder) as bell:
        ring(folder)
        assert bell.wait(1.0)
    assert descriptors() == before


def test_what_is_no_socket_in_the_folder_disturbs_nobody(tmp_path):
    with ExitStack() as stack:
        hung = [stack.enter_context(Doorbell(tmp_path)) for _ in range(8)]
        (tmp_path / "bells" / "file").write_text("")
        (tmp_path / "bells" / "folder").mkdir()
        (tmp_path / "bells" / ("x" * 200)).write_text("")
        full = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with full:
            full.bind(str(tmp_path / "bells" / "0"))
            ring(tmp_path)
        # In whatever order the folder names them, those behind the strangers are rung too.
        assert all(bell.wait(1.0) for bell in hung)


def test_what_is_no_socket_stays_in_the_folder_and_is_not_asked_each_time(tmp_path):
    with Doorbell(tmp_path) as bell:
        there = tmp_path / "bells"
        (there / "README.txt").write_text("mine")
        (there / "link").symlink_to("README.txt")
        (there / "folder").mkdir()
        os.mkfifo(there / "pipe")
        time.sleep(0.15)
        ringer = Ringer(tmp_path)
        for _ in range(2):
            ringer.ring()
            ringer.touch()
        ringer.close()
        assert bell.wait(1.0)
        assert set(bells(tmp_path)) == {bell._path.name, "README.txt", "link", "folder", "pipe"}
        assert (there / "README.txt").read_text() == "mine"
        assert not {"README.txt", "link"} & ringer._names


def test_a_link_in_the_place_of_the_folder_costs_no_file_where_it_leads(tmp_path):
    log, other = open_log(tmp_path / "log", CONFIG), tmp_path / "other"
    (other / "bells").mkdir(parents=True)
    for n in range(3):
        (other / "bells" / f"thesis {n}").write_text("x")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
        dead.bind(str(other / "bells" / "dead"))
    with Doorbell(other) as elsewhere:
        before = bells(other)
        (tmp_path / "log" / "bells").symlink_to(other / "bells")
        for _ in range(2):
            log.append("fill", [b"x"])
            log.flush()
        assert bells(other) == before
        assert not elsewhere.wait(0.0)
    log.close()


def test_a_folder_that_became_a_link_since_the_last_look_keeps_its_files(tmp_path):
    ringer, other = Ringer(tmp_path), tmp_path / "other"
    other.mkdir()
    with Doorbell(tmp_path) as bell:
        ringer.ring()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
            dead.bind(str(other / bell._path.name))
        bell._socket.close()
        (tmp_path / "bells").rename(tmp_path / "away")
        (tmp_path / "bells").symlink_to(other)
        ringer.touch()
        assert [path.name for path in other.iterdir()] == [bell._path.name]
    ringer.close()


def test_a_crowd_of_bells_is_rung_and_takes_no_descriptors_from_the_log(tmp_path):
    ringer = Ringer(tmp_path)
    with ExitStack() as stack:
        hung = [stack.enter_context(Doorbell(tmp_path)) for _ in range(60)]
        before = len(descriptors())
        for _ in range(2):
            ringer.ring()
            assert all(bell.wait(0.0) for bell in hung)
        assert len(descriptors()) - before == 32
        for bell in hung[:50]:
            bell._socket.close()
        for _ in range(2):
            ringer.ring()
        assert set(bells(tmp_path)) == {bell._path.name for bell in hung[50:]}
        assert all(bell.wait(0.0) for bell in hung[50:])
    ringer.close()


@pytest.mark.parametrize("room", [0, 3], ids=["none", "some"])
def test_where_descriptors_are_scarce_bells_are_rung_and_no_line_is_kept(room):
    was = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        # One with a short path: a long one takes a descriptor to be written.
        folder = Path(stack.enter_context(TemporaryDirectory()))
        ringer = Ringer(folder)
        hung = [stack.enter_context(Doorbell(folder)) for _ in range(5)]
        ringer._look()
        least = os.dup(0)
        os.close(least)
        resource.setrlimit(resource.RLIMIT_NOFILE, (least + room, was[1]))
        try:
            ringer._ring(ringer._names, ())
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, was)
        assert ringer._lines == {}
        assert all(bell.wait(0.0) for bell in hung)
        ringer.close()


def test_nobody_waits_longer_than_a_look(tmp_path, monkeypatch):
    monkeypatch.setattr("stairway.adapters.journal.doorbell.LOOK_S", 0.01)
    with Doorbell(tmp_path) as bell:
        assert not bell.wait(3_600.0)


def test_there_must_be_a_folder_to_hang_a_bell_in(tmp_path):
    with pytest.raises(ConfigError, match=r"no bell can be hung up in .*read at intervals"):
        Doorbell(tmp_path / "nowhere")


@pytest.mark.parametrize("stream", ["fill", "timing"])
def test_the_log_rings_when_an_event_can_be_read(tmp_path, stream):
    log = open_log(tmp_path, CONFIG)
    reader = open_log(tmp_path, CONFIG, read_only=True)
    with Doorbell(tmp_path) as bell:
        for n in range(1, 30):
            log.append(stream, [b"x"])
            while reader.head(stream).position < n:
                assert bell.wait(1.0)
    reader.close()
    log.close()


def test_no_event_is_missed_by_one_who_hangs_up_the_bell_before_reading(tmp_path):
    log = open_log(tmp_path, CONFIG)
    log.append("timing", [b"0"])
    log.flush()
    seen = []

    def follow():
        reader = open_log(tmp_path, CONFIG, read_only=True)
        with Doorbell(tmp_path) as bell:
            while len(seen) < 300:
                seen.extend(e.payload for e in reader.read("timing", len(seen)))
                assert len(seen) == 300 or bell.wait(1.0)
        reader.close()

    thread = threading.Thread(target=follow)
    thread.start()
    for n in range(1, 300):
        log.append("timing", [b"%d" % n])
        log.flush()
    thread.join()
    assert seen == [b"%d" % n for n in range(300)]
    log.close()


def test_a_bell_that_is_hung_up_late_is_rung_and_one_that_is_gone_holds_up_nobody(tmp_path):
    with Doorbell(tmp_path) as early:
        ringer = Ringer(tmp_path)
        time.sleep(0.15)
        for _ in range(3):
            ringer.ring()
            assert early.wait(0.5)
        with Doorbell(tmp_path) as late:
            ringer.ring()
            assert late.wait(0.5)
            assert early.wait(0.5)
        ringer.ring()
        assert early.wait(0.5)
        ringer.close()


def test_many_rings_are_at_most_two_looks(tmp_path):
    with Doorbell(tmp_path) as bell:
        for _ in range(5):
            ring(tmp_path)
        assert [bell.wait(0.0) for _ in range(3)] == [True, False, False]


def test_a_bell_that_is_hung_up_in_the_moment_of_the_last_look_is_rung(tmp_path):
    """The folder shows the same time then, and the writer looks all the same."""
    ringer, bells = Ringer(tmp_path), tmp_path / "bells"
    with Doorbell(tmp_path):
        # A moment that is not over before this test is.
        moment_ns = time.time_ns() + 60 * 10**9
        os.utime(bells, ns=(moment_ns, moment_ns))
        ringer.ring()
        with Doorbell(tmp_path) as bell:
            os.utime(bells, ns=(moment_ns, moment_ns))
            ringer.ring()
            assert bell.wait(0.0)
    ringer.close()


def test_a_touch_alone_is_no_ring_and_the_wait_goes_on(tmp_path):
    ringer = Ringer(tmp_path)
    with Doorbell(tmp_path) as bell:
        ringer.ring()
        assert bell.wait(1.0)
        ringer.touch()
        assert not bell.wait(0.0)
        ringer.touch()
        start = time.monotonic()
        assert not bell.wait(0.05)
        assert time.monotonic() - start >= 0.05
    ringer.close()


@pytest.mark.parametrize("later_s", [0.0, 0.00005, 0.02], ids=["at once", "awake", "asleep"])
def test_the_ring_that_a_touch_announced_is_heard_however_late_it_comes(tmp_path, later_s):
    class Ear:
        def hear(self, said):
            heard.append(told_in(said))

    def commit():
        ringer.touch()
        time.sleep(later_s)
        ringer.ring([ROW])

    ringer, heard = Ringer(tmp_path), []
    with Doorbell(tmp_path, Ear()) as bell:
        ringer.ring()
        assert bell.wait(1.0)
        thread = threading.Timer(0.01, commit)
        thread.start()
        assert bell.wait(1.0)
        thread.join()
    assert heard == [[ROW]]
    ringer.close()


@pytest.mark.parametrize(
    ("stream", "events", "said"),
    [("timing", 1, 2), ("timing", 16, 2), ("timing", 17, 1), ("fill", 1, 1)],
    ids=["one", "the most", "too many", "one that waits for the disk"],
)
def test_bells_are_touched_before_commits_that_take_no_longer_than_waking_does(
    tmp_path, stream, events, said
):
    log = open_log(tmp_path, CONFIG)
    with Doorbell(tmp_path) as bell:
        log.append(stream, [b"known"])
        log.flush()
        while bell.wait(0.01):
            pass
        bell._socket.settimeout(1.0)
        log.append(stream, [b"x"] * events)
        log.flush()
        heard = [bell._socket.recv(9_000) for _ in range(said)]
        bell._socket.settimeout(0.0)
        with pytest.raises(BlockingIOError):
            bell._socket.recv(1)
    assert [one == SOON for one in heard] == [True, False][-said:]
    log.close()


def test_a_writer_holds_on_to_no_bell_that_was_taken_down(tmp_path):
    ringer = Ringer(tmp_path)
    ring(tmp_path)
    before = descriptors()
    for _ in range(20):
        with Doorbell(tmp_path) as bell:
            ringer.ring()
            assert bell.wait(1.0)
    ringer.ring()
    assert descriptors() == before
    ringer.close()


def test_a_touch_of_a_dead_process_takes_its_bell_down(tmp_path):
    ringer = Ringer(tmp_path)
    with Doorbell(tmp_path) as bell:
        ringer.ring()
        bell._socket.close()
        assert len(bells(tmp_path)) == 1
        ringer.touch()
        assert bells(tmp_path) == []
    ringer.close()
