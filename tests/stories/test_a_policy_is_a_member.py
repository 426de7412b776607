"""A sealed policy with its evidence climbs like anybody: it is asked, it shadows, it is replayed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stairway.events.fold import in_order
from stairway.adapters.artifacts.directory import new_key, public_bytes, seal
from stairway.adapters.logs.sqlite import open_log
from stairway.app.catalog import CODEC
from stairway.app.environment import overrides
from stairway.app.folder import RunFolder
from stairway.app.progress import Silent
from stairway.app.replay import replay
from stairway.app.request import Request
from stairway.app.run import run
from stairway.app.settings import Settings, load, plain
from stairway.app.terms import terms_hash
from stairway.execution.facts import TradeClosed
from stairway.features import engine
from stairway.lifecycle.facts import ModelMoved
from stairway.lifecycle.stage import Stage
from stairway.models.actor import Actor, believe
from stairway.models.bodies.policy import PolicyBody, PolicyParity
from stairway.models.calibration import apply
from stairway.models.normaliser import fit
from stairway.models.policy import observations
from stairway.models.prediction import Exclusion, Prediction
from stairway.models.sealed import Bundle
from stairway.testing.bars import random_walk
from stairway.testing.models import rule_under, toy_actor, toy_calibration, toy_policy
from stairway.testing.proofs import proved
from stairway.testing.runs import MOVES, BARS, quickly, write_source
from stairway.trader.facts import Decided

WALK = random_walk(BARS, seed=3)


def body(settings: Settings) -> PolicyBody:
    """A policy that knows nothing, behind a normaliser that fits these bars."""
    rows = engine.batch(WALK, settings.features).reshape(-1, 24)
    rows = rows[np.isfinite(rows).all(axis=1)]
    actor = Actor(toy_actor(7).policy, fit(rows, clip=5.0))
    pairs = rows[:256].reshape(-1, 2, 12)
    held = np.random.default_rng(1).integers(-1, 2, (256, 2)).astype(np.int32)
    logits = actor.policy.logits(observations(pairs, held, actor.normaliser))
    return PolicyBody(actor, toy_calibration(), PolicyParity(pairs, held, logits))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, PolicyBody]:
    """A finished run whose one learned member is a policy; its digest, and what it is."""
    home, key = tmp_path_factory.mktemp("policy"), new_key()
    with quickly():
        settings = load("daily", overrides())
        terms = terms_hash(plain(settings), WALK.instruments, planted=False)
        policy = body(settings)
        digest = seal(home / "models", proved(Bundle(toy_policy(terms), policy)), key)
        seal(home / "models", rule_under(settings.baseline, terms), key)
        (home / "trust.pub").write_bytes(public_bytes(key))
        request = Request(
            source=str(write_source(home / "bars", WALK)),
            policy="daily",
            out=home / "run",
            models=home / "models",
            trust=home / "trust.pub",
        )
        assert run(request, Silent()).exit_code == 0
    return home / "run", digest, policy


def facts(root: Path, stream: str | tuple[str, ...]) -> list[Any]:
    with quickly():
        settings = load("daily", overrides())
    log = open_log(RunFolder(root).log, settings.log, read_only=True)
    try:
        return [
            CODEC.decode(e.payload)
            for e in in_order(log, (stream,) if isinstance(stream, str) else stream)
        ]
    finally:
        log.close()


def test_it_is_asked_about_both_instruments_at_every_close(
    told: tuple[Path, str, PolicyBody],
) -> None:
    root, digest, _ = told
    own = [fact for fact in facts(root, "model.answer") if fact.digest == digest]
    by_close = Counter((fact.as_of_ns, fact.symbol) for fact in own)
    assert set(by_close.values()) == {1}
    closes = {time for time, _ in by_close}
    assert len(by_close) == 2 * len(closes)
    assert len(closes) > 200
    assert {fact.model for fact in own} == {"policy"}
    assert not any(isinstance(fact, Exclusion) for fact in own)


def test_what_is_on_record_is_what_it_believed_while_flat(
    told: tuple[Path, str, PolicyBody],
) -> None:
    root, digest, policy = told
    with quickly():
        settings = load("daily", overrides())
    features = engine.batch(WALK, settings.features)
    rows = dict(zip(WALK.time_ns.tolist(), features, strict=True))
    own = [
        fact
        for fact in facts(root, "model.answer")
        if isinstance(fact, Prediction) and fact.digest == digest
    ]
    for fact in own[:200]:
        belief = believe(policy.actor, rows[fact.as_of_ns])[WALK.symbols.index(fact.symbol)]
        assert fact.raw == pytest.approx(belief.raw, rel=1e-9)
        assert fact.confidence == apply(policy.calibration, fact.raw, fact.regime)
    assert {fact.action.value for fact in own} >= {"BUY", "SELL"}


def test_it_shadows_and_its_book_trades(told: tuple[Path, str, PolicyBody]) -> None:
    root, digest, _ = told
    moves = [f for f in facts(root, MOVES) if isinstance(f, ModelMoved)]
    mine = [move for move in moves if move.digest == digest]
    assert mine[0].after is Stage.SHADOW
    trades = [
        fact
        for fact in facts(root, "trade.closed")
        if isinstance(fact, TradeClosed) and fact.book == f"shadow:{digest}"
    ]
    assert trades
    assert all(vote.model == "policy" for trade in trades for vote in trade.votes)
    decided = [f for f in facts(root, "trade.intent") if isinstance(f, Decided)]
    assert any(fact.book == f"shadow:{digest}" for fact in decided)


def test_the_replay_needs_no_policy_and_is_identical(
    told: tuple[Path, str, PolicyBody],
) -> None:
    with quickly():
        answer = replay(told[0], Silent())
    assert (answer.identical, answer.finished) == (True, True)
