"""What each part of the loop is told, put together from the settings."""

from __future__ import annotations

from stairway.app.settings import Settings
from stairway.app.steward import Bylaws
from stairway.base.units import MICROS_PER_UNIT, Micros
from stairway.evaluation.backtest import BacktestRules
from stairway.execution.costs import round_trip_bps
from stairway.market.instrument import Instrument
from stairway.risk.account import Barrier
from stairway.risk.sizing import RiskRules
from stairway.trader.act import TraderRules
from stairway.trader.observe import WatchRules


def trader_rules(settings: Settings, pair: tuple[Instrument, Instrument]) -> TraderRules:
    """Rules by which a bar is traded; the exits lie where the labels had them."""
    labels = settings.labels
    return TraderRules(
        instruments=pair,
        risk=RiskRules(limits=settings.limits, sizing=settings.sizing),
        barrier=Barrier(labels.stop_vol, labels.target_vol, labels.horizon_bars),
        session=settings.session,
        execution=settings.execution,
        round_trip_bps=round_trip_bps(settings.costs, settings.run.expected_participation_frac),
    )


def watch_rules(settings: Settings) -> WatchRules:
    """Rules by which a bar is looked at."""
    return WatchRules(
        features=settings.features, regime=settings.regime, session=settings.session
    )


def bylaws(settings: Settings) -> Bylaws:
    """Rules of the steward."""
    return Bylaws(
        steward=settings.steward,
        quality=settings.quality_gate,
        cadence=settings.cadence,
        weights=settings.weight_checks,
        vitals=settings.vitals,
        ensemble=settings.ensemble,
    )


def backtest_rules(
    settings: Settings, pair: tuple[Instrument, Instrument], seed: int
) -> BacktestRules:
    """Rules by which a candidate's probabilities are traded before it is sealed."""
    return BacktestRules(
        trader=trader_rules(settings, pair),
        ensemble=settings.ensemble,
        costs=settings.costs,
        paper=settings.paper,
        equity_micros=equity_micros(settings),
        seed=seed,
    )


def equity_micros(settings: Settings) -> Micros:
    """Money that a run starts with."""
    return Micros(round(settings.account.equity_usd * MICROS_PER_UNIT))
