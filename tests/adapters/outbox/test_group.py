"""A group in Redis survives what Redis forgets, and fences off who remembers more."""

from __future__ import annotations

import threading
import zlib
from contextlib import closing

import pytest

from stairway.adapters.logs.redis import Config, groups, open_log
from stairway.base.errors import ConflictError, DamagedLogError
from stairway.events.delivery import GroupRules
from stairway.testing.log import small_settings
from stairway.testing.redis_server import redis_settings

CONFIG = Config(**small_settings(), **redis_settings())
RULES = GroupRules(streams=("fill",), lease_ms=1_000, tries=5)


@pytest.fixture
def url(redis_server, tmp_path):
    return redis_server.url(f"g{zlib.crc32(str(tmp_path).encode())}")


@pytest.fixture
def log(tmp_path, url):
    made = open_log(tmp_path / "log", CONFIG, url=url)
    made.append("fill", [b"%d" % n for n in range(100)])
    assert made.catch_up(10.0)
    yield made
    made.close()


@pytest.fixture
def forget(redis_server, url):
    """Make Redis forget the group."""

    def done():
        with redis_server.client() as admin:
            assert admin.delete(f"bus:{url.rpartition('=')[2]}:.group:desk") == 1

    return done


def positions(deliveries):
    return [d.envelope.position for d in deliveries]


def test_a_group_that_was_forgotten_begins_again_and_old_tokens_do_not_fit(log, forget):
    group = log.group("desk", RULES)
    old = group.take("a", 10, 1)
    forget()
    again = group.take("b", 10, 1)
    assert positions(again) == positions(old) == [*range(1, 11)]
    assert min(d.token for d in again) > max(d.token for d in old)
    with pytest.raises(ConflictError):
        group.ack(old)
    group.ack(again)
    assert group.restarts == 1
    group.close()


def test_a_group_that_was_forgotten_goes_on_behind_what_the_inboxes_have(log, forget):
    group = log.group("desk", RULES, processed={"fill": 60})
    # A group that was never there begins there too: the inboxes are older than Redis.
    assert positions(group.take("a", 5, 1)) == [61, 62, 63, 64, 65]
    forget()
    assert positions(group.take("a", 5, 1)) == [61, 62, 63, 64, 65]
    group.close()


def test_a_group_is_refused_where_the_log_is_another_one(tmp_path, log, url):
    log.group("desk", RULES).take("a", 50, 1)
    log.close()
    other = open_log(tmp_path / "other", CONFIG, url=f"{url}x")
    other.append("fill", [b"other"] * 100)
    other.flush()
    other.close()
    reader = open_log(tmp_path / "other", CONFIG, url=url, read_only=True)
    with pytest.raises(DamagedLogError, match="not the one in this log"):
        reader.group("desk", RULES)
    reader.close()


def test_consumers_that_race_never_share_an_event(log):
    seen, begin = [], threading.Barrier(4)

    def consume(name):
        group = log.group("desk", RULES)
        begin.wait()
        while batch := group.take(name, 1, 1):
            seen.extend(positions(batch))
        group.close()

    threads = [threading.Thread(target=consume, args=[str(n)]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [*range(1, 101)]


def test_whoever_archives_finds_every_group_also_one_that_redis_forgot_or_never_listed(
    log, url, redis_server, forget
):
    with closing(groups(url, CONFIG)) as shelf, redis_server.client() as admin:
        listed = f"bus:{url.rpartition('=')[2]}:.groups"
        with closing(log.group("desk", RULES)) as group:
            assert shelf.names() == ("desk",)
            assert admin.delete(listed) == 1
            forget()
            group.take("a", 1, 1)
            assert shelf.names() == ("desk",)
        assert admin.delete(listed) == 1
        log.group("desk", RULES).close()
        assert shelf.names() == ("desk",)
        forget()
        with pytest.raises(DamagedLogError, match="Redis has lost it"):
            shelf.state("desk")


@pytest.fixture
def cut(tmp_path, url, log):
    """Let a group hand events out, then let the disk end where a power cut may leave it."""

    def reader(stream, left):
        rules = GroupRules(streams=(stream,), lease_ms=1_000, tries=5)
        log.append(stream, [b"%d" % n for n in range(20)])
        with closing(log.group("cut", rules)) as group:
            group.ack(group.take("a", 15, 1))
            assert positions(group.take("a", 2, 1)) == [16, 17]
        other = open_log(tmp_path / "cut", CONFIG, url=f"{url}x")
        other.append(stream, left)
        other.close()
        return open_log(tmp_path / "cut", CONFIG, url=url, read_only=True), rules

    return reader


BEFORE = [b"%d" % n for n in range(20)]
AFTER_A_CUT = [BEFORE[:9], BEFORE[:9] + [b"new"] * 30]


@pytest.mark.parametrize("left", AFTER_A_CUT, ids=["ends before", "goes on otherwise"])
def test_telemetry_that_a_power_cut_took_is_delivered_from_the_beginning(cut, left):
    reader, rules = cut("market.bar", left)
    with closing(reader), closing(reader.group("cut", rules)) as group:
        again = group.take("b", 50, 1)
        assert [d.envelope.payload for d in again] == left
        assert group.pending() == len(left), "what was out before is not out any more"


@pytest.mark.parametrize("left", AFTER_A_CUT, ids=["ends before", "goes on otherwise"])
def test_a_disk_that_ends_before_what_a_group_handed_out_of_orders_is_refused(cut, left):
    reader, rules = cut("order", left)
    with closing(reader), pytest.raises(DamagedLogError, match="not the one in this log"):
        reader.group("cut", rules)


def test_redis_may_lag_behind_what_the_disk_handed_out(log, url, redis_server):
    with closing(log.group("desk", RULES)) as group:
        group.take("a", 50, 1)
    with redis_server.client() as admin:
        admin.delete(f"bus:{url.rpartition('=')[2]}:fill")
    with closing(open_log(None, CONFIG, url=url, read_only=True)) as remote:
        remote.group("desk", RULES).close()
