"""A small environment with everything an update can trip over, and models on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv

from stairway.training.ppo.fast import FastPPO

TABLES = (
    "observations",
    "actions",
    "rewards",
    "advantages",
    "returns",
    "episode_starts",
    "log_probs",
    "values",
)


class Pond(VecEnv):
    """N ponds. The action that the first number of the row names is paid for.

    Episodes of the first half end by themselves, the others run out of time. With ``reuse``
    every array handed out is written over by the next step: who keeps one must copy it.
    """

    render_mode = None
    reuse = False

    def __init__(self, n: int = 4, inputs: int = 5, actions: int = 3, length: int = 9) -> None:
        box = spaces.Box(-np.inf, np.inf, (inputs,), np.float32)
        super().__init__(n, box, spaces.Discrete(actions))
        self.inputs, self.length, self.kinds = inputs, length, actions
        self.rng = np.random.default_rng(0)
        self.age = np.zeros(n, np.int64)
        self.seen = np.zeros((n, inputs), np.float32)
        self.paid = np.zeros(n, np.float32)
        self.ended = np.zeros(n, np.bool_)
        self.poison = np.inf
        self.steps = 0
        self.log: list[dict[str, Any]] = []

    def _look(self) -> np.ndarray:
        rows = self.rng.normal(size=self.seen.shape).astype(np.float32)
        rows[:, 0] = self.rng.integers(0, self.kinds, self.num_envs)
        return rows

    def reset(self) -> np.ndarray:
        self.age[:] = 0
        self.seen[:] = self._look()
        return self._give(self.seen)

    def _give(self, array: np.ndarray) -> np.ndarray:
        return array if self.reuse else array.copy()

    def step_async(self, actions: np.ndarray) -> None:
        self.asked = actions

    def step_wait(self) -> Any:
        right = self.asked == self.seen[:, 0].astype(np.int64)
        self.paid[:] = np.where(right, 1.0, -0.25) + 0.1 * self.rng.normal(size=self.num_envs)
        self.steps += 1
        if self.steps > self.poison:
            self.paid[0] = np.nan
        self.age += 1
        self.ended[:] = self.age >= self.length + np.arange(self.num_envs)
        self.seen[:] = self._look()
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for i in np.flatnonzero(self.ended):
            infos[i] = {
                "terminal_observation": self.seen[i] * np.float32(2.0),
                "TimeLimit.truncated": bool(2 * i >= self.num_envs),
                "episode": {"r": float(self.paid[i]), "l": int(self.age[i]), "t": 0.0},
            }
            self.age[i] = 0
        self.log.append({"paid": self.paid.copy(), "ended": self.ended.copy(), "infos": infos})
        return self._give(self.seen), self._give(self.paid), self._give(self.ended), infos

    def seed(self, seed: int | None = None) -> list[int | None]:
        self.rng = np.random.default_rng(seed)
        return [seed] * self.num_envs

    def snapshot(self) -> tuple[Any, ...]:
        return self.rng.bit_generator.state, self.age.copy(), self.seen.copy(), self.steps

    def restore(self, kept: tuple[Any, ...]) -> None:
        self.rng.bit_generator.state = kept[0]
        self.age, self.seen, self.steps = kept[1].copy(), kept[2].copy(), kept[3]

    def close(self) -> None: ...

    def get_attr(self, attr_name, indices=None):  # noqa: ARG002 - all are one
        return [getattr(self, attr_name)] * self.num_envs

    def set_attr(self, attr_name, value, indices=None) -> None: ...

    def env_method(self, method_name, *args, indices=None, **kwargs): ...

    def env_is_wrapped(self, wrapper_class, indices=None):  # noqa: ARG002 - none is
        return [False] * self.num_envs


class Given(FastPPO):
    """Takes minibatches in the order in which stock PPO would draw them."""

    def minibatch_order(self, n: int) -> np.ndarray:
        return np.random.permutation(n)  # noqa: NPY002 - what stock draws from


def build(kind: type[PPO], env: VecEnv, **settings: Any) -> Any:
    """Build a model of some kind, small and with a logger that says nothing."""
    usual: dict[str, Any] = {
        "n_steps": 32,
        "batch_size": 32,
        "n_epochs": 3,
        "seed": 5,
        "device": "cpu",
        "ent_coef": 0.01,
        "policy_kwargs": {"net_arch": {"pi": [16, 8], "vf": [12]}},
    }
    model = kind("MlpPolicy", env, **(usual | settings))
    model.set_logger(Logger(None, []))
    return model


def hand_over(one: RolloutBuffer, other: RolloutBuffer) -> None:
    """Copy a roll-out from one buffer into another."""
    other.reset()
    for name in TABLES:
        setattr(other, name, getattr(one, name).copy())
    other.pos, other.full = one.pos, one.full


@pytest.fixture
def pond() -> type[Pond]:
    return Pond


@pytest.fixture
def make() -> Any:
    """Build a model: ``make(FastPPO, Pond(), batch_size=16)``."""
    return build


@pytest.fixture
def given() -> type[Given]:
    return Given


@pytest.fixture
def copy_rollout() -> Any:
    return hand_over
