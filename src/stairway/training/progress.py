"""How far training has come: what a cycle is compared with the one before by.

Whether a cycle was worth keeping cannot be asked of its profit. Over a week of minutes the
annual Sharpe ratio of a policy that earns nothing has a standard error of about 7; a cycle
that is thrown away for a lower one is thrown away by a coin. What training steers is seen
on the same week, and so is what it may lose on the way:

    progress = regulation x care

regulation
    Mean of ``1 / (1 + |H - H*| / hold_width)`` and ``1 / (1 + distance / trades_width)``, H
    and T walked on days that were not trained on, the distance that of ln T from the band
    that is good enough.
care
    Mean of ``1 / (1 + shortfall / bound)`` over the gate's drawdown, length of episodes and
    share of episodes that ended early.

It is in (0, 1], and 0 where a figure is not a number. Profit is the gate's to judge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from stairway.base.config import Config
from stairway.simulation.targets import Targets
from stairway.training.measured import Walked

CARE = ("practice.drawdown", "practice.episode_length", "practice.early_end")
"""Criteria of the gate that care is made of."""

_FEWEST_FILLS = 1e-6
"""A session without fills counts as this many, so that its logarithm is a number."""


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


def progress(
    walked: Walked, targets: Targets, care: Sequence[float], rules: ProgressRules
) -> float:
    """Say how far a policy has come, in [0, 1].

    Parameters
    ----------
    walked
        On days that were not trained on.
    care
        Attainment of each criterion that is care.

    Examples
    --------
    >>> from stairway.testing.cycles import walked
    >>> goal = Targets(hold=0.55, fills_per_session=18.0, fills_low=13.5, risk_factor=1.0)
    >>> rules = ProgressRules(hold_width=0.1, trades_width=0.35)
    >>> progress(walked(hold_rate=0.65, fills_per_session=18.0), goal, [1.0], rules)
    0.75
    """
    hold = _near(abs(walked.hold_rate - targets.hold), rules.hold_width)
    log = math.log(max(walked.fills_per_session, _FEWEST_FILLS))
    above = log - math.log(targets.fills_per_session)
    below = math.log(targets.fills_low) - log
    trades = _near(max(above, below, 0.0), rules.trades_width)
    made = 0.5 * (hold + trades) * math.fsum(care) / len(care)
    if not made >= 0.0:  # so written, NaN is no progress
        return 0.0
    return made


def _near(distance: float, width: float) -> float:
    return 1.0 / (1.0 + distance / width)
