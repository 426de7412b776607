"""How far the members stand apart, and what that costs.

More disagreement is never treated more boldly: the levels are ordered, and each adds to
the caution of the one before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import assert_never


class Dispersion(StrEnum):
    """Whose opinion counts how much when the spread is measured."""

    WEIGHTED = "weighted"
    UNWEIGHTED = "unweighted"


class Level(StrEnum):
    """What the breaker answers, the boldest first."""

    PROCEED = "proceed"
    FALLBACK_SIMPLE = "fallback_simple"
    REDUCE_SIZE = "reduce_size"


def dispersion(
    probabilities: Sequence[float], weights: Sequence[float], kind: Dispersion
) -> float:
    """Measure the spread of the members' probabilities, as a standard deviation.

    Parameters
    ----------
    probabilities
        In [0, 1]. The result is then in [0, 0.5].
    weights
        Positive, one each; they need not sum to one.

    Returns
    -------
    NaN where nobody spoke or a number is not finite, which trips the breaker.

    Examples
    --------
    >>> dispersion([0.25, 0.75], [1.0, 1.0], Dispersion.WEIGHTED)
    0.25
    >>> round(dispersion([0.25, 0.75], [3.0, 1.0], Dispersion.WEIGHTED), 4)
    0.2165
    """
    match kind:
        case Dispersion.WEIGHTED:
            shares = weights
        case Dispersion.UNWEIGHTED:
            shares = [1.0] * len(probabilities)
        case _:
            assert_never(kind)
    total = math.fsum(shares)
    if not total > 0.0:
        return math.nan
    pairs = list(zip(shares, probabilities, strict=True))
    mean = sum(w * p for w, p in pairs) / total
    return math.sqrt(sum(w * (p - mean) ** 2 for w, p in pairs) / total)


def breaker(spread: float, warning: float, critical: float) -> Level:
    """Level for a dispersion. Exactly on a bound is still below it; NaN is critical.

    Examples
    --------
    >>> breaker(0.15, 0.15, 0.25).value, breaker(float("nan"), 0.15, 0.25).value
    ('proceed', 'reduce_size')
    """
    if spread <= warning:
        return Level.PROCEED
    if spread <= critical:
        return Level.FALLBACK_SIMPLE
    return Level.REDUCE_SIZE
