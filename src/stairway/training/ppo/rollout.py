"""One roll-out: who acted how, what it brought, and what it was worth.

Each step of all environments is one kernel call that writes straight into the rows of
Stable-Baselines3's buffer. What follows is what its ``collect_rollouts`` does: an episode
that only time cut short is credited with what it would still have been worth, and
advantages are estimated over the whole roll-out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.policies import ActorCriticPolicy

from stairway.base.arrays import BoolArray, Float32Array, IntArray
from stairway.training.ppo import kernels
from stairway.training.ppo.weights import layout_of, weights


class Pen(NamedTuple):
    """What a roll-out is written with: the policy as it now is, and room to work in."""

    net: kernels.Net
    flat: Float32Array
    units: Float32Array


def pen_of(policy: ActorCriticPolicy, n_envs: int) -> Pen:
    """Copy a policy's weights for one roll-out in so many environments."""
    layout = layout_of(policy)
    return Pen(layout.net, weights(policy), np.empty(n_envs * layout.units, np.float32))


def act(
    pen: Pen, buffer: RolloutBuffer, step: int, seen: tuple[Any, BoolArray, Float32Array]
) -> kernels.Acts:
    """Choose an action for every environment and write the step, up to its reward.

    Parameters
    ----------
    seen
        Observations (N, inputs), where an episode starts (N,), and chance in [0, 1) (N,).

    Returns
    -------
    Acts
        Actions in memory of their own; the rest are rows of the buffer.
    """
    rows, starts, uniforms = seen
    buffer.observations[step] = rows
    buffer.episode_starts[step] = starts
    actions: IntArray = np.empty(len(uniforms), np.int64)
    acts = kernels.Acts(actions, buffer.log_probs[step], buffer.values[step])
    kernels.act(pen.net, pen.flat, buffer.observations[step], uniforms, pen.units, acts)
    buffer.actions[step, :, 0] = actions
    return acts


def look_beyond(
    pen: Pen,
    rewards: Float32Array,
    dones: BoolArray,
    infos: Sequence[Mapping[str, Any]],
    gamma: float,
) -> None:
    """Add what an episode that time cut short would still have been worth to its reward."""
    cut = [
        i
        for i in np.flatnonzero(dones).tolist()
        if infos[i].get("TimeLimit.truncated", False)
        and infos[i].get("terminal_observation") is not None
    ]
    if cut:
        last = np.stack([infos[i]["terminal_observation"] for i in cut])
        worth = kernels.worth(pen.net, pen.flat, last.astype(np.float32), pen.units)
        rewards[cut] += np.float32(gamma) * worth


def close(pen: Pen, buffer: RolloutBuffer, seen: Float32Array, dones: BoolArray) -> None:
    """Estimate advantages and returns, given what is seen after the last step.

    Examples
    --------
    See ``tests/training/ppo/test_rollout.py``: the last bit is Stable-Baselines3's.
    """
    rows = np.ascontiguousarray(seen, np.float32)
    beyond = kernels.worth(pen.net, pen.flat, rows, pen.units)
    trail = kernels.Trail(
        buffer.rewards, buffer.episode_starts, buffer.values, beyond, dones.astype(np.float32)
    )
    trace = buffer.gamma * buffer.gae_lambda
    kernels.advantages(trail, buffer.gamma, trace, buffer.advantages)
    buffer.returns = buffer.advantages + buffer.values
    buffer.pos, buffer.full = buffer.buffer_size, True
