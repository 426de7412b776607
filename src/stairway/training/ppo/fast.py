"""Stable-Baselines3's PPO whose two slow halves, collecting and learning, are kernels.

To callers it is PPO: constructor, ``learn``, callbacks, logger, roll-out buffer, ``save``.
A model that the kernels do not know (:mod:`stairway.training.ppo.known`) is trained by
Stable-Baselines3's own code, and this is said once.

All chance comes from a generator of the model's own, made from its seed; those that numpy
and PyTorch share among everybody are left as they were. Seeds can therefore learn side by
side in threads and come to what they would come to one after another.
"""

from __future__ import annotations

import threading
import warnings
from collections import deque
from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple, cast

import numpy as np
import torch as th
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.utils import explained_variance
from stable_baselines3.common.vec_env import VecEnv

from stairway.base.arrays import BoolArray, Float32Array, FloatArray, IntArray
from stairway.base.errors import ConfigError, DataError, InvariantError, NothingLearntError
from stairway.training.ppo import kernels
from stairway.training.ppo.known import stranger
from stairway.training.ppo.rollout import act, close, look_beyond, pen_of
from stairway.training.ppo.study import experience_of, rules_of, study
from stairway.training.ppo.weights import adam_of, layout_of, set_adam

_BIRTH = threading.Lock()
"""One policy is born at a time: PyTorch draws first weights from a generator all share."""


class SlowPathWarning(UserWarning):
    """Stable-Baselines3's own code trains this model, because the kernels do not know it."""


class Situation(NamedTuple):
    """Where a model stands between two roll-outs, beside its weights and its generator.

    Attributes
    ----------
    last_obs, last_starts
        (N, inputs) float32 and (N,) bool: what is seen next, and where an episode starts
        there. None before the first roll-out.
    num_timesteps, n_updates, progress_frac
        Steps taken, epochs learnt, and share of the training that remains.
    episodes
        (n, 2) float64: reward and length of the last episodes, as the logger averages them.
    """

    last_obs: Float32Array | None
    last_starts: BoolArray | None
    num_timesteps: int
    n_updates: int
    progress_frac: float
    episodes: FloatArray


class FastPPO(PPO):
    """PPO with kernels for roll-outs and updates. Arguments are those of ``PPO``.

    ``seed`` must be given: it makes the model's own ``generator``, and the first weights are
    those that ``PPO`` makes from the same seed.

    Raises
    ------
    ConfigError
        If there is no seed.
    NothingLearntError
        While learning, if the environment gave what is not finite, or the weights became
        so. Policy and optimiser are then as they were before the update.

    Examples
    --------
    >>> from stairway.testing.practice import env_rules, made_course
    >>> from stairway.training.ppo.vecenv import PairVecEnv
    >>> env = PairVecEnv(made_course(300, seed=7), env_rules(), n_envs=2, seed=1)
    >>> model = FastPPO("MlpPolicy", env, n_steps=16, batch_size=8, seed=3, device="cpu")
    >>> run_rollouts(model, 2)
    >>> model.num_timesteps
    64
    """

    generator: np.random.Generator
    _born = False
    _told = False

    def set_random_seed(self, seed: int | None = None) -> None:
        """Start the model's own generator, its action space and its environment anew.

        The generators of Python, numpy and PyTorch that everybody shares are seeded only
        where Stable-Baselines3's own code will draw from them.
        """
        if seed is None:
            msg = "FastPPO needs a seed, so that a run can be repeated; give seed= a number"
            raise ConfigError(msg)
        self.generator = np.random.Generator(np.random.PCG64(seed))
        if self._born and self._falls_back():
            super().set_random_seed(seed)
            return
        cast("Any", self).action_space.seed(seed)
        if self.env is not None:
            self.env.seed(seed)

    def _setup_model(self) -> None:
        torch = cast("Any", th)
        with _BIRTH, torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed or 0)
            super()._setup_model()
            chance = th.get_rng_state()
        self._born = True
        if self._falls_back():
            super().set_random_seed(self.seed)
            th.set_rng_state(chance)

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "generator", "_born", "_told"]

    def _falls_back(self) -> bool:
        why = stranger(self)
        if why and not self._told:
            self._told = True
            msg = f"trained by Stable-Baselines3's own, slower code: {why}"
            warnings.warn(msg, SlowPathWarning, stacklevel=3)
        return bool(why)

    def collect_rollouts(
        self,
        env: VecEnv,
        callback: BaseCallback,
        rollout_buffer: RolloutBuffer,
        n_rollout_steps: int,
    ) -> bool:
        """Fill the buffer as ``PPO`` does, with actions chosen by a kernel.

        ``callback.locals`` has the names it has in ``PPO``; arrays take the place of tensors.
        Returns False if the callback ended the roll-out.
        """
        if self._falls_back():
            return super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)
        seen, dones = self._last_obs, self._last_episode_starts
        if seen is None or dones is None or n_rollout_steps != rollout_buffer.buffer_size:
            msg = (
                f"a roll-out starts from an observation and has {rollout_buffer.buffer_size} "
                f"steps, not {n_rollout_steps}; start with learn() or run_rollouts()"
            )
            raise InvariantError(msg)
        self.policy.set_training_mode(False)
        rollout_buffer.reset()
        callback.on_rollout_start()
        pen = pen_of(self.policy, env.num_envs)
        chance = self.generator.random((n_rollout_steps, env.num_envs), np.float32)
        told: dict[str, Any] = {"self": self, "env": env, "rollout_buffer": rollout_buffer}
        world = cast("Any", env)
        for n_steps in range(n_rollout_steps):
            now = (self._last_obs, dones, chance[n_steps])
            acts = act(pen, rollout_buffer, n_steps, now)
            new_obs, rewards, dones, infos = world.step(acts.actions)
            self.num_timesteps += env.num_envs
            told |= acts._asdict() | {"clipped_actions": acts.actions, "n_steps": n_steps}
            told |= {"new_obs": new_obs, "rewards": rewards, "dones": dones, "infos": infos}
            callback.update_locals(told)
            if not callback.on_step():
                return False
            self._update_info_buffer(infos, dones)
            paid = rollout_buffer.rewards[n_steps]
            paid[:] = rewards
            if dones.any():
                look_beyond(pen, paid, dones, infos, self.gamma)
            self._last_obs, self._last_episode_starts = new_obs, dones
        # An environment may write its next step into the arrays it gave: keep copies.
        self._last_obs, self._last_episode_starts = np.array(self._last_obs), np.array(dones)
        close(pen, rollout_buffer, self._last_obs, dones)
        callback.update_locals(told)
        callback.on_rollout_end()
        return True

    def train(self) -> None:
        """Learn from the roll-out in the buffer; log what ``PPO`` logs."""
        try:
            self._learn_from_buffer()
        except DataError as error:
            raise NothingLearntError(str(error)) from error

    def _learn_from_buffer(self) -> None:
        if self._falls_back():
            super().train()
            return
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        experience = experience_of(self.rollout_buffer)
        rules = rules_of(self, self._current_progress_remaining)
        adam = adam_of(self.policy)

        def orders() -> IntArray:
            return self.minibatch_order(experience.actions.size)

        learnt = study(layout_of(self.policy), adam, experience, rules, orders, self.n_epochs)
        set_adam(self.policy, adam)
        self._n_updates += learnt.epochs
        self._log(learnt.means, rules.clip)

    def minibatch_order(self, n: int) -> IntArray:
        """Draw the order in which one epoch takes ``n`` rows, a permutation (n,) int64."""
        return self.generator.permutation(n)

    def situation(self) -> Situation:
        """Say where the model stands; between two roll-outs only."""
        seen, starts = self._last_obs, self._last_episode_starts
        last = cast("Any", self).ep_info_buffer or ()
        episodes = [(one["r"], one["l"]) for one in last if one.keys() >= {"r", "l"}]
        return Situation(
            None if seen is None else np.array(seen, np.float32),
            None if starts is None else np.array(starts, np.bool_),
            self.num_timesteps,
            self._n_updates,
            self._current_progress_remaining,
            np.array(episodes, np.float64).reshape(-1, 2),
        )

    def stand_at(self, situation: Situation) -> None:
        """Go on from a situation, instead of from a fresh environment."""
        self._last_obs, self._last_episode_starts = situation.last_obs, situation.last_starts
        self.num_timesteps = situation.num_timesteps
        self._n_updates = situation.n_updates
        self._current_progress_remaining = situation.progress_frac
        self._forget_episodes()
        kept = [{"r": float(r), "l": int(length)} for r, length in situation.episodes]
        self._update_info_buffer([{"episode": one} for one in kept])

    def get_ready(self, callback: BaseCallback | None = None) -> BaseCallback:
        """Reset the environment if that was never done, and wake the callback.

        The part of ``learn`` that a roll-out needs, without what it sets back.
        """
        if self.env is None:
            msg = "this model has no environment; give it one with set_env"
            raise ConfigError(msg)
        if getattr(self, "ep_info_buffer", None) is None:
            self._forget_episodes()
        if self._last_obs is None:
            seen: Any = self.env.reset()
            self._last_obs = deepcopy(seen)
            self._last_episode_starts = np.ones((self.env.num_envs,), np.bool_)
        if not hasattr(self, "_logger"):
            self._logger = Logger(folder=None, output_formats=[])
        watcher = CallbackList([]) if callback is None else callback
        watcher.init_callback(self)
        return watcher

    def _forget_episodes(self) -> None:
        self.ep_info_buffer = deque(maxlen=self._stats_window_size)
        self.ep_success_buffer = deque(maxlen=self._stats_window_size)

    def _log(self, means: FloatArray, clip_range: float) -> None:
        buffer, record = self.rollout_buffer, self.logger.record
        explained = explained_variance(buffer.values.flatten(), buffer.returns.flatten())
        record("train/entropy_loss", -means[kernels.ENTROPY])
        record("train/policy_gradient_loss", means[kernels.SURROGATE])
        record("train/value_loss", means[kernels.ERROR])
        record("train/approx_kl", means[kernels.KL])
        record("train/clip_fraction", means[kernels.CLIPPED])
        record("train/loss", means[kernels.LOSS])
        record("train/explained_variance", explained)
        record("train/n_updates", self._n_updates, exclude="tensorboard")
        record("train/clip_range", clip_range)


def run_rollouts(
    model: FastPPO,
    count: int,
    on_rollout: Callable[[int], None] | None = None,
    callback: BaseCallback | None = None,
) -> None:
    """Do exactly ``count`` roll-outs, each followed by its update, and set nothing back.

    Parameters
    ----------
    on_rollout
        Called after each roll-out and its update with how many are done, from 1. The place
        to read what was measured and to set the terms of the next one.
    callback
        Called once per vector step, as by ``learn``.

    Raises
    ------
    InvariantError
        If the callback ends a roll-out: fewer than ``count`` would be another training.
    """
    watcher = model.get_ready(callback)
    env, buffer = model.get_env(), model.rollout_buffer
    watcher.on_training_start(locals(), globals())
    for done in range(1, count + 1):
        if env is None or not model.collect_rollouts(env, watcher, buffer, model.n_steps):
            msg = f"a callback ended roll-out {done} of {count}; leave it out, or use learn()"
            raise InvariantError(msg)
        model.train()
        if on_rollout is not None:
            on_rollout(done)
    watcher.on_training_end()
