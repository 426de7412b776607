"""A back-test sees what the trader sees, and earns what the venue would have paid."""

from __future__ import annotations

from dataclasses import replace as with_field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.app import rules as app_rules
from stairway.app import settings as policies
from stairway.base.arrays import FloatArray
from stairway.base.errors import DataError
from stairway.evaluation.backtest import Backtest, BacktestRules, _sights, backtest
from stairway.features import engine, regime
from stairway.features.regime import Regime
from stairway.features.spec import FEATURE_NAMES
from stairway.market.bars import PairBars
from stairway.simulation.misfortune import freeze_feed
from stairway.testing.bars import INSTRUMENTS, random_walk
from stairway.testing.strategies import valid_pair_bars
from stairway.testing.trading import CALM
from stairway.trader.observe import Seen, observe, start

DAILY = policies.load("daily")
MINUTES = policies.load(
    "intraday",
    {
        "STAIRWAY__SESSION__CLOSE": '"16:00"',
        "STAIRWAY__SESSION__BARS_PER_SESSION": "390",
        "STAIRWAY__PAPER__PARTIAL_FILL_PROB": "0.0",
        "STAIRWAY__PAPER__REJECT_PROB": "0.0",
    },
)
FEES = ("fee_bps", "half_spread_bps", "impact_coef_bps")


def rules_of(settings: policies.Settings) -> BacktestRules:
    return app_rules.backtest_rules(settings, INSTRUMENTS, seed=7)


def calm(index: int) -> Regime:
    del index
    return CALM


def flat_features(bars: PairBars, volatility: float = 0.01) -> FloatArray:
    return np.full((len(bars), 2, len(FEATURE_NAMES)), volatility)


def traded(
    bars: PairBars, confidences: FloatArray, rules: BacktestRules, volatility: float = 0.01
) -> Backtest:
    return backtest(bars, flat_features(bars, volatility), calm, confidences, rules)


def random_confidences(n: int, seed: int) -> FloatArray:
    rng = np.random.Generator(np.random.PCG64(seed))
    return np.clip(0.5 + 0.15 * rng.standard_normal((n, 2)), 0.05, 0.95)


def without_costs(rules: BacktestRules) -> BacktestRules:
    return with_field(rules, costs=replace(rules.costs, **dict.fromkeys(FEES, 0.0)))


def words(seen: Seen) -> str:
    """Everything that was seen, NaN and all, as text."""
    return repr((seen.bar, seen.rows.tobytes(), seen.regime, seen.unchanged_bars,
                 seen.previous_close_usd, seen.closing))  # fmt: skip


def watched(bars: PairBars, settings: policies.Settings) -> list[str]:
    watch, found = start(app_rules.watch_rules(settings)), []
    for bar in bars:
        watch, seen = observe(watch, bar)
        found.append(words(seen))
    return found


def backtested(bars: PairBars, settings: policies.Settings) -> list[str]:
    features = engine.batch(bars, settings.features)
    regimes = regime.batch(bars, settings.regime)
    sights = _sights(bars, features, regimes.at, settings.session)
    return [words(seen) for bar, seen in sights if bar is seen.bar]


@pytest.mark.parametrize(
    ("bars", "settings"),
    [
        (random_walk(300, seed=3), DAILY),
        (freeze_feed(random_walk(300, seed=3), 150, 5), DAILY),
        (random_walk(2 * 390 + 20, seed=4, bar_seconds=60), MINUTES),
    ],
    ids=["days", "a hanging feed", "minutes"],
)
def test_it_sees_exactly_what_the_trader_sees(
    bars: PairBars, settings: policies.Settings
) -> None:
    assert backtested(bars, settings) == watched(bars, settings)


@hypothesis_settings(max_examples=25)
@given(valid_pair_bars(min_size=1, max_size=25, bar_seconds=86_400))
def test_it_sees_what_the_trader_sees_whatever_the_bars(bars: PairBars) -> None:
    assert backtested(bars, DAILY) == watched(bars, DAILY)


def test_missing_minutes_are_missing_for_both() -> None:
    whole = random_walk(800, seed=4, bar_seconds=60)
    kept = np.array([i for i in range(800) if i not in {200, 388, 389, 777}])
    columns = {
        name: getattr(whole, name)[kept]
        for name in (
            "time_ns",
            "session",
            "last_of_session",
            "open",
            "high",
            "low",
            "close",
            "volume",
        )
    }
    gappy = PairBars(whole.instruments, **columns)
    assert backtested(gappy, MINUTES) == watched(gappy, MINUTES)


def test_without_probabilities_nothing_is_traded() -> None:
    bars = random_walk(50, seed=1)
    result = traded(bars, np.full((50, 2), np.nan), rules_of(DAILY))
    assert result.trades == ()
    assert not result.held.any()
    assert (result.equity_usd == DAILY.account.equity_usd).all()
    assert (result.returns == 0.0).all()


@pytest.mark.parametrize("margin", [0.0, 0.5, -0.5])
def test_inside_the_action_margin_nothing_is_traded(margin: float) -> None:
    bars = random_walk(50, seed=1)
    confidence = 0.5 + margin * DAILY.ensemble.action_margin
    assert traded(bars, np.full((50, 2), confidence), rules_of(DAILY)).trades == ()


def test_the_same_arguments_give_the_same_result() -> None:
    bars, conf = random_walk(120, seed=2), random_confidences(120, 2)
    one, other = (traded(bars, conf, rules_of(DAILY)) for _ in range(2))
    assert one.equity_usd.tobytes() == other.equity_usd.tobytes()
    assert one.trades == other.trades


@hypothesis_settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(1, 58))
def test_the_future_pays_nothing_before_it_comes(seed: int, cut: int) -> None:
    bars, conf = random_walk(60, seed), random_confidences(60, seed)
    other = conf.copy()
    other[cut:] = 1.0 - other[cut:]
    loud = with_field(
        bars, **{m: getattr(bars, m).copy() for m in ("open", "high", "low", "close")}
    )
    for name in ("open", "high", "low", "close"):
        getattr(loud, name)[cut + 1 :] *= 1.1
    one, two = traded(bars, conf, rules_of(DAILY)), traded(loud, other, rules_of(DAILY))
    assert one.equity_usd[: cut + 1].tobytes() == two.equity_usd[: cut + 1].tobytes()
    assert one.held[: cut + 1].tobytes() == two.held[: cut + 1].tobytes()


@hypothesis_settings(max_examples=15)
@given(st.integers(0, 10**6))
def test_what_is_earned_is_the_sum_of_the_trades_to_the_last_micro(seed: int) -> None:
    bars, conf = random_walk(90, seed), random_confidences(90, seed)
    conf[60:] = np.nan
    result = traded(bars, conf, rules_of(DAILY))
    assert not result.held[-1].any()
    earned = sum(trade.pnl_micros for trade in result.trades)
    start = round(DAILY.account.equity_usd * 1e6)
    assert round(result.equity_usd[-1] * 1e6) == start + earned
    assert all(trade.fees_micros > 0 for trade in result.trades)


def test_costs_only_cost() -> None:
    bars, conf = random_walk(150, seed=6), random_confidences(150, 6)
    rules = rules_of(DAILY)
    dear, free = traded(bars, conf, rules), traded(bars, conf, without_costs(rules))
    assert dear.trades
    assert dear.equity_usd[-1] < free.equity_usd[-1]


def test_an_oracle_earns_and_its_mirror_loses() -> None:
    bars = random_walk(200, seed=8)
    ahead = np.zeros((200, 2))
    ahead[:-6] = np.log(bars.close[6:] / bars.open[1:-5])
    knows = np.where(ahead > 0, 0.7, 0.3)
    knows[-6:] = np.nan
    good = traded(bars, knows, rules_of(DAILY))
    bad = traded(bars, 1.0 - knows, rules_of(DAILY))
    start = DAILY.account.equity_usd
    assert good.equity_usd[-1] > start > bad.equity_usd[-1]


def test_what_is_decided_at_a_close_trades_at_the_next_open() -> None:
    bars = random_walk(30, seed=1)
    conf = np.full((30, 2), np.nan)
    conf[10, 0] = 0.65
    result = traded(bars, conf, rules_of(DAILY))
    assert result.held[10].tolist() == [0, 0]
    assert result.held[11][0] > 0 or result.trades[0].opened_ns == bars.time_ns[11]
    (trade,) = result.trades
    assert trade.entry_usd == pytest.approx(bars.open[11, 0], rel=2e-3)
    assert trade.closed_ns <= bars.time_ns[10 + DAILY.labels.horizon_bars + 2]


def test_no_position_outlives_its_horizon_by_more_than_the_bars_it_fills_in() -> None:
    bars = random_walk(60, seed=1)
    conf = np.full((60, 2), np.nan)
    conf[10] = 0.65
    rules = rules_of(DAILY)
    wide = replace(rules.trader.barrier, stop_vol=15.0, target_vol=15.0)
    whole = replace(rules.paper, partial_fill_prob=0.0, reject_prob=0.0)
    far = with_field(rules, trader=with_field(rules.trader, barrier=wide), paper=whole)
    held = traded(bars, conf, far).held
    horizon = DAILY.labels.horizon_bars
    assert held[11 : 10 + horizon + 1].all()
    assert not held[10 + horizon + 1 :].any()


def test_nothing_is_held_over_night_and_nothing_is_sent_at_the_close() -> None:
    n = 3 * 390
    bars, rules = random_walk(n, seed=5, bar_seconds=60), rules_of(MINUTES)
    result = traded(bars, np.full((n, 2), 0.62), rules, volatility=0.0008)
    last = bars.last_of_session
    assert len(result.trades) > 50
    assert result.held[~last].any()
    assert not result.held[last].any()
    first_ns = set(bars.time_ns[np.flatnonzero(last)[:-1] + 1].tolist())
    assert not first_ns & {trade.opened_ns for trade in result.trades}
    assert {t.exit for t in result.trades} >= {"session", "horizon"}


def test_a_feed_that_hangs_is_not_traded() -> None:
    bars = freeze_feed(random_walk(60, seed=1), start=20, count=10)
    conf = np.full((60, 2), np.nan)
    conf[22:31] = 0.65
    assert traded(bars, conf, rules_of(DAILY)).trades == ()
    alive = random_walk(60, seed=1)
    assert traded(alive, conf, rules_of(DAILY)).trades


@pytest.mark.parametrize("shape", [(49, 2), (50, 1), (50,)])
def test_probabilities_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    bars = random_walk(50, seed=1)
    with pytest.raises(DataError, match="need \\(50, 2\\) confidences"):
        traded(bars, np.full(shape, 0.5), rules_of(DAILY))


def test_features_of_another_shape_are_refused() -> None:
    bars = random_walk(50, seed=1)
    with pytest.raises(DataError):
        backtest(bars, flat_features(bars)[:-1], calm, np.full((50, 2), 0.5), rules_of(DAILY))


def test_returns_are_of_the_equity_before_and_the_first_is_none() -> None:
    result = Backtest(np.array([100.0, 110.0, 99.0]), np.zeros((3, 2), np.int64), ())
    assert result.returns.tolist() == pytest.approx([0.0, 0.1, -0.1])
