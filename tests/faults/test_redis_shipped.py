"""Redis as ``deploy/redis`` ships it comes back with all that it had: also from its file."""

from __future__ import annotations

import hashlib
import threading
from contextlib import closing
from pathlib import Path

import pytest
import redis

from stairway.adapters.logs.redis import Config, kept, open_log
from stairway.app.progress import Silent
from stairway.app.record.check import check
from stairway.app.record.place import Place
from stairway.base.errors import ConfigError, DamagedLogError
from stairway.base.verdict import Pass, Refuse
from stairway.testing.log import small_settings
from stairway.testing.redis_load import audit
from stairway.testing.redis_server import private_redis, redis_settings

SHIPPED = Path(__file__).parents[2] / "deploy" / "redis"
CONFIG = Config(**small_settings(), **redis_settings(watch_ms=20))
OF_THIS_TEST = {"bind", "port", "dir", "aclfile", "save"}
STREAMS = ("fill", "trade.closed")


def shipped(folder):
    """Return both files as they are shipped, as options; only where it listens is ours."""
    users = (SHIPPED / "users.acl").read_text("utf-8")
    for name in ("STAIRWAY", "ARCHIVER"):
        digest = hashlib.sha256(name.lower().encode()).hexdigest()
        users = users.replace(f"SHA256-OF-THE-PASSWORD-OF-{name}", digest)
    (folder / "users.acl").write_text(users)
    said = [line.split() for line in (SHIPPED / "redis.conf").read_text("utf-8").splitlines()]
    lines = [words for words in said if words and not words[0].startswith("#")]
    options = [(f"--{name}", *values) for name, *values in lines if name not in OF_THIS_TEST]
    assert len(options) > len(OF_THIS_TEST)
    return *(word for one in options for word in one), "--aclfile", str(folder / "users.acl")


@pytest.fixture
def server(tmp_path):
    with private_redis(*shipped(tmp_path), user="stairway:stairway") as made:
        yield made


def opened(folder, server):
    return open_log(folder / "log", CONFIG, url=server.url("bus", user="stairway:stairway"))


def fill(log, batches=20):
    """Append batches of many events: each is one script, and one transaction in the file."""
    for n in range(batches):
        for stream in STREAMS:
            log.append(stream, [b"%d %d" % (n, m) for m in range(50)])
            assert log.catch_up(5.0)
    return {stream: log.head(stream).position for stream in STREAMS}


def fill_singly_too(log):
    """Append batches, and after each an event of its own, which moves the last id on."""
    for n in range(5):
        log.append("fill", [b"%d %d" % (n, m) for m in range(9)])
        assert log.catch_up(5.0)
        log.append("fill", [b"%d alone" % n])
        assert log.catch_up(5.0)
    return {"fill": log.head("fill").position}


def without_rights(folder):
    """Take from ``default`` what it is given, as a shorter file would."""
    path = folder / "users.acl"
    path.write_text(path.read_text().replace("default off ~* &* +@all", "default off"))


def with_rights(folder):
    path = folder / "users.acl"
    path.write_text(path.read_text().replace("default off\n", "default off ~* &* +@all\n"))


def take_out(folder, server):
    """Do what deploy/redis/README.md says under "Sending a stream anew"."""
    server.kill()
    with (folder / "users.acl").open("a") as file:
        file.write("user repair on >repair resetchannels ~bus:bus:* -@all +del\n")
    server.start()
    with server.client(username="repair", password="repair") as admin:  # noqa: S106 -- of this test
        assert admin.delete("bus:bus:fill") == 1


def until_refused(log):
    for _ in range(1_000):
        if isinstance(verdict := log.health(), Refuse):
            return verdict.findings[0]
        threading.Event().wait(0.005)
    return pytest.fail("nobody noticed")


def end_politely(server):
    """Stop it as a service manager does."""
    server._process.terminate()
    server._process.wait()
    server._process = None


@pytest.mark.parametrize(
    ("end", "name"),
    [(lambda server: server.kill(), "kill"), (end_politely, "stop")],
    ids=["kill", "stop"],
)
def test_everything_is_there_after_a_restart_under_the_shipped_files(
    tmp_path, server, figures, end, name
):
    log = opened(tmp_path, server)
    acked = fill(log)
    log.close()
    end(server)
    server.start()
    with closing(opened(tmp_path, server)) as log, server.client() as client:
        found = audit(client, "bus", log, acked)
        assert isinstance(log.health(), Pass)
        assert (found.faults, found.events) == (0, sum(acked.values()))
        # Nothing had to be sent again: Redis itself read its file back.
        assert log.tally.sent == 0
    assert "NOPERM" not in (server.folder / "said.log").read_text("utf-8")
    figures(
        13, f"Redis restarted under the shipped files, after a {name}", events=found.events, lost=found.lost,
        starts=server.starts,
    )  # fmt: skip


def test_nobody_can_log_in_as_the_user_who_reads_the_file_back(server):
    refused = (redis.AuthenticationError, redis.ResponseError)
    for user, password in ((None, None), ("default", ""), ("default", "stairway")):
        with (
            server.client(username=user, password=password) as nobody,
            pytest.raises(refused, match=r"Authentication|NOAUTH|WRONGPASS|invalid"),
        ):
            nobody.ping()


def test_what_redis_could_not_read_back_is_an_alarm_until_it_is_sent_anew(
    tmp_path, server, figures
):
    server.kill()
    without_rights(tmp_path)
    server.start()
    log = opened(tmp_path, server)
    acked = fill_singly_too(log)
    server.kill()
    server.start()
    # The fault fired: Redis came back with holes, and its own counts agree with them.
    with server.client() as client:
        about = client.xinfo_stream("bus:bus:fill")
        found = audit(client, "bus", log, acked)
    assert about["entries-added"] == about["length"] == found.events < acked["fill"]
    assert found.lost > 0
    # Who was connected notices, who opens it is refused, who verifies or archives is told.
    assert until_refused(log).code == "log.redis_holes"
    alarms = len(log.health().findings)
    log.close()
    with pytest.raises(ConfigError, match=r"came back without the others.*`DEL bus:bus:fill`"):
        opened(tmp_path, server)
    for user in ("stairway", "archiver"):
        url = server.url("bus", user=f"{user}:{user}")
        with (
            closing(kept(url, CONFIG)) as archiver,
            pytest.raises(DamagedLogError, match="came back without the others"),
        ):
            archiver.heads()
        checked = check(Place(None, url), Silent())
        assert checked.exit_code == 2
        assert any("came back without the others" in said for said in checked.complaints)
    # What the message says to do makes it whole.
    with_rights(tmp_path)
    take_out(tmp_path, server)
    with closing(opened(tmp_path, server)) as log, server.client() as client:
        assert log.catch_up(5.0)
        again = audit(client, "bus", log, acked)
        assert (again.faults, again.events) == (0, acked["fill"])
        assert isinstance(log.health(), Pass)
    figures(
        13, "Redis read its file back with holes", events=again.events, alarms=alarms,
        holes=found.lost, lost=again.lost,
    )  # fmt: skip


def test_an_entry_of_a_stranger_is_named_and_what_is_advised_works(tmp_path, server):
    log = opened(tmp_path, server)
    acked = fill(log, batches=1)
    with server.client() as stranger:
        put = stranger.xadd("bus:bus:fill", {"x": 1}).decode()
    finding = until_refused(log)
    assert finding.code == "log.redis_foreign"
    log.close()
    said = rf"entry {put}, which is no event.*another program.*`DEL bus:bus:fill`.*--resume"
    with pytest.raises(ConfigError, match=said):
        opened(tmp_path, server)
    take_out(tmp_path, server)
    with closing(opened(tmp_path, server)) as log, server.client() as client:
        assert log.catch_up(5.0)
        assert audit(client, "bus", log, acked).faults == 0
        assert isinstance(log.health(), Pass)
