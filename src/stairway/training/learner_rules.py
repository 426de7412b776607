"""Settings of the learner: how many accounts, how long a roll-out, how PPO learns from it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from stairway.base.config import Config
from stairway.base.errors import ConfigError

MOST_ROWS = 1_000_000
"""Steps of all accounts that fit into one roll-out: it is held in memory."""

Steps = Annotated[int, Meta(ge=1, le=100_000)]
Rows = Annotated[int, Meta(ge=2, le=MOST_ROWS)]
_Weight = Annotated[float, Meta(ge=0.0, le=10.0)]
_Discount = Annotated[float, Meta(gt=0.0, le=1.0)]
Widths = Annotated[
    tuple[Annotated[int, Meta(ge=1, le=1_024)], ...], Meta(min_length=1, max_length=8)
]


class LearnerRules(Config, frozen=True, kw_only=True):
    """Settings under ``[learner]``; names are those of Stable-Baselines3's PPO.

    Attributes
    ----------
    n_envs, n_steps
        Accounts side by side, and steps of each in one roll-out.
    batch_size, n_epochs
        Rows of one gradient step, and how often a roll-out is gone through.
    learning_rate
        Constant.
    gamma, gae_lambda
        Discount per step, and trace of the advantage estimate.
    clip_range, ent_coef, vf_coef, max_grad_norm
        Of the loss and its gradient.
    hidden
        Widths of the tanh layers, of the policy and of the value alike.
    """

    n_envs: Annotated[int, Meta(ge=1, le=4_096)]
    n_steps: Steps
    batch_size: Rows
    n_epochs: Annotated[int, Meta(ge=1, le=1_000)]
    learning_rate: Annotated[float, Meta(gt=0.0, le=1.0)]
    gamma: _Discount
    gae_lambda: _Discount
    clip_range: Annotated[float, Meta(gt=0.0, lt=1.0)]
    ent_coef: _Weight
    vf_coef: _Weight
    max_grad_norm: Annotated[float, Meta(gt=0.0, le=1e6)]
    hidden: Widths

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.rollout_steps <= MOST_ROWS:
            msg = (
                f"[learner] {self.n_envs} accounts of {self.n_steps} steps are "
                f"{self.rollout_steps}, and a roll-out holds {MOST_ROWS} at most"
            )
            raise ConfigError(msg)
        if self.rollout_steps % self.batch_size:
            msg = (
                f"[learner] {self.n_envs} accounts of {self.n_steps} steps are "
                f"{self.rollout_steps}, which is no multiple of batch_size {self.batch_size}"
            )
            raise ConfigError(msg)

    @property
    def rollout_steps(self) -> int:
        """Steps of all accounts in one roll-out."""
        return self.n_envs * self.n_steps

    def rollouts(self, steps: int, what: str) -> int:
        """Roll-outs that make up ``steps`` exactly.

        Raises
        ------
        ConfigError
            If no whole number of them does.
        """
        if steps < self.rollout_steps or steps % self.rollout_steps:
            msg = (
                f"{what} is {steps}, no multiple of a roll-out of {self.rollout_steps} "
                "steps ([learner] n_envs x n_steps); change one of them"
            )
            raise ConfigError(msg)
        return steps // self.rollout_steps
