"""Who is in charge is signed by whoever holds a key, from the record, and only once."""

from __future__ import annotations

from pathlib import Path

import pytest

from stairway.adapters.artifacts.directory import new_key, public_bytes, seal
from stairway.app.authority import HELD, as_recorded, require_signed
from stairway.app.catalog import CODEC, stream_of
from stairway.app.climb import Hand
from stairway.app.notary import attest, handovers
from stairway.app.policy_store import STREAM as GENERATIONS
from stairway.app.policy_store import PolicyStore, Signer
from stairway.base.errors import ConfigError, DataError
from stairway.base.verdict import Pass
from stairway.dashboard.views import fold
from stairway.lifecycle.facts import ModelMoved
from stairway.lifecycle.generation import after, opened, sign
from stairway.lifecycle.stage import Stage
from stairway.testing.models import toy_bundle
from stairway.testing.policy import KEY, OTHER_KEY, TRUSTED

CANARY, CHAMPION, SHADOW = Stage.CANARY, Stage.CHAMPION, Stage.SHADOW
RETIRED = Stage.RETIRED


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root, key = tmp_path_factory.mktemp("models"), new_key()
    return root, public_bytes(key), [seal(root, toy_bundle(n), key) for n in (1, 2, 3)]


@pytest.fixture
def signer(models):
    return Signer(OTHER_KEY, models[0], models[1], TRUSTED)


@pytest.fixture
def store(new_log):
    store = PolicyStore(new_log("store"))
    store.append(sign(after(None, "ab" * 32, SHADOW, {}, 5, "begin"), KEY), 0)
    return store


def move(log, time_ns, model, digest, before, after_, cause):
    fact = ModelMoved(time_ns, model, digest, before, after_, cause, Pass())
    log.append(stream_of(fact), [CODEC.encode(fact)])


@pytest.fixture
def record(new_log, models):
    """A climbs, B takes over from it, is rolled back to A; C has a slot of its own."""
    log, (a, b, c) = new_log("record"), models[2]
    move(log, 10, "lightgbm", a, SHADOW, CANARY, "promotion.canary")
    move(log, 20, "lightgbm", a, CANARY, CHAMPION, "promotion.champion")
    move(log, 30, "lightgbm", a, CHAMPION, RETIRED, "superseded")
    move(log, 30, "lightgbm", b, CANARY, CHAMPION, "promotion.champion")
    move(log, 40, "xgboost", c, CANARY, CHAMPION, "promotion.champion")
    move(log, 50, "lightgbm", b, CHAMPION, SHADOW, "rollback.breaker")
    move(log, 50, "lightgbm", a, RETIRED, CHAMPION, "rollback.restored")
    move(log, 60, "xgboost", c, CHAMPION, SHADOW, "rollback.guardrail")
    return log


def line(models):
    a, b, c = models[2]
    return [
        {"lightgbm": a},
        {"lightgbm": b},
        {"lightgbm": b, "xgboost": c},
        {"lightgbm": a, "xgboost": c},
        {"lightgbm": a},
    ]


def test_every_change_of_champions_is_one_generation(record, store, signer, models):
    assert [dict(one.champions) for one in handovers(record)] == line(models)
    issued = attest(record, store, signer, 7)
    assert [g.champions for g in issued] == line(models)
    assert [g.number for g in issued] == [2, 3, 4, 5, 6]
    shown = store.observe().statements
    assert [opened(s, TRUSTED).champions for s in shown] == [{}, *line(models)]
    assert issued[1].why == "lightgbm: superseded; lightgbm: promotion.champion"


def test_doing_it_again_signs_nothing(record, store, signer):
    attest(record, store, signer, 7)
    assert attest(record, store, signer, 8) == ()
    assert len(store.observe().statements) == 6


def test_it_goes_on_where_it_was_stopped(record, store, signer, models):
    calls = []

    class Dying(Signer):
        def issue(self, *given):
            calls.append(given)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return super().issue(*given)

    with pytest.raises(KeyboardInterrupt):
        attest(record, store, Dying(OTHER_KEY, models[0], models[1], TRUSTED), 7)
    assert [g.number for g in attest(record, store, signer, 8)] == [4, 5, 6]


def test_the_store_of_another_run_is_not_gone_on_with(record, store, signer, new_log, models):
    attest(record, store, signer, 7)
    other = new_log("other")
    move(other, 10, "xgboost", models[2][0], CANARY, CHAMPION, "operator")
    with pytest.raises(ConfigError, match="not those of this record"):
        attest(other, store, signer, 8)
    with pytest.raises(ConfigError, match="not those of this record"):
        attest(new_log("empty"), store, signer, 8)
    assert len(store.observe().statements) == 6


def test_a_model_that_nobody_sealed_is_not_signed_for(store, signer, new_log):
    log = new_log("record")
    move(log, 10, "xgboost", "ff" * 32, CANARY, CHAMPION, "operator")
    with pytest.raises(ConfigError, match="cannot be put in charge"):
        attest(log, store, signer, 8)


def test_a_first_generation_of_a_key_that_is_not_trusted_is_not_built_upon(
    record, store, models
):
    alone = Signer(OTHER_KEY, models[0], models[1])
    with pytest.raises(ConfigError, match="cannot be built upon"):
        attest(record, store, alone, 8)


def test_an_event_that_is_no_fact_is_named_by_stream_and_position(new_log, store, signer):
    """Whoever folds a record is told where it stopped, and what to do about it."""
    log = new_log()
    move(log, 1, "lightgbm", "ab" * 32, CANARY, CHAMPION, "better")
    log.append("model.promoted", [b"\xc1"])
    with pytest.raises(DataError, match=r"event \d+ of stream 'model.promoted': .*log export"):
        attest(log, store, signer, 9)


@pytest.mark.parametrize(
    ("stream", "read"),
    [
        (HELD, as_recorded),
        (GENERATIONS, lambda log: require_signed(log, TRUSTED)),
        ("operator", lambda log: Hand(log, ())),
        ("run", lambda log: fold(log, Path("run"))),
    ],
    ids=["held", "generation", "operator", "run"],
)
def test_wherever_a_record_is_read_the_place_is_named(new_log, stream, read):
    log = new_log()
    log.append(stream, [b"\xc1"])
    with pytest.raises(DataError, match=f"event 1 of stream '{stream}': .*log export"):
        read(log)
