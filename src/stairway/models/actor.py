"""A policy as one more member: what it believes of both instruments, asked while flat.

A policy's action depends on what it holds, and a member's answer must not: one answer at
each close is put on record and read by every book, and each book holds something else.
What a book reads it for is whether to go in, and it asks only where it holds nothing. So
the policy is asked as one who holds nothing. Its answer is a function of the features
alone; a restart, a replay and a back-test in any order find the same.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.models.normaliser import Normaliser
from stairway.models.policy import Belief, Policy, beliefs, observations


class Actor(NamedTuple):
    """A policy, and what it looks through. Neither is of use without the other."""

    policy: Policy
    normaliser: Normaliser


def believe(actor: Actor, rows: FloatArray) -> tuple[Belief, Belief]:
    """Say what the policy thinks of both instruments.

    Parameters
    ----------
    rows : (2, 12) float64
        Features of both instruments. A value that is not finite anywhere leaves no belief
        about either (NaN), since each belief is made of both rows.

    Raises
    ------
    DataError
        If the rows have another shape.

    Examples
    --------
    >>> still = Policy((np.zeros((9, 26), np.float32),), (np.zeros(9, np.float32),))
    >>> actor = Actor(still, Normaliser(np.zeros(24), np.ones(24), 5.0))
    >>> believe(actor, np.zeros((2, 12)))[0]
    Belief(raw=0.0, confidence=0.5)
    """
    return beliefs(_probabilities(actor, rows[None])[0])


def margins(actor: Actor, features: FloatArray) -> FloatArray:
    """Raw beliefs of (n, 2, 12) features, (n, 2) float64; NaN where there is none.

    To the last bit what :func:`believe` says of each.

    Examples
    --------
    >>> still = Policy((np.zeros((9, 26), np.float32),), (np.zeros(9, np.float32),))
    >>> actor = Actor(still, Normaliser(np.zeros(24), np.ones(24), 5.0))
    >>> margins(actor, np.zeros((1, 2, 12))).tolist()
    [[0.0, 0.0]]
    """
    said = [beliefs(row) for row in _probabilities(actor, features)]
    return np.array([[one.raw for one in pair] for pair in said]).reshape(-1, 2)


def _probabilities(actor: Actor, features: FloatArray) -> FloatArray:
    flat = np.zeros((features.shape[0], 2), np.int64)
    return actor.policy.probabilities(observations(features, flat, actor.normaliser))
