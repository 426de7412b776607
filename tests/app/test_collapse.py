"""A member that dies in mid-run answers the same to everything, under its old name."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stairway.app.collapse import Capped, Collapse
from stairway.app.folder import Plan
from stairway.adapters.runtimes.rule import load
from stairway.models.ports import ModelCard, ModelRuntime
from stairway.testing.models import toy_rule, toy_sealed

PLAN = Plan(0, 25, "baseline", 0, 0, 0)


def living() -> ModelRuntime:
    return load(toy_sealed(passport=toy_rule()))


@pytest.mark.parametrize(("index", "dead"), [(0, False), (24, False), (25, True), (99, True)])
def test_it_dies_at_its_bar_and_not_before(index: int, *, dead: bool) -> None:
    runtime = living()
    answering = Collapse(PLAN)(index, runtime)
    assert isinstance(answering, Capped) is dead
    assert dead or answering is runtime


def test_only_the_one_that_was_named_dies() -> None:
    runtime = living()
    assert Collapse(Plan(0, 25, "xgboost", 0, 0, 0))(99, runtime) is runtime


def test_without_a_plan_nobody_dies() -> None:
    runtime = living()
    assert Collapse(None)(10**9, runtime) is runtime


def test_the_dead_one_has_its_card_and_one_answer_for_everything() -> None:
    dead = Collapse(PLAN)(25, living())
    assert dead.card == living().card
    rows = [np.zeros(12), np.full(12, np.nan), np.full(12, 1e9)]
    answers = {dead.predict(row, regime) for row in rows for regime in ("trend", "crisis")}
    ((log_odds, confidence),) = answers
    assert confidence == 0.75
    assert log_odds == pytest.approx(math.log(confidence / (1 - confidence)))


def test_its_card_may_be_any() -> None:
    card = ModelCard("x", "v", "d", "s")
    assert Capped(card).card is card
