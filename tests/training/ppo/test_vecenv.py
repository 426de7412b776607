"""The face that Stable-Baselines3 sees: its interface, its habits, and nothing shared with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from stairway.base.errors import ConfigError, DataError, InvariantError
from stairway.simulation import kernels
from stairway.simulation.batch import PairBatch
from stairway.simulation.env import PairTradingEnv
from stairway.simulation.env_rules import EnvRules
from stairway.simulation.terms import Terms
from stairway.testing.practice import actions_for, env_rules, rough_course
from stairway.training.ppo.vecenv import PairVecEnv

COURSE = rough_course(300, seed=3)
RULES = env_rules(episode_steps=30, max_session_drawdown_frac=0.01)
TERMS = Terms(scale_bps=5.0, bonus=0.1, ticket=0.2, downside=0.3)


def env_of(n_envs: int = 4, seed: int = 1, rules: EnvRules = RULES) -> PairVecEnv:
    env = PairVecEnv(COURSE, rules, n_envs, seed)
    env.set_terms(TERMS)
    return env


@given(st.integers(0, 10**6))
def test_it_does_what_sb3s_own_vector_does_with_single_accounts(seed: int) -> None:
    """One account each, so that the accounts' numbers agree and only the faces differ."""
    ours = env_of(1, seed)
    theirs = DummyVecEnv([lambda: Monitor(PairTradingEnv(COURSE, RULES, TERMS))])
    theirs.seed(seed)
    assert np.array_equal(ours.reset(), theirs.reset())
    for row in actions_for(70, 1, seed):
        seen, rewards, dones, infos = ours.step(row)
        views, paid, ends, said = theirs.step(row)
        assert np.array_equal(seen, views)
        assert np.array_equal(rewards, paid)
        assert rewards.dtype == paid.dtype == np.float32
        assert dones.tolist() == ends.tolist()
        if dones[0]:
            a, b = infos[0], said[0]
            assert np.array_equal(a["terminal_observation"], b["terminal_observation"])
            assert a["TimeLimit.truncated"] == b["TimeLimit.truncated"]
            assert a["episode"]["l"] == b["episode"]["l"]
            assert a["episode"]["r"] == pytest.approx(b["episode"]["r"], abs=1e-5)


@pytest.mark.parametrize("n_envs", [0, -1, 1.5, True, "4", None, 10**9, 10**30], ids=repr)
def test_a_number_of_accounts_that_is_none_is_refused(n_envs: Any) -> None:
    with pytest.raises(
        ConfigError, match=r"n_envs is .*; give a whole number from 1 to 1000000"
    ):
        env_of(n_envs)


def test_nothing_is_traded_that_nobody_asked_for() -> None:
    env = env_of(2)
    env.reset()
    with pytest.raises(InvariantError, match=r"no actions were given .*; call step_async\(\)"):
        env.step_wait()
    env.step(np.array([4, 4]))
    with pytest.raises(InvariantError, match="no actions were given since the last step"):
        env.step_wait()


@given(st.integers(0, 10**6), st.integers(1, 5))
def test_an_account_does_not_depend_on_how_many_walk_beside_it(seed: int, n: int) -> None:
    few, many = env_of(n, seed), env_of(6, seed)
    assert np.array_equal(few.reset(), many.reset()[:n])
    for row in actions_for(50, 6, seed):
        ours, theirs = few.step(row[:n]), many.step(row)
        assert all(np.array_equal(a, b[:n]) for a, b in zip(ours[:3], theirs[:3], strict=True))


def test_info_speaks_only_where_an_episode_ended() -> None:
    env = env_of()
    env.reset()
    truncated = set()
    for row in actions_for(120, 4, seed=1):
        _, _, dones, infos = env.step(row)
        for done, info in zip(dones, infos, strict=True):
            if not done:
                assert info == {}
                continue
            truncated.add(info["TimeLimit.truncated"])
            assert info["terminal_observation"].shape == (26,)
            assert 1 <= info["episode"]["l"] <= 30
            assert (info["episode"]["l"] == 30) >= info["TimeLimit.truncated"]
    assert truncated == {True, False}


def test_the_return_of_an_episode_is_the_sum_of_its_rewards() -> None:
    env = env_of(1)
    env.reset()
    total, ended = 0.0, 0
    for row in actions_for(200, 1, seed=1):
        env.step_async(row)
        _, _, dones, infos = env.step_wait()
        total += float(env.batch.told[0, kernels.REWARD])
        if dones[0]:
            assert infos[0]["episode"]["r"] == pytest.approx(total)
            total, ended = 0.0, ended + 1
    assert ended > 3


def test_terms_come_as_arrays_and_make_the_reward() -> None:
    env = env_of()
    env.reset()
    for row in actions_for(60, 4, seed=1):
        rewards = env.step(row)[1]
        terms = env.terms()
        assert set(terms) == {"profit", "hold_bonus", "ticket_cost", "downside"}
        earned = terms["profit"] + terms["hold_bonus"]
        made = earned - terms["ticket_cost"] - terms["downside"]
        assert np.array_equal(rewards, made.astype(np.float32))


def test_what_was_handed_out_is_not_moved_by_the_next_step() -> None:
    env = env_of()
    first = env.reset()
    kept: list[tuple[Any, Any]] = [(first, first.copy())]
    said: list[tuple[Any, Any]] = []
    for row in actions_for(90, 4, seed=2):
        seen, rewards, dones, infos = env.step(row)
        arrays = [seen, rewards, dones, *env.terms().values()]
        arrays += [i["terminal_observation"] for i in infos if i]
        kept += [(array, array.copy()) for array in arrays]
        said.append((infos, [set(info) for info in infos]))
    assert all(np.array_equal(now, then) for now, then in kept)
    assert all([set(info) for info in infos] == names for infos, names in said)


def test_infos_are_not_shared_between_accounts() -> None:
    env = env_of()
    env.reset()
    _, _, _, infos = env.step(np.array([4, 4, 4, 4]))
    infos[0]["mine"] = True
    assert infos[1] == {}
    assert env.step(np.array([4, 4, 4, 4]))[3][0] == {}


def test_a_seed_holds_from_the_next_reset_on() -> None:
    env, other = env_of(4, 1), env_of(4, 9)
    env.reset()
    assert env.seed(9) == [9] * 4
    assert np.array_equal(env.reset(), other.reset())
    assert np.array_equal(env.reset(), other.reset())


@pytest.mark.parametrize("seed", [1.5, "x", "9", -1, 2**80, True])
def test_a_seed_that_is_none_is_refused(seed: Any) -> None:
    with pytest.raises(ConfigError, match="give a whole number from 0 to 2"):
        env_of().seed(seed)


def test_no_seed_changes_nothing() -> None:
    env, other = env_of(), env_of()
    env.seed(None)
    assert np.array_equal(env.reset(), other.reset())


@pytest.mark.parametrize(
    ("actions", "sentence"),
    [
        (np.array([0, 1, 2, 9]), "action 9 of account 3"),
        (np.array([0, 1, 2]), r"actions are of shape \(3,\) for 4 accounts"),
        (np.array([0.0, 1.0, 2.0, np.nan]), "actions are float64"),
        (None, "actions are object"),
        ("abcd", "actions are <U4"),
    ],
)
def test_actions_that_do_not_fit_are_refused(actions: Any, sentence: str) -> None:
    env = env_of()
    env.reset()
    with pytest.raises(DataError, match=sentence):
        env.step(actions)


def test_a_step_before_the_first_reset_is_refused() -> None:
    with pytest.raises(InvariantError, match="never reset"):
        env_of().step(np.array([4, 4, 4, 4]))


def test_attributes_are_one_for_all_accounts() -> None:
    env = env_of()
    assert env.get_attr("num_envs") == [4, 4, 4, 4]
    assert env.get_attr("num_envs", [0, 2]) == [4, 4]
    env.set_attr("nickname", "pair")
    assert env.nickname == "pair"  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ValueError, match="nickname is one for all accounts"):
        env.set_attr("nickname", "other", indices=[0])
    assert env.env_method("terms", indices=[1])[0].keys() == env.terms().keys()
    assert env.env_is_wrapped(Monitor) == [True] * 4
    assert env.env_is_wrapped(VecMonitor) == [False] * 4


def test_counts_are_those_of_the_batch() -> None:
    env, batch = env_of(), PairBatch(COURSE, RULES, 4, 1)
    batch.set_terms(TERMS)
    env.reset()
    batch.reset()
    for row in actions_for(60, 4, seed=1):
        env.step(row)
        batch.step(row)
    assert env.measured() == batch.measured()
    assert env.measured().steps == 0
    assert env.fingerprint == batch.fingerprint


@given(st.integers(0, 10**6), st.integers(0, 60))
def test_it_goes_on_from_a_snapshot_to_the_bit(seed: int, at: int) -> None:
    noisy = env_rules(episode_steps=30, observation_noise=1.0)
    actions = actions_for(100, 4, seed)
    env, other = env_of(4, seed, noisy), env_of(4, seed + 1, noisy)
    env.reset()
    other.reset()
    for row in actions[:at]:
        env.step(row)
    other.restore(env.snapshot())
    for row in actions[at:]:
        ours, theirs = env.step(row), other.step(row)
        assert all(np.array_equal(a, b) for a, b in zip(ours[:3], theirs[:3], strict=True))
    assert env.measured() == other.measured()


def test_a_snapshot_of_another_environment_is_refused() -> None:
    with pytest.raises(DataError, match="other number of accounts"):
        env_of(3).restore(env_of(4).snapshot())


def test_stock_ppo_learns_on_it_and_is_evaluated_without_a_warning() -> None:
    model = PPO(
        "MlpPolicy", env_of(), n_steps=32, batch_size=32, n_epochs=1, device="cpu", seed=3
    )
    model.learn(256)
    assert model.num_timesteps == 256
    assert model.ep_info_buffer
    reward, spread = evaluate_policy(model, env_of(2, 5), n_eval_episodes=4)
    assert np.isfinite([reward, spread]).all()


def test_two_trainings_with_one_seed_are_the_same() -> None:
    weights = []
    for _ in range(2):
        model = PPO(
            "MlpPolicy", env_of(), n_steps=16, batch_size=16, n_epochs=1, device="cpu", seed=3
        )
        model.learn(128)
        values = model.policy.state_dict().values()
        weights.append(np.concatenate([v.numpy().ravel() for v in values]))
    assert np.array_equal(*weights)
