"""A reward controller to steer with in tests: the shipped figures, changed as asked."""

from __future__ import annotations

from stairway.simulation.controller import (
    ControllerRules,
    FixedRules,
    Law,
    RegulatedRules,
)
from stairway.simulation.health import HealthRules
from stairway.simulation.lanes import LiteralRules
from stairway.simulation.targets import Band, TargetMode, TargetRules


def target_rules(mode: TargetMode = TargetMode.LINEAR) -> TargetRules:
    """Return the shipped targets in one of the modes."""
    return TargetRules(
        mode=mode,
        hold=0.55,
        hold_per_score=0.1,
        hold_low=0.40,
        hold_high=0.75,
        fills_per_session=20.0,
        band_low_frac=0.75,
        opportunity_edge=0.5,
        rich=Band(hold=0.45, fills_per_session=20.0, risk_factor=1.1),
        usual=Band(hold=0.55, fills_per_session=15.0, risk_factor=1.0),
        poor=Band(hold=0.65, fills_per_session=10.0, risk_factor=0.9),
    )


def regulated_rules() -> RegulatedRules:
    """Return the shipped gains of the regulated law."""
    return RegulatedRules(
        memory_steps=2_000.0,
        scale_floor=0.25,
        hold_authority=2.0,
        hold_gain=4.0,
        trades_authority=1.5,
        trades_gain=1.0,
        integral_gain=0.05,
        anti_windup=0.5,
        log_limit=1.0,
        integral_limit=1.0,
    )


def literal_rules() -> LiteralRules:
    """Return the shipped gains of the literal law."""
    return LiteralRules(
        window_steps=250,
        fast_gain=0.25,
        plan_fast_gain=0.4,
        opportunity_weight=0.3,
        slow_gain=0.05,
        slow_every_steps=25,
        slow_limit=0.5,
        base_bonus=0.01,
        most_bonus_factor=2.0,
        base_ticket=0.5,
        ticket_gain=0.4,
    )


def controller_rules(
    law: Law = Law.REGULATED, mode: TargetMode = TargetMode.LINEAR, downside: float = 0.0
) -> ControllerRules:
    """Return a whole section ``[controller]``.

    Examples
    --------
    >>> controller_rules(Law.FIXED).fixed.bonus
    0.01
    """
    return ControllerRules(
        law=law,
        scale_bps=5.5,
        downside=downside,
        targets=target_rules(mode),
        regulated=regulated_rules(),
        literal=literal_rules(),
        fixed=FixedRules(bonus=0.01, ticket=0.0),
    )


def health_rules(window_rollouts: int = 6) -> HealthRules:
    """Return the shipped weights and tolerances of the controller's health."""
    return HealthRules(
        window_rollouts=window_rollouts,
        min_rollouts=3,
        max_term_change=2.0,
        max_profit_spread_bps=0.5,
        max_hold_error=0.25,
        max_fills_log_error=0.7,
        min_target_move=0.01,
        drawdown_limit_frac=0.01,
        weight_stability=0.2,
        weight_consistency=0.2,
        weight_achievement=0.3,
        weight_adaptation=0.1,
        weight_risk=0.2,
    )
