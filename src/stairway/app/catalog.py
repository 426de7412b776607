"""Every fact there is, and the stream that it goes to.

The codec cannot know the facts of the steps above it, so the whole is composed here. A
schema snapshot in the tests guards it: what was written once must stay readable.
"""

from __future__ import annotations

from typing import TypeAlias

from stairway.app.facts import DrillAnnounced, Funded, RunFinished, RunStarted, Timing
from stairway.base.errors import InvariantError
from stairway.decision.facts import WeightsInForce
from stairway.events.codec import Codec
from stairway.execution.facts import CommandSent, TradeClosed, VenueSaid
from stairway.lifecycle.facts import (
    GateGiven,
    ModelMoved,
    ModelRegistered,
    OperatorMoved,
    ProbationChanged,
    RampChanged,
    TradePaired,
)
from stairway.market.bars import PairBar
from stairway.market.facts import DataReport
from stairway.models.prediction import Exclusion, Prediction
from stairway.supervision.facts import DriftDetected, QualityMeasured, WeightsPublished
from stairway.trader.facts import Decided, Marked

Fact: TypeAlias = (
    RunStarted
    | RunFinished
    | DrillAnnounced
    | DataReport
    | PairBar
    | Prediction
    | Exclusion
    | Decided
    | CommandSent
    | VenueSaid
    | TradeClosed
    | TradePaired
    | Marked
    | Funded
    | ModelRegistered
    | ModelMoved
    | RampChanged
    | ProbationChanged
    | OperatorMoved
    | GateGiven
    | DriftDetected
    | WeightsPublished
    | WeightsInForce
    | QualityMeasured
    | Timing
)

_STREAMS: dict[type, str] = {
    RunStarted: "run",
    RunFinished: "run",
    DrillAnnounced: "run",
    DataReport: "run",
    PairBar: "market.bar",
    Prediction: "model.answer",
    Exclusion: "model.answer",
    Decided: "trade.intent",
    CommandSent: "order",
    VenueSaid: "order",
    TradeClosed: "trade.closed",
    TradePaired: "trade.paired",
    Marked: "book.marked",
    Funded: "book.funded",
    ModelRegistered: "model.moved",
    ModelMoved: "model.moved",
    RampChanged: "model.moved",
    ProbationChanged: "model.probation",
    OperatorMoved: "operator",
    GateGiven: "gate.verdict",
    DriftDetected: "model.drift_detected",
    WeightsPublished: "model.weights",
    WeightsInForce: "model.weights",
    QualityMeasured: "model.quality",
    Timing: "timing",
}

CODEC: Codec[Fact] = Codec(Fact)


def stream_of(fact: object) -> str:
    """Name of the stream that ``fact`` goes to.

    Raises
    ------
    InvariantError
        If nobody has said where such a fact goes.
    """
    stream = _STREAMS.get(type(fact))
    if stream is None:
        msg = f"no stream is named for facts of type {type(fact).__name__}"
        raise InvariantError(msg)
    return stream


def streams() -> tuple[str, ...]:
    """Every stream that facts go to, sorted."""
    return tuple(sorted(set(_STREAMS.values())))
