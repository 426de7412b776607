"""Ctrl-C while a log is closed: nothing is let go of under a thread that is at work.

Each SIGINT is a real one, and is seen to come while the main thread waits.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from stairway.adapters.journal.files import Lock
from stairway.adapters.journal.log import verify
from stairway.adapters.journal.waiting import Waiting
from stairway.adapters.logs.redis import Config as RedisConfig
from stairway.adapters.logs.redis import open_log as open_redis
from stairway.adapters.logs.sqlite import Config
from stairway.adapters.logs.sqlite import open_log as open_sqlite
from stairway.base.errors import ConfigError, RecordError
from stairway.base.verdict import Pass
from stairway.testing.log import small_settings
from stairway.testing.redis_server import redis_settings

pytestmark = pytest.mark.timeout(60)

COUNT = 200
STEP_S = 0.002
"""What each of 50 commits takes longer, so that a close lasts."""


def opened(folder):
    return open_sqlite(folder, Config(**small_settings(commit_events=4, queue_events=1_000)))


def filled(folder):
    """A log with a queue that takes a while to write, of which a part is acknowledged."""
    log = opened(folder)
    log.append("fill", [b"acknowledged"])
    log.flush()
    step = log._files._journals["telemetry.db"].commit
    log._files._journals["telemetry.db"].commit = lambda *given: (
        time.sleep(STEP_S),
        step(*given),
    )
    log.append("timing", [b"%d" % n for n in range(COUNT)])
    return log


def found(folder):
    """What a new writer finds."""
    log = opened(folder)
    try:
        return [log.head("fill").position, *(event.payload for event in log.read("timing"))]
    finally:
        log.close()


ALL = [1, *(b"%d" % n for n in range(COUNT))]


class Watch:
    """Tries to get the right to write, and looks at the log the moment that it has it."""

    def __init__(self, folder):
        self.tries, self.seen, self._folder = 0, None, folder
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while self.seen is None:
            self.tries += 1
            try:
                lock = Lock(self._folder / "lock")
            except ConfigError:
                time.sleep(0.001)
                continue
            lock.release()
            # Whatever is written after this moment is written by two.
            self.seen = subprocess.check_output([sys.executable, "-c", HEAD, self._folder])

    def end(self):
        self._thread.join()
        return int(self.seen)


HEAD = """
import sys, apsw
found = apsw.Connection(sys.argv[1] + "/telemetry.db", flags=apsw.SQLITE_OPEN_READONLY)
print(found.execute("select count(*) from event").fetchone()[0])
"""


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_lock_is_held_through_real_interrupts_until_the_writer_is_done(
    tmp_path, interrupts, count
):
    log = filled(tmp_path)
    watch, queued = Watch(tmp_path), []

    def look():
        queued.append(len(log._writer._rows))
        with pytest.raises(ConfigError, match=f"being written by process {os.getpid()}"):
            opened(tmp_path)

    with interrupts("Worker.end", count, look), pytest.raises(KeyboardInterrupt):
        log.close()
    assert 0 < queued[-1] <= queued[0], "it was at work at each of them"
    assert watch.end() == COUNT
    assert watch.tries > 10
    assert found(tmp_path) == ALL
    assert isinstance(verify(tmp_path), Pass)


def test_the_right_to_write_is_the_last_that_is_let_go_of(tmp_path, monkeypatch):
    log, order = filled(tmp_path), []
    for name, of in (("lock", log._lock), ("files", log._files), ("reading", log._reading)):
        call = "release" if name == "lock" else "close"
        act = getattr(of, call)
        monkeypatch.setattr(
            of, call, lambda name=name, act=act, **words: (order.append(name), act(**words))
        )
    log.close()
    assert order == ["reading", "files", "lock"]


def test_a_log_whose_close_was_interrupted_is_closed(tmp_path, interrupts):
    log = filled(tmp_path)
    with interrupts("Worker.end"), pytest.raises(KeyboardInterrupt):
        log.close()
    log.close()
    with pytest.raises(RecordError, match="closed"):
        log.append("fill", [b"late"])
    with pytest.raises(RecordError, match="closed"):
        list(log.read("fill"))


def test_a_close_that_was_interrupted_has_not_said_what_is_lost_and_the_next_one_does(
    tmp_path, interrupts, monkeypatch
):
    log = filled(tmp_path)
    lost, at_work = RecordError("the disk is gone"), threading.Event()

    def fail(*_, **__):
        at_work.wait()
        raise lost

    monkeypatch.setattr(log._files, "commit_in_steps", fail)
    monkeypatch.setattr(log._files, "commit", fail)
    with interrupts("Worker.end", act=at_work.set), pytest.raises(KeyboardInterrupt):
        log.close()
    with pytest.raises(RecordError, match="the disk is gone"):
        log.close()
    log.close()


def redis_log(folder, mute):
    url = f"redis://127.0.0.1:{mute.getsockname()[1]}/0?log=a"
    settings = small_settings() | redis_settings() | {"socket_timeout_ms": 400}
    return open_redis(folder, RedisConfig(**settings), url=url)


@pytest.mark.parametrize("count", [1, 3])
def test_a_relay_that_waits_for_redis_is_over_before_its_outbox_is_let_go_of(
    tmp_path, interrupts, count
):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        log = redis_log(tmp_path, mute)
        log.append("fill", [b"1"] * 10)
        log.flush()
        let_go, relay, may_end = [], log._relay, threading.Event()
        close_outbox, met = relay._outbox.close, []
        relay._outbox.close = lambda: (may_end.wait(20), close_outbox())
        release = log._outbox._lock.release
        log._outbox._lock.release = lambda: (let_go.append(relay.is_over), release())

        def look():
            met.append(relay.is_over)
            if len(met) == count:
                may_end.set()

        with interrupts("Relay.close", count, look), pytest.raises(KeyboardInterrupt):
            log.close()
        assert met == [False] * count
        assert let_go == [True]
        again = redis_log(tmp_path, mute)
        assert again.head("fill").position == 10
        again.close()


def test_a_relay_is_over_before_its_outbox_where_the_opening_is_interrupted(
    tmp_path, interrupts
):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        with interrupts("Relay.wait_for_first_try"), pytest.raises(KeyboardInterrupt):
            redis_log(tmp_path, mute)
        names = {thread.name for thread in threading.enumerate()}
        assert "stairway-relay" not in names
        redis_log(tmp_path, mute).close()


def test_a_close_that_is_interrupted_as_redis_catches_up_closes_all_the_same(
    tmp_path, interrupts, monkeypatch
):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        log = redis_log(tmp_path, mute)
        monkeypatch.setattr(
            log._relay, "catch_up", lambda *_, **__: Waiting().wait(lambda: False, 20.0)
        )
        with interrupts("Waiting.wait"), pytest.raises(KeyboardInterrupt):
            log.close()
        redis_log(tmp_path, mute).close()


def test_an_outbox_is_let_go_of_by_no_close_that_did_not_come_to_the_end_of_its_relay(
    tmp_path, strikes
):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        log = redis_log(tmp_path, mute)
        with strikes("Relay.end", 1) as met, pytest.raises(KeyboardInterrupt):
            log.close()
        assert met
        assert not log._relay.is_over
        with pytest.raises(ConfigError, match="being written by process"):
            opened(tmp_path)
        log.append("fill", [b"1"])
        log.close()
        opened(tmp_path).close()


def test_redis_is_waited_for_no_longer_than_was_said(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        log, answers = redis_log(tmp_path, mute), []
        log.append("fill", [b"1"])
        # Beside this one: a wait without end would be no failure, but a standstill.
        waiter = threading.Thread(
            target=lambda: answers.append(log.catch_up(0.05)), daemon=True
        )
        waiter.start()
        waiter.join(20.0)
        assert answers == [False]
        log.close()
