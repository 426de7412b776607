"""How the controller's gains change between cycles, for each of its two lanes.

1. A lane whose error changed its sign from roll-out to roll-out, beyond the tolerance on
   both sides, hunts: its gain falls.
2. A lane whose mean error over the later half of the cycle is beyond the tolerance, and
   was so on the same side in the kept cycle before, is too weak: its gain rises. An error of
   one cycle says nothing yet: it takes the loop about so long to unwind what it began with,
   and on the way the lane pays all that it may, so that more gain would only overshoot.
3. Otherwise it stays. After a cycle that was reverted both fall.

Both questions are put to every seed and answered by their median, so that one odd seed
moves nothing. Gains never leave their bounds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import TypeAlias

import msgspec
import numpy as np

from stairway.base.errors import InvariantError
from stairway.simulation.controller import ControllerRules, Law
from stairway.training.cycle_rules import GainRules
from stairway.training.journal import Gains
from stairway.training.measured import Rollout

_Seeds: TypeAlias = Sequence[tuple[float, ...]]


class LaneErrors(msgspec.Struct, frozen=True):
    """Errors of one seed's controller, roll-out by roll-out; empty where there is none.

    Attributes
    ----------
    seed
        Whose.
    hold
        Hold rate less its target.
    trades
        ``ln(T / target)`` of trades per day, as the controller clips it.
    """

    seed: int
    hold: tuple[float, ...]
    trades: tuple[float, ...]


def lane_errors(seed: int, rollouts: Sequence[Rollout], rules: ControllerRules) -> LaneErrors:
    """How far each lane was from its target, roll-out by roll-out.

    Empty where nothing is steered between roll-outs: only the regulated law has gains
    that are adjusted.
    """
    if rules.law is not Law.REGULATED:
        return LaneErrors(seed, (), ())
    limit = rules.regulated.log_limit
    hold: list[float] = []
    trades: list[float] = []
    for one in rollouts:
        if one.target_hold is None or one.target_fills is None:
            continue
        hold.append(one.hold_rate - one.target_hold)
        ratio = one.fills_per_session / one.target_fills
        log = float(np.log(ratio)) if ratio > 0.0 else -limit
        trades.append(max(-limit, min(log, limit)))
    return LaneErrors(seed, tuple(hold), tuple(trades))


def adjusted(
    gains: Gains,
    before: Sequence[LaneErrors],
    lanes: Sequence[LaneErrors],
    rules: GainRules,
) -> Gains:
    """Return the gains for the next cycle after one that was kept.

    Parameters
    ----------
    before
        Of the cycle that this one went on from; empty where there was none.
    lanes
        Of the cycle that was kept.

    Raises
    ------
    InvariantError
        If an error is not a finite number.

    Examples
    --------
    >>> rules = GainRules(raise_by=1.25, lower_by=0.8, least=0.5, most=2.0,
    ...     hold_tolerance=0.05, trades_tolerance=0.2, hunting_frac=0.5)
    >>> seen = [LaneErrors(1, (0.3, 0.2, 0.2), (0.4, -0.4, 0.4))]
    >>> adjusted(Gains(1.0, 1.0), [], seen, rules)
    Gains(hold=1.0, trades=0.8)
    >>> adjusted(Gains(1.0, 1.0), seen, seen, rules)
    Gains(hold=1.25, trades=0.8)
    """
    hold = _factor(
        [lane.hold for lane in before],
        [lane.hold for lane in lanes],
        rules.hold_tolerance,
        rules,
    )
    trades = _factor(
        [lane.trades for lane in before],
        [lane.trades for lane in lanes],
        rules.trades_tolerance,
        rules,
    )
    return Gains(
        hold=_bounded(gains.hold * hold, rules), trades=_bounded(gains.trades * trades, rules)
    )


def lowered(gains: Gains, rules: GainRules) -> Gains:
    """Return the gains for the next cycle after one that was reverted."""
    return Gains(
        hold=_bounded(gains.hold * rules.lower_by, rules),
        trades=_bounded(gains.trades * rules.lower_by, rules),
    )


def _factor(before: _Seeds, now: _Seeds, tolerance: float, rules: GainRules) -> float:
    was, known = _known(before), _known(now)
    if not known:
        return 1.0
    if median(_hunting(errors, tolerance) for errors in known) > rules.hunting_frac:
        return rules.lower_by
    if was and _off(was, tolerance) == _off(known, tolerance) != 0:
        return rules.raise_by
    return 1.0


def _known(seeds: _Seeds) -> _Seeds:
    known = [errors for errors in seeds if errors]
    if not all(math.isfinite(error) for errors in known for error in errors):
        msg = "an error of the controller is not a finite number; no gain can be made of it"
        raise InvariantError(msg)
    return known


def _off(seeds: _Seeds, tolerance: float) -> int:
    """On which side of its target a lane stayed, 1 or -1; 0 where it was near enough."""
    error = median(_bias(errors) for errors in seeds)
    return (error > tolerance) - (error < -tolerance)


def _hunting(errors: tuple[float, ...], tolerance: float) -> float:
    """Share of steps from one roll-out to the next that went right across the target."""
    across = sum(a * b < 0.0 and min(abs(a), abs(b)) > tolerance for a, b in pairwise(errors))
    return across / max(len(errors) - 1, 1)


def _bias(errors: tuple[float, ...]) -> float:
    later = errors[len(errors) // 2 :]
    return math.fsum(later) / len(later)


def _bounded(gain: float, rules: GainRules) -> float:
    return min(max(gain, rules.least), rules.most)
