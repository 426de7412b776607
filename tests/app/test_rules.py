"""Each part of the loop is told what the policy says, and nothing else."""

from __future__ import annotations

import pytest

from stairway.app import rules
from stairway.app.settings import Settings, load, shipped
from stairway.execution.costs import round_trip_bps
from stairway.testing.bars import INSTRUMENTS


@pytest.fixture(scope="module", params=shipped())
def settings(request: pytest.FixtureRequest) -> Settings:
    return load(request.param)


def test_exits_lie_where_the_labels_had_their_barriers(settings: Settings) -> None:
    barrier = rules.trader_rules(settings, INSTRUMENTS).barrier
    labels = settings.labels
    assert (barrier.stop_vol, barrier.target_vol) == (labels.stop_vol, labels.target_vol)
    assert barrier.horizon_bars == labels.horizon_bars


def test_the_trader_is_held_to_the_limits_of_the_policy(settings: Settings) -> None:
    trader = rules.trader_rules(settings, INSTRUMENTS)
    assert trader.risk.limits is settings.limits
    assert trader.risk.sizing is settings.sizing
    assert trader.session is settings.session
    assert trader.execution is settings.execution
    assert trader.instruments == INSTRUMENTS


def test_a_small_order_is_expected_to_cost_spread_fee_and_some_impact(
    settings: Settings,
) -> None:
    costs, told = settings.costs, rules.trader_rules(settings, INSTRUMENTS).round_trip_bps
    assert told == round_trip_bps(costs, settings.run.expected_participation_frac)
    assert told > 2 * (costs.fee_bps + costs.half_spread_bps)


def test_the_back_test_trades_by_the_rules_of_the_run(settings: Settings) -> None:
    told = rules.backtest_rules(settings, INSTRUMENTS, seed=11)
    assert told.trader == rules.trader_rules(settings, INSTRUMENTS)
    assert told.ensemble is settings.ensemble
    assert (told.costs, told.paper) == (settings.costs, settings.paper)
    assert (told.seed, told.equity_micros) == (11, rules.equity_micros(settings))


def test_a_bar_is_looked_at_by_the_rules_of_the_policy(settings: Settings) -> None:
    told = rules.watch_rules(settings)
    assert told.features is settings.features
    assert told.regime is settings.regime
    assert told.session is settings.session


def test_the_steward_judges_by_the_rules_of_the_policy(settings: Settings) -> None:
    told = rules.bylaws(settings)
    assert told.quality is settings.quality_gate
    assert told.weights is settings.weight_checks
    assert told.cadence is settings.cadence
    assert (told.steward, told.vitals) == (settings.steward, settings.vitals)


def test_money_is_whole_micros() -> None:
    assert rules.equity_micros(load("daily")) == 10**12
    odd = load("daily", {"STAIRWAY__ACCOUNT__EQUITY_USD": "1.1234567"})
    assert rules.equity_micros(odd) == 1_123_457
    assert isinstance(rules.equity_micros(odd), int)
