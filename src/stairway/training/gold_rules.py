"""Settings of the reference that a run starts from."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from stairway.base.config import Config
from stairway.training.learner_rules import Rows, Steps

_Rollouts = Annotated[int, Meta(ge=1, le=100_000)]


class GoldRules(Config, frozen=True, kw_only=True):
    """Settings under ``[gold]``.

    Attributes
    ----------
    seed
        Its own: a reference is the same for every run on the same data.
    steps
        Environment steps it is trained for, exactly.
    n_steps, batch_size
        As of the learner, so that ``steps`` is a whole number of roll-outs.
    learning_rate, gamma, gae_lambda, ent_coef
        As of the learner.
    bonus, ticket
        Fixed terms, in units of reward.
    min_hold_rate
        Mean hold rate over the last roll-outs that it must be *over*.
    tail_rollouts
        How many of them.
    keep_every
        One roll-out in so many is kept for the learning curve.
    """

    seed: Annotated[int, Meta(ge=0, lt=2**31)]
    steps: Annotated[int, Meta(ge=1, le=100_000_000)]
    n_steps: Steps
    batch_size: Rows
    learning_rate: Annotated[float, Meta(gt=0.0, le=1.0)]
    gamma: Annotated[float, Meta(gt=0.0, le=1.0)]
    gae_lambda: Annotated[float, Meta(gt=0.0, le=1.0)]
    ent_coef: Annotated[float, Meta(ge=0.0, le=10.0)]
    bonus: Annotated[float, Meta(ge=-100.0, le=100.0)]
    ticket: Annotated[float, Meta(ge=-100.0, le=100.0)]
    min_hold_rate: Annotated[float, Meta(ge=0.0, lt=1.0)]
    tail_rollouts: _Rollouts
    keep_every: _Rollouts
