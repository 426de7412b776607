"""What a decision puts on record beside the intent."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from stairway.base.units import UtcNs
from stairway.base.verdict import Finding
from stairway.decision.intent import Vote


class Polled(msgspec.Struct, frozen=True, tag="decision.polled"):
    """What the champions said about one instrument at one close.

    Attributes
    ----------
    seats
        Champions that had a say to give.
    share
        Weight of those that answered, over the weight of all seats, in [0, 1].
    probability, dispersion
        Weighted mean and spread of the answers; ``None`` where nobody answered.
    votes
        Everybody that answered, on whichever side, the heaviest first.
    excluded
        One finding for each champion that had no say, with the reason as its code.
    """

    symbol: str
    as_of_ns: UtcNs
    seats: int
    share: float
    probability: float | None
    dispersion: float | None
    votes: tuple[Vote, ...]
    excluded: tuple[Finding, ...]


class WeightSource(StrEnum):
    """Where the weights in force come from, the best first."""

    OFFERED = "offered"
    LAST_GOOD = "last_good"
    STATIC = "static"


class WeightsInForce(msgspec.Struct, frozen=True, tag="weights.in_force"):
    """Which weights are used from now on, and why not better ones.

    ``findings`` says what was wrong with every source that was passed over; it is empty
    where the weights offered were taken.
    """

    time_ns: UtcNs
    source: WeightSource
    overall: dict[str, float]
    by_regime: dict[str, dict[str, float]]
    findings: tuple[Finding, ...]
