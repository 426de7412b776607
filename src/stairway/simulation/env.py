"""One practice account as a Gymnasium environment.

``info`` of a step holds the four terms of its reward by name (costs are positive), the
profit in basis points and the number of fills; that of a reset is empty. An episode that
is lost, by a drawdown of its session, is *terminated*; one that runs out of steps or bars
is *truncated*, and its last observation still has a future worth estimating.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from stairway.base.errors import InvariantError
from stairway.models.normaliser import MAX_CLIP
from stairway.simulation import kernels
from stairway.simulation.batch import PLAIN, PairBatch
from stairway.simulation.course import Course, SingleArray
from stairway.simulation.env_rules import EnvRules
from stairway.simulation.given import action_of, seed_of
from stairway.simulation.terms import Terms

ENV_ID = "stairway/PairTrading-v0"
"""Name under which ``stairway.app.practice`` registers it."""

_SHAPE = (1, kernels.OBSERVATION)


def observation_space() -> spaces.Box[np.float32]:
    """Twelve features and the position, of each instrument: normalised, so never larger."""
    return spaces.Box(-MAX_CLIP, MAX_CLIP, (kernels.OBSERVATION,), np.float32)


def action_space() -> spaces.Discrete:
    """{sell, hold, buy} of the first instrument x the same of the second; 4 holds both."""
    return spaces.Discrete(kernels.ACTIONS)


class PairTradingEnv(gymnasium.Env[SingleArray, np.int64]):
    """One account on one course.

    Parameters
    ----------
    course
        Must have room for an episode.
    rules
        Of the account; costs included.
    terms
        What a step is paid beside its profit.
    seed
        Of the starts, until ``reset(seed=...)`` gives another. An episode depends on the
        seed and on its number since then, and on nothing else.

    Raises
    ------
    DataError
        If the course is too short for an episode.

    Examples
    --------
    >>> from stairway.testing.practice import env_rules, made_course
    >>> env = PairTradingEnv(made_course(300, seed=7), env_rules())
    >>> seen, _ = env.reset(seed=1)
    >>> seen, reward, terminated, truncated, info = env.step(8)
    >>> seen[12], seen[25], info["fills"], bool(reward == info["profit"])
    (np.float32(1.0), np.float32(1.0), 2, True)
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - as gymnasium declares it

    def __init__(
        self, course: Course, rules: EnvRules, terms: Terms = PLAIN, seed: int = 0
    ) -> None:
        self.observation_space = observation_space()
        self.action_space = action_space()
        self.render_mode = None
        self.batch = PairBatch(course, rules, 1, seed_of(seed), again=False)
        self.batch.set_terms(terms)
        self._arrays = self.batch.arrays
        self._told = self.batch.told[0]
        self._actions = np.zeros(1, np.int64)
        self._walks = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[SingleArray, dict[str, Any]]:
        """Begin the next episode; under ``seed``, the first one of that seed.

        Raises
        ------
        ConfigError
            If the seed is no whole number from 0 to 2^63 - 1.
        """
        if seed is not None:
            seed = seed_of(seed)
            self.batch.seed(seed)
        super().reset(seed=seed, options=options)
        self._walks = True
        return self.batch.reset()[0], {}

    def step(
        self, action: np.int64 | int
    ) -> tuple[SingleArray, float, bool, bool, dict[str, Any]]:
        """Move by one bar.

        Raises
        ------
        InvariantError
            If the episode is over or was never begun.
        DataError
            If the action is none of the nine.
        """
        if not self._walks:
            msg = "the episode is over or was never begun; call reset() first"
            raise InvariantError(msg)
        self._actions[0] = action_of(action)
        seen = np.empty(_SHAPE, np.float32)
        kernels.step_pairs(*self._arrays, self._actions, seen)
        reward, profit, bonus, ticket, downside, gained_bps, fills, end, *_ = (
            self._told.tolist()
        )
        self._walks = end == kernels.RUNS
        info = {
            "profit": profit,
            "hold_bonus": bonus,
            "ticket_cost": ticket,
            "downside": downside,
            "profit_bps": gained_bps,
            "fills": int(fills),
        }
        return (
            seen[0],
            reward,
            end == kernels.TERMINATED,
            end == kernels.TRUNCATED,
            info,
        )
