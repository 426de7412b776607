"""The batched twin: the same accounts, stepped together, begun again in the same step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import ConfigError, DataError, InvariantError
from stairway.simulation.env import PairTradingEnv
from stairway.simulation.terms import Terms
from stairway.simulation.vector import PairTradingVecEnv
from stairway.testing.practice import actions_for, env_rules, rough_course

COURSE = rough_course(300, seed=3)
RULES = env_rules(episode_steps=30, max_session_drawdown_frac=0.01)
TERMS = Terms(scale_bps=5.0, bonus=0.1, ticket=0.2, downside=0.3)
NAMES = ("profit", "hold_bonus", "ticket_cost", "downside", "profit_bps", "fills")


def envs_of(num_envs: int = 4, seed: int = 0) -> PairTradingVecEnv:
    return PairTradingVecEnv(COURSE, RULES, num_envs, TERMS, seed)


def test_the_spaces_are_those_of_one_account_times_n() -> None:
    envs = envs_of(5)
    assert envs.observation_space.shape == (5, 26)
    assert envs.action_space.shape == (5,)
    assert envs.single_observation_space.shape == (26,)
    assert envs.observation_space.contains(envs.reset(seed=1)[0])
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP


@given(st.integers(0, 10**6))
def test_it_does_what_gymnasiums_own_vector_does_with_single_accounts(seed: int) -> None:
    """Account 0 of each of n batches of one is a single environment with that seed."""
    seeds = [seed, seed + 1, seed + 2]
    singles = [PairTradingVecEnv(COURSE, RULES, 1, TERMS) for _ in seeds]
    many = SyncVectorEnv(
        [lambda: PairTradingEnv(COURSE, RULES, TERMS) for _ in seeds],
        autoreset_mode=AutoresetMode.SAME_STEP,
    )
    ours = [one.reset(seed=s)[0][0] for one, s in zip(singles, seeds, strict=True)]
    theirs, _ = many.reset(seed=seeds)
    assert np.array_equal(np.array(ours), theirs)
    for row in actions_for(70, 3, seed):
        steps = [one.step(row[i : i + 1]) for i, one in enumerate(singles)]
        seen, rewards, ended, cut, infos = many.step(row)
        assert np.array_equal(np.array([s[0][0] for s in steps]), seen)
        assert np.array_equal(np.array([s[1][0] for s in steps]), rewards)
        assert [bool(s[2][0]) for s in steps] == ended.tolist()
        assert [bool(s[3][0]) for s in steps] == cut.tolist()
        for i, step in enumerate(steps):
            if ended[i] or cut[i]:
                assert np.array_equal(step[4]["final_obs"][0], infos["final_obs"][i])


@given(st.integers(0, 10**6), st.integers(1, 5))
def test_an_account_does_not_depend_on_how_many_walk_beside_it(seed: int, n: int) -> None:
    few, many = envs_of(n), envs_of(6)
    assert np.array_equal(few.reset(seed=seed)[0], many.reset(seed=seed)[0][:n])
    for row in actions_for(50, 6, seed):
        ours, theirs = few.step(row[:n]), many.step(row)
        assert all(np.array_equal(a, b[:n]) for a, b in zip(ours[:4], theirs[:4], strict=True))


def test_one_seed_for_each_account() -> None:
    envs = envs_of(3)
    first = envs.reset(seed=[5, 6, 7])[0]
    assert np.array_equal(first[1], envs_of(3).reset(seed=6)[0][1])


ODD_SEEDS = (-1, 1.5, "x", "1234", b"1234", 2**80, True, math.nan, object())


@pytest.mark.parametrize(
    "seed", [[1, 2], [], *ODD_SEEDS, *([1, 2, 3, odd] for odd in ODD_SEEDS)]
)
def test_seeds_that_do_not_fit_are_refused(seed: Any) -> None:
    for give in (lambda: envs_of().reset(seed=seed), lambda: envs_of(seed=seed)):
        with pytest.raises(
            ConfigError, match=r"for 4 accounts; give one|; give a whole number"
        ):
            give()


@pytest.mark.parametrize("seed", [np.int64(6), np.array(6), np.array([6, 6, 6, 6]), (6,) * 4])
def test_seeds_of_any_kind_of_integer_are_those_seeds(seed: Any) -> None:
    many = np.ndim(seed) == 1
    same = envs_of().reset(seed=[6] * 4 if many else 6)[0]
    assert np.array_equal(envs_of().reset(seed=seed)[0], same)


@pytest.mark.parametrize("num_envs", [0, -1, 1.5, "x", None, True, 10**12, [2]], ids=repr)
def test_a_number_of_accounts_that_is_none_is_refused(num_envs: Any) -> None:
    with pytest.raises(ConfigError, match=r"num_envs is .*; give a whole number from 1 to"):
        envs_of(num_envs)


def test_a_reset_without_a_seed_begins_the_next_episodes() -> None:
    envs = envs_of()
    first = envs.reset(seed=1)[0]
    second = envs.reset()[0]
    assert not np.array_equal(first, second)
    assert np.array_equal(envs.reset(seed=1)[0], first)
    assert np.array_equal(envs.reset()[0], second)


def test_terms_come_as_arrays_and_make_the_reward() -> None:
    envs = envs_of()
    envs.reset(seed=1)
    for row in actions_for(60, 4, seed=1):
        _, rewards, _, _, infos = envs.step(row)
        profit, bonus, ticket, downside, profit_bps, fills = (infos[name] for name in NAMES)
        assert np.array_equal(rewards, profit + bonus - ticket - downside)
        assert np.array_equal(bonus, np.where(row == 4, 0.1, 0.0))
        assert np.allclose(ticket, 0.2 * fills)
        assert np.allclose(profit, profit_bps / 5.0)
        assert fills.dtype == np.int64


def test_an_account_that_ends_says_so_and_goes_on() -> None:
    envs = envs_of()
    envs.reset(seed=1)
    kinds = set()
    for row in actions_for(120, 4, seed=1):
        seen, _, ended, cut, infos = envs.step(row)
        over = ended | cut
        assert not (ended & cut).any()
        assert ("final_obs" in infos) == bool(over.any())
        if not over.any():
            continue
        assert np.array_equal(infos["_final_obs"], over)
        for i in range(4):
            last = infos["final_obs"][i]
            assert (last is None) != over[i]
            if over[i]:
                assert last.shape == (26,)
                assert seen[i][[12, 25]].tolist() == [0.0, 0.0]
                kinds.add((bool(ended[i]), bool(cut[i])))
    assert kinds == {(True, False), (False, True)}


def test_what_was_handed_out_is_not_moved_by_the_next_step() -> None:
    envs = envs_of()
    kept: list[tuple[Any, Any]] = []
    view = envs.reset(seed=1)[0]
    kept.append((view, view.copy()))
    for row in actions_for(90, 4, seed=2):
        seen, rewards, ended, cut, infos = envs.step(row)
        arrays = [seen, rewards, ended, cut, *(infos[name] for name in NAMES)]
        arrays += [a for a in infos.get("final_obs", []) if a is not None]
        kept += [(array, array.copy()) for array in arrays]
    assert all(np.array_equal(now, then) for now, then in kept)


@pytest.mark.parametrize(
    ("actions", "sentence"),
    [
        (np.array([0, 1, 2, 9]), "action 9 of account 3"),
        (np.array([0, 1, 2]), r"actions are of shape \(3,\) for 4 accounts; give 4 whole"),
        (np.array([[0], [1], [2], [3]]), r"actions are of shape \(4, 1\)"),
        (np.array(4), r"actions are of shape \(\)"),
        (4, r"actions are of shape \(\)"),
        (np.array([0.0, 1.0, 2.0, 3.0]), "actions are float64; give 4 whole numbers"),
        (np.full(4, np.nan), "actions are float64"),
        (np.array([True] * 4), "actions are bool"),
        (np.array(["a", "b", "c", "d"]), "actions are <U1"),
        (np.array([None] * 4), "actions are object"),
        (None, "actions are object"),
        ([[1], [1, 2], 3, 4], "actions .* are no array"),
        ([2**80] * 4, "actions are object"),
        (
            np.array([0, 1, 2, 2**64 - 1], np.uint64),
            "actions go up to 18446744073709551615; give 4",
        ),
        (np.array([0, 1, -1, 3]), "action -1 of account 2"),
    ],
)
def test_actions_that_do_not_fit_are_refused(actions: Any, sentence: str) -> None:
    envs = envs_of()
    envs.reset(seed=1)
    before = envs.batch.books.copy()
    with pytest.raises(DataError, match=sentence):
        envs.step(actions)
    assert np.array_equal(envs.batch.books, before)


def test_plain_lists_and_small_integers_are_taken() -> None:
    envs, same = envs_of(), envs_of()
    envs.reset(seed=1)
    same.reset(seed=1)
    listed = envs.step([0, 4, 8, 3])  # pyright: ignore[reportArgumentType]
    small = same.step(np.array([0, 4, 8, 3], np.uint8))
    assert np.array_equal(listed[0], small[0])


def test_a_step_before_the_first_reset_is_refused() -> None:
    with pytest.raises(InvariantError, match="never reset"):
        envs_of().step(np.array([4, 4, 4, 4]))


def test_a_course_too_short_is_refused_when_it_is_made() -> None:
    with pytest.raises(DataError, match="give more bars"):
        PairTradingVecEnv(COURSE.part(0, 8), env_rules(min_episode_steps=50), 2)
