"""What we would like to do, before anyone asks whether we may."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import msgspec

from stairway.base.units import UtcNs
from stairway.base.verdict import Finding


class Route(StrEnum):
    """Which way a decision was reached."""

    ENSEMBLE = "ensemble"
    MEMBER = "member"
    FALLBACK = "fallback"
    BASELINE = "baseline"


class Vote(msgspec.Struct, frozen=True):
    """A model that spoke for the side taken, as it stood when the trade was entered.

    Its trade, for good or ill: outcomes are credited to these models and these stages,
    whatever becomes of them afterwards.
    """

    model: str
    digest: str
    stage: str
    weight: float
    confidence: float


class Enter(msgspec.Struct, frozen=True, tag="intent.enter"):
    """Open a position.

    Attributes
    ----------
    side
        +1 long, -1 short.
    probability
        Calibrated probability of the upper barrier, in (0, 1): over 0.5 for a long.
    caution
        Multiplier in (0, 1] asked for by disagreement; never enlarges.
    votes
        Models that spoke for this side, the heaviest first.
    """

    symbol: str
    as_of_ns: UtcNs
    side: int
    probability: float
    route: Route
    votes: tuple[Vote, ...]
    caution: float = 1.0


class Abstain(msgspec.Struct, frozen=True, tag="intent.abstain"):
    """Do nothing, and say why. The default whenever anything is in doubt."""

    symbol: str
    as_of_ns: UtcNs
    findings: tuple[Finding, ...]


Intent: TypeAlias = Enter | Abstain
