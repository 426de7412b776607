"""The telemetry quality gate on anybody's stream."""

from stairway.app.gate.once import gate
from stairway.app.gate.report import GateReport

__all__ = ["GateReport", "gate"]
