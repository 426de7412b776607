"""What the lifecycle is told, and what it puts on record. The registry is a fold over these."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from stairway.base.units import UtcNs
from stairway.base.verdict import Finding, Verdict
from stairway.evaluation.proof import Proof
from stairway.execution.facts import TradeClosed
from stairway.lifecycle.generation import SignedGeneration
from stairway.lifecycle.leash import Leash
from stairway.lifecycle.probation import Probation
from stairway.lifecycle.stage import Stage
from stairway.supervision.facts import DriftDetected


class ModelRegistered(msgspec.Struct, frozen=True, tag="model.registered"):
    """A sealed artifact is known. The digest is its identity; the version a label.

    Attributes
    ----------
    trials
        How many were tried until it was chosen, as the registry counts them.
    stage
        Where it begins: on the ground, as a candidate, or as the static rule, which is
        never asked to climb.
    proof
        Hash of the proof that its artifact carries; ``None`` where it has none, as in every
        record from before there were proofs. Such a candidate never reaches shadow.
    """

    time_ns: UtcNs
    model: str
    version: str
    digest: str
    parent: str | None
    trials: int
    stage: Stage = Stage.CANDIDATE
    proof: str | None = None


class ProofGiven(msgspec.Struct, frozen=True, tag="model.proof"):
    """What speaks for a model, and against it, is attached to its entry.

    It counts where its hash is the one that was registered, and not otherwise.
    """

    time_ns: UtcNs
    model: str
    digest: str
    proof: Proof


class ModelMoved(msgspec.Struct, frozen=True, tag="model.moved"):
    """A model took a step, up or down.

    Attributes
    ----------
    verdict
        The evidence for it, recorded with it.
    cause
        Dotted name: ``promotion.shadow``, ``promotion.canary``, ``promotion.champion``,
        ``rollback.breaker``, ``rollback.drift``, ``rollback.guardrail``, ``gate.refused``,
        ``operator``, ``superseded``, ``rollback.restored``.
    grade
        ``suspected``, ``likely`` or ``confirmed`` for a rollback, else empty.
    """

    time_ns: UtcNs
    model: str
    digest: str
    before: Stage
    after: Stage
    cause: str
    verdict: Verdict
    grade: str = ""


class RampChanged(msgspec.Struct, frozen=True, tag="model.ramped"):
    """A model's share of the capital was set: a canary's, or one step of a champion's ramp."""

    time_ns: UtcNs
    model: str
    digest: str
    share: float


class PolicyHeld(msgspec.Struct, frozen=True, tag="policy.held"):
    """What a worker holds of the policy store changed, or how much it may do on that.

    Attributes
    ----------
    number, identity
        Of the generation in force; 0 and empty where none is known.
    leash
        What is left of an order's size, and why.
    alarms
        What people must hear of: what is not believed, cannot be reached, or contradicts.
    signed
        The generation itself, where its store is not this log.
    """

    time_ns: UtcNs
    number: int
    identity: str
    leash: Leash
    alarms: tuple[Finding, ...] = ()
    signed: SignedGeneration | msgspec.UnsetType = msgspec.UNSET


class GateGiven(msgspec.Struct, frozen=True, tag="gate.verdict"):
    """A gate answered about a model. Every verdict is kept, also those that block nobody."""

    time_ns: UtcNs
    gate: str
    model: str
    digest: str
    verdict: Verdict


Admission: TypeAlias = ModelRegistered | ProofGiven | GateGiven
"""How a model comes in: it is registered, its proof is attached, and its gates answer."""


class ProbationChanged(msgspec.Struct, frozen=True, tag="model.probation"):
    """The breaker's state after a promotion, a trade, or the end of its window."""

    time_ns: UtcNs
    probation: Probation
    e_value: float


class TradePaired(msgspec.Struct, frozen=True, tag="trade.paired"):
    """A model's own closed trade beside what the incumbent made over the same window.

    Attributes
    ----------
    trade_id
        Id of the model's trade; the key for counting it once.
    stage
        Where the model stood at entry.
    r, incumbent_r
        In the same unit of risk. The incumbent is the slot's champion, or the baseline.
    """

    time_ns: UtcNs
    trade_id: str
    digest: str
    stage: str
    r: float
    incumbent_r: float


class CanaryHealth(msgspec.Struct, frozen=True, tag="canary.health"):
    """A canary's vital signs. ``None`` is a metric that is missing, and so a failure.

    Attributes
    ----------
    answers, errors
        Since it became a canary; how many were asked for, and how many did not come.
    latency_p999_ms
        99.9th percentile of the time to answer.
    drawdown_frac
        Deepest fall of its own book from its peak, in [0, 1].
    """

    time_ns: UtcNs
    digest: str
    answers: int | None
    errors: int | None
    latency_p999_ms: float | None
    drawdown_frac: float | None


class OperatorMoved(msgspec.Struct, frozen=True, tag="operator.moved"):
    """A person moves a model by hand: up to ``after``, or down to it."""

    time_ns: UtcNs
    digest: str
    after: Stage
    who: str
    why: str


class Clock(msgspec.Struct, frozen=True, tag="clock"):
    """A bar has gone by. Nothing else needs to have happened."""

    now_ns: UtcNs


ClimbInput: TypeAlias = (
    ModelRegistered
    | ProofGiven
    | GateGiven
    | TradeClosed
    | TradePaired
    | CanaryHealth
    | DriftDetected
    | OperatorMoved
    | Clock
)
"""What the climb listens to."""

ClimbFact: TypeAlias = ModelMoved | RampChanged | GateGiven | ProbationChanged
"""What the climb decides."""
