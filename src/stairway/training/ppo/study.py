"""One update: what is learnt from a roll-out, as rows, rules and epochs for the kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer

from stairway.base.arrays import FloatArray, IntArray
from stairway.base.errors import DataError, InvariantError
from stairway.training.ppo import kernels
from stairway.training.ppo.layout import Layout

KL_SLACK = 1.5
"""Learning stops early at this many times ``target_kl``, as in Stable-Baselines3."""


class Studied(NamedTuple):
    """Epochs begun, and means over their minibatches, at the places of a tally.

    KL is the mean over the last epoch and the loss that of the last minibatch, which is
    what Stable-Baselines3 logs.
    """

    epochs: int
    means: FloatArray


def experience_of(buffer: RolloutBuffer) -> kernels.Experience:
    """Copy a roll-out in the order in which ``PPO`` counts its rows: one environment first.

    Raises
    ------
    InvariantError
        If the buffer is not full.
    DataError
        If anything in it is not finite: nothing may be learnt from that.
    """
    if not buffer.full:
        msg = f"the roll-out has not all of its {buffer.buffer_size} steps; collect it first"
        raise InvariantError(msg)

    def rows(table: NDArray[Any]) -> NDArray[Any]:
        return table.copy() if buffer.generator_ready else buffer.swap_and_flatten(table)

    experience = kernels.Experience(
        rows(buffer.observations),
        rows(buffer.actions).astype(np.int64).ravel(),
        rows(buffer.log_probs).ravel(),
        rows(buffer.advantages).ravel(),
        rows(buffer.returns).ravel(),
    )
    for name, values in experience._asdict().items():
        if not bool(np.isfinite(values).all()):
            bad = int(np.count_nonzero(~np.isfinite(values)))
            msg = f"{bad} {name} of the roll-out are not finite; nothing was learnt from it"
            raise DataError(msg)
    return experience


def rules_of(model: PPO, progress_frac: float) -> kernels.Rules:
    """Collect what a model says about learning, at this share of it still to come."""
    adam: dict[str, Any] = model.policy.optimizer.param_groups[0]
    beta_first, beta_second = adam["betas"]
    clip: Any = model.clip_range
    return kernels.Rules(
        batch=int(model.batch_size),
        normalise=bool(model.normalize_advantage),
        learning_rate=float(adam["lr"]),
        clip=float(clip(progress_frac)),
        entropy_weight=float(model.ent_coef),
        value_weight=float(model.vf_coef),
        max_norm=float(model.max_grad_norm),
        beta_first=float(beta_first),
        beta_second=float(beta_second),
        epsilon=float(adam["eps"]),
        kl_bound=np.inf if model.target_kl is None else KL_SLACK * float(model.target_kl),
    )


def study(
    layout: Layout,
    adam: kernels.Adam,
    experience: kernels.Experience,
    rules: kernels.Rules,
    orders: Callable[[], IntArray],
    n_epochs: int,
) -> Studied:
    """Learn for ``n_epochs``, or until KL is over its bound; changes ``adam``.

    Parameters
    ----------
    orders
        Gives the order of the rows anew for each epoch that is begun, (n,) int64.
    """
    n = experience.actions.size
    scratch = _room(layout, min(rules.batch, n))
    total, tally, epochs = np.zeros(kernels.TALLY), np.zeros(kernels.TALLY), 0
    while epochs < n_epochs and not tally[kernels.STOPPED]:
        tally = kernels.learn(
            layout.net, adam, experience, _checked(orders(), n), rules, scratch
        )
        total += tally
        epochs += 1
    means = total / total[kernels.BATCHES]
    means[kernels.KL] = tally[kernels.KL] / tally[kernels.BATCHES]
    means[kernels.LOSS] = tally[kernels.LOSS]
    return Studied(epochs, means)


def _room(layout: Layout, batch: int) -> kernels.Scratch:
    units = batch * layout.units
    return kernels.Scratch(
        np.empty((batch, layout.inputs), np.float32),
        np.empty(units, np.float32),
        np.empty(units, np.float32),
    )


def _checked(order: IntArray, n: int) -> IntArray:
    # A kernel reads where it is told to: a place outside would be somebody else's memory.
    inside = order.shape == (n,) and order.min() >= 0 and order.max() < n
    if not (inside and (np.bincount(order, minlength=n) == 1).all()):
        msg = f"an epoch takes each of {n} rows once; got other places, {order.shape}"
        raise InvariantError(msg)
    return np.ascontiguousarray(order, np.int64)
