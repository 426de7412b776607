"""Rules for made-up markets, and a past to draw them from: for tests and examples."""

from __future__ import annotations

from functools import cache
from typing import Any

from stairway.base.errors import InvariantError
from stairway.base.verdict import Refuse
from stairway.simulation.learning import Past, learn
from stairway.simulation.scenarios import GarchRules, Method, ScenarioRules
from stairway.simulation.switching import SwitchingRules
from stairway.testing.bars import random_walk
from stairway.testing.source import intraday_session


def scenario_rules(**changes: Any) -> ScenarioRules:
    """Ten sessions of minutes by every method, two of each scenario."""
    settings: dict[str, Any] = {
        "sessions": 10,
        "draws": 2,
        "methods": tuple(Method),
        "block_bars": 30,
        "spell_sessions": 1,
        "model_sessions": 40,
        "smooth_bars": 15,
        "extreme_frac": 0.25,
        "trend_frac": 0.65,
        "min_blocks": 2,
        "min_windows": 5,
        "bound_quantile": 0.75,
        "max_correlation_frac": 0.5,
        "min_correlation": 0.1,
        "min_mixed_frac": 0.1,
        "max_jump_frac": 0.3,
        "tries": 5,
        "garch": GarchRules(min_bars=500, max_persistence=0.9999),
        "switching": SwitchingRules(
            min_bars=500, rounds=1_000, tolerance=1e-5, min_weight_frac=0.02
        ),
    }
    return ScenarioRules(**(settings | changes))


@cache
def made_past(sessions: int = 12) -> Past:
    """Learn from made-up minutes, by bootstrap alone: their volatility never changes."""
    minutes = random_walk((sessions + 1) * 390, seed=7, bar_seconds=60)
    rules = scenario_rules(methods=(Method.BOOTSTRAP,))
    match learn(minutes, len(minutes), intraday_session(), rules):
        case Refuse(findings):
            raise InvariantError(findings[0].detail)
        case past:
            return past
