"""A policy sees bars and its positions: nothing of the reward, nothing of the regime.

Both are moved wildly here, and the 26 numbers stay what they were to the last bit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stairway.simulation import kernels
from stairway.simulation.batch import PairBatch
from stairway.simulation.course import Course
from stairway.simulation.env import PairTradingEnv
from stairway.simulation.terms import Terms
from stairway.testing.practice import actions_for, env_rules, rough_course
from stairway.training.ppo.vecenv import PairVecEnv

COURSE = rough_course(300, seed=3)
RULES = env_rules(episode_steps=40, observation_noise=0.5)
WILD = st.floats(-1e6, 1e6)


def seen_by(course: Course, terms: list[Terms], actions: np.ndarray, seed: int) -> np.ndarray:
    """Every observation of every account, last ones included; terms change at each step."""
    batch = PairBatch(course, RULES, actions.shape[1], seed)
    seen = [batch.reset()]
    for i, row in enumerate(actions):
        batch.set_terms(terms[i % len(terms)])
        seen += [batch.step(row), batch.finals.copy()]
    return np.array(seen)


def wild_terms() -> st.SearchStrategy[Terms]:
    return st.builds(
        Terms,
        scale_bps=st.floats(1e-3, 1e6),
        bonus=WILD,
        ticket=WILD,
        downside=st.floats(0.0, 1e6),
    )


CALM = Terms(scale_bps=1.0, bonus=0.0, ticket=0.0, downside=0.0)


@given(st.integers(0, 10**6), st.lists(wild_terms(), min_size=1, max_size=5))
def test_no_term_of_the_reward_reaches_the_observation(seed: int, terms: list[Terms]) -> None:
    actions = actions_for(60, 3, seed)
    calm, wild = seen_by(COURSE, [CALM], actions, seed), seen_by(COURSE, terms, actions, seed)
    assert calm.tobytes() == wild.tobytes()


@given(st.integers(0, 10**6), st.floats(-3.0, 3.0), st.booleans())
def test_no_regime_reaches_the_observation(seed: int, level: float, noisy: bool) -> None:  # noqa: FBT001
    rng = np.random.default_rng(seed)
    score = np.full(len(COURSE), level)
    if noisy:
        score = rng.uniform(-3.0, 3.0, len(COURSE))
    actions = actions_for(60, 3, seed)
    before = seen_by(COURSE, [CALM], actions, seed)
    other = replace(COURSE, score=score, regime=rng.integers(0, 3, len(COURSE)))
    after = seen_by(other, [CALM], actions, seed)
    assert before.tobytes() == after.tobytes()


@given(st.integers(0, 10**6), wild_terms())
def test_neither_moves_money_or_positions_or_ends(seed: int, terms: Terms) -> None:
    actions = actions_for(60, 3, seed)
    plain = PairBatch(COURSE, RULES, 3, seed)
    moved = PairBatch(replace(COURSE, score=-COURSE.score), RULES, 3, seed)
    moved.set_terms(terms)
    plain.reset()
    moved.reset()
    owned = slice(0, kernels.RETURN)
    for row in actions:
        plain.step(row)
        moved.step(row)
        assert np.array_equal(plain.books[:, owned], moved.books[:, owned])
        for column in (kernels.PROFIT_BPS, kernels.FILLS, kernels.END):
            assert np.array_equal(plain.told[:, column], moved.told[:, column])


def test_the_faces_show_what_the_kernel_shows() -> None:
    actions = actions_for(50, 1, seed=1)
    wild = Terms(scale_bps=0.01, bonus=1e5, ticket=-1e5, downside=1e3)
    one, two = PairTradingEnv(COURSE, RULES, CALM), PairTradingEnv(COURSE, RULES, wild)
    many = PairVecEnv(COURSE, RULES, 1, seed=5)
    many.set_terms(wild)
    views = [env.reset(seed=5)[0] for env in (one, two)]
    batch_view = many.reset()
    for row in actions:
        assert views[0].tobytes() == views[1].tobytes() == batch_view[0].tobytes()
        steps = [env.step(int(row[0])) for env in (one, two)]
        batch_view = many.step(row)[0]
        views = [step[0] for step in steps]
        if steps[0][2] or steps[0][3]:
            views = [env.reset()[0] for env in (one, two)]


def test_the_row_is_features_position_features_position_and_nothing_else() -> None:
    batch = PairBatch(COURSE, env_rules(episode_steps=40), 3, seed=2)
    batch.reset()
    for row in actions_for(60, 3, seed=4):
        seen = batch.step(row)
        bars = batch.books[:, kernels.BAR].astype(int)
        assert np.array_equal(seen[:, :12], COURSE.features[bars, :12])
        assert np.array_equal(seen[:, 13:25], COURSE.features[bars, 12:])
        positions = batch.books[:, kernels.FIRST_POSITION : kernels.SECOND_POSITION + 1]
        assert np.array_equal(seen[:, [12, 25]], positions)
        assert set(positions.ravel()) <= {-1.0, 0.0, 1.0}
