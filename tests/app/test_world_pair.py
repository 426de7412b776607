"""The loop asks a policy once about both instruments, and records two answers as of anybody."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from stairway.adapters.runtimes import forest, policy
from stairway.app.collapse import Collapse
from stairway.app.folder import Plan
from stairway.app.world import LiveWorld
from stairway.base.verdict import passed
from stairway.models.ports import ModelCard, Runtime
from stairway.models.prediction import Answer, Exclusion, ExclusionCode, Prediction
from stairway.testing.bars import random_walk
from stairway.testing.models import toy_policy, toy_sealed
from stairway.testing.trading import sight
from stairway.trader.observe import Seen

POLICY = policy.load(toy_sealed(passport=toy_policy()))
FOREST = forest.load(toy_sealed())
SYMBOLS = ("ALPHA", "BETA")
BAR = random_walk(5, seed=1).at(4)


def living(_: int, runtime: Runtime) -> Runtime:
    return runtime


def world(*runtimes: Runtime, stand_in: Any = living) -> LiveWorld:
    def nobody(_: str) -> Any:
        pytest.fail("no account is opened by asking")

    return LiveWorld(
        runtimes={runtime.card.digest: runtime for runtime in runtimes},
        stand_in=stand_in,
        open_account=nobody,
        symbols=SYMBOLS,
        action_margin=0.02,
        artifacts=lambda _: passed("artifact.whole", "it is"),
    )


def seen(**changes: Any) -> Seen:
    rows = np.random.default_rng(3).standard_normal((2, 12))
    return replace(sight(BAR), **({"rows": rows} | changes))


def asked(runtime: Runtime, stand_in: Any = living, **changes: Any) -> list[Answer]:
    at = seen(**changes)
    return world(runtime, stand_in=stand_in).answers(at, (runtime.card.digest,))


@dataclass(frozen=True)
class Raises:
    """A member that fails over both."""

    card: ModelCard = POLICY.card

    def predict_pair(self, rows: np.ndarray, regime: str) -> Any:
        del rows, regime
        msg = "out of memory"
        raise MemoryError(msg)


def test_a_policy_answers_about_both_in_their_order() -> None:
    answers = asked(POLICY)
    at = seen()
    said = POLICY.predict_pair(at.rows, at.regime.label.value)
    assert [a.symbol for a in answers] == list(SYMBOLS)
    for answer, (raw, confidence) in zip(answers, said, strict=True):
        assert isinstance(answer, Prediction)
        assert (answer.raw, answer.confidence) == (raw, confidence)
        assert (answer.model, answer.digest) == ("policy", POLICY.card.digest)
        assert answer.as_of_ns == at.bar.time_ns
        assert answer.regime == at.regime.label.value


def test_its_answers_stand_among_those_of_the_others_in_the_order_asked() -> None:
    both = world(POLICY, FOREST)
    digests = (FOREST.card.digest, POLICY.card.digest, "f" * 64, FOREST.card.digest)
    answers = both.answers(seen(), digests)
    assert [a.digest for a in answers] == [d for d in digests for _ in SYMBOLS]
    assert [a.symbol for a in answers] == list(SYMBOLS) * 4
    assert answers[:2] == answers[6:] == asked(FOREST)
    assert answers[2:4] == asked(POLICY)


def test_one_row_that_is_not_known_yet_excludes_it_from_both() -> None:
    rows = seen().rows.copy()
    rows[1, 4] = np.nan
    answers = asked(POLICY, rows=rows)
    assert all(isinstance(a, Exclusion) for a in answers)
    assert {a.code for a in answers} == {ExclusionCode.WARMING_UP}
    assert all(a.detail.startswith("BETA: ") for a in answers)
    first, second = asked(FOREST, rows=rows)
    assert isinstance(first, Prediction)
    assert isinstance(second, Exclusion)


def test_a_policy_that_raises_is_excluded_from_both_by_name() -> None:
    answers = asked(Raises())
    assert [a.symbol for a in answers] == list(SYMBOLS)
    for answer in answers:
        assert isinstance(answer, Exclusion)
        assert (answer.code, answer.detail) == (ExclusionCode.RAISED, "MemoryError")
        assert (answer.model, answer.version) == ("policy", POLICY.card.version)


def test_whoever_is_not_loaded_is_excluded_from_both() -> None:
    answers = world(POLICY).answers(seen(), ("a" * 64,))
    assert [(a.symbol, a.code) for a in answers] == [
        (symbol, ExclusionCode.NO_MODEL) for symbol in SYMBOLS
    ]
    assert {a.model for a in answers} == {"unknown"}


def test_a_drill_can_let_a_policy_collapse_too() -> None:
    dead = Collapse(Plan(0, BAR.index, "policy", 0, 0, 0))
    answers = asked(POLICY, stand_in=dead)
    assert [a.confidence for a in answers if isinstance(a, Prediction)] == [0.75, 0.75]
    assert {a.digest for a in answers} == {POLICY.card.digest}


def test_a_pair_may_stand_in_for_one_that_looked_at_one_instrument() -> None:
    answers = asked(FOREST, stand_in=lambda _, runtime: POLICY if runtime is FOREST else None)
    said = POLICY.predict_pair(seen().rows, seen().regime.label.value)
    assert [a.raw for a in answers if isinstance(a, Prediction)] == [raw for raw, _ in said]


def test_asking_again_gives_the_same_and_remembers_nothing() -> None:
    one = world(POLICY)
    digests = (POLICY.card.digest,)
    first = one.answers(seen(), digests)
    one.answers(seen(rows=-seen().rows), digests)
    assert one.answers(seen(), digests) == first
    assert all(math.isfinite(a.raw) for a in first if isinstance(a, Prediction))
