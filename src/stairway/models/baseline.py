"""The rule that needs no training and cannot fail to load for want of a library.

It follows the trend: a close above its moving average speaks for the upper barrier, and
the further above, in units of the instrument's own volatility, the more. The edge it
claims is bounded and small. It is what every learned model must beat, and what trades
when none of them may.
"""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from msgspec import Meta

from stairway.base.arrays import FloatArray
from stairway.base.config import Config
from stairway.features.spec import FEATURE_NAMES

BASELINE = "baseline"
"""Name of the rule's slot. No other model may have it."""

EMA_DISTANCE = FEATURE_NAMES.index("ema_distance")
VOLATILITY = FEATURE_NAMES.index("volatility_long")


class BaselineRules(Config, frozen=True, kw_only=True):
    """How much the trend rule believes.

    Attributes
    ----------
    max_edge
        Furthest that its probability ever moves from one half.
    scale_sigmas
        Distance from the moving average, in standard deviations of one bar, at which it
        claims three quarters (tanh 1) of ``max_edge``.
    """

    max_edge: Annotated[float, Meta(gt=0, lt=0.5)]
    scale_sigmas: Annotated[float, Meta(gt=0, le=1_000)]


def confidence(rules: BaselineRules, row: FloatArray) -> float:
    """Probability of the upper barrier: 1/2 + max_edge x tanh(distance / scale).

    Parameters
    ----------
    row : (12,) float64
        One instrument's features. NaN comes back where any of them is not finite, where
        the volatility is not above 0, and for a row of another width.

    Examples
    --------
    >>> row = np.zeros(12)
    >>> row[EMA_DISTANCE], row[VOLATILITY] = 0.02, 0.01
    >>> round(confidence(BaselineRules(max_edge=0.1, scale_sigmas=2.0), row), 3)
    0.576
    """
    if row.shape != (len(FEATURE_NAMES),) or not np.isfinite(row).all():
        return math.nan
    volatility_per_bar = float(row[VOLATILITY])
    # Written so that a NaN volatility gives no answer
    if not volatility_per_bar > 0.0:
        return math.nan
    distance_sigmas = float(row[EMA_DISTANCE]) / volatility_per_bar
    return 0.5 + rules.max_edge * math.tanh(distance_sigmas / rules.scale_sigmas)


def log_odds(probability: float) -> float:
    """Margin of a probability; NaN for one that is NaN, 0 or 1.

    Examples
    --------
    >>> log_odds(0.5), log_odds(1.0)
    (0.0, nan)
    """
    if not 0.0 < probability < 1.0:
        return math.nan
    return math.log(probability / (1.0 - probability))


def margins(rules: BaselineRules, rows: FloatArray) -> FloatArray:
    """Margins of an (n, 12) table, as (n,) float64; one by one, as they are served.

    Examples
    --------
    >>> margins(BaselineRules(max_edge=0.1, scale_sigmas=2.0), np.zeros((2, 12)))
    array([nan, nan])
    """
    return np.array([log_odds(confidence(rules, row)) for row in rows], np.float64)
