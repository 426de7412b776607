"""What supervision puts on record."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import msgspec

from stairway.base.units import UtcNs
from stairway.base.verdict import Verdict
from stairway.evaluation.calibration_state import Tracked
from stairway.supervision.quality_gate import Measured


class DriftLevel(StrEnum):
    """How much a change for the worse is worth: a word, or an act."""

    SIGNAL = "signal"
    DRIFT = "drift"


class DriftDetected(msgspec.Struct, frozen=True, tag="model.drift_detected"):
    """A model's trades turned for the worse.

    Attributes
    ----------
    time_ns
        Closing time of the trade that did it.
    level
        ``signal`` never moves capital by itself; ``drift`` does.
    detector
        ``loss_run`` or ``e_detector``.
    value, bound
        Losses in a row, or mean evidence; and what was reached.
    trades, recent_win_rate, recent_average_r
        Over the model's last trades, this one included.
    """

    time_ns: UtcNs
    model: str
    digest: str
    level: DriftLevel
    detector: str
    value: float
    bound: float
    trades: int
    recent_win_rate: float
    recent_average_r: float


class WeightsPublished(msgspec.Struct, frozen=True, tag="model.weights"):
    """How much each seated model should be listened to, by digest; each sums to 1."""

    time_ns: UtcNs
    overall: dict[str, float]
    regimes: dict[str, dict[str, float]]


class QualityMeasured(msgspec.Struct, frozen=True, tag="model.quality"):
    """What the quality gate counted over a model's last answers, and what it said."""

    time_ns: UtcNs
    model: str
    digest: str
    measured: Measured
    verdict: Verdict


class CalibrationTracked(msgspec.Struct, frozen=True, tag="model.calibration"):
    """How a model's probabilities came true in one regime, over all outcomes known by now.

    Attributes
    ----------
    n
        Outcomes.
    tracked
        Every measure with its band; ``None`` where outcomes are too few.
    verdict
        Refused where skill is, with confidence, below that of climatology. It is an alarm,
        and moves no capital by itself.
    """

    time_ns: UtcNs
    model: str
    digest: str
    regime: str
    n: int
    tracked: Tracked | None
    verdict: Verdict


SupervisionFact: TypeAlias = (
    DriftDetected | WeightsPublished | QualityMeasured | CalibrationTracked
)
