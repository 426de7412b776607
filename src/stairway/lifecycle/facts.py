"""What the lifecycle puts on record. The registry is a fold over these."""

from __future__ import annotations

import msgspec

from stairway.base.units import UtcNs
from stairway.base.verdict import Verdict
from stairway.lifecycle.stage import Stage


class ModelRegistered(msgspec.Struct, frozen=True, tag="model.registered"):
    """A sealed artifact is known. The digest is its identity; the version a label."""

    time_ns: UtcNs
    model: str
    version: str
    digest: str
    parent: str | None
    trials: int


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
    """A champion's share of capital was raised by one step."""

    time_ns: UtcNs
    model: str
    digest: str
    share: float


class GateGiven(msgspec.Struct, frozen=True, tag="gate.verdict"):
    """A gate answered about a model. Every verdict is kept, also those that block nobody."""

    time_ns: UtcNs
    gate: str
    model: str
    digest: str
    verdict: Verdict
