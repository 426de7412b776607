"""Sets the reward's terms so that a policy comes to hold, and to trade, as often as wanted.

Two things are measured on each roll-out, inside which the policy does not change: the hold
rate H (share of steps whose *action* is to hold both) and the fills T of a session
(position changes). Repeating "buy" while long is neither, so both can be met at once.

The ``regulated`` law, once per roll-out, with the targets H* and T* of ``targets.py``:

1. s = max(trailing RMS of a step's profit / scale, floor): how large profits are now.
2. bonus = hold_authority x s x clip(-hold_gain x (H - H*), -1, 1). There is no integral:
   the policy itself integrates what it is paid, and a second integral would wind up.
3. x = clip(ln(T / T*), -limit, limit), where no fill at all is -limit;
   u = trades_gain x + J, w = clip(u, -1, 1), ticket = trades_authority x s x w;
   J <- clip(J + integral_gain x + anti_windup (w - u), -integral_limit, integral_limit).

Both are negative feedback: too much holding is charged, too much trading costs more. Both
terms can change sign, and neither can be larger than its authority times s.

``literal`` and its preset ``plan`` are in ``lanes.py`` and move at every step, in place;
``fixed`` never moves. Nothing of all this is part of what a policy observes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, TypeAlias, assert_never

import msgspec
from msgspec import Meta

from stairway.base.config import Config
from stairway.base.verdict import Finding, Refuse
from stairway.simulation.lanes import Lanes, LiteralRules, open_lanes
from stairway.simulation.targets import TargetRules, targets_at
from stairway.simulation.terms import Terms

Gain = Annotated[float, Meta(gt=0.0, le=100.0)]
Term = Annotated[float, Meta(ge=-100.0, le=100.0)]

MOST_BPS = 10_000.0
"""No step's usual profit is larger: a log change of 1."""


class Law(StrEnum):
    """How the terms are set."""

    REGULATED = "regulated"
    LITERAL = "literal"
    PLAN = "plan"
    FIXED = "fixed"


class RegulatedRules(Config, frozen=True, kw_only=True):
    """Settings under ``[controller.regulated]``; the module says what they do.

    Attributes
    ----------
    memory_steps
        Time constant of the trailing RMS, in steps of single environments.
    scale_floor
        Least s: in a market that stands still the terms keep so much of their size.
    hold_authority, trades_authority
        Largest bonus and largest ticket, in units of reward at s = 1.
    hold_gain
        Share of the authority per unit of error in the hold rate.
    trades_gain, integral_gain, anti_windup
        Of the trades lane, per roll-out.
    log_limit, integral_limit
        Bounds of x and J.
    """

    memory_steps: Annotated[float, Meta(gt=0.0, le=1e9)]
    scale_floor: Annotated[float, Meta(gt=0.0, le=1.0)]
    hold_authority: Gain
    hold_gain: Gain
    trades_authority: Gain
    trades_gain: Gain
    integral_gain: Annotated[float, Meta(ge=0.0, le=1.0)]
    anti_windup: Annotated[float, Meta(ge=0.0, le=1.0)]
    log_limit: Gain
    integral_limit: Annotated[float, Meta(ge=0.0, le=1.0)]


class FixedRules(Config, frozen=True, kw_only=True):
    """Settings under ``[controller.fixed]``: terms that never move, in units of reward."""

    bonus: Term
    ticket: Term


class ControllerRules(Config, frozen=True, kw_only=True):
    """Settings under ``[controller]``.

    Attributes
    ----------
    law
        ``regulated``, ``literal``, ``plan`` or ``fixed``.
    scale_bps
        Usual size of a step's profit (sigma_ref), in bp of equity: one unit of reward.
    downside
        Weight of a step's squared loss, under every law.
    targets, regulated, literal, fixed
        Where to steer, and the figures of each law.
    """

    law: Law
    scale_bps: Annotated[float, Meta(gt=0.0, le=MOST_BPS)]
    downside: Annotated[float, Meta(ge=0.0, le=100.0)]
    targets: TargetRules
    regulated: RegulatedRules
    literal: LiteralRules
    fixed: FixedRules


class Rates(msgspec.Struct, frozen=True):
    """What one roll-out did, as shares and rates.

    Attributes
    ----------
    hold_rate
        Share of steps whose action is to hold both, in [0, 1].
    fills_per_session
        Position changes that the policy made, both instruments, per session.
    no_fill_share
        Share of steps without a fill, in [0, 1]; reported beside the other two.
    rms_profit_bps
        Root of the mean square of a step's profit, in bp of equity.
    steps
        Steps of single environments that this rests on.
    score
        Mean regime score of these steps.
    """

    hold_rate: float
    fills_per_session: float
    no_fill_share: float
    rms_profit_bps: float
    steps: int
    score: float


class Regulated(msgspec.Struct, frozen=True):
    """What the regulated law remembers between roll-outs.

    Attributes
    ----------
    second_moment_bps2
        Trailing mean square of a step's profit.
    integral
        J of the trades lane.
    bonus, ticket
        Now in force.
    rollouts
        How many were taken in.
    """

    second_moment_bps2: float
    integral: float
    bonus: float
    ticket: float
    rollouts: int


class Constant(msgspec.Struct, frozen=True):
    """What fixed terms remember: nothing."""


State: TypeAlias = Regulated | Lanes | Constant


def start(rules: ControllerRules, envs: int = 1) -> State:
    """Begin with nothing measured: no bonus and no ticket, or those of the law's base.

    Parameters
    ----------
    envs
        How many environments take each step together; the literal law needs to know.

    Raises
    ------
    ConfigError
        If the literal law has no environment to watch.
    """
    match rules.law:
        case Law.REGULATED:
            return Regulated(rules.scale_bps**2, 0.0, 0.0, 0.0, 0)
        case Law.LITERAL:
            return open_lanes(rules.literal, rules.targets, rules.literal.fast_gain, envs)
        case Law.PLAN:
            return open_lanes(rules.literal, rules.targets, rules.literal.plan_fast_gain, envs)
        case Law.FIXED:
            return Constant()
        case _:
            assert_never(rules.law)


def terms_of(state: State, rules: ControllerRules) -> Terms:
    """Return the terms that a state puts in force."""
    match state:
        case Regulated(bonus=bonus, ticket=ticket):
            return Terms(rules.scale_bps, bonus, ticket, rules.downside)
        case Lanes():
            return Terms(rules.scale_bps, state.bonus, state.ticket, rules.downside)
        case Constant():
            fixed = rules.fixed
            return Terms(rules.scale_bps, fixed.bonus, fixed.ticket, rules.downside)
        case _:
            assert_never(state)


def regulate(
    state: State, measured: Rates, rules: ControllerRules
) -> tuple[State, Terms] | Refuse:
    """Take in one roll-out, and give the terms of the next.

    Lanes have moved at every step of the roll-out already: they come back as they are.

    Returns
    -------
    tuple or Refuse
        The next state and its terms; or a refusal (``controller.measured``) that names
        every figure that is NaN or impossible, and the state that came in stands.

    Examples
    --------
    >>> from stairway.testing.steering import controller_rules
    >>> rules = controller_rules()
    >>> holds = Rates(1.0, 0.0, 1.0, rules.scale_bps, steps=2_000, score=0.0)
    >>> _, terms = regulate(start(rules), holds, rules)
    >>> terms.bonus, terms.ticket
    (-2.0, -1.5)
    """
    findings = tuple(_impossible(measured))
    if findings:
        return Refuse(findings)
    if isinstance(state, Regulated):
        state = _regulated(state, measured, rules)
    return state, terms_of(state, rules)


def _regulated(state: Regulated, measured: Rates, rules: ControllerRules) -> Regulated:
    law, goal = rules.regulated, targets_at(measured.score, rules.targets)
    keep = math.exp(-measured.steps / law.memory_steps)
    second = keep * state.second_moment_bps2 + (1.0 - keep) * measured.rms_profit_bps**2
    size = max(math.sqrt(second) / rules.scale_bps, law.scale_floor)
    share = _clip(-law.hold_gain * (measured.hold_rate - goal.hold), 1.0)
    x = _clip(_log(measured.fills_per_session / goal.fills_per_session), law.log_limit)
    wish = law.trades_gain * x + state.integral
    push = _clip(wish, 1.0)
    integral = state.integral + law.integral_gain * x + law.anti_windup * (push - wish)
    return Regulated(
        second,
        _clip(integral, law.integral_limit),
        law.hold_authority * size * share,
        law.trades_authority * size * push,
        state.rollouts + 1,
    )


def _clip(x: float, limit: float) -> float:
    return max(-limit, min(x, limit))


def _log(ratio: float) -> float:
    """Logarithm of a ratio of counts; of none at all, minus infinity."""
    return math.log(ratio) if ratio > 0.0 else -math.inf


def _impossible(measured: Rates) -> Iterator[Finding]:
    """Name each figure that is out of its range. Written so that NaN is."""
    ranges = {
        "hold_rate": (0.0, 1.0),
        "fills_per_session": (0.0, math.inf),
        "no_fill_share": (0.0, 1.0),
        "rms_profit_bps": (0.0, MOST_BPS),
        "steps": (1.0, math.inf),
        "score": (-math.inf, math.inf),
    }
    for name, (low, high) in ranges.items():
        value = float(getattr(measured, name))
        if not (low <= value <= high and math.isfinite(value)):
            detail = f"{name} is {value}, and must be a number from {low:g} to {high:g}"
            yield Finding("controller.measured", detail, value, low, measured.steps)
