"""What a step pays beside its profit, while the policy is being practised.

::

    reward = profit_bps / scale_bps                      the money, in usual moves
           + bonus                     if action == 4    for holding both
           - ticket x fills                              for each position change
           - downside x (min(profit_bps, 0) / scale_bps)^2

Whoever sets the terms (``simulation.controller``) and whoever pays by them (the kernels
of the environment, ``simulation.reward``) share this one struct. Kernels read it as the
array that :func:`as_array` gives, in the order of the fields. The terms are never part of
what a policy observes: with them in sight the closed loop cycles between extremes.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.errors import InvariantError

SCALE, BONUS, TICKET, DOWNSIDE = range(4)
"""Places of the fields in the array."""

TERMS = 4
"""How many floats the terms are to a kernel."""


class Terms(msgspec.Struct, frozen=True):
    """The four numbers a reward is made with.

    Attributes
    ----------
    scale_bps
        What one unit of reward is in money: the usual size of a step's profit, in bp of
        equity. Positive.
    bonus
        Reward of one step whose action is to hold both; negative is a charge.
    ticket
        Reward taken away for each position change; negative pays for it.
    downside
        Weight of the squared loss of a step. At least 0.

    Raises
    ------
    InvariantError
        If a number is not finite or has a sign that it may not have: terms are computed
        by this program, and no reward may be made with such ones.

    Examples
    --------
    >>> Terms(scale_bps=5.5, bonus=0.01, ticket=0.0, downside=0.0).bonus
    0.01
    """

    scale_bps: float
    bonus: float
    ticket: float
    downside: float

    def __post_init__(self) -> None:
        good = 0.0 < self.scale_bps < math.inf and 0.0 <= self.downside < math.inf
        if not (good and math.isfinite(self.bonus) and math.isfinite(self.ticket)):
            msg = (
                f"no reward can be made with {self!r}: scale_bps must be over 0, downside at "
                "least 0, and all four finite"
            )
            raise InvariantError(msg)


def as_array(terms: Terms) -> FloatArray:
    """Return the terms as kernels read them, (4,) float64, in the order of the fields.

    Examples
    --------
    >>> as_array(Terms(scale_bps=5.5, bonus=0.01, ticket=0.25, downside=0.0)).tolist()
    [5.5, 0.01, 0.25, 0.0]
    """
    return np.array((terms.scale_bps, terms.bonus, terms.ticket, terms.downside), np.float64)
