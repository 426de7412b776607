"""Is the controller healthy? Five parts, each in [0, 1], and their weighted sum.

Over the last ``window_rollouts`` roll-outs, each with its terms and targets:

parameter stability
    1 - mean change of bonus and ticket from one roll-out to the next / ``max_term_change``
    (units of reward).
performance consistency
    1 - deviation (ddof 1) of the roll-outs' mean profit per step / ``max_profit_spread_bps``
    (bp of equity).
target achievement
    Mean of two halves: 1 - abs(H - H*) / ``max_hold_error`` (share of steps), and 1 -
    distance of ln T from its band / ``max_fills_log_error``.
market adaptation
    (1 + correlation of H with H*) / 2: does holding follow a target that the regime moves?
    0.5 where the target moved by less than ``min_target_move`` (deviation) or holding did
    not move at all: nothing was asked, so nothing is known.
risk preservation
    2 - worst drawdown / ``drawdown_limit_frac``: 1 up to the limit, 0 at twice the limit.
    The drawdown is the deepest that any account went through, lost episodes included. With
    a limit at half of what ends an episode, as shipped, one lost episode makes it 0.

Everything is clipped to [0, 1]; H, T, bonus and the rest as in ``controller.py``. It is
shown while training and steers nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from stairway.base.arrays import FloatArray
from stairway.base.config import Config
from stairway.base.errors import ConfigError
from stairway.base.verdict import Inconclusive, Refuse, inconclusive, refuse
from stairway.simulation.controller import Rates
from stairway.simulation.targets import Targets, outside_band
from stairway.simulation.terms import Terms

Positive = Annotated[float, Meta(gt=0.0, le=1e6)]
Weight = Annotated[float, Meta(ge=0.0, le=1.0)]

_UNKNOWN = 0.5
_ROUNDING = 1e-9


class HealthRules(Config, frozen=True, kw_only=True):
    """Settings under ``[controller_health]``; the module says what they do.

    Attributes
    ----------
    window_rollouts, min_rollouts
        Most that are looked at, and fewest that say anything.
    max_term_change, max_profit_spread_bps, max_hold_error, max_fills_log_error
        Where a part reaches 0.
    min_target_move
        Deviation of the hold target under which nothing was asked.
    drawdown_limit_frac
        Drawdown up to which risk counts as preserved.
    weight_stability, weight_consistency, weight_achievement, weight_adaptation, weight_risk
        Of the parts; they add up to 1.
    """

    window_rollouts: Annotated[int, Meta(ge=2, le=10_000)]
    min_rollouts: Annotated[int, Meta(ge=2, le=10_000)]
    max_term_change: Positive
    max_profit_spread_bps: Positive
    max_hold_error: Positive
    max_fills_log_error: Positive
    min_target_move: Positive
    drawdown_limit_frac: Annotated[float, Meta(gt=0.0, le=1.0)]
    weight_stability: Weight
    weight_consistency: Weight
    weight_achievement: Weight
    weight_adaptation: Weight
    weight_risk: Weight

    def __post_init__(self) -> None:
        super().__post_init__()
        if not abs(sum(self.weights) - 1.0) <= _ROUNDING:
            msg = f"[controller_health] needs weights that add up to 1, not {sum(self.weights)}"
            raise ConfigError(msg)
        if not self.min_rollouts <= self.window_rollouts:
            msg = (
                f"[controller_health] needs min_rollouts up to window_rollouts, not "
                f"{self.min_rollouts} and {self.window_rollouts}; change one of the two"
            )
            raise ConfigError(msg)

    @property
    def weights(self) -> tuple[float, float, float, float, float]:
        """Weights in the order of :class:`Health`."""
        first = (self.weight_stability, self.weight_consistency, self.weight_achievement)
        return (*first, self.weight_adaptation, self.weight_risk)


class Reading(msgspec.Struct, frozen=True):
    """One roll-out as health sees it.

    Attributes
    ----------
    measured, targets, terms
        What was done, what was aimed at, and the terms under which it was done.
    profit_bps
        Mean profit of a step, in bp of equity.
    drawdown_frac
        Deepest fall that any account went through inside the roll-out, as a fraction of
        the peak of its session.
    """

    measured: Rates
    targets: Targets
    terms: Terms
    profit_bps: float
    drawdown_frac: float


class Health(msgspec.Struct, frozen=True):
    """Five parts and their weighted sum, each in [0, 1]."""

    parameter_stability: float
    performance_consistency: float
    target_achievement: float
    market_adaptation: float
    risk_preservation: float
    score: float


def health(readings: Sequence[Reading], rules: HealthRules) -> Health | Inconclusive | Refuse:
    """Judge the controller by its last roll-outs.

    Parameters
    ----------
    readings
        Oldest first. Those before the window are not looked at.

    Returns
    -------
    Health
        Or inconclusive (``controller.too_few``) below ``min_rollouts``, or a refusal
        (``controller.reading``) where a figure inside the window is not finite.

    Examples
    --------
    >>> from stairway.testing.steering import health_rules
    >>> health([], health_rules()).findings[0].code
    'controller.too_few'
    """
    window = readings[-rules.window_rollouts :]
    n = len(window)
    if n < rules.min_rollouts:
        detail = f"{n} roll-outs, and {rules.min_rollouts} are needed to judge the controller"
        return inconclusive("controller.too_few", detail, n, rules.min_rollouts)
    table = _table(window)
    if not bool(np.isfinite(table).all()):
        row = int(np.flatnonzero(~np.isfinite(table).all(axis=1))[0])
        detail = f"roll-out {row} of the last {n} holds a figure that is not finite"
        return refuse("controller.reading", detail, n=n)
    parts = _parts(table, rules)
    score = sum(w * part for w, part in zip(rules.weights, parts, strict=True))
    return Health(*parts, _unit(score))


_HOLD, _FILLS, _AIM_HOLD, _AIM_LOW, _AIM, _BONUS, _TICKET, _PROFIT, _DRAWDOWN = range(9)


def _table(window: Sequence[Reading]) -> FloatArray:
    rows = [
        (
            r.measured.hold_rate,
            r.measured.fills_per_session,
            r.targets.hold,
            r.targets.fills_low,
            r.targets.fills_per_session,
            r.terms.bonus,
            r.terms.ticket,
            r.profit_bps,
            r.drawdown_frac,
        )
        for r in window
    ]
    return np.array(rows, np.float64)


def _parts(table: FloatArray, rules: HealthRules) -> tuple[float, float, float, float, float]:
    change = float(np.abs(np.diff(table[:, [_BONUS, _TICKET]], axis=0)).mean())
    spread = float(table[:, _PROFIT].std(ddof=1))
    worst = float(table[:, _DRAWDOWN].max())
    return (
        _unit(1.0 - change / rules.max_term_change),
        _unit(1.0 - spread / rules.max_profit_spread_bps),
        _achievement(table, rules),
        _adaptation(table, rules),
        _unit(2.0 - worst / rules.drawdown_limit_frac),
    )


def _achievement(table: FloatArray, rules: HealthRules) -> float:
    off = np.abs(table[:, _HOLD] - table[:, _AIM_HOLD]) / rules.max_hold_error
    bands: list[list[float]] = table[:, [_FILLS, _AIM_LOW, _AIM]].tolist()
    apart = np.array([outside_band(*band) for band in bands])
    outside = apart / rules.max_fills_log_error
    halves = np.clip(1.0 - off, 0.0, 1.0) + np.clip(1.0 - outside, 0.0, 1.0)
    return _unit(0.5 * float(halves.mean()))


def _adaptation(table: FloatArray, rules: HealthRules) -> float:
    aim, hold = table[:, _AIM_HOLD], table[:, _HOLD]
    asked, answered = float(aim.std(ddof=1)), float(hold.std(ddof=1))
    if asked < rules.min_target_move or not answered > _ROUNDING:
        return _UNKNOWN
    together = float(((aim - aim.mean()) * (hold - hold.mean())).sum()) / (len(table) - 1)
    return _unit(0.5 * (1.0 + together / (asked * answered)))


def _unit(x: float) -> float:
    return max(0.0, min(x, 1.0)) if not math.isnan(x) else 0.0
