"""How probabilities would have been traded: no training library is needed to say it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from stairway.base.arrays import FloatArray

Returns: TypeAlias = Callable[[FloatArray], FloatArray]
"""From (n, 2) probabilities, NaN for no opinion, to (n,) returns of an account."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """How probabilities would have been traded.

    Attributes
    ----------
    returns_of
        The back-test, after costs.
    gross_of
        The same where trading costs nothing.
    periods_per_year
        Bars in a year, to annualise by.
    """

    returns_of: Returns
    gross_of: Returns
    periods_per_year: float
