"""The way between PyTorch's tensors and one flat vector of float32."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import numpy as np
import torch as th
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn

from stairway.base.arrays import Float32Array
from stairway.base.errors import ConfigError
from stairway.training.ppo.kernels import Adam
from stairway.training.ppo.layout import Layout


def layout_of(policy: ActorCriticPolicy) -> Layout:
    """Sizes of a policy with two separate nets of layers.

    Raises
    ------
    ConfigError
        If it has other parameters than such a policy has, or has them in another order.
    """
    layout = Layout(
        inputs=policy.features_dim,
        policy=_widths(policy.mlp_extractor.policy_net),
        value=_widths(policy.mlp_extractor.value_net),
        actions=cast("Any", policy.action_net).out_features,
    )
    found = [(name, tuple(p.shape)) for name, p in policy.named_parameters()]
    if found != [(tensor.name, tensor.shape) for tensor in layout.tensors()]:
        msg = f"the parameters {found} are not those of {layout}; use net_arch=dict(pi=, vf=)"
        raise ConfigError(msg)
    return layout


def weights(policy: ActorCriticPolicy) -> Float32Array:
    """Copy all parameters into a vector, (n_parameters,) float32, in the layout's order."""
    return _gather(policy.parameters())


def set_weights(policy: ActorCriticPolicy, flat: Float32Array) -> None:
    """Write a vector of weights into a policy.

    Raises
    ------
    DataError
        If the vector does not fit or is not finite. The policy is then as it was.
    """
    layout_of(policy).check(flat)
    with th.no_grad():
        for parameter, part in _parts(policy, flat):
            parameter.copy_(part)


def adam_of(policy: ActorCriticPolicy) -> Adam:
    """Copy weights and Adam's moments for the kernels; moments are 0 before the first step.

    Raises
    ------
    ConfigError
        If the parameters have taken different numbers of steps.
    """
    flat = weights(policy)
    kept: dict[th.Tensor, dict[str, th.Tensor]] = policy.optimizer.state
    taken = [kept[p] for p in policy.parameters() if p in kept]
    steps = {int(state["step"]) for state in taken} or {0}
    if len(steps) != 1 or len(taken) not in {0, len(list(policy.parameters()))}:
        msg = f"parameters have taken {sorted(steps)} steps of Adam; all must have as many"
        raise ConfigError(msg)
    empty = np.zeros_like(flat)
    first = _gather(state["exp_avg"] for state in taken) if taken else empty
    second = _gather(state["exp_avg_sq"] for state in taken) if taken else empty.copy()
    return Adam(flat, np.zeros_like(flat), first, second, np.array(list(steps), np.int64))


def set_adam(policy: ActorCriticPolicy, adam: Adam) -> None:
    """Write weights and moments back, so that PyTorch's optimiser could go on from there.

    Raises
    ------
    DataError
        If a vector does not fit or is not finite. Policy and optimiser are as they were.
    """
    layout = layout_of(policy)
    for flat in (adam.first, adam.second):
        layout.check(flat)
    set_weights(policy, adam.flat)
    state: dict[th.Tensor, Any] = policy.optimizer.state
    seconds = _parts(policy, adam.second)
    for (parameter, first), (_, second) in zip(
        _parts(policy, adam.first), seconds, strict=True
    ):
        state[parameter] = {
            "step": th.tensor(float(adam.steps[0])),
            "exp_avg": first.clone(),
            "exp_avg_sq": second.clone(),
        }


def _widths(net: nn.Sequential) -> tuple[int, ...]:
    return tuple(layer.out_features for layer in net if isinstance(layer, nn.Linear))


def _gather(tensors: Iterable[th.Tensor]) -> Float32Array:
    return np.concatenate([t.detach().numpy().ravel() for t in tensors], dtype=np.float32)


def _parts(
    policy: ActorCriticPolicy, flat: Float32Array
) -> list[tuple[nn.Parameter, th.Tensor]]:
    """Each parameter with its part of the vector, as a view in its shape."""
    whole, parameters = cast("Any", th).from_numpy(flat), list(policy.parameters())
    parts: list[th.Tensor] = whole.split([p.numel() for p in parameters])
    return [(p, part.view(p.shape)) for p, part in zip(parameters, parts, strict=True)]
