"""Members that say what they are told to, for tests of deciding and sizing.

A member is named once: its slot, its version and its digest are the same word.
"""

from __future__ import annotations

from stairway.base.units import UtcNs
from stairway.decision.disagreement import Dispersion
from stairway.decision.ensemble import CHAMPION, EnsembleRules, Routes, Seat
from stairway.decision.weights import WeightChecks
from stairway.models.prediction import Action, Exclusion, ExclusionCode, Prediction

SYMBOL = "A"
NOW_NS = UtcNs(1)


def rules() -> EnsembleRules:
    """SPEC.md's numbers, with an action margin of two percent."""
    return EnsembleRules(
        quorum_weight=0.5,
        quorum_members=2,
        action_margin=0.02,
        dispersion=Dispersion.WEIGHTED,
        dispersion_warning=0.15,
        dispersion_critical=0.25,
        reduce_factor=0.5,
    )


def weight_checks() -> WeightChecks:
    """SPEC.md's numbers, and short lives."""
    return WeightChecks(
        sum_tolerance=0.01,
        floor=0.05,
        cap=0.4,
        cap_even_multiple=1.5,
        max_age_s=60.0,
        max_ahead_s=5.0,
        last_good_max_age_s=600.0,
        refresh_s=300.0,
        static={},
    )


def answer(model: str, confidence: float, symbol: str = SYMBOL) -> Prediction:
    """Let ``model`` speak for this confidence."""
    return Prediction(
        model, model, model, symbol, NOW_NS, "trend", 0.0, confidence, Action.HOLD
    )


def exclusion(model: str, code: ExclusionCode = ExclusionCode.NOT_FINITE) -> Exclusion:
    """Let ``model`` have no say."""
    return Exclusion(model, model, model, SYMBOL, NOW_NS, code, "by order of the test")


def seats(*models: str, stage: str = CHAMPION) -> dict[str, Seat]:
    """Seat every model at equal weight, by digest."""
    return {model: Seat(model, model, stage, 1.0 / len(models)) for model in models}


def routes(baseline: float = 0.5, fallback: float | None = None) -> Routes:
    """Give the simple routes, with what they say."""
    simple = None if fallback is None else answer("fallback", fallback)
    return Routes(answer("baseline", baseline), simple)
