"""What the desk may do follows the policy store: as recorded, then as it is."""

from __future__ import annotations

import shutil

import pytest

from stairway.adapters.artifacts.directory import public_bytes
from stairway.app import settings as policies
from stairway.app.authority import (
    HELD,
    Authority,
    Worker,
    as_recorded,
    asking,
    begin,
    beginning,
    keys_of,
    require_signed,
)
from stairway.app.catalog import CODEC
from stairway.app.folder import RunFolder, open_existing
from stairway.app.policy_cache import PolicyCache
from stairway.app.policy_store import STREAM, PolicyStore
from stairway.app.recorder import run_hash
from stairway.app.world import RecordedWorld
from stairway.base.errors import DataError, InvariantError, RecordError
from stairway.base.hashing import content_hash
from stairway.decision.intent import Abstain
from stairway.lifecycle.facts import PolicyHeld
from stairway.lifecycle.generation import after, opened, sign
from stairway.lifecycle.leash import LOOSE, Leash
from stairway.lifecycle.stage import Stage
from stairway.testing.policy import KEY, OTHER_KEY, STRANGER, TRUSTED, public
from stairway.trader.facts import Decided

AWAY, BACK = 70, 108
"""Bars between which the store is out of reach: stale after 7 days, closed after 30."""


class Store:
    """A log of generations that can be taken away."""

    def __init__(self, log):
        self.log, self.is_away, self.looks = log, False, 0

    def head(self, stream):
        self.looks += 1
        if self.is_away:
            msg = "nobody answers"
            raise RecordError(msg)
        return self.log.head(stream)

    def read(self, stream, after=0):
        return self.log.read(stream, after)

    def put(self, *statements):
        self.log.append(STREAM, [CODEC.encode(one) for one in statements])


def policy_of(little):
    return content_hash(policies.plain(little.settings))


def first(little, key=KEY, **changes):
    said = {"policy": policy_of(little), "stage": Stage.SHADOW} | changes
    return sign(after(None, said["policy"], said["stage"], {}, 5, "begin"), key)


def following(before, little, key=KEY, **changes):
    said = {"policy": policy_of(little), "stage": Stage.SHADOW, "why": "next"} | changes
    held = opened(before, TRUSTED), before
    return sign(after(held, said["policy"], said["stage"], {}, 5, said["why"]), key)


@pytest.fixture
def store(new_log, little):
    store = Store(new_log("store"))
    store.put(first(little))
    return store


@pytest.fixture
def worker(store, little, tmp_path):
    rules = little.settings.policy_store
    cache = PolicyCache(tmp_path / "policy.cache", TRUSTED, rules, keeps_age=False)
    return Worker(cache, PolicyStore(store), TRUSTED, rules, policy_of(little))


def facts(log, stream, kind):
    told = (CODEC.decode(e.payload) for e in log.read(stream))
    return [fact for fact in told if isinstance(fact, kind)]


def live(little, log, worker, at=lambda _index: None, until=None):
    """Let the desk trade under ``worker``; ``at`` is told each bar before it is handled."""
    known = tuple(facts(log, HELD, PolicyHeld))
    decided = facts(log, "trade.intent", Decided)
    little.authority = Authority(known, decided[-1].time_ns if decided else 0, worker)
    desk = little.desk(log)
    desk.recorder.publish(little.start())
    at(little.first_index)
    for bar in little.steps(desk, until):
        at(bar.index + 1)
    desk.recorder.flush()
    return desk


def outage(store):
    def at(index):
        store.is_away = AWAY <= index < BACK

    return at


def told(log):
    return [(h.number, h.leash.cause) for h in facts(log, HELD, PolicyHeld)]


def test_an_ordinary_run_is_confirmed_at_every_look_and_never_stale(
    little, store, worker, new_log
):
    log = new_log()
    live(little, log, worker)
    assert told(log) == [(1, "policy.fresh")]
    climbed = len(little.bars) - little.first_index
    assert store.looks == climbed, "daily bars: the store is looked at once a bar"


def test_between_two_looks_nothing_is_read(store, worker):
    day = 86_400 * 10**9
    held = worker(10 * day, None)
    again = worker(10 * day, held)
    assert again is held
    assert worker(11 * day - 1, held) is held
    assert store.looks == 1
    worker(11 * day, held)
    assert store.looks == 2
    worker(9 * day, held)
    assert store.looks == 3, "a clock that went back is a reason to look"


def test_a_store_that_is_away_makes_orders_smaller_then_forbids_them_and_exits_go_on(
    little, store, worker, new_log
):
    log, free = new_log(), new_log("free")
    live(little, log, worker, outage(store))
    assert told(log) == [
        (1, "policy.fresh"),
        (1, "policy.fresh"),
        (1, "policy.stale"),
        (1, "policy.closed"),
        (1, "policy.fresh"),
    ]
    held = facts(log, HELD, PolicyHeld)
    assert [a.code for a in held[1].alarms] == ["policy.unreachable"]
    assert [h.leash.size_frac for h in held] == [1.0, 1.0, 0.5, 0.0, 1.0]
    live(little, free, None)
    stale, closed, back = (held[n].time_ns for n in (2, 3, 4))
    entered, usual = by_time(log), by_time(free)
    for time_ns in sorted(set(entered) & set(usual)):
        if time_ns < stale:
            assert entered[time_ns] == usual[time_ns]
    halved = [t for t in entered if stale <= t < closed]
    assert halved
    assert sum(sum(entered[t]) for t in halved) < sum(
        sum(usual[t]) for t in usual if stale <= t < closed
    )
    assert not [t for t in entered if closed <= t < back]
    assert [t for t in usual if closed <= t < back], "it would have entered"
    assert [t for t in entered if t >= back]
    left = [t for t in facts(log, "trade.closed", object) if closed <= t.closed_ns < back]
    assert left, "what was open was led out"


def by_time(log):
    """Lots of what the capital was allowed to enter, by close."""
    found = {}
    for one in facts(log, "trade.intent", Decided):
        allowed = [o.lots for o in one.outcomes if hasattr(o, "lots")]
        if one.book == "capital" and allowed:
            found[one.time_ns] = allowed
    return found


def test_whoever_may_not_enter_says_so_in_every_book(little, store, worker, new_log):
    log = new_log()
    store.put(following(first(little), little, stage=Stage.RETIRED))
    live(little, log, worker)
    assert told(log) == [(2, "policy.withdrawn")]
    wishes = [w for one in facts(log, "trade.intent", Decided) for w in one.intents]
    assert wishes
    assert {type(w) for w in wishes} == {Abstain}
    assert {w.findings[0].code for w in wishes} == {"policy.withdrawn"}


def test_other_settings_than_those_in_force_enter_nothing(little, store, worker, new_log):
    log = new_log()
    store.put(following(first(little), little, policy="cd" * 32))
    live(little, log, worker)
    assert told(log) == [(2, "policy.superseded")]
    assert by_time(log) == {}


def test_a_conflict_freezes_and_alarms_until_somebody_settles_it(
    little, store, worker, new_log
):
    log, one = new_log(), first(little)
    two, rival = (following(one, little, why=why) for why in ("a", "b"))

    def at(index):
        if index == 80:
            store.put(two, rival)
        if index == 90:
            store.put(following(two, little, OTHER_KEY))

    live(little, log, worker, at)
    assert told(log) == [(1, "policy.fresh"), (1, "policy.conflict"), (3, "policy.fresh")]
    frozen = facts(log, HELD, PolicyHeld)[1]
    assert [a.code for a in frozen.alarms] == ["policy.conflict"]
    assert frozen.leash == Leash(0.0, "policy.conflict")
    assert frozen.identity == one.identity, "what was agreed before stays"


def test_the_same_statement_twice_changes_nothing(little, store, worker, new_log):
    log = new_log()

    def at(index):
        if index in {70, 80}:
            store.put(first(little), first(little, OTHER_KEY))

    live(little, log, worker, at)
    assert told(log) == [(1, "policy.fresh")]


def test_what_a_stranger_signed_is_said_aloud_and_counts_for_nothing(
    little, store, worker, new_log
):
    log = new_log()
    store.put(following(first(little), little, STRANGER, stage=Stage.RETIRED))
    live(little, log, worker)
    assert told(log) == [(1, "policy.fresh")]
    assert [a.code for a in facts(log, HELD, PolicyHeld)[0].alarms] == ["policy.key"]


def test_an_empty_store_allows_nothing(little, new_log, tmp_path):
    rules = little.settings.policy_store
    cache = PolicyCache(tmp_path / "policy.cache", TRUSTED, rules)
    worker = Worker(cache, PolicyStore(new_log("store")), TRUSTED, rules, "ab" * 32)
    held = worker(5, None)
    assert (held.number, held.identity, held.leash) == (0, "", Leash(0.0, "policy.none"))
    assert [a.code for a in held.alarms] == ["policy.none"]


def test_a_run_that_is_taken_up_again_gets_the_answers_of_that_time(
    little, store, worker, new_log, tmp_path
):
    """The store is away for the first part, and there again when the run is taken up."""
    log, rules = new_log(), little.settings.policy_store
    live(little, log, worker, outage(store), until=90)
    before = told(log)
    assert before[-1] == (1, "policy.stale")
    store.is_away = False
    cache = PolicyCache(tmp_path / "policy.cache", TRUSTED, rules, keeps_age=False)
    again = Worker(cache, PolicyStore(store), TRUSTED, rules, policy_of(little))
    desk = live(little, log, again)
    assert told(log) == [*before, (1, "policy.fresh")]
    assert facts(log, HELD, PolicyHeld)[-1].time_ns == little.bars.at(90).time_ns
    assert desk.recorder.checked > 0
    little.authority = as_recorded(log)
    replayed = little.desk(log, RecordedWorld(log), read_only=True)
    replayed.recorder.publish(little.start())
    for _ in little.steps(replayed):
        pass
    assert (replayed.recorder.beyond, replayed.recorder.left_over()) == (0, {})


def test_the_hash_of_a_run_is_the_same_whichever_key_signed_its_policy(
    little, new_log, tmp_path
):
    hashes = []
    for name, key in (("a", KEY), ("b", OTHER_KEY)):
        folder, log = RunFolder(tmp_path / name), new_log(f"log-{name}")
        begin(folder, policies.plain(little.settings), key, little.bars.at(59).time_ns)
        folder.trust.write_bytes(public(key))
        rules, plain = little.settings.policy_store, policies.plain(little.settings)
        little.authority = asking(folder, log, rules, plain)
        desk = little.desk(log)
        signed = CODEC.decode(folder.generation.read_bytes())
        desk.recorder.publish(little.start(), signed)
        desk.recorder.commit()
        for _ in little.steps(desk, 75):
            pass
        desk.recorder.flush()
        hashes.append(run_hash(log))
        assert facts(log, HELD, PolicyHeld)[0].leash == LOOSE
        assert folder.policy_cache.exists()
        require_signed(log, keys_of(folder))
        with pytest.raises(InvariantError, match="no key that this run trusts"):
            require_signed(log, {})
    assert hashes[0] == hashes[1]


def test_an_operator_may_be_believed_beside_the_trainer(tmp_path):
    folder = RunFolder(tmp_path)
    assert keys_of(folder) == {}
    folder.trust.write_bytes(public(KEY))
    folder.operator.write_bytes(public(OTHER_KEY))
    assert keys_of(folder) == TRUSTED


@pytest.fixture
def run(finished_run, tmp_path):
    root = tmp_path / "run"
    shutil.copytree(finished_run, root)
    return open_existing(root)


def test_a_trainer_leaves_the_signed_policy_of_its_run(run):
    folder, ask = run
    signed = beginning(folder, ask)
    says = opened(signed, keys_of(folder))
    assert (says.number, says.stage, says.champions) == (1, Stage.SHADOW, {})
    assert says.policy == content_hash(ask.policy)


def spoil(folder, ask, how):
    path = folder.generation
    match how:
        case "missing":
            path.unlink()
        case "damaged":
            path.write_bytes(path.read_bytes()[:-1])
        case "another key":
            begin(folder, ask.policy, KEY, 5)
        case "another policy":
            begin(folder, {**ask.policy, "run": {}}, KEY, 5)
            folder.trust.write_bytes(public_bytes(KEY))
        case _:
            path.write_bytes(CODEC.encode(ask.data_report))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("missing", "No such file"),
        ("damaged", "truncated"),
        ("another key", "not trusted"),
        ("another policy", "not about the policy"),
        ("another fact", "DataReport"),
    ],
)
def test_a_run_whose_policy_is_not_signed_as_it_should_be_is_refused(run, how, said):
    folder, ask = run
    spoil(folder, ask, how)
    with pytest.raises(DataError, match=f"cannot be believed: .*{said}"):
        beginning(folder, ask)
