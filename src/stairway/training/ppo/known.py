"""What kind of model the kernels know.

It is one: Stable-Baselines3's ``ActorCriticPolicy`` with separate nets of tanh layers, over
one row of float32, choosing one of some actions, taught by plain Adam on the CPU. Anything
else is trained by Stable-Baselines3's own code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.distributions import CategoricalDistribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import FlattenExtractor, MlpExtractor
from torch import nn

NOT_PLAIN = ("amsgrad", "maximize", "capturable", "differentiable", "weight_decay")
"""Settings of Adam that must be off: the kernel does none of them."""


def stranger(model: PPO) -> str:
    """Say what about a model the kernels do not know; empty if they know all of it."""
    for knows, words in _QUESTIONS:
        if not knows(model):
            return words
    return ""


def _on_cpu(model: PPO) -> bool:
    return model.device.type == "cpu"


def _sees_a_row(model: PPO) -> bool:
    space = cast("Any", model).observation_space
    one_row = (space.dtype, len(space.shape or ())) == (np.float32, 1)
    return one_row and isinstance(space, spaces.Box)


def _picks_one(model: PPO) -> bool:
    space = cast("Any", model).action_space
    return isinstance(space, spaces.Discrete) and bool(cast("Any", space).start == 0)


def _is_stock(model: PPO) -> bool:
    return type(model.policy) is ActorCriticPolicy and not model.use_sde


def _is_categorical(model: PPO) -> bool:
    return type(model.policy.action_dist) is CategoricalDistribution


def _sees_it_raw(model: PPO) -> bool:
    policy = model.policy
    extractors = (policy.pi_features_extractor, policy.vf_features_extractor)
    return all(type(extractor) is FlattenExtractor for extractor in extractors)


def _is_tanh(model: PPO) -> bool:
    extractor = model.policy.mlp_extractor
    if type(extractor) is not MlpExtractor:
        return False
    layers = (*extractor.policy_net, *extractor.value_net)
    return all(type(layer) in {nn.Linear, nn.Tanh} for layer in layers)


def _learns_whole(model: PPO) -> bool:
    return all(p.dtype == th.float32 and p.requires_grad for p in model.policy.parameters())


def _is_plain_adam(model: PPO) -> bool:
    optimizer = model.policy.optimizer
    if type(optimizer) is not th.optim.Adam or len(optimizer.param_groups) != 1:
        return False
    group = optimizer.param_groups[0]
    return isinstance(group["lr"], float) and not any(group[name] for name in NOT_PLAIN)


def _keeps_stock(model: PPO) -> bool:
    return type(model.rollout_buffer) is RolloutBuffer


def _free_value(model: PPO) -> bool:
    return model.clip_range_vf is None


_QUESTIONS: tuple[tuple[Callable[[PPO], bool], str], ...] = (
    (_on_cpu, "its device is not the CPU"),
    (_sees_a_row, "it does not observe one row of float32"),
    (_picks_one, "its actions are not Discrete and counted from 0"),
    (_is_stock, "its policy is not exactly ActorCriticPolicy, or explores by state (use_sde)"),
    (_is_categorical, "its distribution of actions is not categorical"),
    (_sees_it_raw, "it has a features extractor of its own"),
    (_is_tanh, "a hidden layer is not a linear one with tanh"),
    (_learns_whole, "some of its parameters are frozen or not float32"),
    (_is_plain_adam, "its optimiser is not plain Adam"),
    (_keeps_stock, "its roll-out buffer is not exactly RolloutBuffer"),
    (_free_value, "it clips the value (clip_range_vf)"),
)
