"""The rule that needs no model and cannot fail to load.

It follows the trend: a close above its moving average speaks for the upper barrier, and
the further above, in units of the instrument's own volatility, the more. The edge it
claims is bounded and small. It is what every learned model must beat, and what trades
when none of them may.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from msgspec import Meta

from stairway.base.arrays import FloatArray
from stairway.base.config import Config
from stairway.base.hashing import content_hash
from stairway.features.spec import FEATURE_NAMES
from stairway.models.ports import ModelCard

VERSION = "v1"
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
    scale_sigmas: Annotated[float, Meta(gt=0)]


@dataclass(frozen=True, slots=True)
class Baseline:
    """A runtime made of a formula: probability = 1/2 + max_edge x tanh(distance / scale)."""

    card: ModelCard
    rules: BaselineRules

    def predict(self, row: FloatArray, regime: str) -> tuple[float, float]:
        """Return (log-odds, probability); NaN where a feature is missing or volatility is 0.

        The regime does not enter: sizing already halves what is staked in a crisis.

        Examples
        --------
        >>> rule = baseline(BaselineRules(max_edge=0.1, scale_sigmas=2.0), schema_hash="s")
        >>> row = np.zeros(12)
        >>> row[EMA_DISTANCE], row[VOLATILITY] = 0.02, 0.01
        >>> round(rule.predict(row, "trend")[1], 3)
        0.576
        """
        del regime
        if row.shape != (len(FEATURE_NAMES),) or not np.isfinite(row).all():
            return math.nan, math.nan
        volatility_per_bar = float(row[VOLATILITY])
        # Written so that a NaN volatility gives no answer
        if not volatility_per_bar > 0.0:
            return math.nan, math.nan
        distance_sigmas = float(row[EMA_DISTANCE]) / volatility_per_bar
        edge = self.rules.max_edge * math.tanh(distance_sigmas / self.rules.scale_sigmas)
        confidence = 0.5 + edge
        return math.log(confidence / (1.0 - confidence)), confidence


def baseline(rules: BaselineRules, schema_hash: str) -> Baseline:
    """Make the rule; its digest is the hash of all that its answers depend on.

    Examples
    --------
    >>> one, two = (BaselineRules(max_edge=e, scale_sigmas=2.0) for e in (0.1, 0.2))
    >>> baseline(one, "s").card.digest == baseline(two, "s").card.digest
    False
    """
    digest = content_hash(("baseline", VERSION, rules, schema_hash))
    return Baseline(ModelCard("baseline", VERSION, digest, schema_hash), rules)
