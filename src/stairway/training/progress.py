"""How far training has come: what a cycle is compared with the one before by.

Whether a cycle was worth keeping cannot be asked of its profit. Over a week of minutes the
annual Sharpe ratio of a policy that earns nothing has a standard error of about 7; a cycle
that is thrown away for a lower one is thrown away by a coin. What training steers is
measured while it practises, and what it may lose on the way on days it was not trained on:

    progress = regulation x care

regulation
    The lesser of ``1 / (1 + |H - H*| / hold_width)`` and ``1 / (1 + distance /
    trades_width)``, H and T over the roll-outs of the cycle, the distance that of ln T from
    the band that is good enough. The lesser, since both are wanted at once: a reference that
    holds nearly always trades about as often as it should, and unlearning to hold takes it
    far past the band before it comes back. By their mean that way would be falling back.
care
    Mean of ``1 / (1 + shortfall / bound)`` over the gate's drawdown, length of episodes and
    share of episodes that ended early, all of them on days that were not trained on.

H and T are those of practice, noise and all, since that is what the controller aims with. A
policy that sees no noise changes its mind about half as often: one that trades twice the
band in practice would look as if it had arrived, and one that arrived as if it had fallen
back.

It is in (0, 1], and 0 where a figure is not a number. Profit is the gate's to judge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, NamedTuple

from msgspec import Meta

from stairway.base.config import Config
from stairway.simulation.targets import Targets, outside_band
from stairway.training.measured import Rollout

CARE = ("practice.drawdown", "practice.episode_length", "practice.early_end")
"""Criteria of the gate that care is made of."""


class ProgressRules(Config, frozen=True, kw_only=True):
    """Settings under ``[cycles.progress]``.

    Attributes
    ----------
    hold_width
        Error of the hold rate that halves its nearness; share of steps.
    trades_width
        Distance of ln T from its band that halves its nearness.
    """

    hold_width: Annotated[float, Meta(gt=0.0, le=100.0)]
    trades_width: Annotated[float, Meta(gt=0.0, le=100.0)]


class Habits(NamedTuple):
    """What a policy does while it practises: means over roll-outs, NaN where there are none.

    Attributes
    ----------
    hold_rate
        Share of steps whose action is to hold both.
    fills_per_session
        Position changes of both instruments.
    score
        Regime score, which targets may follow.
    """

    hold_rate: float
    fills_per_session: float
    score: float


def habits(rollouts: Sequence[Rollout]) -> Habits:
    """Average what roll-outs of the same length measured.

    Examples
    --------
    >>> from stairway.testing.journal import rollout
    >>> habits([rollout(1, 1, hold_rate=h) for h in (0.5, 0.75)]).hold_rate
    0.625
    """
    return Habits(
        hold_rate=_mean([one.hold_rate for one in rollouts]),
        fills_per_session=_mean([one.fills_per_session for one in rollouts]),
        score=_mean([one.score for one in rollouts]),
    )


def progress(
    shown: Habits, targets: Targets, care: Sequence[float], rules: ProgressRules
) -> float:
    """Say how far a policy has come, in [0, 1].

    Parameters
    ----------
    shown
        In practice.
    care
        Attainment of each criterion that is care.

    Examples
    --------
    >>> goal = Targets(hold=0.5, fills_per_session=18.0, fills_low=13.5, risk_factor=1.0)
    >>> rules = ProgressRules(hold_width=0.25, trades_width=0.35)
    >>> progress(Habits(0.75, 18.0, 0.0), goal, [1.0], rules)
    0.5
    """
    hold = _near(abs(shown.hold_rate - targets.hold), rules.hold_width)
    band = (targets.fills_low, targets.fills_per_session)
    trades = _near(outside_band(shown.fills_per_session, *band), rules.trades_width)
    cared = math.fsum(care) / len(care)
    if not (hold >= 0.0 and trades >= 0.0 and cared >= 0.0):  # so written, NaN is no progress
        return 0.0
    return min(hold, trades) * cared


def _mean(figures: Sequence[float]) -> float:
    return math.fsum(figures) / len(figures) if figures else math.nan


def _near(distance: float, width: float) -> float:
    return 1.0 / (1.0 + distance / width)
