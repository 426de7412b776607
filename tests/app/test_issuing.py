"""An operator puts a policy into force in a store that several machines share."""

from __future__ import annotations

import errno
import itertools
import os
from contextlib import closing
from pathlib import Path

import pytest

from stairway.app import settings as policies
from stairway.app.attesting import read_key
from stairway.app.issuing import Wish, issue, make_key, send_rest, would_issue
from stairway.app.policy_distant import distant
from stairway.app.record import engine
from stairway.adapters.artifacts.directory import public_bytes
from stairway.base.errors import ConfigError, ConflictError, RecordError
from stairway.lifecycle.generation import key_id, opened
from stairway.testing.redis_server import private_redis

SERIAL = itertools.count()
BEGIN = Wish.of("daily", "shadow", "begin", None)


@pytest.fixture
def key(tmp_path):
    make_key(tmp_path / "operator.pem")
    return tmp_path / "operator.pem"


@pytest.fixture(params=["postgresql", "redis"])
def store(request, tmp_path):
    """A store with each of the servers, and the folder that it is sent from."""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql")
        yield server.url(f"issued-{next(SERIAL)}"), None
        return
    with private_redis("--maxmemory-policy", "noeviction") as server:
        yield server.url("policies"), tmp_path / "outbox"


@pytest.fixture
def redis(monkeypatch):
    """A Redis that keeps what it has when it is killed, and is not waited for when it was."""
    monkeypatch.setattr(engine, "_PATIENCE_S", 0.2)
    words = ("--maxmemory-policy", "noeviction", "--appendonly", "yes", "--appendfsync")
    with private_redis(*words, "always") as server:
        yield server


def shown(url, key):
    public = key.with_suffix(".pub").read_bytes()
    with closing(distant(url)) as there:
        said = there.observe()
    assert said.alarms == ()
    return [opened(one, {key_id(public): public}) for one in said.statements]


def test_a_key_is_for_its_owner_alone_and_its_public_half_for_everybody(key):
    assert key.stat().st_mode & 0o777 == 0o600
    public = key.with_suffix(".pub").read_bytes()
    assert public == public_bytes(read_key(key))
    assert len(public) == 32
    before = key.read_bytes()
    with pytest.raises(ConfigError, match="exists already"):
        make_key(key)
    assert (key.read_bytes(), key.with_suffix(".pub").read_bytes()) == (before, public)
    with pytest.raises(ConfigError, match="cannot be written"):
        make_key(key.parent / "nowhere" / "x.pem")


@pytest.mark.parametrize("name", ["operator.pub", ".", "/"])
def test_the_public_half_never_takes_the_place_of_the_private_one(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="is no name for the private half"):
        make_key(Path(name))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("half", [".pem", ".pub"])
def test_where_a_half_cannot_be_written_neither_is_left(tmp_path, monkeypatch, half):
    def full(file):
        if Path(f"/proc/self/fd/{file}").readlink().suffix == half:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(
            ConfigError, match=rf"{half} cannot be written.*nothing was made; n"
        ):
            make_key(tmp_path / "operator.pem")
    assert list(tmp_path.iterdir()) == []
    make_key(tmp_path / "operator.pem")


def test_nothing_is_signed_but_what_was_foretold(store, key):
    url, outbox = store
    issue(url, key, BEGIN, outbox)
    wish = Wish.of(None, "canary", "go on", None)
    told = would_issue(url, key, wish)
    issue(url, key, Wish.of("intraday", None, "a colleague was first", None), outbox)
    with pytest.raises(
        ConflictError, match=r"somebody else signed meanwhile.*nothing was sign"
    ):
        issue(url, key, wish, outbox, told)
    assert [one.number for one in shown(url, key)] == [1, 2]
    assert issue(url, key, wish, outbox, would_issue(url, key, wish)).number == 3


def test_nothing_is_signed_upon_an_outbox_that_did_not_send_the_store(redis, key, tmp_path):
    url, outbox = redis.url("policies"), tmp_path / "outbox"
    issue(url, key, BEGIN, outbox)
    with pytest.raises(ConfigError, match=r"other never sent any: name the folder .*--outbox"):
        issue(url, key, BEGIN, tmp_path / "other")
    assert not (tmp_path / "other").exists()
    issue(redis.url("another"), key, BEGIN, tmp_path / "other")
    with pytest.raises(ConfigError, match="or restore the outbox that wrote it"):
        issue(url, key, BEGIN, tmp_path / "other")
    assert [one.number for one in shown(url, key)] == [1]


def test_what_redis_did_not_take_is_not_in_force_and_is_sent_once_it_is_back(
    redis, key, tmp_path
):
    url, outbox = redis.url("policies"), tmp_path / "outbox"
    assert send_rest(url, key, BEGIN, outbox) is None
    issue(url, key, BEGIN, outbox)
    assert send_rest(url, key, BEGIN, outbox) is None, "nothing waits"
    wish = Wish.of(None, "retired", "withdrawn", None)
    told = would_issue(url, key, wish)
    redis.kill()
    done = issue(url, key, wish, outbox, told)
    assert (done.done, done.exit_code) == (True, 1)
    assert "NOT IN FORCE" in done.as_text()
    assert "resume" not in done.as_text()
    with pytest.raises((ConfigError, RecordError)):
        send_rest(url, key, wish, outbox)
    redis.start("--maxmemory-policy", "noeviction", "--appendonly", "yes")
    sent = send_rest(url, key, wish, outbox)
    assert (sent.number, sent.stage.value, sent.exit_code) == (2, "retired", 0)
    assert [one.number for one in shown(url, key)] == [1, 2]


def test_what_waited_is_sent_before_anything_else_is_foretold(redis, key, tmp_path):
    url, outbox = redis.url("policies"), tmp_path / "outbox"
    issue(url, key, BEGIN, outbox)
    wish = Wish.of(None, "canary", "go on", None)
    told = would_issue(url, key, wish)
    redis.kill()
    issue(url, key, wish, outbox, told)
    redis.start("--maxmemory-policy", "noeviction", "--appendonly", "yes")
    other = Wish.of(None, "retired", "withdrawn", None)
    assert send_rest(url, key, other, outbox) is None
    assert would_issue(url, key, other).number == 3


def test_what_was_foretold_is_what_is_signed_and_workers_elsewhere_see_it(store, key):
    url, outbox = store
    told = would_issue(url, key, BEGIN)
    assert (told.number, told.done) == (1, False)
    done = issue(url, key, BEGIN, outbox)
    assert (done.number, done.done, done.waits, done.exit_code) == (1, True, None, 0)
    withdrawn = Wish.of(None, "retired", "withdrawn", None)
    assert would_issue(url, key, withdrawn).number == 2
    issue(url, key, withdrawn, outbox)
    policy = policies.fingerprint(policies.load("daily"))
    says = shown(url, key)
    assert [(one.number, one.policy, one.stage.value) for one in says] == [
        (1, policy, "shadow"),
        (2, policy, "retired"),
    ]
    told = done.as_text() + done.as_json()
    if outbox is None:
        assert url.split("@")[0].rpartition(":")[2] not in told, "that is the password"


def test_asking_what_would_be_signed_makes_nothing(store, key):
    url, _ = store
    would_issue(url, key, BEGIN)
    assert would_issue(url, key, BEGIN).number == 1
    with closing(distant(url)) as there, pytest.raises(RecordError, match="there is no log"):
        there.observe()


def test_the_first_generation_has_to_name_a_policy_and_a_stage(postgresql, key):
    url = postgresql.url(f"issued-{next(SERIAL)}")
    with pytest.raises(ConfigError, match="has to name a policy and its stage"):
        would_issue(url, key, Wish.of(None, "shadow", "begin", None))
    with pytest.raises(ConfigError, match=r"--stage grown is none; .*: candidate, shadow"):
        Wish.of("daily", "grown", "begin", None)


def test_another_operator_cannot_go_on_from_what_this_one_signed(postgresql, key, tmp_path):
    url = postgresql.url(f"issued-{next(SERIAL)}")
    issue(url, key, BEGIN)
    issue(url, key, Wish.of(None, "canary", "go on", None))
    other = tmp_path / "other.pem"
    make_key(other)
    names = [key_id(one.with_suffix(".pub").read_bytes())[:12] for one in (key, other)]
    with pytest.raises(ConfigError) as refused:
        issue(url, other, BEGIN)
    assert str(refused.value) == (
        "the policy store cannot be built upon: every generation in it was signed by key "
        f"{names[0]!r}, and the key that is trusted here is {names[1]!r}; sign with the "
        "private half of the former (sha256sum operator.pub says which key that is), or begin "
        "a store of another name (?log=NAME)"
    )
    assert len(shown(url, key)) == 2


@pytest.mark.parametrize(
    ("url", "outbox", "said"),
    [
        ("sqlite:///tmp/x", None, "no store that machines share"),
        ("redis://localhost:1/0", None, "with --outbox FOLDER"),
        ("postgresql://localhost:1/x?log=y", "box", "no other store has one"),
        ("nowhere", None, "names no engine"),
    ],
    ids=["embedded", "redis", "postgresql", "none"],
)
def test_what_is_no_shared_store_is_refused(tmp_path, key, url, outbox, said):
    with pytest.raises(ConfigError, match=said):
        issue(url, key, BEGIN, None if outbox is None else tmp_path / outbox)
