"""Rows 13 and 14: Redis is killed under load, loses its end, or everything.

The outbox has acknowledged each event; in the end Redis has each of them once, in order.
"""

from __future__ import annotations

import os
import threading

import apsw
import numpy as np
import pytest

from stairway.adapters.logs.redis import Config, open_log
from stairway.adapters.outbox import relay as relay_module
from stairway.adapters.outbox.keys import EMPTY
from stairway.adapters.outbox.relay import Reached, Relay
from stairway.app.record.engine import watched
from stairway.base.errors import RecordError
from stairway.base.verdict import Pass, Refuse
from stairway.events.delivery import GroupRules
from stairway.testing.log import small_settings
from stairway.testing.redis_load import Publisher, audit, in_redis
from stairway.testing.redis_server import private_redis, redis_settings

CONFIG = Config(**small_settings(), **redis_settings())
AOF = ("--appendonly", "yes", "--appendfsync", "everysec")
RDB = ("--appendonly", "no")


def opened(folder, server, name="bus", **changes):
    config = Config(**small_settings(), **redis_settings(**changes))
    return open_log(folder / name, config, url=server.url(name))


def cut_end(server, rng):
    """What a power cut takes: the last part of the append-only file."""
    (path,) = (server.folder / "appendonlydir").glob("*.incr.aof")
    size = path.stat().st_size
    gone = min(size // 2, int(rng.integers(2_000, 60_000)))
    os.truncate(path, size - gone)


def kill_and_restart(
    server,
    kills,
    seed,
    *,
    between=lambda _server, _rng: None,
    lose=None,
    wait=lambda _kill: None,
):
    rng = np.random.default_rng(seed)
    pause = threading.Event().wait
    for kill in range(kills):
        pause(0.1 + rng.random() * 0.3)
        wait(kill)
        between(server, rng)
        server.kill()
        if lose is not None and kill % 2:
            lose(server, rng)
        pause(rng.random() * 0.2)
        server.start()


def until(condition):
    for _ in range(30_000):
        if condition():
            return
        threading.Event().wait(0.002)
    pytest.fail("it did not happen")


def save_sometimes(server, rng):
    if rng.random() < 0.7:
        with server.client() as client:
            client.bgsave()
        threading.Event().wait(rng.random() * 0.1)


def survive(folder, server, kills, events, **how):
    """Return what was acknowledged, the audit and what the relay has lived through."""
    log, seen = opened(folder, server), 0
    # The more that is wanted of each life of the server, the more at a time.
    batch = 20 if events < 100_000 else 100
    publisher = Publisher(log, batch=batch, rate=300.0 * batch)

    def wait(kill):
        """Wait for the share of a kill, and every other time for the relay."""
        nonlocal seen
        until(lambda: publisher.total * kills >= events * (kill + 1) or publisher.failure)
        if kill % 2 == 0:
            until(lambda: log.tally.connects > seen)
        seen = log.tally.connects

    publisher.start()
    kill_and_restart(server, kills, seed=kills, wait=wait, **how)
    acked = publisher.stop()
    log.catch_up(120.0)
    with server.client() as client:
        found = audit(client, "bus", log, publisher.acked)
    tally = log.tally
    log.close()
    return acked, found, tally


AOF_CUT = "Redis killed under load, its file cut short every other time"
SNAPSHOTS = "Redis killed under load, snapshots only"


@pytest.mark.timeout(1800)
def test_nothing_is_lost_when_redis_is_killed_under_load(tmp_path, figures, demanded):
    wanted = demanded(13, AOF_CUT)
    kills = wanted["kills"]
    with private_redis(*AOF) as server:
        acked, found, tally = survive(tmp_path, server, kills, wanted["events"], lose=cut_end)
    assert found.faults == 0
    assert found.events == acked
    # The fault fired: it was killed, and came back shorter.
    assert server.starts == kills + 1
    assert tally.connects > kills // 2
    assert tally.rewinds > 0
    figures(
        13, AOF_CUT, kills=server.starts - 1,
        events=acked, lost=found.lost, doubled=found.doubled, disordered=found.disordered,
        connects=tally.connects, rewinds=tally.rewinds, sent_again=tally.lost_by_redis,
        unknown=tally.unknown,
    )  # fmt: skip


@pytest.mark.timeout(1800)
def test_nothing_is_lost_when_redis_keeps_nothing_but_an_old_snapshot(
    tmp_path, figures, demanded
):
    wanted = demanded(14, SNAPSHOTS)
    kills, events = wanted["kills"], wanted["events"]
    with private_redis(*RDB) as server:
        acked, found, tally = survive(tmp_path, server, kills, events, between=save_sometimes)
    assert found.faults == 0
    assert found.events == acked
    figures(
        14, SNAPSHOTS, kills=server.starts - 1, events=acked,
        lost=found.lost, doubled=found.doubled, disordered=found.disordered,
        connects=tally.connects, rewinds=tally.rewinds, sent_again=tally.lost_by_redis,
    )  # fmt: skip


class Inbox:
    """A consumer's effects, each committed together with the place of its event."""

    def __init__(self, *, remembers=True):
        self.remembers = remembers
        self.db = apsw.Connection(":memory:")
        self.db.execute("create table seen (stream, position, primary key (stream, position))")
        self.effects = 0
        self.repeats = 0

    def handle(self, delivery):
        e = delivery.envelope
        with self.db:
            self.db.execute("insert or ignore into seen values (?, ?)", (e.stream, e.position))
            fresh = self.db.changes() if self.remembers else 1
        self.effects += fresh
        self.repeats += 1 - fresh


def consume(group, inbox, now_ns=1_700_000_000_000_000_000):
    while batch := group.take("desk", 64, now_ns):
        for delivery in batch:
            inbox.handle(delivery)
        group.ack(batch)


def test_a_group_that_redis_forgot_begins_at_the_first_event_and_effects_happen_once(
    tmp_path, figures
):
    inbox = Inbox()
    with private_redis(*RDB) as server:
        log = opened(tmp_path, server)
        group = log.group("desk", GroupRules(streams=("fill",), lease_ms=1_000, tries=5))
        log.append("fill", [b"%d" % n for n in range(500)])
        consume(group, inbox)
        held = group.take("desk", 1, 1)
        assert log.catch_up(5.0)
        server.kill()
        server.start()
        log.append("fill", [b"%d" % n for n in range(500, 700)])
        consume(group, inbox)
        assert group.restarts == 1
        assert held == ()
        assert inbox.effects == 700
        assert inbox.repeats == 500
        assert group.pending() == 0
        assert log.catch_up(10.0)
        with server.client() as client:
            assert audit(client, "bus", log, {"fill": 700}).faults == 0
            # Also when somebody empties it while everything is connected.
            client.flushall()
        log.append("fill", [b"after"])
        consume(group, inbox)
        assert log.catch_up(10.0)
        with server.client() as client:
            found = audit(client, "bus", log, {"fill": 701})
        assert (found.faults, found.events) == (0, 701)
        assert (inbox.effects, group.restarts) == (701, 2)
        figures(
            14, "Redis lost everything, consumers with an inbox", events=found.events,
            effects=inbox.effects, repeats=inbox.repeats, group_restarts=group.restarts,
            lost=max(0, 701 - inbox.effects), doubled=max(0, inbox.effects - 701),
            rewinds=log.tally.rewinds,
        )  # fmt: skip
        group.close()
        log.close()


def test_what_the_outbox_has_not_either_is_an_alarm_and_never_skipped(tmp_path, figures):
    with private_redis(*RDB) as server:
        log = opened(tmp_path, server)
        log.append("fill", [b"%d" % n for n in range(100)])
        assert log.catch_up(5.0)
        db = apsw.Connection(str(tmp_path / "bus" / "durable.db"))
        db.execute("delete from event where position <= 40")
        assert db.changes() == 40
        db.close()
        server.kill()
        server.start()
        log.append("fill", [b"later"])
        assert not log.catch_up(5.0)
        verdict = log.health()
        assert isinstance(verdict, Refuse)
        assert verdict.findings[0].code == "log.outbox_unreadable"
        assert "position 1" in verdict.findings[0].detail
        # No bar is looked at any more, so that nothing is entered; an exit is recorded.
        entries_refused = 0
        for _ in range(3):
            with pytest.raises(RecordError, match="the record refuses new risk"):
                next(watched([None], log))
            entries_refused += 1
        log.use_ballast()
        log.append("order.sent", [b"exit"])
        log.flush()
        exits = [e.payload for e in log.read("order.sent")].count(b"exit")
        with server.client() as client:
            sent = in_redis(client, "bus", "fill")
        figures(14, "Redis lost everything and the outbox its beginning",
                phantom=len(sent), alarms=len(verdict.findings), entries_refused=entries_refused,
                exits_recorded=exits)  # fmt: skip
        log.close()


def skips_what_is_gone(self, _client, stream):
    """The planted bug: the relay goes on with what comes from now on, as from ``$``."""
    self._places = {**self._places, stream: Reached(self._heads()[stream], EMPTY)}


@pytest.mark.long
def test_planted_a_relay_that_skips_what_the_outbox_has_not_is_found(
    tmp_path, figures, monkeypatch, append_unchecked
):
    with private_redis(*RDB) as server:
        log = opened(tmp_path, server)
        log.append("fill", [b"%d" % n for n in range(100)])
        assert log.catch_up(5.0)
        db = apsw.Connection(str(tmp_path / "bus" / "durable.db"))
        db.execute("delete from event where position <= 40")
        db.close()
        monkeypatch.setattr(Relay, "_rewind", skips_what_is_gone)
        monkeypatch.setattr(relay_module, "APPEND", append_unchecked)
        server.kill()
        server.start()
        until(lambda: log.tally.connects > 1)
        log.append("fill", [b"later"])
        assert log.catch_up(5.0)
        silent = isinstance(log.health(), Pass)
        with server.client() as client:
            skipped = 101 - len(in_redis(client, "bus", "fill"))
        log.close()
    assert silent
    figures(14, "planted: what neither has is skipped", noticed=skipped)


@pytest.mark.long
def test_planted_a_relay_that_does_not_rewind_to_a_snapshot_is_found(
    tmp_path, figures, monkeypatch, append_unchecked
):
    monkeypatch.setattr(Relay, "_rewind", without_rewind)
    monkeypatch.setattr(relay_module, "APPEND", append_unchecked)
    with private_redis(*RDB) as server:
        _, found, tally = survive(tmp_path, server, 3, 3_000, between=save_sometimes)
    assert tally.connects > 1
    assert found.lost > 0
    figures(14, "planted: no rewind to a snapshot", lost=found.lost)


@pytest.mark.long
def test_planted_a_consumer_without_an_inbox_is_found(tmp_path, figures):
    inbox = Inbox(remembers=False)
    with private_redis(*RDB) as server:
        log = opened(tmp_path, server)
        group = log.group("desk", GroupRules(streams=("fill",), lease_ms=1_000, tries=5))
        log.append("fill", [b"%d" % n for n in range(500)])
        consume(group, inbox)
        assert log.catch_up(5.0)
        server.kill()
        server.start()
        log.append("fill", [b"later"])
        consume(group, inbox)
        assert group.restarts == 1
        group.close()
        log.close()
    assert inbox.effects > 501
    figures(14, "planted: consumers without an inbox", noticed=inbox.effects - 501)


def without_rewind(self, _client, stream):
    """The planted bug: what the relay believed is what Redis has."""
    self._places = {stream: Reached(0, EMPTY)} | self._places


@pytest.mark.long
def test_planted_a_relay_that_does_not_rewind_is_found(
    tmp_path, figures, monkeypatch, append_unchecked
):
    monkeypatch.setattr(Relay, "_rewind", without_rewind)
    monkeypatch.setattr(relay_module, "APPEND", append_unchecked)
    with private_redis(*AOF) as server:
        _, found, tally = survive(tmp_path, server, 6, 6_000, lose=cut_end)
    assert tally.connects > 1
    assert found.lost > 0
    figures(13, "planted: no rewind", lost=found.lost)


@pytest.mark.long
def test_planted_an_acknowledgement_before_the_commit_is_found(tmp_path, figures):
    inbox = Inbox()
    with private_redis(*RDB) as server:
        log = opened(tmp_path, server)
        rules = GroupRules(streams=("fill",), lease_ms=1, tries=5)
        group = log.group("desk", rules)
        log.append("fill", [b"%d" % n for n in range(100)])
        now_ns = 0
        while batch := group.take("desk", 10, now_ns):
            group.ack(batch)
            # The consumer dies between acknowledgement and commit, every other time.
            if now_ns % 2:
                for delivery in batch:
                    inbox.handle(delivery)
            now_ns += 1
        lost = 100 - inbox.effects
        group.close()
        log.close()
    assert lost > 0
    figures(14, "planted: acknowledgement before the commit", lost=lost)
