"""A look at a store elsewhere ends in time, whatever its server does."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from stairway.adapters.journal.archiver import RetentionRules
from stairway.adapters.ledger.line import open_link
from stairway.adapters.ledger import line as ledger_line
from stairway.adapters.ledger.address import parse
from stairway.adapters.ledger.settings import LedgerSettings
from stairway.adapters.logs.sqlite import Config, open_log
from stairway.app.authority import asking
from stairway.app.folder import RunFolder
from stairway.app import settings as policies
from stairway.app.issuing import Wish, issue, make_key
from stairway.app.policy_distant import distant
from stairway.app.policy_shared import VARIABLE, chosen
from stairway.app.progress import Silent
from stairway.app.record.place import find
from stairway.app.record.retention import move
from stairway.base.errors import ConfigError, RecordError
from stairway.testing.log import small_settings
from stairway.testing.policy import some_stale_rules
from stairway.testing.postgresql import postgresql_settings

ROLES = (Path(__file__).parents[2] / "deploy" / "postgresql" / "roles.sql").read_text("utf-8")
SERIAL = itertools.count()
SECOND = 10**9
BEGIN = Wish.of("daily", "shadow", "begin", None)


@pytest.fixture
def key(tmp_path):
    make_key(tmp_path / "operator.pem")
    return tmp_path / "operator.pem"


@pytest.fixture
def url(postgresql, key, monkeypatch):
    monkeypatch.setenv(VARIABLE, "")
    url = postgresql.url(f"distant-{next(SERIAL)}", more="&wait_ms=400")
    issue(url, key, BEGIN)
    return url


@contextmanager
def stopped(pids):
    """The server processes behind our connections, as in a machine that is paused."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def behind(postgresql):
    found = "select pid from pg_stat_activity where application_name = 'stairway'"
    return {row[0] for row in postgresql.execute(found)}


def until(condition):
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("it did not come to pass within 5 s")


@pytest.mark.timeout(30)
def test_a_server_that_was_stopped_holds_nobody_up_and_is_asked_again_later(url, postgresql):
    before = behind(postgresql)
    with closing(distant(url)) as store:
        assert len(store.observe().statements) == 1
        with stopped(behind(postgresql) - before):
            with pytest.raises(
                RecordError, match=r"said nothing, and 400 ms .*wait_ms= in its"
            ):
                store.observe()
            threads = threading.active_count()
            with pytest.raises(
                RecordError, match="still has not answered what was asked before"
            ):
                store.observe()
            assert threading.active_count() == threads, "one question at a time"
        until(store._look.done)
        assert len(store.observe().statements) == 1


@pytest.mark.timeout(30)
def test_letting_go_of_a_server_that_was_stopped_waits_for_nobody(url, postgresql):
    before = behind(postgresql)
    store = distant(url)
    store.observe()
    with stopped(behind(postgresql) - before):
        with pytest.raises(RecordError):
            store.observe()
        store.close()
        assert len(store.observe().statements) == 1, "over a connection of its own"
        store.close()
    until(lambda: behind(postgresql) == before)


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "engine", ["postgresql://u@{}/db?log=x&wait_ms=200", "redis://{}/0?log=x&wait_ms=200"]
)
def test_a_host_that_takes_the_call_and_says_nothing_is_out_of_reach(engine):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = engine.format(f"127.0.0.1:{silent.getsockname()[1]}")
        with closing(distant(place)) as store, pytest.raises(RecordError):
            store.observe()


@pytest.mark.parametrize(("wait_ms", "said_s"), [(400, 2), (2_500, 3), (60_000, 7)])
def test_no_connection_is_waited_for_much_longer_than_an_answer(monkeypatch, wait_ms, said_s):
    settings = LedgerSettings(**small_settings(), **postgresql_settings(connect_s=7))
    address = parse(f"postgresql://u@127.0.0.1:1/db?log=x&wait_ms={wait_ms}", settings)
    given = {}
    monkeypatch.setattr(ledger_line.psycopg, "connect", lambda **words: given.update(words))
    open_link(address)
    assert given["connect_timeout"] == said_s


def test_a_run_goes_on_where_the_store_was_archived_and_nobody_says_where(
    url, key, postgresql, tmp_path, new_log
):
    postgresql.execute(ROLES)
    for why in ("two", "three"):
        issue(url, key, Wish.of(None, None, why, None))
    folder = RunFolder(tmp_path / "run")
    folder.root.mkdir()
    folder.operator.write_bytes(key.with_suffix(".pub").read_bytes())
    daily = policies.plain(policies.load("daily"))
    made = asking(folder, new_log(), some_stale_rules(), daily, chosen(url))
    with closing(made) as authority:
        _archive_under(authority, url, key, tmp_path)


def _archive_under(authority, url, key, tmp_path):
    assert authority(1_000 * SECOND).number == 3
    place = f"{url}&archive={tmp_path / 'archive'}"
    move(find(place), RetentionRules(keep_events=1, keep_days=0.0), Silent())
    issue(place, key, Wish.of(None, None, "four", None))
    held = authority(1_060 * SECOND)
    assert (held.number, held.leash.cause) == (3, "policy.stale")
    assert "policy.unreachable" in {alarm.code for alarm in held.alarms}


def test_a_store_on_this_machine_is_looked_at_without_haste(tmp_path):
    open_log(tmp_path / "log", Config(**small_settings())).close()
    with closing(distant(str(tmp_path / "log"))) as store:
        assert store.observe().statements == ()
    with pytest.raises(ConfigError, match="wait_ms=0 is no time to wait"):
        distant("redis://h/0?wait_ms=0")
