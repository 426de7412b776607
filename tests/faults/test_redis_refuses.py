"""Rows 17 and 18: Redis is away for long, or there and unable, or unwilling."""

from __future__ import annotations

import os
import threading
import time
import tomllib
from pathlib import Path

import pytest
import redis

from stairway.adapters.logs.redis import Config, RedisLog, open_log
from stairway.adapters.outbox import relay as relay_module
from stairway.adapters.outbox.failures import Meaning
from stairway.adapters.outbox.keys import EMPTY
from stairway.adapters.outbox.relay import Reached, Relay
from stairway.app.record.engine import watched
from stairway.base.errors import ConfigError, DiskFullError, RecordError
from stairway.base.verdict import Pass, Refuse
from stairway.testing.log import small_settings
from stairway.testing.redis_load import Publisher, audit
from stairway.testing.redis_server import private_redis, redis_settings

MOST_MS = 50.0
RECORD = Path(__file__).parents[2] / "src" / "stairway" / "policies" / "record.toml"

pause = threading.Event().wait


@pytest.fixture
def server():
    with private_redis("--appendonly", "no") as made:
        yield made


def opened(folder, server, **changes):
    config = Config(**small_settings(), **redis_settings(**changes))
    return open_log(folder, config, url=server.url("bus"))


def audited(server, log, acked):
    with server.client() as client:
        return audit(client, "bus", log, acked)


def refusal(log):
    verdict = log.health()
    assert isinstance(verdict, Refuse)
    (finding,) = verdict.findings
    return finding


def until(condition):
    for _ in range(2_000):
        if condition():
            return
        pause(0.005)
    pytest.fail("it did not happen")


def outage(folder, server, backlog, batch=10):
    """Publish while Redis is away; return publisher, audit, verdict meanwhile and times."""
    log = opened(folder, server)
    publisher = Publisher(log, batch=batch, rate=600.0 * batch)
    publisher.start()
    pause(0.3)
    server.kill()
    away_s = -time.monotonic()
    until(lambda: log.tally.failures > 3)
    before = publisher.total
    while publisher.total < before + backlog and publisher.failure is None:
        pause(0.05)
    seen = {"backlog": publisher.total - before}
    verdict = log.health()
    drained_s = -time.monotonic()
    server.start()
    seen["away_s"] = round(away_s - drained_s, 1)
    # Live events keep coming while the backlog drains.
    pause(0.5)
    publisher.stop()
    assert log.catch_up(300.0)
    seen["drained_s"] = round(drained_s + time.monotonic(), 1)
    found = audited(server, log, publisher.acked)
    seen["tries_meanwhile"] = log.tally.failures
    log.close()
    return publisher, found, verdict, seen


@pytest.mark.timeout(1800)
def test_publishing_goes_on_while_redis_is_away_and_all_of_it_arrives(
    tmp_path, server, figures, demanded
):
    backlog = demanded(17, "Redis away while events are published")["backlog"]
    batch = 10 if backlog < 10_000 else 100
    publisher, found, verdict, seen = outage(tmp_path, server, backlog, batch)
    acked, p99_ms = publisher.total, publisher.append_ms(0.99)
    assert isinstance(verdict, Pass)
    assert verdict.findings[0].code == "log.redis_waits"
    assert found.faults == 0
    assert found.events == acked
    assert p99_ms <= MOST_MS
    figures(
        17, "Redis away while events are published", **seen,
        events=acked, append_p99_ms=round(p99_ms, 3), lost=found.lost, doubled=found.doubled,
        disordered=found.disordered,
    )  # fmt: skip


@pytest.mark.long
def test_planted_appends_that_wait_for_redis_are_found(tmp_path, server, figures, monkeypatch):
    straight = RedisLog.append

    def waiting(self, stream, payloads, expected=None):
        head = straight(self, stream, payloads, expected)
        self.catch_up(0.2)
        return head

    monkeypatch.setattr(RedisLog, "append", waiting)
    publisher, *_ = outage(tmp_path, server, backlog=100)
    p99_ms = publisher.append_ms(0.99)
    assert p99_ms > MOST_MS
    figures(17, "planted: each event waits for Redis", append_p99_ms=round(p99_ms, 3))


@pytest.mark.long
def test_planted_a_relay_that_goes_on_with_what_is_live_is_found(
    tmp_path, server, figures, monkeypatch, append_unchecked
):
    def skip(self, _client, stream):
        self._places = {**self._places, stream: Reached(self._heads()[stream], EMPTY)}

    monkeypatch.setattr(Relay, "_rewind", skip)
    monkeypatch.setattr(relay_module, "APPEND", append_unchecked)
    _, found, *_ = outage(tmp_path, server, backlog=2_000)
    assert found.lost > 0
    figures(
        17, "planted: after the outage the relay goes on with what is live", lost=found.lost
    )


def test_the_bound_that_is_shipped_is_that_of_the_files_of_the_outbox(
    tmp_path, server, figures
):
    """The file is made as long as that, and has a hole in it: its length is what counts."""
    shipped = tomllib.loads(RECORD.read_text("utf-8"))["redis"]
    bound = shipped["max_outbox_bytes"]
    server.kill()
    config, url = Config(**small_settings(), **shipped), server.url("bus")
    log = open_log(tmp_path, config, url=url)
    log.append("fill", [bytes(1_000)] * 50)
    log.flush()
    path, refused, accepted = tmp_path / "telemetry.db", 0, log.head("fill").position
    size = path.stat().st_size
    for length, code in ((bound - 2**20, None), (bound, "log.outbox_full"), (size, None)):
        os.truncate(path, length)
        until(lambda code=code: said_of(log) == code)
        if code is None:
            accepted = log.append("fill", [b"entry"]).position
            continue
        with pytest.raises(DiskFullError, match=f"{bound} are allowed"):
            log.append("fill", [b"entry"])
        refused += 1
    log.flush()
    figures(17, "the outbox reaches the shipped bound, of a file with a hole in it",
            bound_bytes=bound, refused=refused, accepted=accepted,
            lost=accepted - len(list(log.read("fill"))))  # fmt: skip
    log.close()


def said_of(log):
    """The code with which a log refuses new risk; none where it does not."""
    verdict = log.health()
    return verdict.findings[0].code if isinstance(verdict, Refuse) else None


def append_for_ever(log):
    for _ in range(2_000):
        log.append("fill", [bytes(1_000)] * 5)
        pause(0.002)


def test_beyond_the_bound_of_the_outbox_entries_are_refused_and_exits_are_not(
    tmp_path, server, figures
):
    log = opened(tmp_path, server, max_outbox_bytes=400_000)
    log.append("fill", [bytes(1_000)] * 50)
    assert log.catch_up(5.0)
    server.kill()
    refused = 0
    for _ in range(5):
        with pytest.raises(DiskFullError, match="max_outbox_bytes"):
            append_for_ever(log)
        refused += 1
    assert refusal(log).code == "log.outbox_full"
    with pytest.raises(RecordError, match="the record refuses new risk"):
        next(watched([None], log))
    log.use_ballast()
    exits = log.append("order.sent", [b"exit"]).position
    log.flush()
    assert exits == 1
    server.start()
    assert log.catch_up(10.0)
    until(lambda: isinstance(log.health(), Pass))
    head = log.append("fill", [b"entry"])
    assert log.catch_up(5.0)
    found = audited(server, log, {"fill": head.position, "order.sent": 1})
    assert found.faults == 0
    log.close()
    figures(
        17, "the outbox reaches its bound", refused=refused, exits_recorded=exits,
        events=found.events, lost=found.lost,
    )  # fmt: skip


@pytest.mark.long
def test_planted_an_outbox_without_a_bound_is_found(tmp_path, server, figures, monkeypatch):
    monkeypatch.setattr(Relay, "_measure", lambda _self: None)
    log = opened(tmp_path, server, max_outbox_bytes=400_000)
    server.kill()
    # What the test above waits for never comes.
    append_for_ever(log)
    assert isinstance(log.health(), Pass)
    behind = log.head("fill").position
    log.close()
    figures(17, "planted: the outbox has no bound", events_behind=behind)


def test_a_redis_that_is_away_at_the_start_is_caught_up_with_later(tmp_path, server):
    server.kill()
    log = opened(tmp_path, server)
    log.append("fill", [b"early"])
    log.flush()
    assert not log.catch_up(0.05)
    log.close()
    server.start()
    log = opened(tmp_path, server)
    assert log.catch_up(5.0)
    assert audited(server, log, {"fill": 1}).events == 1
    log.close()


def oom(server):
    with server.client() as admin:
        admin.config_set("maxmemory", "1mb")
    return lambda admin: admin.config_set("maxmemory", "0")


def misconf(server):
    (server.folder / "dump.rdb").mkdir()
    with server.client() as admin:
        admin.config_set("stop-writes-on-bgsave-error", "yes")
        admin.config_set("save", "3600 1")
        admin.bgsave()
        until(lambda: admin.info("persistence")["rdb_last_bgsave_status"] == "err")
    return lambda admin: admin.config_set("stop-writes-on-bgsave-error", "no")


def read_only(server):
    with server.client() as admin:
        admin.replicaof("127.0.0.1", server.port)
    return lambda admin: admin.replicaof("no", "one")


def busy(server):
    def spin():
        with server.client(socket_timeout=60.0) as client, pytest.raises(redis.ResponseError):
            client.eval("while true do end", 0)

    with server.client() as admin:
        admin.config_set("busy-reply-threshold", "10")
    spinning = threading.Thread(target=spin)
    spinning.start()

    def end(admin):
        admin.script_kill()
        spinning.join()

    return end


@pytest.mark.parametrize("trouble", [oom, misconf, read_only, busy])
def test_trouble_that_passes_is_waited_out(tmp_path, server, figures, trouble):
    log = opened(tmp_path, server)
    log.append("fill", [b"before"] * 10)
    assert log.catch_up(5.0)
    end = trouble(server)
    log.append("fill", [b"meanwhile"] * 200)
    until(lambda: log.tally.failures > 1)
    verdict = log.health()
    assert isinstance(verdict, Pass)
    assert verdict.findings[0].code == "log.redis_waits"
    with server.client() as admin:
        end(admin)
    assert log.catch_up(10.0)
    found = audited(server, log, {"fill": 210})
    assert (found.faults, found.events) == (0, 210)
    figures(
        18, f"{trouble.__name__}: passes", failures=log.tally.failures, events=found.events,
        lost=found.lost,
    )  # fmt: skip
    log.close()


def test_a_redis_that_is_still_loading_is_waited_for(tmp_path, figures):
    slow = ("--key-load-delay", "3000", "--loading-process-events-interval-bytes", "1024")
    with private_redis("--appendonly", "no") as server:
        log = opened(tmp_path, server)
        log.append("fill", [b"before"] * 10)
        assert log.catch_up(5.0)
        with server.client() as admin:
            for n in range(200):
                admin.set(f"other:{n}", bytes(200))
            admin.save()
        server.kill()
        log.append("fill", [b"meanwhile"] * 10)
        server.start("--appendonly", "no", *slow, wait=False)
        until(lambda: "loading" in (log.health().findings or (Said(""),))[0].detail)
        assert log.catch_up(20.0)
        server.await_answer()
        found = audited(server, log, {"fill": 20})
        assert (found.faults, found.events) == (0, 20)
        figures(18, "loading: passes", failures=log.tally.failures, events=found.events,
                lost=found.lost)  # fmt: skip
        log.close()


class Said:
    def __init__(self, detail):
        self.detail = detail


def no_auth(admin):
    admin.config_set("requirepass", "changed")
    return lambda again: again.config_set("requirepass", "")


def no_perm(admin):
    admin.execute_command("ACL", "SETUSER", "default", "-eval", "-evalsha")
    return lambda again: again.execute_command("ACL", "SETUSER", "default", "+eval", "+evalsha")


def wrong_type(admin):
    admin.delete("bus:bus:fill")
    admin.set("bus:bus:fill", "somebody else's")
    return lambda again: again.delete("bus:bus:fill")


@pytest.mark.parametrize(
    ("unwilling", "code"),
    [
        (no_auth, "AUTH"),
        (no_perm, "NOPERM"),
        (wrong_type, "WRONGTYPE"),
    ],
)
def test_what_only_a_person_can_set_right_is_said_once_and_the_outbox_goes_on(
    tmp_path, server, figures, unwilling, code
):
    log = opened(tmp_path, server)
    log.append("fill", [b"before"] * 10)
    assert log.catch_up(5.0)
    with server.client() as admin:
        set_right = unwilling(admin)
        if unwilling is no_auth:
            admin.client_kill_filter(_type="normal", skipme=True)
    log.append("fill", [b"meanwhile"] * 10)
    assert not log.catch_up(5.0)
    finding = refusal(log)
    failures = log.tally.failures
    assert finding.code == "log.redis_refuses"
    assert f"refuses, {code} (" in finding.detail
    assert "outbox keeps what comes" in finding.detail
    head = log.append("fill", [b"later"])
    log.flush()
    assert [e.position for e in log.read("fill")] == [*range(1, 22)]
    pause(0.1)
    assert log.tally.failures == failures
    assert refusal(log) == finding
    alarms = len(log.health().findings)
    assert_halted(log)
    log.close()
    # Once it is set right, all of it goes on.
    with server.client(password="changed" if unwilling is no_auth else None) as admin:
        set_right(admin)
    log = opened(tmp_path, server)
    assert log.catch_up(5.0)
    acked = {"fill": head.position, "order.sent": 1}
    found = audited(server, log, acked)
    log.close()
    figures(18, f"{unwilling.__name__}: stops", events=found.events, alarms=alarms,
            lost=found.lost, doubled=found.doubled, phantom=found.phantom)  # fmt: skip


def assert_halted(log):
    """No bar is looked at any more, so that nothing is entered; an exit is recorded."""
    with pytest.raises(RecordError, match="the record refuses new risk"):
        next(watched([None], log))
    log.use_ballast()
    exits = log.append("order.sent", [b"exit"]).position
    log.flush()
    assert [e.position for e in log.read("order.sent")] == [*range(1, exits + 1)]


@pytest.mark.long
def test_planted_an_error_that_is_taken_for_an_answer_is_found(
    tmp_path, server, figures, monkeypatch, append_unchecked
):
    monkeypatch.setattr(relay_module, "APPEND", append_unchecked)
    log = opened(tmp_path, server)
    log.append("fill", [b"before"] * 10)
    assert log.catch_up(5.0)
    end = oom(server)
    log.append("fill", [b"meanwhile"] * 200)
    assert log.catch_up(5.0)
    with server.client() as admin:
        end(admin)
    found = audited(server, log, {"fill": 210})
    assert found.lost > 0
    figures(18, "planted: an error is taken for an answer", lost=found.lost)
    log.close()


@pytest.mark.long
def test_planted_an_error_that_never_passes_and_is_waited_out_is_found(
    tmp_path, figures, monkeypatch
):
    monkeypatch.setattr(relay_module, "meaning", lambda _error: Meaning.AGAIN)
    noticed = 0
    for unwilling in (no_auth, no_perm, wrong_type):
        with private_redis("--appendonly", "no") as server:
            log = opened(tmp_path / unwilling.__name__, server)
            log.append("fill", [b"before"] * 10)
            assert log.catch_up(5.0)
            with server.client() as admin:
                unwilling(admin)
                if unwilling is no_auth:
                    admin.client_kill_filter(_type="normal", skipme=True)
            log.append("fill", [b"meanwhile"] * 10)
            until(lambda log=log: log.tally.failures > 3)
            noticed += isinstance(log.health(), Pass)
            log.close()
    assert noticed > 0
    figures(18, "planted: every error is waited out", noticed=noticed)


def test_a_redis_that_would_throw_events_out_is_refused(tmp_path, server):
    with server.client() as admin:
        admin.config_set("maxmemory-policy", "allkeys-lru")
    with pytest.raises(ConfigError, match=r"maxmemory-policy noeviction"):
        opened(tmp_path, server)
    with server.client() as admin:
        assert admin.dbsize() == 0
        admin.config_set("maxmemory-policy", "noeviction")
    opened(tmp_path, server).close()
