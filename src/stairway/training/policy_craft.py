"""A policy among the candidates: taught like any other, on bars before each block.

Practice is no business of this file: whoever calls it says how a policy is taught on the
first so many bars, or brings one that was taught before. What is made here is the member:
margins of bars that its training did not see, calibrated and judged by the very gates that
judge trees.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeAlias

import msgspec
import numpy as np

from stairway.base.arrays import IntArray
from stairway.base.errors import TooLittleError
from stairway.evaluation.splits import SplitRules
from stairway.models.actor import Actor, margins
from stairway.models.bodies.policy import PolicyBody, PolicyParity
from stairway.models.calibration import Calibration
from stairway.models.manifest import Family
from stairway.training.oof import Answers


class Taught(NamedTuple):
    """A policy with what it looks through, and what its trainer says of 256 rows."""

    actor: Actor
    parity: PolicyParity


Teach: TypeAlias = Callable[[int], Taught]
"""Teaches a policy on the first so many bars, and on no later one. Same count, same policy."""


@dataclass(frozen=True, slots=True)
class Policies:
    """Policies as candidates; see :class:`stairway.training.candidate.Craft`."""

    teach: Teach

    @property
    def family(self) -> Family:
        """A policy."""
        return Family.POLICY

    def learn(self, bars: IntArray) -> Answers:
        """Teach on the bars up to the first that is missing; answer by our own forward pass."""
        return partial(margins, self.teach(unbroken(bars)).actor)

    def body(self, bars: IntArray, calibration: Calibration) -> PolicyBody:
        """Teach once more, on all bars that may be learnt from."""
        taught = self.teach(unbroken(bars))
        return PolicyBody(taught.actor, calibration, taught.parity)


def already(taught: Taught) -> Teach:
    """Give the same policy before every block: one that had practised before the first.

    Whoever brings it makes sure that it saw no bar that it is judged on
    (:func:`judged_from`).
    """

    def give(count: int) -> Taught:
        del count
        return taught

    return give


def judged_from(first: int, n_bars: int, splits: SplitRules) -> SplitRules:
    """Begin the test blocks no earlier than at a bar; they are as many as before.

    Parameters
    ----------
    first
        First bar that may be judged on, of ``n_bars``.

    Raises
    ------
    msgspec.ValidationError
        If no bar would be left.

    Examples
    --------
    >>> splits = SplitRules(n_blocks=2, first_train_frac=0.5, gap_bars=0, embargo_frac=0.0)
    >>> judged_from(70, 100, splits).first_train_frac
    0.7
    >>> judged_from(30, 100, splits) == splits
    True
    """
    share = max(first / n_bars, splits.first_train_frac)
    return msgspec.convert(
        msgspec.to_builtins(splits) | {"first_train_frac": share}, SplitRules
    )


def unbroken(bars: IntArray) -> int:
    """How many bars there are from the very first on, before one is missing.

    Practice walks from bar to bar and cannot leave one out, as a table of rows can: bars
    that were purged near the end of a training block end it.

    Raises
    ------
    TooLittleError
        If the first bar itself is missing.

    Examples
    --------
    >>> unbroken(np.array([0, 1, 2, 5, 6]))
    3
    """
    gaps = np.flatnonzero(bars != np.arange(bars.size))
    count = int(gaps[0]) if gaps.size else int(bars.size)
    if count == 0:
        msg = "the first bar is not among those to learn from; practice begins there"
        raise TooLittleError(msg)
    return count
