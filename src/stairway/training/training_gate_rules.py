"""Bounds of the training gate, and of each scenario. Imports no training library."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from stairway.base.config import Config
from stairway.base.errors import ConfigError

_Share = Annotated[float, Meta(ge=0.0, le=1.0)]
_Fraction = Annotated[float, Meta(gt=0.0, le=10.0)]
_Fall = Annotated[float, Meta(gt=0.0, le=1.0)]
_Trades = Annotated[float, Meta(ge=0.0, le=10_000.0)]


class ScenarioCriteria(Config, frozen=True, kw_only=True):
    """What a policy must show over the episodes of one scenario.

    Attributes
    ----------
    name
        Of the scenario.
    min_return_frac
        Least mean return of an episode; may be negative.
    return_width_frac
        Shortfall of return that halves its attainment.
    max_drawdown_frac
        Deepest mean drawdown of an episode.
    max_early_frac
        Share of episodes that may end early by their drawdown, at most.
    """

    name: str
    min_return_frac: Annotated[float, Meta(gt=-1.0, le=10.0)]
    return_width_frac: _Fraction
    max_drawdown_frac: _Fall
    max_early_frac: Annotated[float, Meta(gt=0.0, le=1.0)]


class TrainingGateRules(Config, frozen=True, kw_only=True):
    """Bounds of the gate.

    Attributes
    ----------
    min_return_frac, max_drawdown_frac, min_sharpe, min_win_rate
        Over the validation span. Sharpe is annual.
    min_trades_per_day, max_trades_per_day
        Position changes of both instruments per session.
    min_hold_rate, max_hold_rate
        Share of steps whose action is hold both.
    over_episode_bars, under_early_frac
        Mean length of the validation episodes must be over, and the share of them that
        ended early under this.
    scenarios
        One for each scenario, by name.
    """

    min_return_frac: _Fraction
    max_drawdown_frac: _Fall
    min_trades_per_day: _Trades
    max_trades_per_day: _Trades
    min_sharpe: Annotated[float, Meta(gt=0.0, le=100.0)]
    min_win_rate: Annotated[float, Meta(gt=0.0, le=1.0)]
    min_hold_rate: _Share
    max_hold_rate: _Share
    over_episode_bars: Annotated[float, Meta(gt=0.0, le=1e7)]
    under_early_frac: Annotated[float, Meta(gt=0.0, le=1.0)]
    scenarios: Annotated[tuple[ScenarioCriteria, ...], Meta(min_length=1)]

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_order("trades_per_day", self.min_trades_per_day, self.max_trades_per_day)
        _require_order("hold_rate", self.min_hold_rate, self.max_hold_rate)
        names = [criteria.name for criteria in self.scenarios]
        if len(set(names)) != len(names):
            msg = f"[training_gate] names a scenario twice: {', '.join(names)}; leave one out"
            raise ConfigError(msg)


def _require_order(name: str, low: float, high: float) -> None:
    if not low < high:
        msg = (
            f"[training_gate] min_{name} is {low:g} and max_{name} is {high:g}; "
            "the first must be under the second"
        )
        raise ConfigError(msg)
