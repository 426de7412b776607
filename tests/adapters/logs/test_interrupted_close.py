"""Ctrl-C while a log is closed: nothing is let go of under a thread that is at work."""

from __future__ import annotations

import socket
import threading

import pytest

from stairway.adapters.logs.redis import Config as RedisConfig
from stairway.adapters.logs.redis import open_log as open_redis
from stairway.adapters.logs.sqlite import Config
from stairway.adapters.logs.sqlite import open_log as open_sqlite
from stairway.testing.log import small_settings
from stairway.testing.redis_server import redis_settings


def interrupt(*_, **__):
    raise KeyboardInterrupt


def writing():
    """Names of the threads that write."""
    return {one.name for one in threading.enumerate()} & {"stairway-log", "stairway-relay"}


def test_a_writer_has_ended_before_its_files_and_its_lock_are_let_go_of(tmp_path, monkeypatch):
    log = open_sqlite(tmp_path, Config(**small_settings(commit_events=1)))
    held = log._writer._turn
    held.acquire()
    log.append("fill", [b"%d" % n for n in range(60)])
    join = log._writer._thread.join

    def interrupted(_wait_s):
        monkeypatch.setattr(log._writer._thread, "join", join)
        held.release()
        raise KeyboardInterrupt

    monkeypatch.setattr(log._writer._thread, "join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        log.close()
    assert writing() == set()
    again = open_sqlite(tmp_path, Config(**small_settings()))
    assert again.head("fill").position == 60, "what was queued is written, by the first one"
    again.close()


def test_a_close_that_is_interrupted_before_it_begins_ends_the_writer_all_the_same(
    tmp_path, monkeypatch
):
    log = open_sqlite(tmp_path, Config(**small_settings()))
    log.append("fill", [b"1"])
    monkeypatch.setattr(log._writer, "close", interrupt)
    with pytest.raises(KeyboardInterrupt):
        log.close()
    assert writing() == set()
    again = open_sqlite(tmp_path, Config(**small_settings()))
    assert again.head("fill").position == 1
    again.close()


def test_a_relay_that_waits_for_redis_is_ended_before_its_outbox(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"redis://127.0.0.1:{mute.getsockname()[1]}/0?log=a"
        settings = small_settings() | redis_settings() | {"socket_timeout_ms": 100}
        log = open_redis(tmp_path, RedisConfig(**settings), url=url)
        log.append("fill", [b"1"] * 10)
        log.flush()
        monkeypatch.setattr(log._relay, "catch_up", interrupt)
        with pytest.raises(KeyboardInterrupt):
            log.close()
        assert writing() == set()
        again = open_redis(tmp_path, RedisConfig(**settings), url=url)
        assert again.head("fill").position == 10
        again.close()
