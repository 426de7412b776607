"""N practice accounts side by side, as arrays: what every face of the environment stands on.

The Gymnasium environment, its batched twin and the one of Stable-Baselines3 are thin
covers of :class:`PairBatch`. It holds the arrays, hands them to the kernel, and can be put
down (:meth:`PairBatch.snapshot`) and taken up again to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import Float32Array, FloatArray, IntArray
from stairway.base.errors import DataError, InvariantError
from stairway.base.hashing import content_hash
from stairway.simulation import kernels
from stairway.simulation.counts import Counts, counts_of
from stairway.simulation.course import Course
from stairway.simulation.env_rules import EnvRules
from stairway.simulation.given import accounts_of, seeds_of
from stairway.simulation.tables import knobs_of, market_of, rows_of
from stairway.simulation.terms import Terms, as_array

Snapshot: TypeAlias = dict[str, NDArray[Any]]

PLAIN = Terms(scale_bps=1.0, bonus=0.0, ticket=0.0, downside=0.0)
"""Profit in basis points and nothing else: what is paid until somebody sets terms."""

_STEPS = 1
"""Raised whenever the kernel pays or sees otherwise, so that old results no longer fit."""


class PairBatch:
    """N accounts on one course.

    Parameters
    ----------
    course
        Must have room for an episode.
    n_envs
        How many accounts.
    seed
        Of the starts, from 0 to 2^63 - 1.
    again
        Whether an account whose episode ended starts the next one in the same step.

    Attributes
    ----------
    books, told, tally, keys, finals, knobs
        What the accounts are, and what the last step did: see ``kernels``. They are
        overwritten by the next step; a face that hands them out must copy.
    market, rows
        The course as the kernel reads it.

    Raises
    ------
    ConfigError
        If the seed or the number of accounts is out of range.
    DataError
        If the course is too short, or a stake buys too few lots to be worth rounding.

    Examples
    --------
    >>> from stairway.testing.practice import env_rules, made_course
    >>> batch = PairBatch(made_course(300, seed=7), env_rules(), n_envs=4, seed=1)
    >>> seen = batch.reset()
    >>> seen = batch.step(np.array([4, 4, 8, 0]))
    >>> seen.shape, batch.measured().holds
    ((4, 26), 2)
    """

    def __init__(
        self, course: Course, rules: EnvRules, n_envs: int, seed: int, *, again: bool = True
    ) -> None:
        n_envs = accounts_of(n_envs, "n_envs")
        self.course, self.rules, self.n_envs = course, rules, n_envs
        self._again = again
        self.market = market_of(course, rules)
        self.rows = rows_of(course)
        self.knobs = knobs_of(course, rules, again=again)
        self.books = np.zeros((n_envs, kernels.BOOK))
        self.told = np.zeros((n_envs, kernels.TOLD))
        self.tally = np.zeros(kernels.TALLY)
        self.finals = np.zeros((n_envs, kernels.OBSERVATION), np.float32)
        self.keys = np.zeros(n_envs, np.uint64)
        moved = (self.books, self.told, self.tally, self.keys)
        self.arrays = (*moved, self.market, self.rows, self.knobs, self.finals)
        self.set_terms(PLAIN)
        self.seed(seed)

    @property
    def fingerprint(self) -> str:
        """Hash of the course, the rules and what a step does with them; not of the terms."""
        return content_hash((_STEPS, self.course.fingerprint, self.rules))

    def seed(self, seed: int | Sequence[int]) -> None:
        """Key the accounts anew and count their episodes from 0: the next reset begins them.

        Parameters
        ----------
        seed
            One for all, each then drawing by its number; or one for each.
        """
        given = seeds_of(seed, self.n_envs)
        seeds = [given] * self.n_envs if isinstance(given, int) else given
        for i, one in enumerate(seeds):
            self.keys[i] = kernels.key_of(np.uint64(one), np.uint64(i))
        self.books[:, kernels.EPISODE] = -1.0

    def set_terms(self, terms: Terms) -> None:
        """Pay by ``terms`` from the next step on."""
        self.knobs[kernels.SCALE_BPS :] = as_array(terms)

    def set_risk(self, factors: FloatArray) -> None:
        """Scale what is staked at each bar; a position is never worth more than the equity.

        Parameters
        ----------
        factors : (n_bars,) float64
            Of ``stake_frac``, at the close that is decided at; above 0. 1 leaves it as it is.

        Raises
        ------
        DataError
            If there is not one for each bar, or one is not above 0.
        """
        if factors.shape != (len(self.course),) or not bool((factors > 0.0).all()):
            msg = f"{len(self.course)} bars need as many risk factors above 0"
            raise DataError(msg)
        self.market[:, kernels.RISK] = np.minimum(factors, 1.0 / self.rules.stake_frac)

    def reset(self) -> Float32Array:
        """Begin the next episode of every account; return what they see, (N, 26)."""
        seen = np.empty((self.n_envs, kernels.OBSERVATION), np.float32)
        self.told[:] = 0.0
        kernels.begin_all(self.books, self.keys, self.knobs, self.rows, seen)
        return seen

    def step(self, actions: IntArray) -> Float32Array:
        """Move every account by one bar; return what they see now in a new array, (N, 26).

        Rewards, terms and ends are in :attr:`told` until the next step.

        Raises
        ------
        DataError
            If an action is none of the nine, or there is not one for each account.
        InvariantError
            If the accounts were never reset, or one that does not begin again is done.
        """
        seen = np.empty((self.n_envs, kernels.OBSERVATION), np.float32)
        if actions.shape != self.keys.shape:
            msg = f"actions are {actions.shape} for {self.n_envs} accounts; give one for each"
            raise DataError(msg)
        if not self.books[0, kernels.EPISODE] >= 0.0:
            msg = "the accounts were never reset; call reset() before step()"
            raise InvariantError(msg)
        if not self._again and self.told[:, kernels.END].any():
            msg = "an episode is over and does not begin again by itself; call reset()"
            raise InvariantError(msg)
        bad = kernels.step_pairs(*self.arrays, actions, seen)
        if bad >= 0:
            msg = f"action {actions[bad]} of account {bad}; allowed are 0 to 8"
            raise DataError(msg)
        return seen

    def measured(self) -> Counts:
        """Return what was counted since the last call, and count from 0 again."""
        counts = counts_of(self.tally)
        self.tally[:] = 0.0
        return counts

    def snapshot(self) -> Snapshot:
        """Everything that moves, as copies; :meth:`restore` goes on from it to the bit."""
        kept = {name: getattr(self, name).copy() for name in _KEPT}
        return kept | {"identity": self._identity()}

    def restore(self, snapshot: Mapping[str, NDArray[Any]]) -> None:
        """Go on from where a snapshot was taken.

        Raises
        ------
        DataError
            If it was taken on another course, by other rules, or of another number of
            accounts, or holds what no accounts can have left; nothing is changed then.
        """
        if set(snapshot) != {*_KEPT, "identity"}:
            msg = f"a snapshot holds {sorted((*_KEPT, 'identity'))}, not {sorted(snapshot)}"
            raise DataError(msg)
        given, own = snapshot["identity"], self._identity()
        _require_form("identity", given, own)
        what = [n for n, a, b in zip(_NAMES, given, own, strict=True) if (a != b).any()]
        if what:
            msg = (
                f"the snapshot was taken with other {' and '.join(what)}; practise on what it "
                "was taken of, or begin anew"
            )
            raise DataError(msg)
        for name in _KEPT:
            _require_form(name, snapshot[name], getattr(self, name))
        self._require_possible(snapshot)
        for name in _KEPT:
            getattr(self, name)[...] = snapshot[name]

    def _require_possible(self, snapshot: Mapping[str, NDArray[Any]]) -> None:
        """Refuse what a kernel would read as a place outside, or as other rules."""
        books, told = snapshot["books"], snapshot["told"]
        bar, step, episode = (books[:, n] for n in range(kernels.EPISODE + 1))
        rules = slice(0, kernels.SCALE_BPS)
        # A step reads the bar after the one an account is at, unless its episode is over.
        room = (
            len(self.course) - 1 + ((told[:, kernels.END] != kernels.RUNS) & (not self._again))
        )
        held = books[:, [kernels.FIRST_POSITION, kernels.SECOND_POSITION]]
        possible = {
            "books": bool(
                (np.rint(books[:, : kernels.CASH]) == books[:, : kernels.CASH]).all()
                and ((bar >= 0.0) & (bar < room) & (step >= 0.0) & (episode >= -1.0)).all()
                and (np.abs(held) <= 1.0).all()
            ),
            "tally": bool((snapshot["tally"][: kernels.SUM_PROFIT] >= 0.0).all()),
            "knobs": np.array_equal(snapshot["knobs"][rules], self.knobs[rules]),
        }
        odd = [name for name, good in possible.items() if not good]
        if odd:
            msg = (
                f"{' and '.join(odd)} of the snapshot hold what no accounts under these rules "
                "can have left; take an earlier one"
            )
            raise DataError(msg)

    def _identity(self) -> NDArray[np.uint8]:
        """Hashes of what a snapshot belongs to, (4, 32): see ``_NAMES``."""
        parts = (_STEPS, self.course.fingerprint, self.rules, self.n_envs)
        return np.array([list(bytes.fromhex(content_hash(part))) for part in parts], np.uint8)


_KEPT = ("books", "told", "tally", "keys", "finals", "knobs")
"""Arrays that a step reads and that are not the course's; the terms are among the knobs."""

_NAMES = ("steps of the environment", "course", "rules", "number of accounts")


def _require_form(name: str, there: NDArray[Any], here: NDArray[Any]) -> None:
    if (there.shape, there.dtype) != (here.shape, here.dtype):
        msg = (
            f"{name} of the snapshot is {there.dtype} {there.shape}, where {here.dtype} "
            f"{here.shape} was kept"
        )
        raise DataError(msg)
    if not np.isfinite(there).all():
        msg = f"{name} of the snapshot holds numbers that are not finite; take an earlier one"
        raise DataError(msg)
