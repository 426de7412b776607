from __future__ import annotations

import threading
import warnings
from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback

from stairway.base.errors import ConfigError, DataError, InvariantError
from stairway.training.ppo.fast import FastPPO, SlowPathWarning, run_rollouts
from stairway.training.ppo.weights import adam_of, weights

BIG = {"n_steps": 64, "batch_size": 64, "n_epochs": 5, "learning_rate": 3e-3}


class Watcher(BaseCallback):
    """Counts what it is told, and ends the roll-out after ``patience`` steps."""

    def __init__(self, patience: float = np.inf) -> None:
        super().__init__()
        self.patience, self.told = patience, []
        self.names: set[str] = set()

    def _on_training_start(self) -> None:
        self.told.append("training")

    def _on_rollout_start(self) -> None:
        self.told.append("rollout")

    def _on_step(self) -> bool:
        self.told.append("step")
        self.names |= self.locals.keys()
        return self.told.count("step") < self.patience

    def _on_rollout_end(self) -> None:
        self.told.append("end")

    def _on_training_end(self) -> None:
        self.told.append("over")


def mean_pay(env: Any, steps: int) -> float:
    return float(np.mean([seen["paid"] for seen in env.log[-steps:]]))


# -- birth --------------------------------------------------------------------------------


def test_the_first_weights_are_those_of_stock_from_the_same_seed(make, pond) -> None:
    fast, stock = make(FastPPO, pond(), seed=9), make(PPO, pond(), seed=9)
    np.testing.assert_array_equal(weights(fast.policy), weights(stock.policy))
    other = make(FastPPO, pond(), seed=10)
    assert not np.array_equal(weights(fast.policy), weights(other.policy))


def test_birth_and_learning_leave_the_generators_of_everybody_alone(make, pond) -> None:
    np.random.seed(1)  # noqa: NPY002 - what stock draws from
    th.manual_seed(1)
    numpy_before, torch_before = np.random.get_state()[1].copy(), th.get_rng_state()  # noqa: NPY002 - what stock draws from
    model = make(FastPPO, pond())
    run_rollouts(model, 2)
    model.learn(128)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002 - what stock draws from
    assert th.equal(th.get_rng_state(), torch_before)


def test_without_a_seed_there_is_no_model(make, pond) -> None:
    with pytest.raises(ConfigError, match="give seed="):
        make(FastPPO, pond(), seed=None)


def test_the_same_seed_learns_the_same_and_another_does_not(make, pond) -> None:
    def learnt(seed: int) -> np.ndarray:
        model = make(FastPPO, pond(), seed=seed)
        run_rollouts(model, 2)
        return weights(model.policy)

    np.testing.assert_array_equal(learnt(5), learnt(5))
    assert not np.array_equal(learnt(5), learnt(6))


def test_what_everybody_else_draws_does_not_matter(make, pond) -> None:
    def learnt(noise: int) -> np.ndarray:
        np.random.seed(noise)  # noqa: NPY002 - what stock draws from
        th.manual_seed(noise)
        model = make(FastPPO, pond())
        run_rollouts(model, 2)
        return weights(model.policy)

    np.testing.assert_array_equal(learnt(1), learnt(2))


def test_five_seeds_in_threads_come_to_what_they_come_to_one_by_one(make, pond) -> None:
    found: dict[int, np.ndarray] = {}

    def learnt(seed: int) -> None:
        model = make(FastPPO, pond(8, 26, 9), seed=seed, policy_kwargs=None, **BIG)
        run_rollouts(model, 6)
        found[seed] = weights(model.policy)

    for seed in range(5):
        learnt(seed)
    alone, found = found, {}
    threads = [threading.Thread(target=learnt, args=(seed,)) for seed in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(5):
        np.testing.assert_array_equal(found[seed], alone[seed])


# -- roll-outs ----------------------------------------------------------------------------


def test_what_a_roll_out_writes_down_is_what_pytorch_says_of_it(make, pond) -> None:
    model = make(FastPPO, pond(), n_steps=40, batch_size=40)
    model.collect_rollouts(model.env, model.get_ready(), model.rollout_buffer, 40)
    buffer = model.rollout_buffer
    rows, actions = buffer.observations.reshape(-1, 5), buffer.actions.reshape(-1)
    with th.no_grad():
        values, log_probs, _ = model.policy.evaluate_actions(
            th.tensor(rows), th.tensor(actions)
        )
    np.testing.assert_allclose(buffer.values.ravel(), values.numpy().ravel(), atol=1e-5)
    np.testing.assert_allclose(buffer.log_probs.ravel(), log_probs.numpy(), atol=1e-5)
    assert set(actions.tolist()) == {0, 1, 2}
    assert buffer.full


def test_only_episodes_that_time_cut_short_are_credited_with_what_lay_ahead(make, pond) -> None:
    env = pond()
    model = make(FastPPO, env, n_steps=40, batch_size=40, gamma=0.9)
    model.collect_rollouts(model.env, model.get_ready(), model.rollout_buffer, 40)
    ends = {"cut": 0, "ended": 0}
    for rewards, seen in zip(model.rollout_buffer.rewards, env.log, strict=True):
        for i, info in enumerate(seen["infos"]):
            extra = 0.0
            if info.get("TimeLimit.truncated"):
                last = th.tensor(info["terminal_observation"][None])
                extra = 0.9 * float(model.policy.predict_values(last).detach())
                assert abs(extra) > 1e-3
            ends["cut"] += bool(info.get("TimeLimit.truncated"))
            ends["ended"] += bool(info) and not info["TimeLimit.truncated"]
            assert rewards[i] == pytest.approx(seen["paid"][i] + extra, abs=1e-5)
    assert min(ends.values()) >= 4


def test_starts_of_episodes_follow_their_ends(make, pond) -> None:
    env = pond()
    model = make(FastPPO, env, n_steps=20, batch_size=40)
    for _ in range(2):
        model.collect_rollouts(model.env, model.get_ready(), model.rollout_buffer, 20)
    starts = model.rollout_buffer.episode_starts
    ends = np.array([seen["ended"] for seen in env.log])
    np.testing.assert_array_equal(starts, ends[19:39])
    assert starts.any()


def test_advantages_and_returns_are_those_that_stock_computes(make, pond) -> None:
    model = make(FastPPO, pond(), n_steps=40, batch_size=40, gamma=0.97, gae_lambda=0.8)
    model.collect_rollouts(model.env, model.get_ready(), model.rollout_buffer, 40)
    buffer = model.rollout_buffer
    mine, returns = buffer.advantages.copy(), buffer.returns.copy()
    last = model.policy.predict_values(th.tensor(model._last_obs)).detach()
    RolloutBuffer.compute_returns_and_advantage(buffer, last, model._last_episode_starts)
    np.testing.assert_allclose(mine, buffer.advantages, atol=1e-5)
    np.testing.assert_allclose(returns, buffer.returns, atol=1e-5)


def test_an_environment_may_write_over_what_it_gave(make, pond) -> None:
    def learnt(*, reuse: bool) -> np.ndarray:
        env = pond()
        env.reuse = reuse
        model = make(FastPPO, env)
        run_rollouts(model, 3)
        return weights(model.policy)

    np.testing.assert_array_equal(learnt(reuse=True), learnt(reuse=False))


def test_what_it_writes_over_between_two_roll_outs_is_not_seen(make, pond) -> None:
    env = pond()
    env.reuse = True
    model = make(FastPPO, env)
    run_rollouts(model, 1)
    before = model.situation()
    env.seen[:], env.ended[:] = 99.0, True
    np.testing.assert_array_equal(model.situation().last_obs, before.last_obs)
    np.testing.assert_array_equal(model.situation().last_starts, before.last_starts)


def test_it_learns_what_pays_as_stock_does(make, pond) -> None:
    pays = []
    for kind in (FastPPO, PPO):
        env = pond(8)
        make(kind, env, **BIG).learn(512 * 16)
        pays.append((mean_pay(env, 64), float(np.mean([s["paid"] for s in env.log[:64]]))))
    (end, begin), (stock_end, _) = pays
    assert begin < 0.3
    assert end > 0.65
    assert end == pytest.approx(stock_end, abs=0.1)


# -- learn() and run_rollouts() -----------------------------------------------------------


def test_callbacks_are_called_once_a_vector_step_with_the_usual_names(make, pond) -> None:
    fast, stock = Watcher(), Watcher()
    make(FastPPO, pond()).learn(256, callback=fast)
    make(PPO, pond()).learn(256, callback=stock)
    assert fast.told == stock.told
    missing = stock.names - fast.names
    assert missing <= {"obs_tensor", "callback", "n_rollout_steps", "idx", "done", "terminal_obs",
                       "terminal_value"}  # fmt: skip


def test_a_callback_can_end_learning(make, pond) -> None:
    model, watcher = make(FastPPO, pond()), Watcher(patience=40)
    model.learn(1024, callback=watcher)
    assert watcher.told.count("step") == 40
    assert model.num_timesteps == 160
    assert model._n_updates == 3


def test_exactly_as_many_roll_outs_are_done_as_were_asked_for(make, pond) -> None:
    env = pond(8)
    model = make(FastPPO, env, n_steps=250, batch_size=100, n_epochs=1)
    done: list[tuple[int, int]] = []
    run_rollouts(model, 6, lambda count: done.append((count, model.num_timesteps)))
    assert done == [(i, 2000 * i) for i in range(1, 7)]
    assert env.steps == 1500
    assert model._n_updates == 6


def test_roll_outs_go_on_where_the_last_ones_ended(make, pond) -> None:
    parts, whole = make(FastPPO, pond()), make(FastPPO, pond())
    for count in (1, 2, 1):
        run_rollouts(parts, count)
    run_rollouts(whole, 4)
    assert parts.num_timesteps == whole.num_timesteps == 512
    np.testing.assert_array_equal(weights(parts.policy), weights(whole.policy))


def test_roll_outs_are_what_learn_does(make, pond) -> None:
    one, other = make(FastPPO, pond()), make(FastPPO, pond())
    run_rollouts(one, 3)
    other.learn(3 * 128)
    np.testing.assert_array_equal(weights(one.policy), weights(other.policy))


def test_a_callback_sees_roll_outs_too_and_may_not_end_one(make, pond) -> None:
    watcher = Watcher()
    run_rollouts(make(FastPPO, pond()), 2, callback=watcher)
    assert watcher.told == ["training", *(["rollout", *["step"] * 32, "end"] * 2), "over"]
    with pytest.raises(InvariantError, match="ended roll-out 1 of 2"):
        run_rollouts(make(FastPPO, pond()), 2, callback=Watcher(patience=5))


def test_a_model_without_environment_cannot_collect(make, pond) -> None:
    model = make(FastPPO, pond())
    model.env = None
    with pytest.raises(ConfigError, match="set_env"):
        run_rollouts(model, 1)


def test_nothing_is_collected_before_anything_was_seen(make, pond) -> None:
    model = make(FastPPO, pond())
    with pytest.raises(InvariantError, match="starts from an observation"):
        model.collect_rollouts(model.env, Watcher(), model.rollout_buffer, 32)


def test_a_roll_out_of_another_length_is_refused(make, pond) -> None:
    model = make(FastPPO, pond())
    model.n_steps = 16
    with pytest.raises(InvariantError, match="has 32 steps, not 16"):
        run_rollouts(model, 1)


def test_nothing_is_learnt_from_half_a_roll_out(make, pond) -> None:
    with pytest.raises(InvariantError, match="collect it first"):
        make(FastPPO, pond()).train()


# -- what is not finite -------------------------------------------------------------------


def test_a_reward_that_is_not_finite_is_not_learnt_from(make, pond) -> None:
    env = pond()
    model = make(FastPPO, env)
    run_rollouts(model, 1)
    env.poison = 50
    before, moments = weights(model.policy), adam_of(model.policy)
    with pytest.raises(DataError, match="advantages of the roll-out are not finite"):
        run_rollouts(model, 1)
    np.testing.assert_array_equal(weights(model.policy), before)
    np.testing.assert_array_equal(adam_of(model.policy).second, moments.second)
    assert model._n_updates == 3


def test_weights_that_learning_blows_up_are_not_kept(make, pond) -> None:
    model = make(FastPPO, pond(), learning_rate=1e38, max_grad_norm=1e38)
    before = weights(model.policy)
    with pytest.raises(DataError, match="weights are not finite"):
        run_rollouts(model, 3)
    assert np.isfinite(weights(model.policy)).all()
    np.testing.assert_array_equal(weights(model.policy), before)
    assert adam_of(model.policy).steps[0] == 0


# -- what the kernels do not know ---------------------------------------------------------


class Held(RolloutBuffer):
    """Somebody's own buffer."""


STRANGERS: dict[str, tuple[dict[str, Any], str]] = {
    "relu": ({"policy_kwargs": {"activation_fn": th.nn.ReLU}}, "not a linear one with tanh"),
    "decay": ({"policy_kwargs": {"optimizer_kwargs": {"weight_decay": 0.1}}}, "plain Adam"),
    "sgd": ({"policy_kwargs": {"optimizer_class": th.optim.SGD}}, "plain Adam"),
    "amsgrad": ({"policy_kwargs": {"optimizer_kwargs": {"amsgrad": True}}}, "plain Adam"),
    "clipped value": ({"clip_range_vf": 0.2}, "clip_range_vf"),
    "own buffer": ({"rollout_buffer_class": Held}, "buffer"),
}


@pytest.mark.parametrize("case", STRANGERS, ids=list(STRANGERS))
def test_a_model_the_kernels_do_not_know_is_trained_by_stock_and_says_so_once(
    make, pond, case: str
) -> None:
    settings, words = STRANGERS[case]
    stock = make(PPO, pond(), **settings)
    stock.learn(256)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model = make(FastPPO, pond(), **settings)
        model.learn(256)
    assert [w.category for w in said] == [SlowPathWarning]
    assert words in str(said[0].message)
    np.testing.assert_array_equal(
        *[np.concatenate([p.detach().numpy().ravel() for p in m.policy.parameters()]) for m in (stock, model)]
    )  # fmt: skip


def test_seeding_a_model_anew_seeds_what_it_draws_from(make, pond) -> None:
    model = make(FastPPO, pond())
    start = weights(model.policy)
    run_rollouts(model, 1)
    again = make(FastPPO, pond(), seed=77)
    again.set_random_seed(5)
    again.policy.load_state_dict(make(FastPPO, pond()).policy.state_dict())
    np.testing.assert_array_equal(weights(again.policy), start)
    run_rollouts(again, 1)
    np.testing.assert_array_equal(weights(again.policy), weights(model.policy))


def test_other_spaces_are_left_to_stock(make, pond) -> None:
    env = pond()
    env.action_space = spaces.Discrete(3, start=np.int64(1))
    with pytest.warns(SlowPathWarning, match="counted from 0"):
        make(FastPPO, env)


# -- export -------------------------------------------------------------------------------


def test_stock_opens_the_zip_and_predicts_the_same(make, pond, tmp_path) -> None:
    model = make(FastPPO, pond())
    run_rollouts(model, 3)
    model.save(tmp_path / "export.zip")
    loaded = PPO.load(tmp_path / "export.zip", device="cpu")
    assert type(loaded) is PPO
    rows = np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32)
    for one, other in zip(
        (
            loaded.predict(rows, deterministic=True)[0],
            loaded.policy.predict_values(th.tensor(rows)),
        ),
        (
            model.predict(rows, deterministic=True)[0],
            model.policy.predict_values(th.tensor(rows)),
        ),
        strict=True,
    ):
        np.testing.assert_array_equal(np.asarray(one.detach() if isinstance(one, th.Tensor) else one),
                                      np.asarray(other.detach() if isinstance(other, th.Tensor) else other))  # fmt: skip
    assert loaded.num_timesteps == model.num_timesteps
    assert adam_of(loaded.policy).steps[0] == adam_of(model.policy).steps[0] == 36
    np.testing.assert_array_equal(adam_of(loaded.policy).second, adam_of(model.policy).second)


def test_stock_can_learn_on_from_the_zip(make, pond, tmp_path) -> None:
    model = make(FastPPO, pond())
    run_rollouts(model, 1)
    model.save(tmp_path / "export.zip")
    loaded = PPO.load(tmp_path / "export.zip", env=pond(), device="cpu")
    before = weights(loaded.policy)
    loaded.learn(128, reset_num_timesteps=False)
    assert loaded.num_timesteps == 256
    assert not np.array_equal(before, weights(loaded.policy))
