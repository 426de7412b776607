"""What a policy believes is a function of the features, and of nothing it holds."""

from __future__ import annotations

import numpy as np
import pytest

from stairway.base.errors import DataError
from stairway.models.actor import Actor, believe, margins
from stairway.models.observation import FEATURES
from stairway.models.policy import Policy, beliefs, observe, probabilities
from stairway.testing.models import toy_actor

ACTOR = toy_actor(3)
ROWS = np.random.default_rng(4).standard_normal((60, 2, FEATURES)) * 1.5
PAIRS = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)]


def test_it_is_asked_as_one_who_holds_nothing() -> None:
    for rows in ROWS[:10]:
        shown = observe(rows, (0, 0), ACTOR.normaliser)
        assert believe(ACTOR, rows) == beliefs(probabilities(ACTOR.policy, shown))


def test_what_it_held_would_have_changed_its_answer() -> None:
    shown = [observe(ROWS[0], held, ACTOR.normaliser) for held in PAIRS]
    said = {round(beliefs(probabilities(ACTOR.policy, one))[0].raw, 6) for one in shown}
    assert len(said) == 9


def test_a_whole_history_is_answered_as_bar_by_bar_to_the_bit() -> None:
    table = margins(ACTOR, ROWS)
    assert table.shape == (60, 2)
    for rows, said in zip(ROWS, table, strict=True):
        assert [belief.raw for belief in believe(ACTOR, rows)] == said.tolist()


def test_no_history_has_no_margins() -> None:
    assert margins(ACTOR, ROWS[:0]).shape == (0, 2)


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("k", [0, 1])
def test_a_hole_in_either_row_leaves_no_belief_about_any(hole: float, k: int) -> None:
    rows = ROWS[:3].copy()
    rows[1, k, 5] = hole
    assert np.isnan(np.array(believe(ACTOR, rows[1]))).all()
    assert np.isnan(margins(ACTOR, rows)).all(axis=1).tolist() == [False, True, False]


@pytest.mark.parametrize("shape", [(12,), (2, 11), (1, 12)])
def test_rows_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="12 features per instrument"):
        believe(ACTOR, np.zeros(shape))


def test_either_belief_depends_on_both_rows() -> None:
    before = believe(ACTOR, ROWS[0])
    for k in (0, 1):
        rows = ROWS[0].copy()
        rows[k, 0] += 0.5
        after = believe(ACTOR, rows)
        assert all(old.raw != new.raw for old, new in zip(before, after, strict=True))


def test_the_normaliser_is_part_of_what_is_believed() -> None:
    other = Actor(ACTOR.policy, toy_actor(4).normaliser)
    assert believe(other, ROWS[0]) != believe(ACTOR, ROWS[0])


def test_an_actor_that_is_certain_has_no_log_odds_and_says_nothing() -> None:
    low = np.full(9, -100.0, np.float32)
    low[8] = 100.0
    head = np.zeros((9, 26), np.float32)
    head[8, 0], head[:8, 0] = 100.0, -100.0
    certain = Actor(Policy((head,), (low,)), ACTOR.normaliser)
    assert np.isnan(np.array(believe(certain, np.full((2, 12), 50.0)))).all()
