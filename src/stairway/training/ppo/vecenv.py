"""The practice environment as Stable-Baselines3 wants it: N accounts, one kernel call.

Every array that is handed out is new, as SB3 keeps the last observation beyond the next
step. ``info`` says something only where an episode ended; the four terms of the reward of
the last step are given as arrays by :meth:`PairVecEnv.terms`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices

from stairway.base.arrays import BoolArray, Float32Array, FloatArray, IntArray
from stairway.base.errors import InvariantError
from stairway.simulation import kernels
from stairway.simulation.batch import PairBatch, Snapshot
from stairway.simulation.counts import Counts
from stairway.simulation.course import Course
from stairway.simulation.env import action_space, observation_space
from stairway.simulation.env_rules import EnvRules
from stairway.simulation.given import actions_of, seed_of
from stairway.simulation.terms import Terms

_TERMS = {
    "profit": kernels.PROFIT,
    "hold_bonus": kernels.HOLD_BONUS,
    "ticket_cost": kernels.TICKET_COST,
    "downside": kernels.DOWNSIDE,
}


class PairVecEnv(VecEnv):
    """N accounts on one course, behind the ``VecEnv`` interface.

    Parameters
    ----------
    course
        Must have room for an episode.
    rules
        Of the accounts; costs included.
    n_envs
        How many accounts.
    seed
        Of the starts. Account ``i`` walks the same episodes however many walk beside it.

    Raises
    ------
    ConfigError
        If the number of accounts or the seed is out of range, or no whole number.
    DataError
        If the course is too short for an episode.

    Examples
    --------
    >>> from stairway.testing.practice import env_rules, made_course
    >>> env = PairVecEnv(made_course(300, seed=7), env_rules(), n_envs=2, seed=1)
    >>> first = env.reset()
    >>> seen, rewards, dones, infos = env.step(np.array([4, 8]))
    >>> seen.shape, rewards.dtype.name, dones.tolist(), infos
    ((2, 26), 'float32', [False, False], [{}, {}])
    """

    render_mode: str | None = None

    def __init__(self, course: Course, rules: EnvRules, n_envs: int, seed: int) -> None:
        self.batch = PairBatch(course, rules, n_envs, seed)
        n_envs = self.batch.n_envs
        self._actions: IntArray | None = None
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            n_envs,
            observation_space(),
            action_space(),
        )

    # -- the interface -----------------------------------------------------------------

    def reset(self) -> Float32Array:
        """Begin the next episode of every account; return what they see, (N, 26)."""
        self.reset_infos = [{} for _ in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        return self.batch.reset()

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take one action for each account.

        Raises
        ------
        DataError
            If they are no whole numbers from 0 to 8, or there is not one for each.
        """
        self._actions = actions_of(actions, self.num_envs)

    def step_wait(
        self,
    ) -> tuple[Float32Array, Float32Array, BoolArray, list[dict[str, Any]]]:
        """Move every account by one bar: observations, rewards, ends, and why.

        Raises
        ------
        InvariantError
            If no actions were given since the last step, or the accounts were never reset.
        """
        batch, actions = self.batch, self._actions
        if actions is None:
            msg = "no actions were given since the last step; call step_async(), or step()"
            raise InvariantError(msg)
        self._actions = None
        seen = batch.step(actions)
        ends = batch.told[:, kernels.END]
        dones = ends != kernels.RUNS
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if dones.any():
            for i in np.flatnonzero(dones).tolist():
                infos[i] = self._ended(i)
        return seen, batch.told[:, kernels.REWARD].astype(np.float32), dones, infos

    def close(self) -> None:
        """There is nothing to close."""

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Start over under ``seed`` at the next reset; without one, nothing changes.

        Raises
        ------
        ConfigError
            If it is no whole number from 0 to 2^63 - 1.
        """
        if seed is not None:
            seed = seed_of(seed)
            self.batch.seed(seed)
        return [seed] * self.num_envs

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """One value for each account: all share this object's attributes."""
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute for all accounts, which share it.

        Raises
        ------
        ValueError
            If it is asked for some of them only.
        """
        if len(list(self._get_indices(indices))) != self.num_envs:
            msg = f"{attr_name} is one for all accounts; set it for all of them"
            raise ValueError(msg)
        setattr(self, attr_name, value)

    def env_method(
        self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any
    ) -> list[Any]:
        """Call a method once and return its answer for each account."""
        answer = getattr(self, method_name)(*args, **kwargs)
        return [answer for _ in self._get_indices(indices)]

    def env_is_wrapped(
        self, wrapper_class: type[Any], indices: VecEnvIndices = None
    ) -> list[bool]:
        """Say of each account whether it is wrapped: only that its episodes are reported.

        They are, in ``info["episode"]``, as ``Monitor`` does it.
        """
        return [issubclass(Monitor, wrapper_class) for _ in self._get_indices(indices)]

    # -- beyond it ---------------------------------------------------------------------

    @property
    def fingerprint(self) -> str:
        """Hash of the course and the rules."""
        return self.batch.fingerprint

    def set_terms(self, terms: Terms) -> None:
        """Pay by ``terms`` from the next step on."""
        self.batch.set_terms(terms)

    def terms(self) -> dict[str, FloatArray]:
        """Terms of the last step's reward, (N,) each; costs are positive."""
        told = self.batch.told
        return {name: told[:, column].copy() for name, column in _TERMS.items()}

    def measured(self) -> Counts:
        """Return what was counted since the last call, and count from 0 again."""
        return self.batch.measured()

    def snapshot(self) -> Snapshot:
        """Everything that moves, as copies; :meth:`restore` goes on from it to the bit."""
        return self.batch.snapshot()

    def restore(self, snapshot: Mapping[str, NDArray[Any]]) -> None:
        """Go on from where a snapshot was taken, of the same environment or refused."""
        self.batch.restore(snapshot)

    def _ended(self, i: int) -> dict[str, Any]:
        told = self.batch.told[i].tolist()
        return {
            "terminal_observation": self.batch.finals[i].copy(),
            "TimeLimit.truncated": told[kernels.END] == kernels.TRUNCATED,
            "episode": {"r": told[kernels.TOTAL], "l": int(told[kernels.LENGTH]), "t": 0.0},
        }
