"""From a policy that PPO trained to layers that need no library to answer.

Only the actor is taken: the value net is the trainer's own business. What our forward
pass cannot say exactly (other activations, convolutions, other spaces, squashing) is
refused here, by name, rather than approximated.

A Stable-Baselines3 zip is written for other people's tools and never read: it carries
pickles. Checkpoints of record are safetensors and JSON.
"""

from __future__ import annotations

import io
from typing import Any, cast

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import FlattenExtractor
from torch import nn

from stairway.base.arrays import FloatArray
from stairway.base.errors import ConfigError, DataError
from stairway.models.actor import Actor
from stairway.models.bodies.policy import PolicyParity
from stairway.models.neural.kernels import Float32Array
from stairway.models.normaliser import Normaliser
from stairway.models.parity import MIN_ROWS
from stairway.models.policy import ACTIONS, OBSERVATION, Policy, observations
from stairway.training.ppo.layout import Layout
from stairway.training.ppo.weights import set_weights

_COPIED = (
    "learning_rate",
    "n_steps",
    "batch_size",
    "n_epochs",
    "gamma",
    "gae_lambda",
    "clip_range",
    "clip_range_vf",
    "normalize_advantage",
    "ent_coef",
    "vf_coef",
    "max_grad_norm",
    "target_kl",
    "policy_kwargs",
)
"""What a stock PPO is told to be like the one that was trained."""


def policy_of(trained: ActorCriticPolicy) -> Policy:
    """Copy the actor out of a trained policy; later training does not change the copy.

    Raises
    ------
    ConfigError
        If it is built of anything but tanh layers from 26 numbers to 9 actions.
    DataError
        If a weight is not finite, or beyond the bound.
    """
    _require_mlp(trained)
    hidden: list[nn.Module] = list(trained.mlp_extractor.policy_net)
    layers = [*hidden[::2], trained.action_net]
    tensors = [(_copy(one, "weight"), _copy(one, "bias")) for one in layers]
    return Policy(tuple(w for w, _ in tensors), tuple(b for _, b in tensors))


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
    actor = [
        flat[tensor.start : tensor.stop].reshape(tensor.shape).copy()
        for tensor in layout.tensors()
        if tensor.name.startswith(("mlp_extractor.policy_net.", "action_net."))
    ]
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


def actor_of(trained: ActorCriticPolicy, normaliser: Normaliser) -> Actor:
    """Return the policy behind the normaliser that it was trained behind."""
    return Actor(policy_of(trained), normaliser)


def stock_zip(trained: PPO) -> bytes:
    """Write what ``stable_baselines3.PPO.load`` opens: no class of ours is in it.

    Weights, state of the optimiser, and hyperparameters are those of ``trained``. Write
    only: nothing in this package opens such a file.

    Raises
    ------
    ConfigError
        If the policy is not one that Stable-Baselines3 builds by itself.
    """
    if type(trained.policy) is not ActorCriticPolicy:
        found = type(trained.policy).__name__
        msg = f"the policy is a {found}; a stock zip holds a plain MlpPolicy only"
        raise ConfigError(msg)
    told: dict[str, Any] = {name: getattr(trained, name) for name in _COPIED}
    stock = cast("Any", PPO)("MlpPolicy", None, device="cpu", _init_setup_model=False, **told)
    source = cast("Any", trained)
    for name in ("observation_space", "action_space", "n_envs"):
        setattr(stock, name, getattr(source, name))
    with cast("Any", torch).random.fork_rng(devices=[]):  # others draw from it, too
        stock._setup_model()  # noqa: SLF001 - as SB3's own load does
    stock.seed = source.seed
    stock.policy.load_state_dict(source.policy.state_dict())
    stock.policy.optimizer.load_state_dict(source.policy.optimizer.state_dict())
    stock.num_timesteps = source.num_timesteps
    raw = io.BytesIO()
    stock.save(raw)
    return raw.getvalue()


def _constant(_: float) -> float:
    """Learn nothing: what was rebuilt is only asked."""
    return 0.0


def _require_mlp(trained: ActorCriticPolicy) -> None:
    spaced = cast("Any", trained)
    seen, acts = spaced.observation_space, spaced.action_space
    if not (isinstance(seen, spaces.Box) and seen.shape == (OBSERVATION,)):
        msg = f"the policy is shown {seen}; only a Box of ({OBSERVATION},) can be sealed"
        raise ConfigError(msg)
    if not (type(acts) is spaces.Discrete and (acts.n, acts.start) == (ACTIONS, 0)):
        msg = f"the policy chooses from {acts}; only Discrete({ACTIONS}) can be sealed"
        raise ConfigError(msg)
    if not isinstance(trained.features_extractor, FlattenExtractor):
        found = type(trained.features_extractor).__name__
        msg = f"the policy looks through a {found}; only plain layers can be sealed exactly"
        raise ConfigError(msg)
    hidden: list[nn.Module] = list(trained.mlp_extractor.policy_net)
    kinds = [nn.Linear, nn.Tanh] * (len(hidden) // 2)
    if [type(one) for one in hidden] != kinds or not isinstance(trained.action_net, nn.Linear):
        found = ", ".join(type(one).__name__ for one in hidden)
        msg = f"the policy is made of {found}; only Linear and Tanh by turns can be sealed"
        raise ConfigError(msg)


def _copy(layer: nn.Module, name: str) -> Float32Array:
    tensor = cast("torch.Tensor", getattr(layer, name))
    return np.array(tensor.detach().cpu().numpy(), np.float32)
