from __future__ import annotations

import numpy as np
import pytest
import torch as th
from stable_baselines3 import PPO

from stairway.training.ppo.rollout import act, close, look_beyond, pen_of


@pytest.fixture
def model(make, pond) -> PPO:
    return make(PPO, pond(), n_steps=6, batch_size=24, gamma=0.9, gae_lambda=0.7)


def rows(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 5)).astype(np.float32)


def worth(model: PPO, seen: np.ndarray) -> np.ndarray:
    return model.policy.predict_values(th.tensor(seen)).detach().numpy().ravel()


def test_a_step_is_written_into_its_own_row_only(model: PPO) -> None:
    buffer, seen = model.rollout_buffer, rows(4)
    starts = np.array([True, False, False, True])
    acts = act(pen_of(model.policy, 4), buffer, 2, (seen, starts, np.full(4, 0.5, np.float32)))
    np.testing.assert_array_equal(buffer.observations[2], seen)
    np.testing.assert_array_equal(buffer.episode_starts[2], starts)
    np.testing.assert_array_equal(buffer.actions[2, :, 0], acts.actions)
    np.testing.assert_allclose(buffer.values[2], worth(model, seen), atol=1e-5)
    assert (buffer.log_probs[2] < 0).all()
    for table in (buffer.observations, buffer.values, buffer.log_probs, buffer.episode_starts):
        assert not np.delete(table, 2, axis=0).any()


def test_actions_are_in_memory_of_their_own(model: PPO) -> None:
    pen, uniforms = pen_of(model.policy, 4), np.full(4, 0.5, np.float32)
    one = act(pen, model.rollout_buffer, 0, (rows(4), np.ones(4, np.bool_), uniforms))
    before = one.actions.copy()
    one.actions[:] = 2
    np.testing.assert_array_equal(model.rollout_buffer.actions[0, :, 0], before)


def test_a_pen_is_the_policy_as_it_was(model: PPO) -> None:
    pen = pen_of(model.policy, 4)
    before = pen.flat.copy()
    with th.no_grad():
        next(model.policy.parameters()).add_(1.0)
    np.testing.assert_array_equal(pen.flat, before)


INFOS = {
    "cut": {"TimeLimit.truncated": True, "terminal_observation": rows(1, 3)[0]},
    "ended": {"TimeLimit.truncated": False, "terminal_observation": rows(1, 3)[0]},
    "says nothing": {"terminal_observation": rows(1, 3)[0]},
    "shows nothing": {"TimeLimit.truncated": True},
}


@pytest.mark.parametrize("kind", INFOS)
def test_only_what_time_cut_short_and_can_be_seen_is_credited(model: PPO, kind: str) -> None:
    rewards = np.zeros(4, np.float32)
    infos = [{}, {}, INFOS[kind], {}]
    dones = np.array([False, False, True, False])
    look_beyond(pen_of(model.policy, 4), rewards, dones, infos, 0.9)
    ahead = 0.9 * worth(model, rows(1, 3))[0] if kind == "cut" else 0.0
    np.testing.assert_allclose(rewards, [0.0, 0.0, ahead, 0.0], atol=1e-6)


def test_without_an_end_nothing_is_credited(model: PPO) -> None:
    rewards = np.zeros(4, np.float32)
    look_beyond(
        pen_of(model.policy, 4), rewards, np.zeros(4, np.bool_), [INFOS["cut"]] * 4, 0.9
    )
    assert not rewards.any()


def test_several_ends_are_credited_each_with_its_own(model: PPO) -> None:
    rewards, last = np.ones(4, np.float32), rows(4, 9)
    infos = [{"TimeLimit.truncated": True, "terminal_observation": one} for one in last]
    look_beyond(pen_of(model.policy, 4), rewards, np.ones(4, np.bool_), infos, 0.5)
    np.testing.assert_allclose(rewards, 1 + 0.5 * worth(model, last), atol=1e-5)


def test_closing_is_what_stock_does_to_the_last_bit(model: PPO) -> None:
    rng, buffer = np.random.default_rng(4), model.rollout_buffer
    for table in (buffer.rewards, buffer.values):
        table[:] = rng.normal(size=table.shape)
    buffer.episode_starts[:] = rng.random(buffer.episode_starts.shape) < 0.3
    pen, seen, dones = pen_of(model.policy, 4), rows(4), np.array([True, False, False, True])
    close(pen, buffer, seen, dones)
    mine = buffer.advantages.copy(), buffer.returns.copy()
    assert buffer.full
    buffer.compute_returns_and_advantage(th.tensor(_beyond(pen, seen)), dones)
    np.testing.assert_array_equal(mine[0], buffer.advantages)
    np.testing.assert_array_equal(mine[1], buffer.returns)


def _beyond(pen, seen: np.ndarray) -> np.ndarray:
    from stairway.training.ppo.kernels import worth as worth_of  # noqa: PLC0415 - one use

    return worth_of(pen.net, pen.flat, seen, pen.units)
