"""N practice accounts as Gymnasium's vector environment, over one kernel call a step.

An account whose episode ends begins the next one in the same step (``SAME_STEP``): what is
returned for it is the new episode's first observation, and the old one's last is
``infos["final_obs"][i]``, with its terms still among the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from stairway.base.arrays import BoolArray, Float32Array, FloatArray, IntArray
from stairway.simulation import kernels
from stairway.simulation.batch import PLAIN, PairBatch
from stairway.simulation.course import Course
from stairway.simulation.env import action_space, observation_space
from stairway.simulation.env_rules import EnvRules
from stairway.simulation.given import accounts_of, actions_of, seed_of, seeds_of
from stairway.simulation.terms import Terms

Infos: TypeAlias = dict[str, Any]

_TOLD = {
    "profit": kernels.PROFIT,
    "hold_bonus": kernels.HOLD_BONUS,
    "ticket_cost": kernels.TICKET_COST,
    "downside": kernels.DOWNSIDE,
    "profit_bps": kernels.PROFIT_BPS,
    "fills": kernels.FILLS,
}


class PairTradingVecEnv(VectorEnv[Float32Array, IntArray, Any]):
    """N accounts on one course.

    Parameters
    ----------
    course, rules, terms, seed
        As for ``PairTradingEnv``. Account ``i`` under seed ``s`` walks the same episodes
        whatever ``num_envs`` is, and account 0 those of a single environment under ``s``.
    num_envs
        How many accounts.

    Raises
    ------
    DataError
        If the course is too short for an episode.

    Examples
    --------
    >>> from stairway.testing.practice import env_rules, made_course
    >>> envs = PairTradingVecEnv(made_course(300, seed=7), env_rules(), num_envs=3)
    >>> seen, _ = envs.reset(seed=1)
    >>> seen, rewards, ended, cut, infos = envs.step(np.array([0, 4, 8]))
    >>> seen.shape, infos["fills"].tolist()
    ((3, 26), [2, 0, 2])
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - as gymnasium declares it
        "render_modes": [],
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(
        self,
        course: Course,
        rules: EnvRules,
        num_envs: int,
        terms: Terms = PLAIN,
        seed: int = 0,
    ) -> None:
        num_envs = accounts_of(num_envs)
        self.num_envs = num_envs
        self.render_mode = None
        self.single_observation_space = observation_space()
        self.single_action_space = action_space()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.batch = PairBatch(course, rules, num_envs, seed_of(seed))
        self.batch.set_terms(terms)

    def reset(
        self,
        *,
        seed: int | Sequence[int] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Float32Array, Infos]:
        """Begin the next episode of every account; under ``seed``, the first ones of it.

        Parameters
        ----------
        seed
            One for all, each then drawing by its number; or one for each.

        Raises
        ------
        ConfigError
            If a seed is out of range, or there is not one for each.
        """
        seeds = None if seed is None else seeds_of(seed, self.num_envs)
        if seeds is not None:
            self.batch.seed(seeds)
        super().reset(seed=seeds if isinstance(seeds, int) else None, options=options)
        return self.batch.reset(), {}

    def step(
        self, actions: IntArray
    ) -> tuple[Float32Array, FloatArray, BoolArray, BoolArray, Infos]:
        """Move every account by one bar.

        Raises
        ------
        DataError
            If an action is none of the nine, or there is not one for each account.
        InvariantError
            If the accounts were never reset.
        """
        batch = self.batch
        seen = batch.step(actions_of(actions, self.num_envs))
        told = batch.told.copy()
        infos: Infos = {name: told[:, column] for name, column in _TOLD.items()}
        infos["fills"] = infos["fills"].astype(np.int64)
        ends = told[:, kernels.END]
        over = ends != kernels.RUNS
        if over.any():
            finals = np.full(self.num_envs, None, dtype=object)
            for i in np.flatnonzero(over).tolist():
                finals[i] = batch.finals[i].copy()
            infos |= {"final_obs": finals, "_final_obs": over}
        terminated, truncated = ends == kernels.TERMINATED, ends == kernels.TRUNCATED
        return seen, told[:, kernels.REWARD], terminated, truncated, infos
