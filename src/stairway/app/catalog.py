"""Every fact there is, and the stream that it goes to.

The codec cannot know the facts of the steps above it, so the whole is composed here. A
schema snapshot in the tests guards it: what was written once must stay readable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from stairway.app.facts import DrillAnnounced, Funded, RunFinished, RunStarted, Timing
from stairway.base.errors import InvariantError
from stairway.decision.facts import WeightsInForce
from stairway.events.codec import Codec, Upcast
from stairway.execution.facts import CommandSent, TradeClosed, VenueSaid
from stairway.execution.orders import Filled
from stairway.lifecycle.facts import (
    GateGiven,
    ModelMoved,
    ModelRegistered,
    OperatorMoved,
    PolicyHeld,
    ProbationChanged,
    ProofGiven,
    RampChanged,
    TradePaired,
)
from stairway.lifecycle.generation import SignedGeneration
from stairway.market.bars import PairBar
from stairway.market.facts import DataReport
from stairway.models.prediction import Exclusion, Prediction
from stairway.supervision.facts import (
    CalibrationTracked,
    DriftDetected,
    QualityMeasured,
    WeightsPublished,
)
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
    | ProofGiven
    | ModelMoved
    | RampChanged
    | ProbationChanged
    | OperatorMoved
    | GateGiven
    | SignedGeneration
    | PolicyHeld
    | DriftDetected
    | WeightsPublished
    | WeightsInForce
    | QualityMeasured
    | CalibrationTracked
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
    TradeClosed: "trade.closed",
    TradePaired: "trade.paired",
    Marked: "book.marked",
    Funded: "book.funded",
    ModelRegistered: "model.moved",
    ProofGiven: "model.proof",
    RampChanged: "model.moved",
    ProbationChanged: "model.probation",
    OperatorMoved: "operator",
    GateGiven: "gate.verdict",
    SignedGeneration: "policy.generation",
    PolicyHeld: "policy.held",
    DriftDetected: "model.drift_detected",
    WeightsPublished: "model.weights",
    WeightsInForce: "model.weights",
    QualityMeasured: "model.quality",
    CalibrationTracked: "model.calibration",
    Timing: "timing",
}

UPCASTS: dict[str, Upcast] = {
    # Before it was hashed, a run ended without a word about its telemetry.
    "run.finished": lambda fields: {"telemetry": "", **fields},
}
"""How facts that were recorded in an earlier form are read."""

CODEC: Codec[Fact] = Codec(Fact, UPCASTS)


def _of_move(fact: ModelMoved) -> str:
    if fact.cause.startswith("promotion."):
        return "model.promoted"
    return "model.rolled_back" if fact.cause.startswith("rollback.") else "model.moved"


def _of_answer(fact: VenueSaid) -> str:
    return "fill" if isinstance(fact.event, Filled) else "order"


_BY_CONTENT: dict[type, tuple[Callable[[Any], str], tuple[str, ...]]] = {
    ModelMoved: (_of_move, ("model.promoted", "model.rolled_back", "model.moved")),
    VenueSaid: (_of_answer, ("fill", "order")),
}
"""Facts whose stream depends on what they say, so that nobody has to read what he does not
need; and the streams that they may go to."""

ORDERS = ("fill", "order")
"""Together, in the order of recording: everything between us and the venue."""


def stream_of(fact: object) -> str:
    """Name of the stream that ``fact`` goes to.

    Raises
    ------
    InvariantError
        If nobody has said where such a fact goes.
    """
    if type(fact) in _BY_CONTENT:
        return _BY_CONTENT[type(fact)][0](fact)
    stream = _STREAMS.get(type(fact))
    if stream is None:
        msg = f"no stream is named for facts of type {type(fact).__name__}"
        raise InvariantError(msg)
    return stream


def streams() -> tuple[str, ...]:
    """Every stream that facts go to, sorted."""
    several = {name for _, names in _BY_CONTENT.values() for name in names}
    return tuple(sorted({*_STREAMS.values(), *several}))
