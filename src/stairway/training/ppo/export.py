"""From the weights that PPO trained to layers that need no library to answer.

Only the actor is taken: the value net is the trainer's own business. That both say the
same is not assumed: PyTorch's own answers go along as parity rows, and are asked again
wherever the layers are opened.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy

from stairway.base.arrays import Float32Array, FloatArray
from stairway.base.errors import DataError
from stairway.models.bodies.policy import PolicyParity
from stairway.models.normaliser import Normaliser
from stairway.models.parity import MIN_ROWS
from stairway.models.policy import Policy, observations
from stairway.training.ppo.layout import Layout
from stairway.training.ppo.weights import set_weights


def policy_from(layout: Layout, flat: Float32Array) -> Policy:
    """Cut the actor out of a vector of all weights, as checkpoints hold it.

    Raises
    ------
    DataError
        If the vector does not fit the layout, or the actor is not one that can be sealed.

    Examples
    --------
    >>> layout = Layout(inputs=26, policy=(4,), value=(8,), actions=9)
    >>> policy_from(layout, np.zeros(layout.parameters, np.float32)).hidden
    (4,)
    """
    layout.check(flat)
    actor = layout.actor_of(flat)
    return Policy(tuple(actor[::2]), tuple(actor[1::2]))


def rebuilt(layout: Layout, flat: Float32Array) -> ActorCriticPolicy:
    """Put a vector of all weights back into a policy of Stable-Baselines3.

    Raises
    ------
    DataError
        If the vector does not fit the layout, or is not finite.
    """
    shown = spaces.Box(-np.inf, np.inf, (layout.inputs,), np.float32)
    sizes = {"pi": [*layout.policy], "vf": [*layout.value]}
    with cast("Any", torch).random.fork_rng(devices=[]):  # its first weights are overwritten
        policy = ActorCriticPolicy(shown, spaces.Discrete(layout.actions), _constant, sizes)
    set_weights(policy, flat)
    return policy


def reference_logits(trained: ActorCriticPolicy, shown: Float32Array) -> Float32Array:
    """Scores of (n, 26) observations by PyTorch itself, (n, 9), one row at a time."""
    modules = cast("Any", trained)
    rows: list[Float32Array] = []
    with torch.no_grad():
        for one in shown:
            latent = modules.mlp_extractor.forward_actor(torch.tensor(one[None]))
            rows.append(modules.action_net(latent).numpy()[0])
    return np.array(rows, np.float32)


def parity_of(
    trained: ActorCriticPolicy,
    rows: FloatArray,
    normaliser: Normaliser,
    rng: np.random.Generator,
) -> PolicyParity:
    """Draw 256 rows and positions, and ask PyTorch for the logits of the observations.

    Parameters
    ----------
    rows : (n, 2, 12) float64
        Features that the policy was trained on; those with a hole are passed over.

    Raises
    ------
    DataError
        If no row is whole.
    """
    whole = rows[np.isfinite(rows).all(axis=(1, 2))]
    if whole.shape[0] == 0:
        msg = "no bar without a hole was given; parity rows are drawn from whole ones"
        raise DataError(msg)
    drawn = whole[rng.choice(whole.shape[0], MIN_ROWS, replace=whole.shape[0] < MIN_ROWS)]
    positions = rng.integers(-1, 2, (MIN_ROWS, 2)).astype(np.int32)
    shown = observations(drawn, positions, normaliser)
    return PolicyParity(drawn, positions, reference_logits(trained, shown))


def _constant(_: float) -> float:
    """Learn nothing: what was rebuilt is only asked."""
    return 0.0
