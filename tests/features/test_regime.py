from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.base.errors import ConfigError, DataError
from stairway.features import regime
from stairway.features.regime import LABELS, Regime, RegimeLabel, RegimeRules, Regimes
from stairway.market.bars import PairBars
from stairway.testing.bars import random_walk
from stairway.testing.strategies import valid_pair_bars

Make = Callable[..., RegimeRules]


# --- a slow reference, written from the docstring of regime.py and from nothing else


def log_returns(bars: PairBars, rules: RegimeRules) -> np.ndarray:
    r = np.log(bars.close[1:] / bars.close[:-1])
    if not rules.count_session_gaps:
        opens = bars.session[1:] != bars.session[:-1]
        r[opens] = np.log(bars.close[1:] / bars.open[1:])[opens]
    return r


def std(values: np.ndarray) -> float:
    spread = float(np.std(values, ddof=1))
    return spread if spread > 1e-12 else 0.0


def z(values: np.ndarray) -> float:
    return (values[-1] - values.mean()) / std(values) if std(values) > 0.0 else math.nan


def samples_of(r: np.ndarray, rules: RegimeRules) -> np.ndarray:
    """Momentum, volatility ratio and divergence behind each full session of returns."""
    rows = []
    for end in range(rules.session_bars, len(r) + 1):
        session = r[end - rules.session_bars : end]
        history = r[max(end - rules.history_bars, 0) : end]
        now = std(session[:, 0]) + std(session[:, 1])
        usual = std(history[:, 0]) + std(history[:, 1])
        total = session.sum(axis=0)
        ratio = now / usual if usual > 0.0 else 1.0
        rows.append((total.mean(), ratio, abs(total[0] - total[1])))
    return np.array(rows).reshape(-1, 3)


def reference(bars: PairBars, rules: RegimeRules) -> list[Regime]:
    r = log_returns(bars, rules)
    samples = samples_of(r, rules)
    said, label = [], RegimeLabel.RANGE
    for i in range(len(bars)):
        n = i - rules.session_bars + 1
        if n < 1:
            said.append(Regime(0.0, RegimeLabel.RANGE, *([math.nan] * 4), warm=False))
            continue
        session = r[i - rules.session_bars : i]
        one = reference_at(samples[:n][-rules.history_bars :], session, rules, label)
        said.append(one)
        label = one.label
    return said


def reference_at(
    window: np.ndarray, session: np.ndarray, rules: RegimeRules, before: RegimeLabel
) -> Regime:
    momentum, ratio, _ = window[-1]
    moves = std(session[:, 0]) > 0.0 and std(session[:, 1]) > 0.0
    correlation = np.corrcoef(session.T)[0, 1] if moves else math.nan
    zs = [z(window[:, j]) for j in range(3)] if len(window) > 1 else [math.nan] * 3
    if len(window) < rules.min_samples or np.isnan(zs).any():
        return Regime(
            0.0, RegimeLabel.RANGE, momentum, ratio, math.nan, correlation, warm=False
        )
    weights = (rules.weight_momentum, rules.weight_volatility, rules.weight_divergence)
    score = float(np.clip(np.dot(weights, zs), -rules.max_score, rules.max_score))
    mean = session.mean(axis=1)
    t = abs(mean.mean()) / (std(mean) / math.sqrt(len(mean))) if std(mean) > 0.0 else math.nan
    label = reference_label(before, t, ratio, zs[2], rules)
    return Regime(score, label, momentum, ratio, zs[2], correlation, warm=True)


def reference_label(
    before: RegimeLabel, t: float, ratio: float, divergence_z: float, rules: RegimeRules
) -> RegimeLabel:
    hot = before is RegimeLabel.CRISIS and ratio >= rules.crisis_leave
    if hot or ratio >= rules.crisis_enter or divergence_z > rules.crisis_divergence:
        return RegimeLabel.CRISIS
    going = before is RegimeLabel.TREND and t >= rules.trend_leave
    return RegimeLabel.TREND if going or t >= rules.trend_enter else RegimeLabel.RANGE


def assert_equal_to_reference(found: Regimes, truth: list[Regime]) -> None:
    assert len(found) == len(truth)
    for i, expected in enumerate(truth):
        said = found.at(i)
        assert (said.label, said.warm) == (expected.label, expected.warm), i
        for name in ("score", "momentum", "volatility_ratio", "divergence_z", "correlation"):
            pair = getattr(said, name), getattr(expected, name)
            assert pair[0] == pytest.approx(pair[1], rel=1e-9, abs=1e-9, nan_ok=True), (i, name)


def encoded(said: Regime) -> bytes:
    return msgspec.msgpack.encode(said)


def streamed(bars: PairBars, rules: RegimeRules) -> tuple[regime.RegimeState, list[bytes]]:
    state, said = regime.start(rules), []
    for bar in bars:
        state, now = regime.step(state, bar)
        said.append(encoded(now))
    return state, said


# --- the definition


@pytest.mark.parametrize("seed", range(6))
def test_the_detector_says_what_its_docstring_says(small, seed: int) -> None:
    bars = random_walk(120, seed=seed)
    assert_equal_to_reference(regime.batch(bars, small.regime), reference(bars, small.regime))


def test_the_daily_detector_says_what_its_docstring_says(daily) -> None:
    bars = random_walk(700, seed=9)
    found = regime.batch(bars, daily.regime)
    assert_equal_to_reference(found, reference(bars, daily.regime))


def test_nights_that_are_not_counted_are_in_no_output(small_regime: Make) -> None:
    rules = small_regime(count_session_gaps=False)
    bars = random_walk(150, seed=2, bar_seconds=3_600)
    found = regime.batch(bars, rules)
    assert_equal_to_reference(found, reference(bars, rules))
    assert found.table.tobytes() != regime.batch(bars, small_regime()).table.tobytes()


def test_real_days_are_judged_as_the_docstring_says(daily, index_days: PairBars) -> None:
    some = index_days.part(2000, 2800)
    found = regime.batch(some, daily.regime)
    assert_equal_to_reference(found, reference(some, daily.regime))


def test_the_autumn_of_2008_was_a_crisis_and_most_days_are_not(
    daily, index_days: PairBars
) -> None:
    said = regime.batch(index_days, daily.regime)
    days = index_days.time_ns.astype("datetime64[ns]").astype("datetime64[D]")
    october = (days >= np.datetime64("2008-10-01")) & (days <= np.datetime64("2008-10-31"))
    crisis = said.codes == LABELS.index(RegimeLabel.CRISIS)
    assert crisis[october].mean() > 0.9
    assert crisis[said.warm].mean() < 0.2


@settings(max_examples=40)
@given(bars=valid_pair_bars(max_size=50), gaps=st.booleans())
def test_streaming_gives_the_batch_to_the_last_bit(
    small_regime: Make, *, bars: PairBars, gaps: bool
) -> None:
    rules = small_regime(count_session_gaps=gaps)
    found = regime.batch(bars, rules)
    assert streamed(bars, rules)[1] == [encoded(found.at(i)) for i in range(len(bars))]


def test_streaming_gives_the_batch_over_many_blocks_of_history(small_regime: Make) -> None:
    rules = small_regime(session_bars=50, history_bars=200, min_samples=100)
    bars = random_walk(1_000, seed=4)
    found = regime.batch(bars, rules)
    assert streamed(bars, rules)[1] == [encoded(found.at(i)) for i in range(len(bars))]


def test_streaming_gives_the_batch_on_real_minutes(intraday, minutes: PairBars) -> None:
    some = minutes.part(0, 2_000)
    found = regime.batch(some, intraday.regime)
    assert streamed(some, intraday.regime)[1] == [encoded(found.at(i)) for i in range(2_000)]


# --- what it promises


@given(bars=valid_pair_bars(max_size=60))
def test_the_score_is_bounded_and_opportunity_a_third_of_it(
    small_regime: Make, bars: PairBars
) -> None:
    found = regime.batch(bars, small_regime())
    for i in range(len(found)):
        said = found.at(i)
        assert -3.0 <= said.score <= 3.0
        assert -1.0 <= said.opportunity <= 1.0
        assert said.opportunity == said.score / 3.0
        assert not abs(said.correlation) > 1.0


def test_until_there_are_enough_samples_it_knows_nothing(daily) -> None:
    found = regime.batch(random_walk(200, seed=1), daily.regime)
    first = daily.regime.warm_up_bars - 1
    assert first == 119
    assert not found.warm[:first].any()
    assert found.warm[first:].all()
    for i in range(first):
        said = found.at(i)
        assert (said.score, said.label) == (0.0, RegimeLabel.RANGE)
        assert math.isnan(said.divergence_z)


def test_a_market_in_which_nothing_moves_is_not_judged(small) -> None:
    bars = random_walk(60, seed=1)
    flat = np.full((60, 2), 50.0)
    frozen = replace(bars, open=flat, high=flat, low=flat, close=flat)
    found = regime.batch(frozen, small.regime)
    assert not found.warm.any()
    last = found.at(59)
    assert (last.score, last.label, last.volatility_ratio) == (0.0, RegimeLabel.RANGE, 1.0)
    assert math.isnan(last.correlation)


def with_returns(r: np.ndarray) -> PairBars:
    close = 100.0 * np.exp(np.cumsum(r, axis=0))
    return replace(random_walk(len(r), seed=1), open=close, high=close, low=close, close=close)


def noise(n: int, seed: int = 5) -> np.ndarray:
    return 0.01 * np.random.Generator(np.random.PCG64(seed)).standard_normal((n, 2))


def test_a_steady_rise_is_a_trend_and_so_is_a_steady_fall(daily) -> None:
    for drift in (0.02, -0.02):
        r = noise(400)
        r[300:] += drift
        found = regime.batch(with_returns(r), daily.regime)
        assert found.labels[-60:] == (RegimeLabel.TREND,) * 60
        assert math.copysign(1.0, found.at(399).momentum) == math.copysign(1.0, drift)


def test_three_times_the_usual_volatility_is_a_crisis(daily) -> None:
    r = noise(400)
    r[380:] *= 3.0
    found = regime.batch(with_returns(r), daily.regime)
    assert found.labels[-1] is RegimeLabel.CRISIS
    assert found.at(399).volatility_ratio > 2.0


def test_instruments_that_part_are_a_crisis(daily) -> None:
    r = noise(400)
    r[:, 1] = r[:, 0] + 0.001 * r[:, 1]
    r[390:] += np.array([0.004, -0.004])
    found = regime.batch(with_returns(r), daily.regime)
    assert found.at(399).divergence_z > 3.0
    assert found.at(399).volatility_ratio < 2.0
    assert found.labels[-1] is RegimeLabel.CRISIS


def test_instruments_that_move_as_one_are_fully_correlated(daily) -> None:
    r = noise(200)
    r[:, 1] = 2.0 * r[:, 0]
    assert regime.batch(with_returns(r), daily.regime).at(199).correlation == pytest.approx(1.0)
    r[:, 1] = -r[:, 0]
    assert regime.batch(with_returns(r), daily.regime).at(199).correlation == pytest.approx(
        -1.0
    )


def test_sums_do_not_drift_over_a_hundred_thousand_bars_with_jumps(daily) -> None:
    r = noise(100_000) * 0.01
    r[:99_000:997] += np.where(np.arange(100) % 2 == 0, 0.7, -0.7)[:, None]
    close = 100.0 * np.exp(np.cumsum(r, axis=0))
    bars = random_walk(len(r), seed=1, bar_seconds=60)
    bars = replace(bars, open=close, high=close, low=close, close=close)
    found = regime.batch(bars, daily.regime)
    tail = regime.batch(bars.part(99_000, 100_000), daily.regime)
    for name in ("score", "momentum", "volatility_ratio", "divergence_z", "correlation"):
        pair = getattr(found.at(99_999), name), getattr(tail.at(999), name)
        assert pair[0] == pytest.approx(pair[1], rel=1e-9), name


# --- a state is a value, and keeps no more than it needs


def test_stepping_does_not_change_the_state_that_came_in(small) -> None:
    bars = random_walk(200, seed=2)
    for length in (100, 128, 129, 130):
        state, _ = regime.run(bars.part(0, length), small.regime)
        before = state.sums.tobytes(), state.marks.tobytes(), state.tail.tobytes()
        one = regime.step(state, bars.at(length))[1]
        other = regime.step(state, bars.at(length))[1]
        assert (state.sums.tobytes(), state.marks.tobytes(), state.tail.tobytes()) == before
        assert encoded(one) == encoded(other)


def test_two_futures_of_one_state_do_not_touch_each_other(small) -> None:
    bars, others = random_walk(300, seed=2), random_walk(300, seed=8)
    truth = regime.batch(bars, small.regime)
    left, _ = regime.run(bars.part(0, 60), small.regime)
    right = left
    for i in range(60, 200):
        left, said = regime.step(left, bars.at(i))
        right, _ = regime.step(right, others.at(i))
        assert encoded(said) == encoded(truth.at(i))


@pytest.mark.parametrize("length", [1, 2, 60, 64, 65, 66, 128, 129, 300])
def test_a_state_behind_a_batch_is_the_state_that_stepping_gives(small, length: int) -> None:
    bars = random_walk(length, seed=2)
    state, _ = regime.run(bars, small.regime)
    stepped, _ = streamed(bars, small.regime)
    assert state.sums.tobytes() == stepped.sums.tobytes()
    assert state.marks.tobytes() == stepped.marks.tobytes()
    assert state.tail.tobytes() == stepped.tail.tobytes()
    assert state.dropped == stepped.dropped
    assert [b.tobytes() for b in state.blocks] == [b.tobytes() for b in stepped.blocks]


@pytest.mark.parametrize(
    ("session", "history"), [(2, 3), (5, 66), (63, 64), (64, 128), (65, 130), (100, 257)]
)
def test_rows_leave_in_time_wherever_they_lie(
    small_regime: Make, session: int, history: int
) -> None:
    """In the block being filled, in the one before, or blocks away: the same to the bit."""
    rules = small_regime(session_bars=session, history_bars=history, min_samples=2)
    bars = random_walk(400, seed=4)
    state, said = streamed(bars, rules)
    whole, found = regime.run(bars, rules)
    assert said == [encoded(found.at(i)) for i in range(len(bars))]
    assert found.warm[-1]
    assert state.memory.tobytes() == whole.memory.tobytes()
    assert state.window.tobytes() == whole.window.tobytes()
    on, _ = regime.run(bars.part(0, 250), rules)
    for i in range(250, 400):
        on, now = regime.step(on, bars.at(i))
        assert encoded(now) == said[i]


def test_memory_is_bounded_by_the_history_window(small_regime: Make) -> None:
    rules = small_regime(session_bars=10, history_bars=130)
    state, _ = streamed(random_walk(2_000, seed=2), rules)
    assert sum(len(block) for block in state.blocks) <= 130 + 2 * 64


def test_a_detector_warmed_up_on_history_knows_at_the_first_live_bar(daily) -> None:
    bars = random_walk(400, seed=3)
    history, live = bars.part(0, 300), bars.at(300)
    warm, _ = regime.run(history, daily.regime)
    _, said = regime.step(warm, live)
    _, cold = regime.step(regime.start(daily.regime), live)
    assert said.warm
    assert encoded(said) == encoded(regime.batch(bars, daily.regime).at(300))
    assert (cold.warm, cold.score, cold.label) == (False, 0.0, RegimeLabel.RANGE)


def test_an_update_makes_the_same_few_numbers_however_long_the_history(
    small_regime: Make,
) -> None:
    bars, sizes = random_walk(1_500, seed=3), set()
    for history in (12, 130, 1_000):
        rules = small_regime(session_bars=10, history_bars=history)
        state, _ = regime.run(bars.part(0, 1_300), rules)
        after, _ = regime.step(state, bars.at(1_300))
        assert all(one is other for one, other in zip(state.blocks, after.blocks, strict=True))
        sizes.add(after.sums.size + after.marks.size + after.knobs.size + after.tail.size)
    assert len(sizes) == 1


@given(bars=valid_pair_bars(min_size=2, max_size=40), data=st.data())
def test_no_future_bar_moves_what_was_said(
    small_regime: Make, bars: PairBars, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(1, len(bars)))
    whole = regime.batch(bars, small_regime()).table[:cut]
    assert regime.batch(bars.part(0, cut), small_regime()).table.tobytes() == whole.tobytes()


# --- columns


def test_columns_say_the_same_as_single_bars(small) -> None:
    found = regime.batch(random_walk(80, seed=6), small.regime)
    assert len(found) == len(found.labels) == 80
    assert [found.at(i).label for i in range(80)] == list(found.labels)
    assert [LABELS[c] for c in found.codes] == list(found.labels)
    assert [found.at(i).warm for i in range(80)] == found.warm.tolist()


def test_no_bars_give_nothing(small) -> None:
    state, found = regime.run(random_walk(3, seed=1).part(0, 0), small.regime)
    assert len(found) == 0
    assert state.marks.tolist() == regime.start(small.regime).marks.tolist()


# --- bad rules and bad bars


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"session_bars": 12}, "session_bars under history_bars"),
        ({"min_samples": 13}, "min_samples up to history_bars"),
        ({"crisis_leave": 2.5}, "crisis_leave up to crisis_enter"),
        ({"trend_leave": 2.5}, "trend_leave up to trend_enter"),
    ],
)
def test_rules_that_contradict_each_other_are_refused(
    small_regime: Make, change: dict[str, object], what: str
) -> None:
    with pytest.raises(ConfigError, match=what):
        small_regime(**change)


@pytest.mark.parametrize("field", RegimeRules.__struct_fields__)
def test_no_rule_has_a_default(small_regime: Make, field: str) -> None:
    settings_ = msgspec.structs.asdict(small_regime())
    del settings_[field]
    with pytest.raises(msgspec.ValidationError, match=field):
        msgspec.convert(settings_, RegimeRules)


def test_a_bar_that_cannot_be_believed_is_refused_and_changes_nothing(small) -> None:
    bars = random_walk(70, seed=1)
    state, _ = regime.run(bars.part(0, 69), small.regime)
    bar = bars.at(69)
    bad = msgspec.structs.replace(bar.bars[1], close=math.nan)
    with pytest.raises(DataError, match="not finite and positive"):
        regime.step(state, msgspec.structs.replace(bar, bars=(bar.bars[0], bad)))
    with pytest.raises(DataError, match="not after the bar before it"):
        regime.step(state, bars.at(68))
    assert encoded(regime.step(state, bar)[1]) == encoded(
        regime.batch(bars, small.regime).at(69)
    )


def test_a_batch_names_the_first_bar_that_cannot_be_believed(small) -> None:
    bars = random_walk(20, seed=1)
    close = bars.close.copy()
    close[7, 1] = -1.0
    with pytest.raises(DataError, match="bar 7 at"):
        regime.batch(replace(bars, close=close), small.regime)
