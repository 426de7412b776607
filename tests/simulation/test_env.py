"""One account as a Gymnasium environment keeps every promise of the interface."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check
from hypothesis import given
from hypothesis import strategies as st
from stable_baselines3.common.env_checker import check_env as sb3_check

from stairway.base.errors import ConfigError, DataError, InvariantError
from stairway.features.spec import FEATURE_NAMES
from stairway.simulation import kernels
from stairway.simulation.batch import PairBatch
from stairway.simulation.env import PairTradingEnv
from stairway.simulation.env_rules import EnvRules
from stairway.simulation.terms import Terms
from stairway.testing.bars import random_walk
from stairway.testing.practice import (
    actions_for,
    course_of,
    env_rules,
    made_course,
    rough_course,
)

COURSE = rough_course(300, seed=3)
RULES = env_rules(episode_steps=40)
TERMS = Terms(scale_bps=5.0, bonus=0.1, ticket=0.2, downside=0.3)
NAMES = ("profit", "hold_bonus", "ticket_cost", "downside")


def env_of(rules: EnvRules = RULES, terms: Terms = TERMS, seed: int = 0) -> PairTradingEnv:
    return PairTradingEnv(COURSE, rules, terms, seed)


def run(env: PairTradingEnv, actions: list[int]) -> list[object]:
    """Everything a user sees, with a reset wherever an episode ends."""
    seen: list[object] = []
    for action in actions:
        view, reward, terminated, truncated, info = env.step(action)
        seen.append((view.tolist(), reward, terminated, truncated, info))
        if terminated or truncated:
            seen.append(env.reset()[0].tolist())
    return seen


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_gymnasium_finds_nothing_wrong(noise: float) -> None:
    gymnasium_check(env_of(env_rules(observation_noise=noise)), skip_render_check=True)


def test_stable_baselines_finds_nothing_wrong() -> None:
    sb3_check(env_of(), warn=True)


def test_the_spaces_are_26_numbers_and_nine_actions() -> None:
    env = env_of()
    assert env.observation_space.shape == (26,)
    assert env.observation_space.dtype == np.float32
    assert env.action_space.n == 9  # pyright: ignore[reportAttributeAccessIssue]


@given(st.integers(0, 2**63 - 1))
def test_the_same_seed_gives_the_same_episodes(seed: int) -> None:
    actions = actions_for(90, 1, seed=5)[:, 0].tolist()
    one, two = env_of(), env_of(seed=7)
    first = [one.reset(seed=seed)[0].tolist(), run(one, actions)]
    again = [two.reset(seed=seed)[0].tolist(), run(two, actions)]
    assert first == again


def test_another_seed_gives_other_episodes() -> None:
    env = env_of()
    starts = {tuple(env.reset(seed=seed)[0].tolist()) for seed in range(20)}
    assert len(starts) > 15


def test_a_reset_without_a_seed_goes_on_to_the_next_episode() -> None:
    env = env_of()
    env.reset(seed=3)
    second = env.reset()[0].tolist()
    batch = PairBatch(COURSE, RULES, 1, 3)
    batch.reset()
    assert batch.reset()[0].tolist() == second


def test_the_constructor_seeds_until_a_reset_does() -> None:
    by_constructor, by_reset = env_of(seed=11), env_of()
    assert np.array_equal(by_constructor.reset()[0], by_reset.reset(seed=11)[0])


@pytest.mark.parametrize("seed", [-1, 2**63, 2**80, 1.5, "x", True, [1], math.nan], ids=repr)
def test_a_seed_that_is_none_is_refused_wherever_it_is_given(seed: Any) -> None:
    env = env_of()
    before = env.reset(seed=5)[0]
    for give in (lambda: env.reset(seed=seed), lambda: env_of(seed=seed)):
        with pytest.raises(ConfigError, match=r"seed .*; give a whole number from 0 to 2"):
            give()
    assert np.array_equal(env.reset(seed=5)[0], before)


@pytest.mark.parametrize("seed", [np.int64(3), np.uint8(3), np.array(3)])
def test_a_seed_of_any_kind_of_integer_is_that_seed(seed: Any) -> None:
    assert np.array_equal(env_of().reset(seed=seed)[0], env_of().reset(seed=3)[0])


def test_a_reset_in_mid_episode_begins_another_with_all_its_money() -> None:
    env = env_of()
    env.reset(seed=1)
    env.step(8)
    seen, info = env.reset()
    assert seen[[12, 25]].tolist() == [0.0, 0.0]
    assert info["episode"] == 1
    assert env.batch.books[0, kernels.CASH] == 100_000 * 10**6


def test_info_of_a_reset_says_which_bar_is_seen_first() -> None:
    env = env_of(env_rules(episode_steps=40, observation_noise=0.0))
    for _ in range(5):
        seen, info = env.reset()
        bar = info["bar"]
        assert list(info) == ["symbols", "bar", "time_ns", "episode"]
        assert info["symbols"] == COURSE.symbols
        assert info["time_ns"] == COURSE.time_ns[bar]
        shown = np.concatenate([seen[:12], seen[13:25]])
        assert np.array_equal(shown, COURSE.features[bar])
        assert all(type(info[name]) is int for name in ("bar", "time_ns", "episode"))


def test_episodes_are_counted_from_the_last_seed() -> None:
    env = env_of()
    seeds = (None, None, 5, None, None, 5)
    assert [env.reset(seed=s)[1]["episode"] for s in seeds] == [0, 1, 0, 1, 2, 0]


def test_the_docstring_names_every_place_of_an_observation() -> None:
    told = PairTradingEnv.__doc__ or ""
    row = told[told.index("0 to 11") : told.index("13 to 24")]
    assert [word for word in re.findall(r"[a-z_]+", row) if word in FEATURE_NAMES] == [
        *FEATURE_NAMES
    ]


def test_an_action_is_the_pair_that_the_table_of_the_docstring_says() -> None:
    told = PairTradingEnv.__doc__ or ""
    cells = re.findall(r"^ +(sell|hold|buy) +\D*(\d)\D+(\d)\D+(\d)$", told, re.MULTILINE)
    assert [(row, *map(int, numbers)) for row, *numbers in cells] == [
        ("sell", 0, 1, 2),
        ("hold", 3, 4, 5),
        ("buy", 6, 7, 8),
    ]
    env = env_of()
    for action in range(9):
        env.reset(seed=1)
        held = env.step(action)[0][[12, 25]]
        assert held.tolist() == [action // 3 - 1, action % 3 - 1]


def test_the_docstring_names_what_info_holds() -> None:
    told, env = PairTradingEnv.__doc__ or "", env_of()
    _, first = env.reset(seed=1)
    tables = told.split("**info**")
    assert all(f"\n    {name} " in tables[2] for name in first)
    assert all(f"\n    {name} " in tables[1] for name in env.step(4)[4])


def test_info_holds_the_terms_and_they_make_the_reward() -> None:
    env = env_of()
    env.reset(seed=1)
    for action in actions_for(30, 1, seed=2)[:, 0].tolist():
        _, reward, terminated, truncated, info = env.step(action)
        profit, bonus, ticket, downside = (info[name] for name in NAMES)
        assert reward == profit + bonus - ticket - downside
        assert profit == info["profit_bps"] / 5.0
        assert bonus == (0.1 if action == 4 else 0.0)
        assert ticket == pytest.approx(0.2 * info["fills"])
        assert downside == pytest.approx(0.3 * min(profit, 0.0) ** 2)
        assert all(type(info[name]) is float for name in NAMES)
        assert type(info["fills"]) is int
        if terminated or truncated:
            break


def test_running_out_of_steps_is_truncation() -> None:
    env = env_of(env_rules(episode_steps=7, max_session_drawdown_frac=1.0))
    env.reset(seed=1)
    ends = [env.step(4)[2:4] for _ in range(7)]
    assert ends == [(False, False)] * 6 + [(False, True)]


def test_running_out_of_bars_is_truncation() -> None:
    rules = env_rules(episode_steps=10_000, min_episode_steps=1, max_session_drawdown_frac=1.0)
    env = PairTradingEnv(COURSE.part(0, 20), rules)
    env.reset(seed=1)
    steps = 0
    truncated = False
    while not truncated:
        _, _, terminated, truncated, _ = env.step(4)
        assert not terminated
        steps += 1
    assert env.batch.books[0, kernels.BAR] == 19
    assert steps < 20


def test_too_deep_a_fall_within_a_session_is_termination() -> None:
    env = env_of(env_rules(max_session_drawdown_frac=0.003, episode_steps=200))
    ends = []
    for seed in range(10):
        env.reset(seed=seed)
        over = False
        while not over:
            _, _, terminated, truncated, info = env.step(0)
            over = terminated or truncated
        ends.append((terminated, truncated, info["profit_bps"] < 0.0))
    assert (True, False, True) in ends
    assert all(terminated != truncated for terminated, truncated, _ in ends)


def test_a_step_after_the_end_is_refused() -> None:
    env = env_of(env_rules(episode_steps=5, max_session_drawdown_frac=1.0))
    env.reset(seed=1)
    for _ in range(5):
        env.step(4)
    with pytest.raises(InvariantError, match="call reset"):
        env.step(4)
    env.reset()
    env.step(4)


def test_a_step_before_the_first_reset_is_refused() -> None:
    with pytest.raises(InvariantError, match="never begun"):
        env_of().step(4)


@pytest.mark.parametrize("action", [-1, 9, 100])
def test_an_action_that_is_none_of_the_nine_is_refused(action: int) -> None:
    env = env_of()
    env.reset(seed=1)
    with pytest.raises(DataError, match=f"action {action}; allowed are 0 to 8"):
        env.step(action)
    assert env.batch.books[0, kernels.STEP] == 0.0


ODD = (3.0, np.float64(3), None, "3", "a", math.nan, True, np.True_, 2**80, -(2**80), [4])


@pytest.mark.parametrize("action", [*ODD, np.array([1, 2]), np.array(4.0)], ids=repr)
def test_an_action_that_is_no_whole_number_is_refused(action: object) -> None:
    env = env_of()
    env.reset(seed=1)
    with pytest.raises(DataError, match=r"action .*; allowed are 0 to 8, whole numbers"):
        env.step(action)  # pyright: ignore[reportArgumentType]
    assert env.batch.books[0, kernels.STEP] == 0.0
    assert env.step(8)[4]["fills"] == 2


@pytest.mark.parametrize("action", [np.int64(8), np.int32(8), np.array(8), 8])
def test_whole_numbers_of_every_kind_are_taken(action: int) -> None:
    env = env_of()
    env.reset(seed=1)
    assert env.step(action)[0][[12, 25]].tolist() == [1.0, 1.0]


def test_what_was_handed_out_is_not_moved_by_the_next_step() -> None:
    env = env_of()
    seen = [env.reset(seed=1)[0]]
    infos = []
    for action in (8, 0, 4):
        view, _, _, _, info = env.step(action)
        seen.append(view)
        infos.append(info)
    kept = [view.copy() for view in seen]
    said = [dict(info) for info in infos]
    env.step(8)
    env.reset()
    assert all(np.array_equal(a, b) for a, b in zip(seen, kept, strict=True))
    assert infos == said
    seen[1][:] = 99.0
    assert env.step(4)[0].max() < 99.0


def test_a_user_cannot_move_the_environment_by_what_it_was_handed() -> None:
    one, two = env_of(), env_of()
    one.reset(seed=1)
    two.reset(seed=1)
    for action in (8, 4, 0, 5):
        ours, theirs = one.step(action), two.step(action)
        assert ours[1:] == theirs[1:]
        ours[0][:] = -1.0


@given(st.integers(0, 10**6))
def test_one_account_is_the_first_of_a_batch(seed: int) -> None:
    env, batch = env_of(), PairBatch(COURSE, RULES, 3, seed)
    batch.set_terms(TERMS)
    view, many = env.reset(seed=seed)[0], batch.reset()
    for row in actions_for(90, 3, seed):
        assert np.array_equal(view, many[0])
        view, reward, terminated, truncated, _ = env.step(int(row[0]))
        many = batch.step(row)
        assert reward == batch.told[0, kernels.REWARD]
        if terminated or truncated:
            assert np.array_equal(view, batch.finals[0])
            view = env.reset()[0]


def test_every_observation_lies_in_its_space() -> None:
    env = PairTradingEnv(made_course(300, seed=2), env_rules(observation_noise=1.0))
    view, _ = env.reset(seed=1)
    for action in actions_for(150, 1, seed=2)[:, 0].tolist():
        assert env.observation_space.contains(view)
        view, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            view, _ = env.reset()


def test_a_course_too_short_is_refused_when_the_environment_is_made() -> None:
    with pytest.raises(DataError, match="give more bars"):
        PairTradingEnv(COURSE.part(0, 9), env_rules(min_episode_steps=50))


@pytest.mark.parametrize("volume", [5e-324, 1e-310, 1e-300])
def test_a_volume_too_small_to_be_a_number_is_that_of_a_silent_bar(volume: float) -> None:
    bars = random_walk(200, seed=7)

    def walked(units: float) -> list[object]:
        changed = bars.volume.copy()
        changed[100:130] = units
        env = PairTradingEnv(course_of(replace(bars, volume=changed)), env_rules())
        return [env.reset(seed=1)[0].tolist(), *run(env, actions_for(120, 1, 3)[:, 0].tolist())]

    assert walked(volume) == walked(0.0)
