from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import FlattenExtractor

from stairway.training.ppo.known import stranger


class Policy(ActorCriticPolicy):
    """Might do anything."""


class Extractor(FlattenExtractor):
    """Might do anything."""


class Buffer(RolloutBuffer):
    """Might do anything."""


def net(**settings: Any) -> dict[str, Any]:
    return {"policy_kwargs": settings}


STRANGE: dict[str, tuple[dict[str, Any], str]] = {
    "relu": (net(activation_fn=th.nn.ReLU), "tanh"),
    "extractor": (net(features_extractor_class=Extractor), "features extractor"),
    "sgd": (net(optimizer_class=th.optim.SGD), "plain Adam"),
    "adamw": (net(optimizer_class=th.optim.AdamW), "plain Adam"),
    "weight decay": (net(optimizer_kwargs={"weight_decay": 1e-4}), "plain Adam"),
    "maximise": (net(optimizer_kwargs={"maximize": True}), "plain Adam"),
    "amsgrad": (net(optimizer_kwargs={"amsgrad": True}), "plain Adam"),
    "buffer": ({"rollout_buffer_class": Buffer}, "buffer"),
    "clipped value": ({"clip_range_vf": 0.1}, "clip_range_vf"),
}


@pytest.mark.parametrize("arch", [None, [], [3], {"pi": [4, 5], "vf": []}])
def test_plain_policies_of_any_size_are_known(make, pond, arch) -> None:
    assert stranger(make(PPO, pond(), **net(net_arch=arch))) == ""


def test_separate_extractors_that_do_nothing_are_known(make, pond) -> None:
    assert stranger(make(PPO, pond(), **net(share_features_extractor=False))) == ""


@pytest.mark.parametrize("case", STRANGE, ids=list(STRANGE))
def test_each_strange_thing_is_named(make, pond, case: str) -> None:
    settings, words = STRANGE[case]
    assert words in stranger(make(PPO, pond(), **settings))


def test_a_policy_of_somebodys_own_is_not_known(pond) -> None:
    model = PPO(Policy, pond(), n_steps=8, batch_size=8, device="cpu")
    assert "ActorCriticPolicy" in stranger(model)


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-1.0, 1.0, (2,), np.float32),
        spaces.MultiDiscrete([2, 3]),
        spaces.Discrete(3, start=np.int64(1)),
    ],
    ids=["box", "multi", "from 1"],
)
def test_other_actions_are_not_known(make, pond, space) -> None:
    env = pond()
    env.action_space = space
    assert "Discrete" in stranger(make(PPO, env))


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-1.0, 1.0, (5,), np.float64),
        spaces.Box(-1.0, 1.0, (5, 2), np.float32),
        spaces.Discrete(5),
    ],
    ids=["float64", "table", "discrete"],
)
def test_other_observations_are_not_known(make, pond, space) -> None:
    env = pond()
    env.observation_space = space
    assert "row of float32" in stranger(make(PPO, env))


def test_dictionaries_are_not_known(pond) -> None:
    env = pond()
    env.observation_space = spaces.Dict({"row": env.observation_space})
    model = PPO("MultiInputPolicy", env, n_steps=8, batch_size=8, device="cpu")
    assert "row of float32" in stranger(model)


def test_exploring_by_state_is_not_known(make, pond) -> None:
    model = make(PPO, pond())
    model.use_sde = True
    assert "use_sde" in stranger(model)


def test_frozen_or_doubled_parameters_are_not_known(make, pond) -> None:
    model = make(PPO, pond())
    next(model.policy.parameters()).requires_grad_(False)  # noqa: FBT003 - PyTorch's signature
    assert "frozen" in stranger(model)
    model = make(PPO, pond())
    model.policy.double()
    assert "not float32" in stranger(model)


def test_a_second_group_of_parameters_is_not_known(make, pond) -> None:
    model = make(PPO, pond())
    model.policy.optimizer.add_param_group({"params": [th.nn.Parameter(th.zeros(1))]})
    assert "plain Adam" in stranger(model)


def test_a_layer_put_in_later_is_noticed(make, pond) -> None:
    model = make(PPO, pond())
    model.policy.mlp_extractor.policy_net.append(th.nn.Dropout(0.5))
    assert "tanh" in stranger(model)


def test_another_distribution_is_noticed(make, pond) -> None:
    model = make(PPO, pond())
    model.policy.action_dist = object()
    assert "categorical" in stranger(model)
