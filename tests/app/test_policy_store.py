"""Generations in a log: one an event, issued by compare-and-set, of whole models only."""

from __future__ import annotations

from contextlib import closing

import pytest
from msgspec.structs import replace

from stairway.adapters.artifacts.directory import new_key, public_bytes, seal
from stairway.adapters.logs.sqlite import Config, open_log
from stairway.app.catalog import CODEC
from stairway.app.policy_cache import PolicyCache, read_cache
from stairway.app.policy_store import (
    STREAM,
    Change,
    PolicyStore,
    Signer,
    champion_of,
    rolled_back,
    signed_by_others,
)
from stairway.base.errors import ConfigError, ConflictError, DamagedLogError, RecordError
from stairway.base.verdict import Pass, Refuse
from stairway.lifecycle import policy_store
from stairway.lifecycle.generation import opened
from stairway.lifecycle.leash import Leash
from stairway.lifecycle.policy_store import Standing
from stairway.lifecycle.stage import Stage
from stairway.testing.log import small_settings
from stairway.testing.models import toy_bundle
from stairway.testing.policy import KEY, TRUSTED, signed, some_stale_rules, spoilt

FIRST = Change(policy="ab" * 32, stage=Stage.SHADOW, why="begin")
S = 1_000_000_000


@pytest.fixture
def log(tmp_path):
    log = open_log(tmp_path / "log", Config(**small_settings()))
    yield log
    log.close()


@pytest.fixture
def store(log):
    return PolicyStore(log)


@pytest.fixture
def models(tmp_path):
    key = new_key()
    digests = [seal(tmp_path / "models", toy_bundle(seed), key) for seed in (1, 2)]
    return tmp_path / "models", public_bytes(key), digests


@pytest.fixture
def signer(models):
    return Signer(KEY, models[0], models[1])


@pytest.fixture
def cache(tmp_path):
    return PolicyCache(tmp_path / "policy.cache", TRUSTED, some_stale_rules())


def promote(digest):
    return Change(champions={"lightgbm": digest}, why="it passed")


def test_each_generation_says_what_changed_and_keeps_the_rest(store, signer, models):
    a, b = models[2]
    said = [
        signer.issue(store, change, 7)
        for change in (FIRST, promote(a), promote(b), Change(stage=Stage.CANARY, why="on"))
    ]
    assert [g.number for g in said] == [1, 2, 3, 4]
    assert [g.champions.get("lightgbm") for g in said] == [None, a, b, b]
    assert {g.policy for g in said} == {"ab" * 32}
    assert [g.stage for g in said] == [Stage.SHADOW] * 3 + [Stage.CANARY]
    shown = store.observe().statements
    assert [s.identity for s in shown[:-1]] == [g.parent for g in said[1:]]


def test_a_slot_goes_back_to_who_had_it_before_and_the_baseline_is_the_floor(
    store, signer, models
):
    a, b = models[2]
    for change in (FIRST, promote(a), promote(b)):
        signer.issue(store, change, 7)
    held = []
    for _ in range(3):
        change = rolled_back(store, signer.keys, "lightgbm", "it lost")
        held.append(signer.issue(store, change, 7).champions.get("lightgbm"))
    assert held == [a, None, None]


def test_of_two_who_issue_the_same_number_one_wins(store, signer):
    def rival(name):
        if name == "issue.append":
            signer.issue(store, FIRST, 8)

    with pytest.raises(ConflictError, match="ends at 1, not at 0"):
        signer.issue(store, FIRST, 7, rival)
    assert len(store.observe().statements) == 1
    later = signer.settle(store, Change(stage=Stage.CANARY, why="again"), 9)
    assert later.number == 2


@pytest.mark.parametrize("wrong", ["ff" * 32, "../../etc"])
def test_a_model_that_cannot_be_opened_is_not_put_in_charge(store, signer, wrong):
    signer.issue(store, FIRST, 7)
    with pytest.raises(ConfigError, match="cannot be put in charge of 'lightgbm'"):
        signer.issue(store, promote(wrong), 7)
    assert len(store.observe().statements) == 1


def test_a_model_that_was_damaged_since_is_not_gone_back_to(store, signer, models):
    a, b = models[2]
    for change in (FIRST, promote(a), promote(b)):
        signer.issue(store, change, 7)
    blob = models[0] / a / "forest.safetensors"
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    with pytest.raises(ConfigError, match="cannot be put in charge"):
        signer.issue(store, rolled_back(store, signer.keys, "lightgbm", "it lost"), 7)
    assert len(store.observe().statements) == 3


def test_the_first_generation_has_to_name_a_policy(store, signer):
    with pytest.raises(ConfigError, match="name a policy"):
        signer.issue(store, Change(why="?"), 7)


@pytest.mark.parametrize(
    "payload",
    [
        b"\xc1",
        CODEC.encode(spoilt(signed(1), "stranger")),
        CODEC.encode(spoilt(signed(1), "bit")),
    ],
)
def test_nothing_is_built_upon_a_store_that_holds_something_else(log, store, signer, payload):
    log.append(STREAM, [payload])
    with pytest.raises(ConfigError, match="cannot be built upon"):
        signer.issue(store, FIRST, 7)
    assert log.head(STREAM).position == 1


def test_of_several_strangers_one_is_named_and_all_are_counted(log):
    keys = {"ab" * 32: b"", "cd" * 32: b""}
    theirs = [replace(signed(n), key_id=f"{n:064}") for n in (1, 2, 3)]
    log.append(STREAM, [CODEC.encode(one) for one in theirs])
    said = signed_by_others(PolicyStore(log).observe(), keys)
    assert said == (
        "every generation in it was signed by key '000000000000' and 2 others, and the key "
        "that is trusted here is 'abababababab' or 'cdcdcdcdcdcd'"
    )
    assert signed_by_others(PolicyStore(log).observe(), {f"{2:064}": b""}) is None


@pytest.mark.parametrize(
    "forged",
    [
        b"\xc1",
        CODEC.encode(spoilt(signed(9), "stranger")),
        CODEC.encode(spoilt(signed(2), "bit")),
        CODEC.encode(signed(5, store="elsewhere")),
    ],
    ids=["noise", "stranger", "bit", "another store"],
)
def test_what_nobody_signed_for_this_store_stops_no_rollback(log, store, signer, forged):
    signer.issue(store, FIRST, 7)
    log.append(STREAM, [forged])
    assert signer.issue(store, Change(stage=Stage.CANARY, why="on"), 8).number == 2
    assert signer.issue(store, Change(stage=Stage.SHADOW, why="back"), 9).number == 3


def test_a_conflict_is_ended_by_following_one_of_the_two(log, store, signer, cache):
    first = signed(1)
    rivals = [signed(2, "a"), signed(2, "b")]
    log.append(STREAM, [CODEC.encode(one) for one in (first, *rivals)])
    assert cache.refresh(store, 1 * S).verdict.findings[0].code == "policy.conflict"
    change = Change(stage=Stage.SHADOW, why="the first was meant")
    with pytest.raises(ConfigError, match=r"contradict each other.*follow one of them") as said:
        signer.issue(store, change, 7)
    assert all(one.identity in str(said.value) for one in rivals)
    with pytest.raises(ConfigError, match="cannot be built upon"):
        signer.issue(store, replace(change, settles="ff" * 32), 7)
    following = signer.issue(store, replace(change, settles=rivals[0].identity), 7)
    assert (following.number, following.parent) == (3, rivals[0].identity)
    result = cache.refresh(store, 2 * S)
    assert isinstance(result.verdict, Pass)
    assert [one.code for one in result.alarms] == ["policy.fork"]
    assert cache.leash(2 * S).size_frac == 1.0
    assert signer.issue(store, Change(why="on"), 8).number == 4


def test_a_worker_follows_the_store_and_remembers(store, signer, cache, tmp_path, models):
    assert cache.leash(0) == Leash(0.0, "policy.none")
    signer.issue(store, FIRST, 7)
    signer.issue(store, promote(models[2][0]), 7)
    result = cache.refresh(store, 100 * S)
    assert isinstance(result.verdict, Pass)
    assert result.alarms == ()
    assert champion_of(result.standing, TRUSTED, "lightgbm") == models[2][0]
    assert champion_of(result.standing, TRUSTED, "xgboost") is None
    again = PolicyCache(tmp_path / "policy.cache", TRUSTED, some_stale_rules())
    assert again.standing == cache.standing
    assert again.leash(130 * S).size_frac == 1.0
    assert again.leash(160 * S).size_frac == 0.5
    assert again.leash(700 * S).size_frac == 0.0


@pytest.mark.parametrize("error", [RecordError("gone"), DamagedLogError("rotten"), None])
def test_a_store_that_cannot_be_read_changes_nothing_but_the_age(store, signer, cache, error):
    signer.issue(store, FIRST, 7)
    cache.refresh(store, 100 * S)
    before = cache.standing

    class Broken:
        def head(self, _stream):
            raise error

    broken = None if error is None else PolicyStore(Broken())
    result = cache.refresh(broken, 165 * S)
    assert [alarm.code for alarm in result.alarms] == ["policy.unreachable"]
    assert cache.standing == before
    assert cache.leash(165 * S) == Leash(0.5, "policy.stale")
    cache.refresh(store, 166 * S)
    assert cache.leash(166 * S).size_frac == 1.0


def test_a_cache_is_one_whole_file_or_worth_nothing(store, signer, cache, tmp_path):
    signer.issue(store, FIRST, 7)
    cache.refresh(store, 100 * S)
    path = tmp_path / "policy.cache"
    whole = path.read_bytes()
    for place in range(0, len(whole), 5):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert read_cache(path)[0] == Standing()
        path.write_bytes(whole[:place])
        standing, alarms = read_cache(path)
        assert standing == Standing()
        assert [alarm.code for alarm in alarms] == ["policy.cache"]
    lost = PolicyCache(path, TRUSTED, some_stale_rules())
    result = lost.refresh(None, 101 * S)
    assert isinstance(result.verdict, Refuse)
    assert "policy.cache" in {alarm.code for alarm in result.alarms}
    assert lost.leash(101 * S).size_frac == 0.0
    assert isinstance(lost.refresh(store, 102 * S).verdict, Pass)
    assert read_cache(path)[0] == lost.standing


@pytest.mark.parametrize("keeps_age", [True, False])
def test_the_age_alone_is_written_down_where_it_is_to_be_kept(
    store, signer, tmp_path, keeps_age
):
    path = tmp_path / "policy.cache"
    cache = PolicyCache(path, TRUSTED, some_stale_rules(), keeps_age=keeps_age)
    signer.issue(store, FIRST, 7)
    cache.refresh(store, 100 * S)
    cache.refresh(store, 160 * S)
    assert cache.standing.seen_ns == 160 * S
    assert read_cache(path)[0].seen_ns == (160 * S if keeps_age else 100 * S)
    # What is new is written in either case.
    signer.issue(store, Change(stage=Stage.CANARY, why="on"), 8)
    cache.refresh(store, 170 * S)
    assert read_cache(path)[0] == cache.standing


def test_a_cache_with_a_good_seal_and_a_bad_signature_is_not_believed(tmp_path):
    forged = PolicyCache(tmp_path / "policy.cache", TRUSTED, some_stale_rules())
    forged._standing = Standing(spoilt(signed(9), "claimed"), (), 0)
    result = forged.refresh(None, 5)
    assert isinstance(result.verdict, Refuse)
    assert result.standing == Standing()


def test_a_frozen_worker_stays_frozen_when_it_is_started_again(store, signer, cache, tmp_path):
    signer.issue(store, FIRST, 7)
    cache.refresh(store, 5)
    signer.issue(store, Change(stage=Stage.CANARY, why="on"), 7)
    with closing(open_log(tmp_path / "other", Config(**small_settings()))) as log:
        other = PolicyStore(log)
        other.append(store.observe().statements[0], 0)
        signer.issue(other, Change(stage=Stage.RETIRED, why="elsewhere"), 7)
        assert isinstance(cache.refresh(store, 5).verdict, Pass)
        assert isinstance(cache.refresh(other, 6).verdict, Refuse)
    again = PolicyCache(tmp_path / "policy.cache", TRUSTED, some_stale_rules())
    assert isinstance(again.refresh(store, 7).verdict, Refuse)
    assert again.leash(7) == Leash(0.0, "policy.conflict")
    signer.issue(store, Change(stage=Stage.CANARY, why="settled by a person"), 8)
    assert isinstance(again.refresh(store, 8).verdict, Pass)
    assert again.leash(8).size_frac == 1.0


def test_what_somebody_without_a_key_carries_over_from_another_store_counts_for_nothing(
    log, store, signer, cache, tmp_path
):
    with closing(open_log(tmp_path / "other", Config(**small_settings()))) as there:
        other = PolicyStore(there)
        for number in range(1, 6):
            policy = "ab" * 32 if number == 1 else None
            signer.issue(other, Change(policy=policy, stage=Stage.CHAMPION, why="there"), 8)
        carried = [envelope.payload for envelope in there.read(STREAM)]
    signer.issue(store, FIRST, 7)
    held = signer.issue(store, Change(why="here"), 7)
    cache.refresh(store, 5)
    for payloads in (carried[4:], carried):
        log.append(STREAM, payloads)
        result = cache.refresh(store, 6)
        assert isinstance(result.verdict, Pass)
        assert {alarm.code for alarm in result.alarms} == {"policy.store"}
        assert opened(cache.standing.agreed, TRUSTED) == held
    with pytest.raises(ConfigError, match="find out which store"):
        signer.issue(store, Change(why="on"), 7)


def test_a_jump_over_what_the_store_does_not_show_holds_a_worker_back(log, store, cache):
    log.append(STREAM, [CODEC.encode(signed(n)) for n in (1, 2)])
    assert isinstance(cache.refresh(store, 5).verdict, Pass)
    log.append(STREAM, [CODEC.encode(signed(5, stage=Stage.CHAMPION))])
    assert isinstance(cache.refresh(store, 6).verdict, Refuse)
    assert cache.leash(6) == Leash(0.0, "policy.orphan")
    assert cache.standing.agreed == signed(2)


def test_an_event_that_repeats_another_is_named_and_hinders_nobody(log, store, signer, cache):
    signer.issue(store, FIRST, 7)
    before = cache.refresh(store, 5)
    log.append(STREAM, [next(log.read(STREAM)).payload])
    after = cache.refresh(store, 5)
    assert (after.standing, after.alarms) == (before.standing, ())
    shown = store.observe()
    assert len(shown.statements) == 1
    assert [f.detail for f in shown.repeats] == ["event 2 of policy.generation repeats event 1"]
    assert signer.issue(store, Change(why="on"), 7).number == 2
    assert [signer.issue(store, Change(why="on"), 7).number for _ in "ab"] == [3, 4]
    assert log.head(STREAM).position == 5


def test_whoever_issues_expects_the_log_to_end_where_he_read_it(log, store, signer):
    """Somebody repeats an event after it was read: that is a change like any other."""
    signer.issue(store, FIRST, 7)

    def meanwhile(name):
        if name == "issue.append":
            log.append(STREAM, [next(log.read(STREAM)).payload])

    with pytest.raises(ConflictError, match="ends at 2, not at 1"):
        signer.issue(store, Change(why="on"), 7, meanwhile)
    assert signer.settle(store, Change(why="on"), 7).number == 2


def test_statements_that_did_not_change_are_not_checked_again_and_are_as_fresh(
    store, signer, cache, monkeypatch
):
    signer.issue(store, FIRST, 7)
    found = [cache.refresh(store, s * S) for s in (100, 200)]
    checked = []
    real = policy_store.opened
    monkeypatch.setattr(policy_store, "opened", lambda *a: checked.append(a) or real(*a))
    found.append(cache.refresh(store, 300 * S))
    assert checked == []
    assert cache.standing.seen_ns == 300 * S
    assert [(r.verdict, r.alarms) for r in found] == [(found[0].verdict, ())] * 3
    signer.issue(store, Change(stage=Stage.CANARY, why="on"), 7)
    cache.refresh(store, 400 * S)
    assert checked
    assert opened(cache.standing.agreed, TRUSTED).stage is Stage.CANARY
    broken = cache.refresh(None, 500 * S)
    assert [alarm.code for alarm in broken.alarms] == ["policy.unreachable"]
    assert cache.standing.seen_ns == 400 * S


def test_a_frozen_worker_that_looks_again_is_not_made_fresh(log, store, cache):
    log.append(STREAM, [CODEC.encode(signed(1))])
    cache.refresh(store, 5 * S)
    log.append(STREAM, [CODEC.encode(signed(2)), CODEC.encode(signed(2, why="rival"))])
    results = [cache.refresh(store, s * S) for s in (6, 7, 8)]
    assert {type(r.verdict) for r in results} == {Refuse}
    assert cache.standing.seen_ns == 5 * S
    assert cache.leash(8 * S) == Leash(0.0, "policy.conflict")


def test_a_store_that_lost_its_generation_is_not_taken_to_confirm_it(
    store, signer, cache, tmp_path
):
    """It lost it at the very instant at which it had confirmed it."""
    signer.issue(store, FIRST, 7)
    cache.refresh(store, 5 * S)
    with closing(open_log(tmp_path / "empty", Config(**small_settings()))) as log:
        empty = PolicyStore(log)
        for s in (5, 6, 7):
            told = cache.refresh(empty, s * S)
            assert [alarm.code for alarm in told.alarms] == ["policy.missing"]
    assert cache.standing.seen_ns == 5 * S
