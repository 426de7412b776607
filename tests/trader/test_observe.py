"""What is seen at a close: everything up to it, and nothing after it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.app import rules as app_rules
from stairway.app import settings as policies
from stairway.base.errors import DataError
from stairway.features import engine, regime
from stairway.market.bars import PairBar, PairBars
from stairway.market.calendar import SessionRules
from stairway.simulation.misfortune import freeze_feed
from stairway.testing.bars import random_walk
from stairway.testing.strategies import valid_pair_bars
from stairway.trader.act import TraderRules
from stairway.trader.observe import Seen, Watch, WatchRules, observe, start

DAILY = app_rules.watch_rules(policies.load("daily"))
WALK = random_walk(330, seed=5)


def seen_along(bars: PairBars | list[PairBar], rules: WatchRules) -> list[Seen]:
    watch, found = start(rules), []
    for bar in bars:
        watch, seen = observe(watch, bar)
        found.append(seen)
    return found


def with_session(session: SessionRules) -> WatchRules:
    return WatchRules(features=DAILY.features, regime=DAILY.regime, session=session)


def contents(watch: Watch) -> tuple[object, ...]:
    features = watch.features
    return (
        features.memory.tobytes(),
        features.marks.tobytes(),
        repr(watch.regime),
        watch.last,
        watch.unchanged_bars,
    )


def test_what_is_seen_bar_by_bar_is_what_the_batch_computes() -> None:
    along = seen_along(WALK, DAILY)
    features = engine.batch(WALK, DAILY.features)
    regimes = regime.batch(WALK, DAILY.regime)
    assert np.stack([seen.rows for seen in along]).tobytes() == features.tobytes()
    assert [repr(s.regime) for s in along] == [repr(regimes.at(i)) for i in range(len(WALK))]


def test_a_watch_that_was_given_in_is_not_changed() -> None:
    watch = start(DAILY)
    for i, bar in enumerate(WALK.part(0, 120)):
        before = contents(watch)
        after, seen = observe(watch, bar)
        assert contents(watch) == before, f"bar {i}"
        again, same = observe(watch, bar)
        assert contents(again) == contents(after)
        assert same.rows.tobytes() == seen.rows.tobytes()
        watch = after


@settings(max_examples=30)
@given(valid_pair_bars(min_size=3, max_size=40), st.data())
def test_the_future_changes_nothing_that_was_seen(bars: PairBars, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(bars) - 1))
    loud = replace(bars, close=bars.close.copy(), high=bars.high.copy())
    loud.close[cut:] *= 1.7
    loud.high[cut:] *= 1.7
    quiet, noisy = seen_along(bars, DAILY)[:cut], seen_along(loud, DAILY)[:cut]
    for one, other in zip(quiet, noisy, strict=True):
        assert one.rows.tobytes() == other.rows.tobytes()
        assert repr((one.regime, one.unchanged_bars, one.closing)) == repr(
            (other.regime, other.unchanged_bars, other.closing)
        )


def test_it_is_warm_once_every_feature_and_the_regime_are_known() -> None:
    along = seen_along(WALK, DAILY)
    warm = [s.warm for s in along]
    first = warm.index(True)
    assert not any(warm[:first])
    assert all(warm[first:])
    assert all(np.isfinite(s.volatility_per_bar).all() for s in along[first:])
    assert np.isnan(along[0].volatility_per_bar).all()


def test_features_alone_do_not_make_it_warm() -> None:
    known = next(s for s in seen_along(WALK, DAILY) if np.isfinite(s.rows).all())
    assert not known.regime.warm
    assert not known.warm


def test_the_close_before_is_nan_at_the_first_bar_and_then_the_close_before() -> None:
    along = seen_along(WALK.part(0, 5), DAILY)
    assert np.isnan(along[0].previous_close_usd).all()
    for before, seen in zip(WALK.part(0, 4), along[1:], strict=True):
        assert seen.previous_close_usd == (before.bars[0].close, before.bars[1].close)


def test_a_feed_that_hangs_is_counted_bar_by_bar_and_forgotten_when_it_moves() -> None:
    frozen = freeze_feed(WALK.part(0, 20), start=5, count=4)
    counts = [s.unchanged_bars for s in seen_along(frozen, DAILY)]
    expected = [0] * 6 + [1, 2, 3, 4] + [0] * 10
    assert counts == [(n, n) for n in expected]


def test_each_instrument_hangs_on_its_own_and_a_moving_volume_is_a_sign_of_life() -> None:
    bars = [WALK.at(0), WALK.at(1), WALK.at(2)]
    held = bars[1].bars[1]
    frozen = PairBar(2, bars[2].time_ns, 2, last_of_session=False, bars=(bars[2].bars[0], held))
    assert seen_along([*bars[:2], frozen], DAILY)[-1].unchanged_bars == (0, 1)
    louder = type(held)(held.open, held.high, held.low, held.close, held.volume + 1.0)
    alive = PairBar(
        2, bars[2].time_ns, 2, last_of_session=False, bars=(bars[2].bars[0], louder)
    )
    assert seen_along([*bars[:2], alive], DAILY)[-1].unchanged_bars == (0, 0)


def test_on_minutes_the_last_bars_of_a_session_are_known_from_the_calendar(
    minutes: TraderRules,
) -> None:
    bars = random_walk(2 * 390, seed=1, bar_seconds=60)
    along = seen_along(bars, with_session(minutes.session))
    lead_out = minutes.session.lead_out_bars
    closing = [*range(389 - lead_out, 390), *range(779 - lead_out, 780)]
    assert [i for i, s in enumerate(along) if s.closing] == closing
    assert [i for i, s in enumerate(along) if s.bar.last_of_session] == [389, 779]


def test_the_close_is_announced_even_where_the_last_bar_never_comes(
    minutes: TraderRules,
) -> None:
    bars = random_walk(391, seed=1, bar_seconds=60)
    before = 389 - minutes.session.lead_out_bars - 1
    without_last = [bars.at(i) for i in (before, before + 1, 390)]
    along = seen_along(without_last, with_session(minutes.session))
    assert [s.closing for s in along] == [False, True, False]


def test_on_daily_bars_no_session_closes() -> None:
    assert not any(s.closing for s in seen_along(WALK.part(0, 30), DAILY))


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
def test_a_price_that_cannot_be_is_not_observed(price: float) -> None:
    broken = replace(WALK, close=WALK.close.copy())
    broken.close[3, 1] = price
    with pytest.raises(DataError):
        seen_along(broken.part(0, 5), DAILY)


def test_a_bar_that_comes_twice_is_not_observed() -> None:
    watch, _ = observe(start(DAILY), WALK.at(0))
    with pytest.raises(DataError):
        observe(watch, WALK.at(0))
