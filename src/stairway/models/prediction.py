"""The telemetry contract: what every model says, in one form.

A model answers with a :class:`Prediction` or it is excluded with a typed reason. No
constant ever stands in for an answer that did not come.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TypeAlias

import msgspec

from stairway.base.units import UtcNs


class Action(StrEnum):
    """What a model would do with one instrument."""

    BUY = "BUY"
    HOLD = "HOLD"
    SELL = "SELL"


class ExclusionCode(StrEnum):
    """Why a model has no say this time."""

    NO_MODEL = "member.no_model"
    WARMING_UP = "member.warming_up"
    NOT_FINITE = "member.not_finite"
    CONTRACT = "member.contract_violation"
    RAISED = "member.raised"
    TIMED_OUT = "member.timed_out"
    SCHEMA = "member.out_of_schema"
    STALE = "member.stale_features"
    DEAD_ZONE = "member.dead_zone"


class Prediction(msgspec.Struct, frozen=True, tag="model.predicted"):
    """One model's belief about one instrument at one instant.

    Attributes
    ----------
    model, version, digest
        Slot name (``"lightgbm"``), label, and SHA-256 of the sealed artifact (identity).
    symbol, as_of_ns, regime
        What it is about and what was known: bar close time and regime label.
    raw
        Margin, unbounded.
    confidence
        Calibrated probability that the upper barrier is met first, in [0, 1].
    action
        What the model alone would do.
    """

    model: str
    version: str
    digest: str
    symbol: str
    as_of_ns: UtcNs
    regime: str
    raw: float
    confidence: float
    action: Action

    @property
    def honours_contract(self) -> bool:
        """True when raw is finite and confidence lies in [0, 1]. NaN is false."""
        return math.isfinite(self.raw) and 0.0 <= self.confidence <= 1.0


class Exclusion(msgspec.Struct, frozen=True, tag="model.excluded"):
    """A model that has no say about one instrument at one instant, and why."""

    model: str
    version: str
    digest: str
    symbol: str
    as_of_ns: UtcNs
    code: ExclusionCode
    detail: str


Answer: TypeAlias = Prediction | Exclusion
