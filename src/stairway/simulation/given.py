"""What a person hands to an environment: taken as what it must be, or refused by name.

Seeds and actions come from many hands (Python's integers, NumPy's, an agent's output), and
one that is merely near, such as 3.0, NaN or True, is a mistake somewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sized
from operator import index
from typing import Any, cast

import numpy as np

from stairway.base.arrays import IntArray
from stairway.base.errors import ConfigError, DataError
from stairway.simulation import kernels

MOST_ACCOUNTS = 1_000_000
_SEEDS = 2**63
_INTEGERS = "iu"


def seed_of(seed: Any) -> int:
    """Take a seed.

    Raises
    ------
    ConfigError
        If it is no whole number from 0 to 2^63 - 1.

    Examples
    --------
    >>> seed_of(np.int64(3))
    3
    """
    number = _whole(seed)
    if number is None or not 0 <= number < _SEEDS:
        msg = f"seed {_shown(seed)}; give a whole number from 0 to 2^63 - 1"
        raise ConfigError(msg)
    return number


def seeds_of(seed: Any, n_envs: int) -> int | list[int]:
    """Take one seed for all accounts, or one for each.

    Raises
    ------
    ConfigError
        If there is not one for each, or one is no whole number from 0 to 2^63 - 1.

    Examples
    --------
    >>> seeds_of(np.array([5, 6]), 2)
    [5, 6]
    """
    if not isinstance(seed, Iterable) or isinstance(seed, str | bytes):
        return seed_of(seed)
    if np.ndim(cast("Any", seed)) == 0 and isinstance(seed, np.ndarray):
        return seed_of(seed)
    given = [*cast("Iterable[Any]", seed)]
    if len(given) != n_envs:
        msg = f"{len(given)} seeds for {n_envs} accounts; give one for all, or one for each"
        raise ConfigError(msg)
    return [seed_of(one) for one in given]


def accounts_of(num_envs: Any, name: str = "num_envs") -> int:
    """Take a number of accounts, which whoever gives it calls ``name``.

    Raises
    ------
    ConfigError
        If it is no whole number of at least one, or too large for any machine.
    """
    number = _whole(num_envs)
    if number is None or not 1 <= number <= MOST_ACCOUNTS:
        msg = f"{name} is {_shown(num_envs)}; give a whole number from 1 to {MOST_ACCOUNTS}"
        raise ConfigError(msg)
    return number


def action_of(action: Any) -> int:
    """Take an action.

    Raises
    ------
    DataError
        If it is none of the nine.

    Examples
    --------
    >>> action_of(np.array(8))
    8
    """
    number = _whole(action)
    if number is None or not 0 <= number < kernels.ACTIONS:
        msg = f"action {_shown(action)}; allowed are 0 to {kernels.ACTIONS - 1}, whole numbers"
        raise DataError(msg)
    return number


def actions_of(actions: Any, n_envs: int) -> IntArray:
    """Take one action for each account, (N,).

    Raises
    ------
    DataError
        If they are no whole numbers from 0 to 8, or there is not one for each.
    """
    try:
        given = np.asarray(actions)
    except (ValueError, TypeError, OverflowError) as error:
        msg = f"actions {_shown(actions)} are no array; {_needed(n_envs)}"
        raise DataError(msg) from error
    if given.dtype.kind not in _INTEGERS:
        msg = f"actions are {given.dtype}; {_needed(n_envs)}"
        raise DataError(msg)
    if given.shape != (n_envs,):
        msg = f"actions are of shape {given.shape} for {n_envs} accounts; {_needed(n_envs)}"
        raise DataError(msg)
    # The kernel looks at every action; these alone could come to it as something else.
    if given.dtype == np.uint64 and (given >= kernels.ACTIONS).any():
        msg = f"actions go up to {given.max()}; {_needed(n_envs)}"
        raise DataError(msg)
    return np.ascontiguousarray(given, np.int64)


def _needed(n_envs: int) -> str:
    return f"give {n_envs} whole numbers from 0 to {kernels.ACTIONS - 1}, one each"


def _whole(number: Any) -> int | None:
    """Take any kind of integer; a truth is none."""
    if isinstance(number, bool):
        return None
    try:
        return index(number)
    except TypeError:
        return None


def _shown(given: Any) -> str:
    if isinstance(given, int) and abs(given) >= _SEEDS:
        return "beyond 2^63"
    text = " ".join(repr(given).split())
    if isinstance(given, Sized) and len(text) > 40:  # noqa: PLR2004 - what fits into a sentence
        return f"{text[:40]}..."
    return text
