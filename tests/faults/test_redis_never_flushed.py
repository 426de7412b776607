"""Row 19: nothing that the application may do takes anything out of Redis."""

from __future__ import annotations

import hashlib
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
import redis
from redis.exceptions import NoPermissionError

from stairway.adapters.journal.archive import Archive
from stairway.adapters.journal.archiver import RetentionRules
from stairway.adapters.journal.kept import archive_kept
from stairway.adapters.logs.redis import Config, kept, open_log
from stairway.adapters.outbox import relay as relay_module
from stairway.adapters.outbox.trimming import let_go
from stairway.base.errors import ConfigError, DamagedLogError, DataError
from stairway.base.verdict import Pass, Refuse
from stairway.events.delivery import GroupRules
from stairway.events.envelope import Head
from stairway.testing.log import small_settings
from stairway.testing.redis_load import audit, in_redis
from stairway.testing.redis_server import private_redis, redis_settings

SHIPPED = Path(__file__).parents[2] / "deploy" / "redis"
CONFIG = Config(**small_settings(), **redis_settings(watch_ms=20))
FORBIDDEN = (
    "FLUSHALL", "FLUSHDB", "DEL bus:bus:fill", "UNLINK bus:bus:fill", "XTRIM bus:bus:fill MAXLEN 0",
    "XDEL bus:bus:fill 1-1", "SWAPDB 0 1", "RENAME bus:bus:fill bus:bus:x", "MIGRATE h 1 bus:bus:fill 0 1",
    "RESTORE bus:bus:fill 0 x", "EXPIRE bus:bus:fill 1", "CONFIG GET *", "DEBUG SLEEP 0", "SHUTDOWN",
)  # fmt: skip
MORE = (
    "SET bus:bus:fill x", "XSETID bus:bus:fill 0-1", "COPY bus:bus:fill bus:bus:x", "PEXPIREAT bus:bus:fill 1",
    "HDEL bus:bus:.group:g body", "XGROUP DESTROY bus:bus:fill g", "XACK bus:bus:fill g 1-1",
    "XGROUP CREATE bus:bus:fill g 0", "XREADGROUP GROUP g c STREAMS bus:bus:fill >", "XPENDING bus:bus:fill g",
    "XAUTOCLAIM bus:bus:fill g c 0 0", "SORT bus:bus:fill STORE bus:bus:y",
    "FUNCTION FLUSH", "SCRIPT FLUSH", "CLIENT KILL TYPE normal", "ACL SETUSER stairway +@all", "REPLICAOF no one",
    "XADD other 1-1 a b", "GETDEL bus:bus:fill", "MULTI", "CLIENT PAUSE 1000", "SELECT 1", "KEYS *",
)  # fmt: skip
IN_LUA = {
    "flushall": "'FLUSHALL'", "flushdb": "'FLUSHDB'", "del": "'DEL', KEYS[1]",
    "unlink": "'UNLINK', KEYS[1]", "xtrim": "'XTRIM', KEYS[1], 'MAXLEN', 0",
    "xdel": "'XDEL', KEYS[1], '1-1'", "rename": "'RENAME', KEYS[1], 'bus:bus:x'",
}  # fmt: skip


def shipped_users(folder):
    """Return the users of the shipped file, with passwords put in as its page says."""
    text = (SHIPPED / "users.acl").read_text("utf-8")
    for name in ("STAIRWAY", "ARCHIVER"):
        digest = hashlib.sha256(name.lower().encode()).hexdigest()
        text = text.replace(f"SHA256-OF-THE-PASSWORD-OF-{name}", digest)
    (folder / "users.acl").write_text(text)
    return "--aclfile", str(folder / "users.acl")


@pytest.fixture
def server(tmp_path):
    """A Redis with the shipped users, that tells us apart by a third one of ours."""
    users = shipped_users(tmp_path)
    with (tmp_path / "users.acl").open("a") as file:
        file.write("user root on nopass ~* &* +@all\n")
    with private_redis("--appendonly", "no", *users, user="root") as made:
        yield made


def url(server, user="stairway"):
    return server.url("bus", user=f"{user}:{user}")


def test_the_application_cannot_take_anything_out(tmp_path, server, figures):
    log = open_log(tmp_path / "log", CONFIG, url=url(server))
    log.append("fill", [b"%d" % n for n in range(100)])
    group = log.group("desk", GroupRules(streams=("fill",), lease_ms=1_000, tries=1))
    first, poison, *_ = group.take("a", 10, 1)
    group.ack([first])
    group.fail(poison, "poison", 1)
    assert [letter.position for letter in group.dead_letters()] == [2]
    assert log.catch_up(5.0)
    refused = {}
    with server.client(username="stairway", password="stairway") as app:  # noqa: S106 -- of this test
        for command in (*FORBIDDEN, *MORE):
            with pytest.raises(redis.ResponseError) as caught:
                app.execute_command(*command.split())
            # DEBUG is switched off for everybody, and says so before permissions are asked.
            is_off = command.startswith("DEBUG") and "not allowed" in str(caught.value)
            refused[command] = is_off or type(caught.value) is NoPermissionError
        for command, words in IN_LUA.items():
            script = f"return redis.call({words})"
            with pytest.raises(redis.ResponseError) as caught:
                app.eval(script, 1, "bus:bus:fill")
            # It is for want of permission, and Redis keeps a note of who wanted what.
            refused[script] = "The user executing the script" in str(caught.value) and (
                noted(server, command)
            )
    assert all(refused.values()), [c for c, is_refused in refused.items() if not is_refused]
    assert isinstance(log.health(), Pass)
    with server.client() as client:
        found = audit(client, "bus", log, {"fill": 100})
    assert (found.faults, found.events) == (0, 100)
    remote = open_log(None, CONFIG, url=url(server), read_only=True)
    assert list(remote.read("fill")) == list(log.read("fill"))
    remote.close()
    group.close()
    log.close()
    figures(
        19, "commands that take something out, as the application", tried=len(refused),
        refused=sum(refused.values()), of_the_fourteen=sum(refused[c] for c in FORBIDDEN),
        lost=found.lost,
    )  # fmt: skip


def noted(server, command):
    """Whether Redis wrote down that it refused this to a script of the application."""
    with server.client() as root:
        return any(
            (one["context"], one["object"], one["username"]) == ("lua", command, "stairway")
            for one in root.acl_log()
        )


def until_alarm(log):
    for _ in range(1_000):
        if isinstance(log.health(), Refuse):
            return
        threading.Event().wait(0.005)
    pytest.fail("nobody noticed")


@pytest.mark.parametrize("how", ["maxlen", "xdel", "xtrim"])
def test_what_no_permission_forbids_is_noticed(tmp_path, server, figures, how):
    """XADD with MAXLEN is an XADD to the ACL; the count of entries gives it away."""
    log = open_log(tmp_path / "log", CONFIG, url=url(server))
    log.append("fill", [b"%d" % n for n in range(100)])
    log.append("order.sent", [b"%d" % n for n in range(100)])
    assert log.catch_up(5.0)
    with server.client() as stranger:
        match how:
            case "maxlen":
                stranger.xadd("bus:bus:fill", {"x": 1}, maxlen=10, approximate=False)
            case "xdel":
                assert stranger.xdel("bus:bus:fill", in_middle(stranger)) == 1
            case _:
                stranger.xtrim("bus:bus:fill", maxlen=50, approximate=False)
        until_alarm(log)
        verdict = log.health()
        assert isinstance(verdict, Refuse)
        assert verdict.findings[0].code == "log.redis_trimmed"
        # Nothing more is sent, and the outbox goes on.
        log.append("order.sent", [b"later"])
        assert not log.catch_up(0.2)
        assert len(in_redis(stranger, "bus", "order.sent")) == 100
    log.close()
    with pytest.raises(ConfigError, match="archiver"):
        open_log(tmp_path / "log", CONFIG, url=url(server))
    figures(19, f"planted: {how} past the wrapper", alarms=len(verdict.findings))


def in_middle(client):
    return client.xrange("bus:bus:fill")[50][0]


@pytest.fixture
def filled(tmp_path, server):
    """A log of a hundred events, all in Redis."""
    log = open_log(tmp_path / "log", CONFIG, url=url(server))
    log.append("fill", [b"%d" % n for n in range(100)])
    assert log.catch_up(5.0)
    yield log
    log.close()


@pytest.fixture
def archiver(server):
    with server.client(username="archiver", password="archiver") as client:  # noqa: S106 -- of this test
        yield client


def head_at(log, position):
    return Head(position, list(log.read("fill"))[position - 1].hash)


def test_only_the_archiver_may_let_go_and_only_of_what_it_has(server, filled, archiver):
    with (
        server.client(username="stairway", password="stairway") as app,  # noqa: S106 -- of this test
        pytest.raises(redis.ResponseError, match="user executing"),
    ):
        let_go(app, "bus", "fill", head_at(filled, 60))
    with pytest.raises(DataError, match="verify the archive"):
        let_go(archiver, "bus", "fill", Head(60, "0" * 64))
    assert len(in_redis(archiver, "bus", "fill")) == 100
    assert let_go(archiver, "bus", "fill", head_at(filled, 60)) == 60
    assert let_go(archiver, "bus", "fill", head_at(filled, 60)) == 0


def reads(server):
    """How many times anybody has read from a stream, scripts too."""
    with server.client() as root:
        stats = root.info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in READS)


READS = ("xrange", "xrevrange")


def test_however_many_events_go_next_to_none_of_them_is_read(server, filled, archiver):
    filled.append("fill", [b"%d" % n for n in range(5_900)])
    assert filled.catch_up(5.0)
    upto, before = head_at(filled, 4_096), reads(server)
    assert let_go(archiver, "bus", "fill", upto) == 4_096
    assert reads(server) - before < 48, "what halving the time takes, and four"
    assert archiver.xrange("bus:bus:fill", count=1)[0][1][b"position"] == b"4097"


def test_nothing_goes_where_an_event_before_it_is_missing(server, filled, archiver):
    with server.client() as root:
        root.xdel("bus:bus:fill", in_middle(root))
    with pytest.raises(DataError, match="verify the archive"):
        let_go(archiver, "bus", "fill", head_at(filled, 60))
    assert len(in_redis(archiver, "bus", "fill")) == 99


def test_what_the_archiver_takes_out_is_counted_and_asked_for_elsewhere(
    server, filled, archiver
):
    let_go(archiver, "bus", "fill", head_at(filled, 60))
    filled.append("fill", [b"more"])
    assert filled.catch_up(5.0)
    assert isinstance(filled.health(), Pass)
    remote = open_log(None, CONFIG, url=url(server), read_only=True)
    assert [e.position for e in remote.read("fill", 60)] == [*range(61, 102)]
    with pytest.raises(
        ConfigError, match=r"let go of 'fill' up to position 60.*archive=FOLDER"
    ):
        list(remote.read("fill"))
    last = filled.head("fill")
    assert let_go(archiver, "bus", "fill", last) == 41
    assert remote.head("fill") == last
    assert list(remote.read("fill", 101)) == []
    remote.close()


def archived_by(server, user, folder):
    """Archive all but ten events of each stream as that user; return how many went."""
    address = f"{url(server, user)}&archive={folder / 'old'}"
    rules = RetentionRules(keep_events=10, keep_days=0)
    with closing(kept(address, CONFIG)) as there:
        archive_kept(there, Archive(folder / "old" / "bus"), rules, time.time_ns(), print)
        return there.forgotten("fill").position


def test_the_shipped_archiver_may_archive_what_groups_are_done_with_and_nobody_else_may(
    tmp_path, server, filled, figures
):
    before = list(filled.read("fill"))
    with closing(
        filled.group("desk", GroupRules(streams=("fill",), lease_ms=1_000, tries=1))
    ) as g:
        taken = g.take("a", 50, 1)
        g.ack(taken[:40])
        with pytest.raises(ConfigError, match=r"this user may not do that.*users\.acl"):
            archived_by(server, "stairway", tmp_path)
        assert archived_by(server, "archiver", tmp_path) == 40
        g.ack(taken[40:])
    archived = archived_by(server, "archiver", tmp_path)
    assert archived == 50
    address = f"{url(server)}&archive={tmp_path / 'old'}"
    with closing(open_log(None, CONFIG, url=address, read_only=True)) as remote:
        again = list(remote.read("fill"))
    assert again == before
    filled.append("fill", [b"more"])
    assert filled.catch_up(5.0)
    assert isinstance(filled.health(), Pass)
    with server.client() as client:
        left = len(in_redis(client, "bus", "fill"))
    assert left == 51
    figures(19, "archived by the shipped archiver, then trimmed", archived=archived,
            lost=len(before) - len(again))  # fmt: skip


@pytest.mark.usefixtures("filled")
def test_nothing_is_archived_of_a_stream_that_somebody_else_trimmed(tmp_path, server):
    with server.client() as stranger:
        assert stranger.xtrim("bus:bus:fill", maxlen=50, approximate=False) == 50
    with pytest.raises(DamagedLogError, match="50 entries of 'fill' are gone from Redis"):
        archived_by(server, "archiver", tmp_path)
    assert not list((tmp_path / "old").rglob("*.parquet"))


def test_a_stream_goes_on_after_all_of_it_was_archived_or_lost(
    tmp_path, server, filled, archiver
):
    let_go(archiver, "bus", "fill", filled.head("fill"))
    filled.append("fill", [b"next"])
    assert filled.catch_up(5.0)
    filled.close()
    log = open_log(tmp_path / "log", CONFIG, url=url(server))
    assert isinstance(log.health(), Pass)
    # Where the key is lost too, the stream begins anew, and so does the count.
    with server.client() as root:
        root.delete("bus:bus:fill")
    log.append("fill", [b"anew"])
    assert log.catch_up(5.0)
    with server.client() as client:
        assert audit(client, "bus", log, {"fill": 102}).faults == 0
    assert isinstance(log.health(), Pass)
    log.close()


def test_the_shipped_files_start_a_redis_once_the_passwords_are_set(tmp_path):
    with (
        pytest.raises(ConfigError, match="does not answer"),
        private_redis("--aclfile", str(SHIPPED / "users.acl")),
    ):
        pass
    lines = (SHIPPED / "redis.conf").read_text("utf-8").splitlines()
    words = [line.split(None, 1) for line in lines if line and not line.startswith("#")]
    shipped = dict(words)
    assert shipped["maxmemory-policy"] == "noeviction"
    skipped = {"bind", "port", "dir", "aclfile"}
    options = [
        w
        for name, value in words
        if name not in skipped
        for w in (f"--{name}", value.strip('"'))
    ]
    users = shipped_users(tmp_path)
    with private_redis(*options, *users, user="stairway:stairway") as server:
        log = open_log(tmp_path / "log", CONFIG, url=url(server))
        log.append("fill", [b"x"])
        assert log.catch_up(5.0)
        log.close()


def append_with_maxlen(client, keys, values):
    """The planted bug: the stream is kept short by whoever appends to it."""
    for n in range(2, len(values), 5):
        identity, position, recorded_ns, digest, payload = values[n : n + 5]
        fields = {
            "payload": payload, "hash": digest, "position": position, "recorded_ns": recorded_ns
        }  # fmt: skip
        client.xadd(keys[0], fields, id=identity, maxlen=50, approximate=False)
    return b"ok", values[-5].encode()


@pytest.mark.long
def test_planted_an_append_that_trims_is_an_alarm(tmp_path, server, figures, monkeypatch):
    monkeypatch.setattr(relay_module, "APPEND", append_with_maxlen)
    log = open_log(tmp_path / "log", CONFIG, url=url(server))
    log.append("fill", [b"%d" % n for n in range(100)])
    log.catch_up(5.0)
    until_alarm(log)
    with server.client() as client:
        found = audit(client, "bus", log, {"fill": 100})
    findings = log.health().findings
    assert findings[0].code == "log.redis_trimmed"
    assert found.lost == 50
    log.close()
    figures(19, "planted: MAXLEN in the append", lost=found.lost, alarms=len(findings))
