"""What the reward controller steers towards: how often to hold, how often to trade.

Three modes, each a function of the regime score (which is never part of what the policy
observes):

``fixed``
    one hold rate and one number of fills, whatever the weather;
``linear``
    hold rate = clip(hold + hold_per_score x score, hold_low, hold_high);
``banded``
    three bands of opportunity (a third of the score) with figures of their own.

``linear`` reads a high score as stress and holds *more*; ``banded`` reads it as
opportunity and trades *more*. They contradict each other on purpose: neither is known to
be right, and rehearsals compare them.

Fills are position changes of both instruments together, per session. The band that is
good enough runs from ``band_low_frac`` of the aim to the aim: a loop that pushes against
a preference for not trading comes to rest a little below what it aims at.

The risk factor is meant for the volatility *target*. Practice has none, but a stake: there
it multiplies what is staked at a bar (:func:`risk_factors`), and no position grows beyond
the equity by it. A policy that is judged or trades is sized by others.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from stairway.base.arrays import FloatArray
from stairway.base.config import Config
from stairway.base.errors import ConfigError
from stairway.simulation.controlling import kernels

Rate = Annotated[float, Meta(gt=0.0, lt=1.0)]
Fills = Annotated[float, Meta(gt=0.0, le=10_000.0)]
Factor = Annotated[float, Meta(gt=0.0, le=2.0)]

FEWEST_FILLS = 1e-6
"""A session without fills counts as this many, so that its logarithm is a number."""


class TargetMode(StrEnum):
    """How targets follow the regime score."""

    FIXED = "fixed"
    LINEAR = "linear"
    BANDED = "banded"


_CODES = {
    TargetMode.FIXED: kernels.FIXED,
    TargetMode.LINEAR: kernels.LINEAR,
    TargetMode.BANDED: kernels.BANDED,
}


class Band(Config, frozen=True, kw_only=True):
    """Figures of one band of opportunity.

    Attributes
    ----------
    hold
        Share of steps whose action is to hold both.
    fills_per_session
        Position changes aimed at.
    risk_factor
        Of the volatility *target*, and so of the stake in practice. No limit is ever
        multiplied by it.
    """

    hold: Rate
    fills_per_session: Fills
    risk_factor: Factor


class TargetRules(Config, frozen=True, kw_only=True):
    """Settings under ``[controller.targets]``.

    Attributes
    ----------
    mode
        ``fixed``, ``linear`` or ``banded``.
    hold
        Hold rate of ``fixed``, and of ``linear`` at score 0.
    hold_per_score, hold_low, hold_high
        How ``linear`` follows the score, and between which rates.
    fills_per_session
        Aim outside ``banded``.
    band_low_frac
        Where the band that is good enough begins; share of the aim.
    opportunity_edge
        Size of opportunity past which ``banded`` leaves its usual figures.
    rich, usual, poor
        Figures above the edge, between the edges, and below.
    """

    mode: TargetMode
    hold: Rate
    hold_per_score: Annotated[float, Meta(ge=-1.0, le=1.0)]
    hold_low: Rate
    hold_high: Rate
    fills_per_session: Fills
    band_low_frac: Annotated[float, Meta(gt=0.0, le=1.0)]
    opportunity_edge: Annotated[float, Meta(gt=0.0, lt=1.0)]
    rich: Band
    usual: Band
    poor: Band

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.hold_low <= self.hold <= self.hold_high:
            msg = (
                f"[controller.targets] needs hold_low up to hold up to hold_high, not "
                f"{self.hold_low}, {self.hold} and {self.hold_high}; change one of them"
            )
            raise ConfigError(msg)


class Targets(msgspec.Struct, frozen=True):
    """What is aimed at, at one time.

    Attributes
    ----------
    hold
        Share of steps whose action is to hold both, in (0, 1).
    fills_per_session
        Position changes aimed at.
    fills_low
        Fewest that are good enough; the aim is the most.
    risk_factor
        Of the volatility target; 1 outside ``banded``.
    """

    hold: float
    fills_per_session: float
    fills_low: float
    risk_factor: float


def targets_at(score: float, rules: TargetRules) -> Targets:
    """Return what is aimed at under a regime score.

    Parameters
    ----------
    score
        In [-3, 3]. NaN gives NaN, which no law takes in.

    Examples
    --------
    >>> band = Band(hold=0.55, fills_per_session=15.0, risk_factor=1.0)
    >>> rules = TargetRules(
    ...     mode=TargetMode.LINEAR, hold=0.55, hold_per_score=0.1, hold_low=0.4,
    ...     hold_high=0.75, fills_per_session=20.0, band_low_frac=0.75, opportunity_edge=0.5,
    ...     rich=band, usual=band, poor=band,
    ... )
    >>> targets_at(-3.0, rules)
    Targets(hold=0.4, fills_per_session=20.0, fills_low=15.0, risk_factor=1.0)
    """
    hold, fills, risk = kernels.goal_of(score, aims_of(rules))
    return Targets(hold, fills, rules.band_low_frac * fills, risk)


def risk_factors(scores: FloatArray, rules: TargetRules) -> FloatArray:
    """Return the risk factor at each of many scores, (n,) float64; NaN where one is NaN.

    Examples
    --------
    >>> from stairway.testing.steering import target_rules
    >>> risk_factors(np.array([-2.0, 0.0, 2.0]), target_rules(TargetMode.BANDED))
    array([0.9, 1. , 1.1])
    """
    return kernels.risks_of(scores, aims_of(rules))


def outside_band(fills_per_session: float, low: float, high: float) -> float:
    """Return how far ln T lies from the band that is good enough; 0 inside it.

    Parameters
    ----------
    fills_per_session
        T, at least 0; none counts as ``FEWEST_FILLS``. NaN gives NaN.
    low, high
        Ends of the band, fills per session above 0.

    Examples
    --------
    >>> [round(outside_band(fills, 15.0, 20.0), 3) for fills in (7.5, 15.0, 20.0, 40.0)]
    [0.693, 0.0, 0.0, 0.693]
    """
    log = math.log(max(fills_per_session, FEWEST_FILLS))
    return max(log - math.log(high), math.log(low) - log, 0.0)


def aims_of(rules: TargetRules) -> FloatArray:
    """Return the rules as kernels read them, (16,) float64."""
    line = (rules.hold, rules.hold_per_score, rules.hold_low, rules.hold_high)
    bands = (
        figure
        for band in (rules.rich, rules.usual, rules.poor)
        for figure in (band.hold, band.fills_per_session, band.risk_factor)
    )
    head = (_CODES[rules.mode], *line, rules.fills_per_session, rules.opportunity_edge)
    return np.array((*head, *bands), np.float64)
