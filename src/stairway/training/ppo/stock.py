"""A trained policy for other people's tools: the zip that Stable-Baselines3 itself opens.

It is written and never read: such a file carries pickles. Checkpoints of record are
safetensors and JSON.

Examples
--------
>>> import io
>>> from stable_baselines3 import PPO
>>> from stairway.testing.practice import env_rules, made_course
>>> from stairway.training.ppo.fast import FastPPO
>>> from stairway.training.ppo.vecenv import PairVecEnv
>>> env = PairVecEnv(made_course(400, seed=7), env_rules(), n_envs=4, seed=1)
>>> trained = FastPPO("MlpPolicy", env, n_steps=16, batch_size=32, n_epochs=1, seed=1)
>>> content = stock_zip(trained.learn(64))
>>> opened = PPO.load(io.BytesIO(content), device="cpu")
>>> type(opened).__name__, opened.num_timesteps
('PPO', 64)
"""

from __future__ import annotations

import io
from typing import Any, cast

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticPolicy

from stairway.base.errors import ConfigError

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
