from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.base.errors import DataError
from stairway.base.units import NS_PER_DAY, NS_PER_SECOND, UtcNs
from stairway.features import engine
from stairway.features.spec import FEATURE_NAMES, FeatureRules
from stairway.market.bars import Bar, PairBar, PairBars
from stairway.testing.bars import random_walk
from stairway.testing.strategies import valid_pair_bars

NAME = {name: j for j, name in enumerate(FEATURE_NAMES)}
Make = Callable[..., FeatureRules]


# --- a slow reference, written from the table in spec.py and from nothing else


def deviation(values: np.ndarray) -> float:
    """Standard deviation (ddof 1) by exact fractions."""
    exact = [Fraction(v) for v in values.tolist()]
    n, total = len(exact), sum(exact)
    spread = math.sqrt((n * sum(v * v for v in exact) - total**2) / (n * (n - 1)))
    return spread if spread > 1e-12 else 0.0


def log_returns(bars: PairBars, rules: FeatureRules, k: int) -> np.ndarray:
    r = np.full(len(bars), np.nan)
    for i in range(1, len(bars)):
        opens = bars.session[i] != bars.session[i - 1]
        from_open = opens and not rules.count_session_gaps
        base = bars.open[i, k] if from_open else bars.close[i - 1, k]
        r[i] = math.log(bars.close[i, k] / base)
    return r


def reference_row(
    bars: PairBars, rules: FeatureRules, r: np.ndarray, i: int, k: int
) -> dict[str, float]:
    def window(n: int) -> np.ndarray | None:
        return r[i - n + 1 : i + 1] if i >= n else None

    row = {"log_return": r[i], "range": math.log(bars.high[i, k] / bars.low[i, k])}
    for name in ("short", "long"):
        inside = window(getattr(rules, f"momentum_{name}_bars"))
        row[f"momentum_{name}"] = math.nan if inside is None else math.fsum(inside)
        inside = window(getattr(rules, f"volatility_{name}_bars"))
        row[f"volatility_{name}"] = math.nan if inside is None else deviation(inside)
    usual = row["volatility_long"]
    row["volatility_ratio"] = row["volatility_short"] / usual if usual > 0.0 else math.nan
    inside = window(rules.rsi_bars)
    if inside is not None and np.abs(inside).sum() > 1e-12:
        row["rsi"] = 100.0 * inside[inside > 0.0].sum() / np.abs(inside).sum()
    if i >= rules.ema_bars:
        row["ema_distance"] = ema_distance(r[1 : i + 1], rules.ema_bars)
    return row | {"volume_z": volume_z(bars, rules, i, k)} | time_of(bars, rules, i)


def ema_distance(r: np.ndarray, span: int) -> float:
    price, ema = 0.0, 0.0
    for step in r:
        price += step
        ema += 2.0 / (span + 1.0) * (price - ema)
    return price - ema


def volume_z(bars: PairBars, rules: FeatureRules, i: int, k: int) -> float:
    if i + 1 < rules.volume_bars:
        return math.nan
    x = np.array([math.log1p(v) for v in bars.volume[i + 1 - rules.volume_bars : i + 1, k]])
    std = deviation(x)
    mean = sum(Fraction(v) for v in x.tolist()) / len(x)
    return float(Fraction(float(x[-1])) - mean) / std if std > 0.0 else math.nan


def time_of(bars: PairBars, rules: FeatureRules, i: int) -> dict[str, float]:
    if rules.clock == "year":
        turn = (int(bars.time_ns[i]) // NS_PER_DAY) % 365.2425 / 365.2425
    else:
        first = int(bars.time_ns[bars.session == bars.session[i]][0])
        turn = (int(bars.time_ns[i]) - first) / (rules.session_seconds * NS_PER_SECOND)
    return {"time_sin": math.sin(2 * math.pi * turn), "time_cos": math.cos(2 * math.pi * turn)}


def reference(bars: PairBars, rules: FeatureRules, rows: range | None = None) -> np.ndarray:
    out = np.full((len(bars), 2, 12), np.nan)
    for k in range(2):
        r = log_returns(bars, rules, k)
        for i in rows or range(len(bars)):
            for name, value in reference_row(bars, rules, r, i, k).items():
                out[i, k, NAME[name]] = value
    return out


def streamed(bars: PairBars, rules: FeatureRules) -> np.ndarray:
    state, rows = engine.start(rules), []
    for bar in bars:
        state, row = engine.step(state, bar)
        rows.append(row)
    return np.array(rows)


def assert_equal_to_reference(found: np.ndarray, truth: np.ndarray) -> None:
    np.testing.assert_array_equal(np.isnan(found), np.isnan(truth))
    np.testing.assert_allclose(found, truth, rtol=1e-9, atol=1e-9)


# --- the definition


@settings(max_examples=60)
@given(
    bars=valid_pair_bars(max_size=30),
    gaps=st.booleans(),
    clock=st.sampled_from(["year", "session"]),
)
def test_any_bars_give_the_features_of_the_table(
    small_features: Make, *, bars: PairBars, gaps: bool, clock: str
) -> None:
    rules = small_features(count_session_gaps=gaps, clock=clock)
    assert_equal_to_reference(engine.batch(bars, rules), reference(bars, rules))


def test_the_daily_windows_give_the_features_of_the_table(daily) -> None:
    bars = random_walk(150, seed=3)
    found = engine.batch(bars, daily.features)
    assert_equal_to_reference(found, reference(bars, daily.features))
    assert np.isfinite(found[daily.features.warm_up_bars :]).all()


@settings(max_examples=60)
@given(bars=valid_pair_bars(max_size=40), gaps=st.booleans())
def test_streaming_gives_the_batch_to_the_last_bit(
    small_features: Make, *, bars: PairBars, gaps: bool
) -> None:
    rules = small_features(count_session_gaps=gaps)
    assert streamed(bars, rules).tobytes() == engine.batch(bars, rules).tobytes()


def test_streaming_gives_the_batch_on_real_minutes(intraday, minutes: PairBars) -> None:
    some = minutes.part(0, 1500)
    found = streamed(some, intraday.features)
    assert found.tobytes() == engine.batch(some, intraday.features).tobytes()
    assert np.isfinite(found[intraday.features.warm_up_bars :]).all()


def test_real_minutes_give_the_features_of_the_table(intraday, minutes: PairBars) -> None:
    some = minutes.part(0, 1200)
    rows = range(1100, 1180, 7)
    truth = reference(some, intraday.features, rows)[rows]
    assert_equal_to_reference(engine.batch(some, intraday.features)[rows], truth)


def test_real_days_give_the_features_of_the_table(daily, index_days: PairBars) -> None:
    some = index_days.part(2300, 2600)
    rows = range(200, 300, 9)
    truth = reference(some, daily.features, rows)[rows]
    assert_equal_to_reference(engine.batch(some, daily.features)[rows], truth)


def test_a_state_behind_a_batch_goes_on_as_if_it_had_been_stepped(small) -> None:
    bars = random_walk(40, seed=5)
    state, _ = engine.run(bars.part(0, 25), small.features)
    for i in range(25, 40):
        state, row = engine.step(state, bars.at(i))
        assert row.tobytes() == engine.batch(bars, small.features)[i].tobytes()
    assert state.bars_seen == 40


# --- no drift


def jumping_bars(n: int) -> PairBars:
    """A quiet walk that every 997 bars doubles or halves, and sleeps before its end."""
    rng = np.random.Generator(np.random.PCG64(11))
    r = 1e-4 * rng.standard_normal((n, 2))
    r[::997] += np.where(np.arange(len(r[::997])) % 2 == 0, 0.7, -0.7)[:, None]
    r[-50:-20] = 0.0
    close = 100.0 * np.exp(np.cumsum(r, axis=0))
    bars = random_walk(n, seed=1, bar_seconds=60)
    volume = np.floor(np.exp(rng.normal(10.0, 3.0, (n, 2))))
    return replace(bars, open=close, high=close, low=close, close=close, volume=volume)


def test_sums_do_not_drift_over_a_hundred_thousand_bars_with_jumps(daily) -> None:
    bars = jumping_bars(100_000)
    found = engine.batch(bars, daily.features)[99_900:]
    near = bars.part(99_600, 100_000)
    truth = reference(near, daily.features, range(300, 400))[300:]
    windowed = [j for name, j in NAME.items() if name != "ema_distance"]
    assert_equal_to_reference(found[:, :, windowed], truth[:, :, windowed])


def test_a_market_that_sleeps_after_a_jump_has_no_volatility_at_all(daily) -> None:
    found = engine.batch(jumping_bars(100_000), daily.features)[99_975]
    assert found[:, NAME["volatility_short"]].tolist() == [0.0, 0.0]
    assert np.isnan(found[:, NAME["rsi"]]).all()


# --- a state is a value


def test_stepping_does_not_change_the_state_that_came_in(small) -> None:
    bars = random_walk(30, seed=2)
    state, _ = engine.run(bars.part(0, 20), small.features)
    before = state.memory.tobytes(), state.marks.tobytes()
    _, first = engine.step(state, bars.at(20))
    _, second = engine.step(state, bars.at(20))
    assert (state.memory.tobytes(), state.marks.tobytes()) == before
    assert first.tobytes() == second.tobytes()


def test_two_futures_of_one_state_do_not_touch_each_other(small) -> None:
    bars, others = random_walk(30, seed=2), random_walk(30, seed=9)
    root, _ = engine.run(bars.part(0, 20), small.features)
    left, _ = engine.step(root, bars.at(20))
    engine.step(root, others.at(20))
    _, row = engine.step(left, bars.at(21))
    assert row.tobytes() == engine.batch(bars, small.features)[21].tobytes()


@given(valid_pair_bars(min_size=2, max_size=40), st.data())
def test_no_future_bar_moves_a_past_feature(
    small_features: Make, bars: PairBars, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(1, len(bars)))
    whole = engine.batch(bars, small_features())[:cut]
    assert engine.batch(bars.part(0, cut), small_features()).tobytes() == whole.tobytes()


@given(valid_pair_bars(min_size=2, max_size=30))
def test_instruments_do_not_see_each_other(small_features: Make, bars: PairBars) -> None:
    prices = ("open", "high", "low", "close", "volume")
    swapped = replace(bars, **{name: getattr(bars, name)[:, ::-1] for name in prices})
    found, turned = (
        engine.batch(bars, small_features()),
        engine.batch(swapped, small_features()),
    )
    assert found.tobytes() == np.ascontiguousarray(turned[:, ::-1]).tobytes()


# --- warming up, and what is not defined


@given(valid_pair_bars(min_size=1, max_size=12))
def test_nothing_is_known_before_its_window_has_filled(
    small_features: Make, bars: PairBars
) -> None:
    rules = small_features()
    found = engine.batch(bars, rules)
    first_known = {
        "log_return": 1,
        "momentum_short": rules.momentum_short_bars,
        "momentum_long": rules.momentum_long_bars,
        "volatility_short": rules.volatility_short_bars,
        "volatility_long": rules.volatility_long_bars,
        "volatility_ratio": rules.volatility_long_bars,
        "rsi": rules.rsi_bars,
        "ema_distance": rules.ema_bars,
        "volume_z": rules.volume_bars - 1,
    }
    for name, row in first_known.items():
        assert np.isnan(found[:row, :, NAME[name]]).all(), name


def test_all_is_known_once_the_longest_window_has_filled(small) -> None:
    found = engine.batch(random_walk(60, seed=4), small.features)
    warm = small.features.warm_up_bars
    assert np.isfinite(found[warm - 1 :]).all()
    assert not np.isfinite(found[warm - 2]).all()


def frozen(n: int) -> PairBars:
    bars = random_walk(n, seed=1)
    flat = np.full((n, 2), 50.0)
    return replace(bars, open=flat, high=flat, low=flat, close=flat, volume=flat)


def test_a_frozen_feed_gives_no_ratio_no_rsi_and_no_volume_z(small) -> None:
    last = engine.batch(frozen(30), small.features)[-1]
    for name in ("volatility_ratio", "rsi", "volume_z"):
        assert np.isnan(last[:, NAME[name]]).all(), name
    for name in ("volatility_long", "momentum_long", "ema_distance", "range"):
        assert last[:, NAME[name]].tolist() == [0.0, 0.0], name


def with_closes(closes: list[float], **columns: np.ndarray) -> PairBars:
    bars = random_walk(len(closes), seed=1)
    close = np.repeat(np.array(closes)[:, None], 2, axis=1)
    return replace(bars, open=close, high=close, low=close, close=close, **columns)


def test_rsi_is_100_when_prices_only_rise_0_when_they_only_fall(small) -> None:
    rising = engine.batch(with_closes([float(p) for p in range(10, 20)]), small.features)
    falling = engine.batch(with_closes([float(p) for p in range(20, 10, -1)]), small.features)
    assert rising[-1, 0, NAME["rsi"]] == pytest.approx(100.0)
    assert falling[-1, 0, NAME["rsi"]] == pytest.approx(0.0, abs=1e-9)


@given(valid_pair_bars(min_size=2, max_size=60))
def test_features_stay_inside_their_bounds(small_features: Make, bars: PairBars) -> None:
    found = engine.batch(bars, small_features())
    bounds = {
        "rsi": (0.0, 100.0),
        "range": (0.0, np.inf),
        "volatility_short": (0.0, np.inf),
        "volatility_ratio": (0.0, np.inf),
        "volume_z": (-4 / math.sqrt(5) - 1e-9, 4 / math.sqrt(5) + 1e-9),
        "time_sin": (-1.0, 1.0),
        "time_cos": (-1.0, 1.0),
    }
    for name, (least, most) in bounds.items():
        values = found[:, :, NAME[name]]
        assert (np.isnan(values) | ((values >= least) & (values <= most))).all(), name


# --- time


def test_the_session_clock_stands_at_zero_on_the_first_bar_and_turns_once(intraday) -> None:
    bars = random_walk(390 * 2, seed=1, bar_seconds=60)
    rules = msgspec.structs.replace(intraday.features, session_seconds=23_400)
    sine, cosine = (engine.batch(bars, rules)[:, 0, NAME[n]] for n in ("time_sin", "time_cos"))
    assert (sine[0], cosine[0]) == (sine[390], cosine[390]) == (0.0, 1.0)
    assert cosine[195] == pytest.approx(-1.0)
    angle = np.unwrap(np.arctan2(sine, cosine))[:390]
    np.testing.assert_allclose(np.diff(angle), 2 * np.pi / 390)


def test_the_session_clock_does_not_notice_daylight_saving(intraday, minutes: PairBars) -> None:
    found = engine.batch(minutes, intraday.features)[:, 0, [NAME["time_sin"], NAME["time_cos"]]]
    opening = np.flatnonzero(np.diff(minutes.session, prepend=-1))
    gaps_h = np.diff(minutes.time_ns[opening]) / 3.6e12 % 24
    assert 23.0 in gaps_h, "the clocks change in March 2018"
    assert np.unique(found[opening], axis=0).tolist() == [[0.0, 1.0]]


def test_the_year_clock_is_at_the_same_place_a_year_later(daily, index_days: PairBars) -> None:
    found = engine.batch(index_days, daily.features)[:, 0]
    angle = np.arctan2(found[:, NAME["time_sin"]], found[:, NAME["time_cos"]])
    days = index_days.time_ns.astype("datetime64[ns]").astype("datetime64[D]")
    july = [
        angle[np.searchsorted(days, np.datetime64(f"{year}-07-03"))]
        for year in range(1999, 2018)
    ]
    assert np.ptp(np.unwrap(july)) < 2 * math.pi * 4 / 365
    january = angle[np.searchsorted(days, np.datetime64("2008-01-02"))]
    assert abs(january) < 2 * math.pi * 3 / 365


# --- nights


def night_jump() -> PairBars:
    bars = random_walk(12, seed=1, bar_seconds=3_600 * 2)
    assert bars.session[:4].tolist() == [0, 0, 0, 1]
    close = np.full((12, 2), 100.0)
    close[3:] = 200.0
    return replace(bars, open=close, high=close, low=close, close=close)


@pytest.mark.parametrize(("counted", "r"), [(True, math.log(2.0)), (False, 0.0)])
def test_a_jump_over_night_is_a_return_only_where_the_rules_count_it(
    small_features: Make, *, counted: bool, r: float
) -> None:
    found = engine.batch(night_jump(), small_features(count_session_gaps=counted))
    assert found[3, 0, NAME["log_return"]] == pytest.approx(r)
    assert found[3, 0, NAME["momentum_short"]] == pytest.approx(r)


# --- bars that cannot be believed


def broken(bar: PairBar, **fields: float) -> PairBar:
    return msgspec.structs.replace(
        bar, bars=(msgspec.structs.replace(bar.bars[0], **fields), bar.bars[1])
    )


@pytest.mark.parametrize("field", Bar.__struct_fields__)
@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_a_bar_with_an_impossible_number_is_refused_and_changes_nothing(
    small, field: str, value: float
) -> None:
    bars = random_walk(10, seed=1)
    state, _ = engine.run(bars.part(0, 9), small.features)
    before = state.memory.tobytes()
    with pytest.raises(DataError, match=r"bar 9 at .* not finite and positive"):
        engine.step(state, broken(bars.at(9), **{field: value}))
    assert state.memory.tobytes() == before


@pytest.mark.parametrize("late_ns", [0, -1])
def test_a_bar_that_does_not_come_after_the_last_is_refused(small, late_ns: int) -> None:
    bars = random_walk(10, seed=1)
    state, _ = engine.run(bars.part(0, 9), small.features)
    again = msgspec.structs.replace(bars.at(9), time_ns=UtcNs(int(bars.time_ns[8]) + late_ns))
    with pytest.raises(DataError, match="not after the bar before it"):
        engine.step(state, again)


def test_a_batch_names_the_first_bar_that_cannot_be_believed(small) -> None:
    bars = random_walk(20, seed=1)
    close = bars.close.copy()
    close[7, 1] = math.nan
    with pytest.raises(DataError, match="bar 7 at"):
        engine.batch(replace(bars, close=close), small.features)


def test_repeated_bars_in_a_batch_are_refused(small) -> None:
    bars = random_walk(20, seed=1)
    time_ns = bars.time_ns.copy()
    time_ns[5] = time_ns[4]
    with pytest.raises(DataError, match=r"bar 5 closes at .* drop repeated ones"):
        engine.batch(replace(bars, time_ns=time_ns), small.features)


def test_no_bars_give_no_features(small) -> None:
    assert engine.batch(random_walk(5, seed=1).part(0, 0), small.features).shape == (0, 2, 12)
