"""A run trades on what a shared store has in force, and nobody but its operator is believed."""

from __future__ import annotations

import itertools
import os
from contextlib import closing

import msgspec
import pytest

from stairway.adapters.logs.postgresql import Config, open_log
from stairway.app import settings as policies
from stairway.app.authority import HELD, asking, keys_for, keys_of, require_signed
from stairway.app.catalog import CODEC
from stairway.app.folder import RunFolder
from stairway.app.issuing import Wish, issue, make_key
from stairway.app.policy_shared import (
    VARIABLE,
    chosen,
    is_chosen,
    reached,
    read_public,
    require_in_force,
)
from stairway.app.policy_store import STREAM, PolicyStore
from stairway.app.progress import Silent
from stairway.app.request import Request
from stairway.app.run import begun as begin
from stairway.app.run import require_store
from stairway.base.errors import ConfigError, InvariantError
from stairway.lifecycle.facts import PolicyHeld
from stairway.lifecycle.generation import after, key_id, sign
from stairway.lifecycle.stage import Stage
from stairway.testing.log import small_settings
from stairway.testing.policy import KEY, public, some_stale_rules
from stairway.testing.postgresql import postgresql_settings

SERIAL = itertools.count()
DAILY = policies.load("daily")
POLICY = policies.fingerprint(DAILY)
SECOND = 10**9


@pytest.fixture
def key(tmp_path):
    make_key(tmp_path / "operator.pem")
    return tmp_path / "operator.pem"


@pytest.fixture
def operator(key):
    return read_public(key.with_suffix(".pub"))


@pytest.fixture
def url(postgresql, monkeypatch):
    monkeypatch.setenv(VARIABLE, "")
    return postgresql.url(f"shared-{next(SERIAL)}", more="&wait_ms=500")


@pytest.fixture
def begun(url, key):
    issue(url, key, Wish.of("daily", "shadow", "begin", None))
    return url


@pytest.fixture
def folder(tmp_path, operator):
    folder = RunFolder(tmp_path / "run")
    folder.root.mkdir()
    folder.trust.write_bytes(public(KEY))
    folder.operator.write_bytes(operator)
    return folder


@pytest.fixture
def authority(begun, folder, new_log):
    kept = chosen(begun)
    made = asking(folder, new_log(), some_stale_rules(), policies.plain(DAILY), kept)
    yield made
    made.close()


def test_what_is_in_force_there_holds_here_until_the_operator_withdraws_it(
    authority, begun, key
):
    held = authority(1_000 * SECOND)
    assert (held.number, held.leash.cause) == (1, "policy.fresh")
    issue(begun, key, Wish.of(None, "retired", "withdrawn", None))
    assert authority(1_010 * SECOND) is held, "it is looked at as often as the policy says"
    after = authority(1_030 * SECOND)
    assert (after.number, after.leash.cause, after.leash.size_frac) == (
        2,
        "policy.withdrawn",
        0.0,
    )


def test_while_it_is_away_orders_get_smaller_and_then_there_are_none(authority, postgresql):
    assert authority(1_000 * SECOND).leash.size_frac == 1.0
    postgresql.execute("update stairway.about set value = '99' where name = 'format'")
    try:
        authority.close()
        causes = [authority(at * SECOND).leash.cause for at in (1_030, 1_060, 1_600)]
    finally:
        postgresql.execute("update stairway.about set value = '2' where name = 'format'")
    assert causes == ["policy.fresh", "policy.stale", "policy.closed"]
    assert authority(1_630 * SECOND).leash.cause == "policy.fresh"


def test_what_was_held_is_on_record_with_the_signature_under_it(authority, folder, new_log):
    held = authority(1_000 * SECOND)
    again = CODEC.decode(CODEC.encode(held))
    assert again == held
    log = new_log("record")
    log.append(HELD, [CODEC.encode(held)])
    operator = {key_id(k): k for k in (folder.operator.read_bytes(),)}
    require_signed(log, operator)
    with pytest.raises(InvariantError, match=r"generation 1 .* no key that this run trusts"):
        require_signed(log, {key_id(public(KEY)): public(KEY)})
    unsigned = PolicyHeld(held.time_ns, held.number, held.identity, held.leash)
    log.append(HELD, [CODEC.encode(unsigned)])
    assert b"signed" not in CODEC.encode(unsigned), "a record of earlier stays as it was"


def test_a_signature_under_something_else_is_none(authority, folder, new_log):
    held = authority(1_000 * SECOND)
    log = new_log("record")
    log.append(HELD, [CODEC.encode(msgspec.structs.replace(held, identity="ab" * 32))])
    operator = {key_id(k): k for k in (folder.operator.read_bytes(),)}
    with pytest.raises(InvariantError, match="no key that this run trusts signed it"):
        require_signed(log, operator)


def test_the_key_of_a_run_is_not_believed_in_a_store_of_several(url, folder, new_log):
    """Whoever has it could speak for every run that looks there."""
    config = Config(**small_settings(), **postgresql_settings())
    log = open_log(None, config, url=url)
    PolicyStore(log).append(sign(after(None, POLICY, Stage.SHADOW, {}, 1, "mine"), KEY), 0)
    log.close()
    made = asking(folder, new_log(), some_stale_rules(), policies.plain(DAILY), chosen(url))
    held = made(1_000 * SECOND)
    made.close()
    assert (held.number, held.leash.cause) == (0, "policy.none")
    assert "policy.key" in {alarm.code for alarm in held.alarms}


def test_a_run_under_which_nothing_could_be_entered_is_not_begun(url, key, operator):
    with pytest.raises(ConfigError, match="there is no log"):
        require_in_force(url, operator, POLICY)
    issue(url, key, Wish.of("daily", "shadow", "begin", None))
    found = require_in_force(url, operator, POLICY)
    assert (found.says.number, found.public, found.alarms) == (1, operator, ())
    with pytest.raises(ConfigError, match=r"for policy .*this run has policy abababababab"):
        require_in_force(url, operator, "ab" * 32)
    issue(url, key, Wish.of(None, "retired", "withdrawn", None))
    with pytest.raises(ConfigError, match=r"at stage retired; .*\(policy.withdrawn\)"):
        require_in_force(url, operator, POLICY)
    with pytest.raises(ConfigError, match="lies with a server"):
        require_in_force("sqlite:///x", operator, POLICY)


def test_whose_key_does_not_match_is_told_both_keys_once(begun, key, operator):
    issue(begun, key, Wish.of(None, "canary", "go on", None))
    with pytest.raises(ConfigError) as refused:
        require_in_force(begun, public(KEY), POLICY)
    mine, his = key_id(public(KEY))[:12], key_id(operator)[:12]
    assert str(refused.value).endswith(
        "has nothing in force that --operator signed: every generation in it was signed by "
        f"key {his!r}, and the key that is trusted here is {mine!r}; name the public half of "
        "the former with --operator (sha256sum operator.pub says which key that is), or "
        "another store"
    )


@pytest.mark.parametrize(
    ("events", "why"),
    [((), "it is empty"), ((b"\xc1", b"\xc1"), "event 1 .*; event 2 ")],
    ids=["empty", "noise"],
)
def test_of_a_store_without_a_generation_it_is_said_once_how_to_sign(
    url, operator, events, why
):
    config = Config(**small_settings(), **postgresql_settings())
    with closing(open_log(None, config, url=url)) as log:
        log.append(STREAM, list(events))
        log.append("run", [b"1"])
    said = rf"--operator signed: {why}.*; sign it with: stairway log sign URL --key"
    with pytest.raises(ConfigError, match=said) as refused:
        require_in_force(url, operator, POLICY)
    assert str(refused.value).count("in force") == 1


class Notes(Silent):
    def __init__(self):
        self.lines = []

    def note(self, line):
        self.lines.append(line)


def test_what_speaks_against_a_store_is_said_though_something_is_in_force(begun, key):
    config = Config(**small_settings(), **postgresql_settings())
    log = open_log(None, config, url=begun)
    PolicyStore(log).append(sign(after(None, POLICY, Stage.SHADOW, {}, 1, "mine"), KEY), 1)
    log.close()
    notes, asked = Notes(), Request(policy_store=begun, operator=key.with_suffix(".pub"))
    found = require_store(asked, DAILY, notes)
    assert [alarm.code for alarm in found.alarms] == ["policy.key"]
    assert any(
        "policy store: policy.key: in the store: signed by key" in n for n in notes.lines
    )


def test_a_store_that_goes_back_behind_what_the_run_began_under_is_not_believed(
    url, key, operator, new_log, tmp_path, postgresql
):
    issue(url, key, Wish.of("daily", "shadow", "begin", None))
    older = postgresql.url(f"shared-{next(SERIAL)}", more="&wait_ms=500")
    _copy(url, older)
    issue(url, key, Wish.of(None, "canary", "go on", None))
    folder = begin(tmp_path / "run", require_in_force(url, operator, POLICY))
    made = asking(folder, new_log(), some_stale_rules(), policies.plain(DAILY), chosen(older))
    held = made(1_000 * SECOND)
    made.close()
    assert held.number == 2
    assert "policy.older" in {alarm.code for alarm in held.alarms}


def _copy(url, other):
    """Make a store that is as this one was before somebody put it back."""
    config = Config(**small_settings(), **postgresql_settings())
    with closing(open_log(None, config, url=url)) as log:
        payloads = [one.payload for one in log.read(STREAM)]
    with closing(open_log(None, config, url=other)) as log:
        log.append(STREAM, payloads)


def test_what_a_killed_start_believed_is_not_believed_by_the_next(begun, operator, tmp_path):
    folder = begin(tmp_path / "run", require_in_force(begun, operator, POLICY))
    assert keys_of(folder) == {key_id(operator): operator}
    folder = begin(tmp_path / "run", None)
    assert keys_of(folder) == {}
    assert not folder.policy_cache.exists()


def test_of_a_shared_store_a_replay_believes_its_operator_alone(folder, operator):
    assert set(keys_for(folder, None)) == {key_id(operator), key_id(public(KEY))}
    assert set(keys_for(folder, "postgresql://h/d?log=x")) == {key_id(operator)}


def test_a_password_stays_in_the_environment(begun):
    word = begun.split("@")[0].rpartition(":")[2]
    kept = chosen(begun)
    assert word not in kept
    assert word not in repr(reached(kept))
    assert is_chosen(begun, kept)
    assert not is_chosen("postgresql://other@h/db?log=x", kept)
    assert not is_chosen(begun, None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"policy_store": "redis://h/0"}, "--policy-store needs --operator"),
        ({"operator": "x.pub"}, "--operator goes with --policy-store"),
        (
            {"policy_store": "redis://h/0", "operator": "x.pub", "drill": True},
            "leave out --policy-store",
        ),
    ],
    ids=["no key", "no store", "drill"],
)
def test_words_that_do_not_go_together_are_refused(words, said):
    with pytest.raises(ConfigError, match=said):
        Request(**words)


def test_who_exported_the_store_is_told_to_unset_it(monkeypatch):
    words = {"policy_store": "redis://h/0", "operator": "x.pub", "drill": True}
    monkeypatch.setenv(VARIABLE, "redis://h/0")
    with pytest.raises(ConfigError, match=f"; unset {VARIABLE}"):
        Request(**words)


def test_a_private_key_is_not_taken_for_a_public_one(key, tmp_path):
    with pytest.raises(ConfigError, match="never the private half"):
        read_public(key)
    with pytest.raises(ConfigError, match="stairway log key"):
        read_public(tmp_path / "nowhere.pub")


def test_nobody_waits_for_a_pipe_that_is_named_as_a_key(tmp_path):
    os.mkfifo(tmp_path / "operator.pub")
    with pytest.raises(ConfigError, match=r"cannot be read \(it is no regular file\)"):
        read_public(tmp_path / "operator.pub")
