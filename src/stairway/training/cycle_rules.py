"""Settings of a training run in cycles: how many, how long, and when to stop or go back."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from stairway.base.config import Config
from stairway.base.errors import ConfigError
from stairway.training.progress import ProgressRules

_Cycles = Annotated[int, Meta(ge=1, le=1_000)]
_Share = Annotated[float, Meta(gt=0.0, lt=1.0)]
_NotNegative = Annotated[float, Meta(ge=0.0, le=100.0)]
_Width = Annotated[float, Meta(gt=0.0, le=1e6)]


class KeepWhen(StrEnum):
    """What a cycle must show so that training goes on from it."""

    GATE = "gate"
    """Its gate passes. From a reference that holds too much, no step is ever kept."""

    PROGRESS = "progress"
    """Its gate passes, or neither the median nor the worst seed fell back (``progress``)."""


class GainRules(Config, frozen=True, kw_only=True):
    """How the controller's gains are adjusted between cycles.

    Attributes
    ----------
    raise_by
        Factor of a lane that stayed on one side of its target in two kept cycles running.
    lower_by
        Factor of a lane that hunted about its target, and of both after a revert.
    least, most
        Bounds of what the shipped gains are multiplied by.
    hold_tolerance
        Error of the hold rate that is near enough.
    trades_tolerance
        Error of trades per day that is near enough, as ``|ln(T / target)|``.
    hunting_frac
        Share of roll-outs that changed the side of the target, by more than the
        tolerance, over which a lane hunts.
    """

    raise_by: Annotated[float, Meta(ge=1.0, le=4.0)]
    lower_by: Annotated[float, Meta(gt=0.0, le=1.0)]
    least: Annotated[float, Meta(gt=0.0, le=1.0)]
    most: Annotated[float, Meta(ge=1.0, le=16.0)]
    hold_tolerance: _NotNegative
    trades_tolerance: _NotNegative
    hunting_frac: Annotated[float, Meta(ge=0.0, le=1.0)]


class StabilityWidths(Config, frozen=True, kw_only=True):
    """Change from one cycle to the next that counts as wholly unstable, for each figure.

    Attributes
    ----------
    hold_rate, trades_per_day, return_frac, drawdown_frac
        In the unit of the figure.
    """

    hold_rate: _Width
    trades_per_day: _Width
    return_frac: _Width
    drawdown_frac: _Width


class CycleRules(Config, frozen=True, kw_only=True):
    """How training goes in cycles.

    Attributes
    ----------
    cycles
        At most so many.
    steps_per_cycle
        Environment steps of one seed in one cycle, exactly.
    keep_when
        What a cycle must show to be kept.
    keep_tolerance
        By how much progress may be behind the best that was kept and still count as not
        falling back. Once the gate passed nothing is allowed for.
    early_stop_frac
        Improvement of progress under which training stops; a fall never stops it.
    converged_stability
        Stability score over which training has converged.
    stop_from_cycle
        First cycle after which either may stop it.
    episodes_per_scenario
        Episodes of each seed in each scenario.
    judging_seed
        Of made-up markets, of the episodes in them, and of probes.
    checkpoint_rollouts
        Roll-outs between two checkpoints inside a cycle; its end is always one.
    progress
        How far a policy has come.
    stability
        What the stability score is measured with.
    gains
        How the controller is adjusted.
    """

    cycles: _Cycles
    steps_per_cycle: Annotated[int, Meta(ge=1, le=100_000_000)]
    keep_when: KeepWhen
    keep_tolerance: Annotated[float, Meta(ge=0.0, lt=1.0)]
    early_stop_frac: _NotNegative
    converged_stability: _Share
    stop_from_cycle: _Cycles
    episodes_per_scenario: Annotated[int, Meta(ge=1, le=10_000)]
    judging_seed: Annotated[int, Meta(ge=0, lt=2**31)]
    checkpoint_rollouts: Annotated[int, Meta(ge=1, le=1_000_000)]
    progress: ProgressRules
    stability: StabilityWidths
    gains: GainRules


class SplitShares(Config, frozen=True, kw_only=True):
    """How the sessions are divided, in time order; what is left over is held out.

    Attributes
    ----------
    train_frac
        Share of the sessions that training sees.
    validation_frac
        Share that the gate walks; nothing is ever decided on the rest.
    """

    train_frac: _Share
    validation_frac: _Share

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.train_frac + self.validation_frac < 1.0:
            msg = (
                f"train_frac {self.train_frac:g} and validation_frac {self.validation_frac:g} "
                "leave no session to hold out; their sum must be under 1"
            )
            raise ConfigError(msg)
