"""On another machine the log is read from Redis, and every event is checked."""

from __future__ import annotations

import shutil
import time
import zlib
from contextlib import closing
from itertools import islice

import pytest
import redis

from stairway.adapters.journal.archive import Archive
from stairway.adapters.journal.archiver import RetentionRules
from stairway.adapters.journal.kept import archive_kept
from stairway.adapters.journal.log import open_folder
from stairway.adapters.logs.redis import Config, kept, open_log
from stairway.adapters.outbox.remote import RemoteReader
from stairway.base.errors import ConfigError, ConflictError, DamagedLogError, RecordError
from stairway.base.verdict import Pass
from stairway.events.delivery import GroupRules
from stairway.events.envelope import Head
from stairway.testing.log import small_settings
from stairway.testing.redis_server import PrivateRedis, redis_settings

CONFIG = Config(**small_settings(), **redis_settings())
RULES = GroupRules(streams=("fill",), lease_ms=1_000, tries=5)


@pytest.fixture
def url(redis_server, tmp_path):
    return redis_server.url(f"r{zlib.crc32(str(tmp_path).encode())}")


@pytest.fixture
def log(tmp_path, url):
    made = open_log(tmp_path / "log", CONFIG, url=url)
    made.append("fill", [b"%d" % n for n in range(1_300)])
    made.append("market.bar", [b"bar"] * 3)
    assert made.catch_up(10.0)
    yield made
    made.close()


@pytest.fixture
def remote(log, url):
    assert log.head("fill").position == 1_300
    made = open_log(None, CONFIG, url=url, read_only=True)
    yield made
    made.close()


@pytest.fixture
def admin(redis_server):
    with redis_server.client() as client:
        yield client


def key_of(url, stream="fill"):
    return f"bus:{url.rpartition('=')[2]}:{stream}"


def test_it_is_the_same_log_from_any_place_on(log, remote):
    assert remote.streams() == log.streams() == ("fill", "market.bar")
    events = list(log.read("fill"))
    for after in (0, 1, 511, 512, 513, 1_298, 1_299, 1_300, 9_999):
        assert list(remote.read("fill", after)) == events[after:]
    assert remote.head("fill") == log.head("fill")
    assert remote.head("nobody") == Head()
    assert list(remote.read("nobody")) == []
    log.append("fill", [b"more"])
    assert log.catch_up(5.0)
    assert [e.payload for e in remote.read("fill", 1_300)] == [b"more"]


def test_events_of_one_millisecond_are_found_too(tmp_path, url):
    log = open_log(tmp_path / "still", CONFIG, url=url, clock_ns=lambda: 5_000_000)
    log.append("fill", [b"%d" % n for n in range(40)])
    assert log.catch_up(5.0)
    remote = open_log(None, CONFIG, url=url, read_only=True)
    for after in range(40):
        assert [e.position for e in remote.read("fill", after)] == [*range(after + 1, 41)]
    remote.close()
    log.close()


def test_it_cannot_be_written_and_says_when_it_is_closed(remote):
    with pytest.raises(RecordError, match="read_only"):
        remote.append("fill", [b"x"])
    remote.flush()
    remote.close()
    with pytest.raises(RecordError, match="closed"):
        remote.read("fill")


def test_there_must_be_a_log_of_that_name(redis_server):
    with pytest.raises(ConfigError, match=r"no log named 'nobody'.*log=NAME"):
        open_log(None, CONFIG, url=redis_server.url("nobody"), read_only=True)


def test_a_redis_that_does_not_answer_is_a_typed_error():
    with pytest.raises(RecordError, match="ask again"):
        open_log(None, CONFIG, url="redis://127.0.0.1:1", read_only=True)


def test_a_missing_event_is_named_and_nothing_behind_it_is_handed_out(url, remote, admin):
    key = key_of(url)
    assert admin.xdel(key, admin.xrange(key)[699][0]) == 1
    seen = []
    with pytest.raises(DamagedLogError, match=r"'fill', position 700: .*archive"):
        seen.extend(e.position for e in remote.read("fill"))
    assert seen == [*range(1, 700)]
    with pytest.raises(DamagedLogError, match="position 700"):
        list(remote.read("fill", 700))
    assert len(list(remote.read("fill", 701))) == 599


def test_a_missing_end_is_damage_and_no_shorter_log(url, remote, admin):
    key = key_of(url)
    admin.xdel(key, *[identity for identity, _ in admin.xrevrange(key, count=5)])
    with pytest.raises(DamagedLogError, match="position 1296"):
        list(remote.read("fill"))
    with pytest.raises(DamagedLogError, match="position 1300"):
        remote.head("fill")


@pytest.mark.parametrize("field", ["payload", "hash", "position", "recorded_ns"])
def test_an_event_that_was_changed_is_damage(url, remote, admin, field):
    key = key_of(url, "market.bar")
    (*_, (identity, fields)) = admin.xrange(key)
    changed = {**fields, field.encode(): b"0" * len(fields[field.encode()])}
    admin.xdel(key, identity)
    admin.execute_command(
        "XSETID", key, admin.xrange(key)[-1][0], "ENTRIESADDED", 2, "MAXDELETEDID", "0-0"
    )
    admin.xadd(key, changed, id=identity)
    with pytest.raises(DamagedLogError, match=r"'market\.bar', position 3"):
        list(remote.read("market.bar"))


def test_consumers_on_both_machines_share_the_work(log, remote):
    here, there = log.group("desk", RULES), remote.group("desk", RULES)
    mine, theirs = here.take("a", 700, 1), there.take("b", 700, 1)
    assert [d.envelope.position for d in (*mine, *theirs)] == [*range(1, 1_301)]
    with pytest.raises(ConflictError):
        there.ack([with_token(theirs[0], 1)])
    there.ack([*mine, *theirs])
    assert here.pending() == 0
    for group in (here, there):
        group.close()


def with_token(delivery, token):
    return type(delivery)(delivery.envelope, delivery.tries, token)


def test_a_group_whose_memory_was_changed_is_refused(remote, url, admin):
    group = remote.group("desk", RULES)
    group.take("a", 10, 1)
    group.close()
    key = key_of(url, ".group:desk")
    body = admin.hget(key, "body")
    admin.hset(key, "body", body[:-1] + bytes([body[-1] ^ 1]))
    with pytest.raises(DamagedLogError, match="seal"):
        remote.group("desk", RULES)


def test_somebody_elses_server_is_refused(redis_server, tmp_path):
    with pytest.raises(ConfigError, match="somebody else's"):
        redis_server.require_ours(redis_server.pid + 1)
    other = PrivateRedis(tmp_path)
    other.port = redis_server.port
    with pytest.raises(ConfigError, match="taken by another program"):
        other.start()
    assert isinstance(redis_server.client(), redis.Redis)


@pytest.mark.parametrize("seen", [1, 600, 1_290])
def test_a_reader_goes_on_in_the_archive_where_events_leave_under_its_hands(
    log, url, tmp_path, seen
):
    address = f"{url}&archive={tmp_path / 'old'}"
    events = list(log.read("fill"))
    with closing(open_log(None, CONFIG, url=address, read_only=True)) as reader:
        reading = reader.read("fill")
        found = list(islice(reading, seen))
        with closing(kept(url, CONFIG)) as there:
            archive = Archive(tmp_path / "old" / url.rpartition("=")[2])
            rules = RetentionRules(keep_events=5, keep_days=0)
            archive_kept(there, archive, rules, time.time_ns(), lambda *_: None)
        found += reading
    assert found == events


@pytest.mark.parametrize(
    "identity", ["*", "99999999999999-1301", "99999999999999-7"], ids=["now", "next", "old"]
)
def test_what_somebody_else_put_at_the_end_is_named_and_not_left_out(
    url, remote, admin, identity
):
    put = admin.xadd(key_of(url), {"cat": "meow"}, id=identity).decode()
    found = f"'fill', position 1301: the stream ends with {put}, which is no event of this log"
    for look in (lambda: list(remote.read("fill")), lambda: remote.head("fill")):
        with pytest.raises(DamagedLogError, match=found):
            look()
    assert remote.head("market.bar").position == 3


def test_an_archiver_may_be_faster_than_a_reader_that_has_looked_already(
    log, url, tmp_path, monkeypatch
):
    address = f"{url}&archive={tmp_path / 'old'}"
    events = list(log.read("fill"))
    real = RemoteReader._place
    turns = iter(range(9))

    def overtaken(self, shelf, position):
        if next(turns) == 0:
            with closing(kept(url, CONFIG)) as there:
                archive = Archive(tmp_path / "old" / url.rpartition("=")[2])
                rules = RetentionRules(keep_events=5, keep_days=0)
                archive_kept(there, archive, rules, time.time_ns(), lambda *_: None)
        return real(self, shelf, position)

    with closing(open_log(None, CONFIG, url=address, read_only=True)) as reader:
        monkeypatch.setattr(RemoteReader, "_place", overtaken)
        assert list(reader.read("fill", 7)) == events[7:]


def test_every_stream_is_enlisted_with_the_format_it_is_written_in(log, url, admin):
    listed = admin.xrange(key_of(url, ".streams"))
    assert log.streams() == ("fill", "market.bar")
    assert [fields[b"format"] for _, fields in listed] == [b"1", b"1"]


@pytest.mark.parametrize("said", ["2", "0x", ""])
def test_a_log_of_a_newer_version_is_left_alone_and_said_to_be_one(
    log, url, admin, tmp_path, said
):
    log.close()
    admin.xadd(key_of(url, ".streams"), {"name": "fill", "format": said})
    before = admin.xrange(key_of(url, ".relays"))
    newer = f"format '{said}' by a newer version of Stairway, and this version reads format '1'"
    with pytest.raises(ConfigError, match=newer):
        open_log(None, CONFIG, url=url, read_only=True)
    with pytest.raises(ConfigError, match=newer):
        open_log(tmp_path / "log", CONFIG, url=url)
    with closing(kept(url, CONFIG)) as shelf, pytest.raises(ConfigError, match=newer):
        shelf.heads()
    assert admin.xrange(key_of(url, ".relays")) == before, "its relay was not put out of work"


def test_a_log_that_an_older_version_enlisted_without_a_format_is_read(log, url, admin):
    admin.delete(key_of(url, ".streams"))
    for stream in log.streams():
        admin.xadd(key_of(url, ".streams"), {"name": stream})
    with closing(open_log(None, CONFIG, url=url, read_only=True)) as remote:
        assert remote.head("fill") == log.head("fill")


@pytest.fixture
def old(log, url, tmp_path):
    """An archive that has all but the last five events of each stream; Redis has let go."""
    archive = Archive(tmp_path / "old" / url.rpartition("=")[2])
    with closing(kept(url, CONFIG)) as there:
        rules = RetentionRules(keep_events=5, keep_days=0)
        archive_kept(there, archive, rules, time.time_ns(), lambda *_: None)
    log.close()
    return archive


def opened_with(folder, url, archive):
    return open_log(folder / "log", CONFIG, url=f"{url}&archive={folder / archive}")


def test_a_log_is_written_on_beside_a_whole_archive_of_what_redis_let_go(old, url, tmp_path):
    assert old.end("fill").position == 1_295
    with closing(opened_with(tmp_path, url, "old")) as log:
        assert log.append("fill", [b"next"]).position == 1_301
        assert log.catch_up(10.0)


@pytest.mark.parametrize("how", ["cut", "gone"])
def test_no_log_is_written_whose_archive_of_redis_lacks_a_part(old, url, tmp_path, how):
    path = old.folder / old.segments("fill")[0].name
    path.unlink() if how == "gone" else path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DamagedLogError, match=r"'fill', position 1: .*log export 'redis://"):
        opened_with(tmp_path, url, "old")


@pytest.mark.parametrize("archive", ["old", "elsewhere"])
def test_no_log_is_written_whose_archive_lacks_what_redis_let_go(old, url, tmp_path, archive):
    (old.folder / "index.json").unlink()
    with pytest.raises(ConfigError, match=r"ends at event 0 of 'fill', and the server let go"):
        opened_with(tmp_path, url, archive)
    with closing(open_log(tmp_path / "log", CONFIG, url=url)) as log:
        assert log.head("fill").position == 1_300


def test_an_outbox_that_cannot_account_for_what_redis_has_does_not_claim_it(
    log, url, admin, tmp_path
):
    claims = admin.xrange(key_of(url, ".relays"))
    for begun in ([], [b"another event"]):
        folder = tmp_path / f"other{len(begun)}"
        with closing(open_folder(folder, CONFIG)) as other:
            if begun:
                other.append("market.bar", begun)
        with pytest.raises(ConfigError, match=r"'fill' ends in Redis at .*\?log=NAME"):
            open_log(folder, CONFIG, url=url)
    assert admin.xrange(key_of(url, ".relays")) == claims
    # The relay that was at work goes on, and has not noticed.
    log.append("fill", [b"next"])
    assert log.catch_up(10.0)
    assert isinstance(log.health(), Pass)


def test_an_older_copy_of_an_outbox_does_not_stop_the_one_that_went_on(log, url, tmp_path):
    log.flush()
    shutil.copytree(tmp_path / "log", tmp_path / "copy")
    log.append("fill", [b"later"])
    assert log.catch_up(10.0)
    with pytest.raises(ConfigError, match="never wrote, or has forgotten"):
        open_log(tmp_path / "copy", CONFIG, url=url)
    log.append("fill", [b"last"])
    assert log.catch_up(10.0)
    assert isinstance(log.health(), Pass)
