from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import DataError
from stairway.features import engine
from stairway.features.labels import UNLABELLED, LabelRules, Labels, triple_barrier
from stairway.features.spec import VOLATILITY_LONG
from stairway.market.bars import PairBars
from stairway.testing.bars import random_walk
from stairway.testing.strategies import valid_pair_bars


def rules(**changes: object) -> LabelRules:
    settings: dict[str, object] = {
        "horizon_bars": 3,
        "stop_vol": 1.0,
        "target_vol": 2.0,
        "within_session": False,
    }
    return LabelRules(**(settings | changes))  # pyright: ignore[reportArgumentType]


def bars_of(*rows: tuple[float, float, float, float], bar_seconds: int = 86_400) -> PairBars:
    """Both instruments get the same bars of (open, high, low, close)."""
    table = np.repeat(np.array(rows, np.float64)[:, :, None], 2, axis=2)
    open_, high, low, close = table.transpose(1, 0, 2)
    walk = random_walk(len(rows), seed=1, bar_seconds=bar_seconds)
    return replace(walk, open=open_, high=high, low=low, close=close)


FLAT = (100.0, 100.0, 100.0, 100.0)


def one_percent(bars: PairBars) -> np.ndarray:
    return np.full((len(bars), 2), 0.01)


def label_row(bars: PairBars, row: int, **changes: object) -> tuple[int, int, int, float]:
    labels = triple_barrier(bars, one_percent(bars), rules(**changes))
    return (
        int(labels.outcome[row, 0]),
        int(labels.start[row, 0]),
        int(labels.end[row, 0]),
        float(labels.gain[row, 0]),
    )


# --- a slow reference


def reference(bars: PairBars, volatility: np.ndarray, how: LabelRules) -> Labels:
    shape = bars.close.shape
    rows = np.repeat(np.arange(len(bars))[:, None], 2, axis=1)
    found = Labels(np.full(shape, -1), rows, rows.copy(), np.full(shape, np.nan))
    for i in range(len(bars)):
        last = i + how.horizon_bars
        if how.within_session:
            same = np.flatnonzero(bars.session == bars.session[i])
            complete = same[-1] < len(bars) - 1 or bars.last_of_session[same[-1]]
            last = min(last, int(same[-1])) if complete else last
        if last >= len(bars) or last == i:
            continue
        for k in range(2):
            if np.isfinite(volatility[i, k]) and volatility[i, k] > 0.0:
                one_label(bars, found, (i, k, last), volatility[i, k], how)
    return found


def one_label(
    bars: PairBars, found: Labels, place: tuple[int, int, int], sigma: float, how: LabelRules
) -> None:
    i, k, last = place
    entry, width = bars.open[i + 1, k], sigma * bars.close[i, k]
    upper, lower = entry + how.target_vol * width, entry - how.stop_vol * width
    exit_, outcome, j = bars.close[last, k], None, last
    for j in range(i + 1, last + 1):
        up, down = bars.high[j, k] >= upper, bars.low[j, k] <= lower
        opened_up = bars.open[j, k] >= upper
        if down and not opened_up:
            exit_, outcome = min(lower, bars.open[j, k]), 0
        elif up:
            exit_, outcome = upper, 1
        if outcome is not None:
            break
    found.outcome[i, k] = int(exit_ > entry) if outcome is None else outcome
    found.end[i, k] = j + 1
    found.gain[i, k] = (exit_ - entry) / (how.stop_vol * width)


SIGMA = st.floats(0.001, 0.2) | st.sampled_from([np.nan, 0.0, np.inf])


@given(valid_pair_bars(max_size=30), st.data())
def test_any_bars_get_the_labels_of_the_docstring(bars: PairBars, data: st.DataObject) -> None:
    n = len(bars)
    sigma = np.array(data.draw(st.lists(SIGMA, min_size=2 * n, max_size=2 * n))).reshape(n, 2)
    how = rules(
        horizon_bars=data.draw(st.integers(1, 6)),
        stop_vol=data.draw(st.sampled_from([0.5, 1.0, 3.0])),
        within_session=data.draw(st.booleans()),
    )
    found, truth = triple_barrier(bars, sigma, how), reference(bars, sigma, how)
    for name in ("outcome", "start", "end", "gain"):
        np.testing.assert_array_equal(getattr(found, name), getattr(truth, name), name)


# --- by example


def test_a_price_that_rises_to_the_target_is_1_with_the_gain_of_the_target() -> None:
    bars = bars_of(FLAT, (100, 101, 99.5, 101), (101, 102, 100, 102), FLAT, FLAT)
    assert label_row(bars, 0) == (1, 0, 3, 2.0)


def test_a_price_that_falls_to_the_stop_is_0_and_costs_one_unit() -> None:
    bars = bars_of(FLAT, (100, 101, 99, 100), FLAT, FLAT)
    assert label_row(bars, 0) == (0, 0, 2, -1.0)


def test_a_gap_through_the_stop_costs_more_than_one_unit() -> None:
    bars = bars_of(FLAT, FLAT, (97, 103, 97, 103), FLAT)
    assert label_row(bars, 0) == (0, 0, 3, -3.0)


def test_a_gap_through_the_target_gains_no_more_than_the_target() -> None:
    bars = bars_of(FLAT, FLAT, (105, 105, 90, 95), FLAT)
    assert label_row(bars, 0) == (1, 0, 3, 2.0)


def test_entry_is_the_next_open_and_not_the_close_that_was_seen() -> None:
    bars = bars_of(FLAT, (101, 102.9, 100.5, 102), (102, 102, 102, 102), (102, 103, 102, 103))
    assert label_row(bars, 0) == (1, 0, 4, 2.0)


def test_when_time_is_up_the_sign_of_the_move_decides() -> None:
    quiet_up = bars_of(FLAT, FLAT, FLAT, (100, 100.5, 100, 100.5), FLAT)
    quiet_down = bars_of(FLAT, FLAT, FLAT, (100, 100, 99.5, 99.5), FLAT)
    assert label_row(quiet_up, 0) == (1, 0, 4, pytest.approx(0.5))
    assert label_row(quiet_down, 0) == (0, 0, 4, pytest.approx(-0.5))


def test_no_move_at_all_is_no_rise() -> None:
    assert label_row(bars_of(FLAT, FLAT, FLAT, FLAT), 0) == (0, 0, 4, 0.0)


def test_a_horizon_past_the_end_gets_no_label_even_if_a_barrier_was_met_in_time() -> None:
    bars = bars_of(FLAT, FLAT, (100, 105, 100, 105), FLAT)
    outcome, start, end, gain = label_row(bars, 1)
    assert (outcome, start, end) == (UNLABELLED, 1, 1)
    assert np.isnan(gain)


def test_a_session_that_ends_is_time_that_is_up() -> None:
    bars = bars_of(FLAT, FLAT, (100, 101, 100, 101), (50, 50, 50, 50), bar_seconds=7_800)
    assert bars.session.tolist() == [0, 0, 0, 1]
    assert label_row(bars, 0, within_session=True) == (1, 0, 3, pytest.approx(1.0))
    assert label_row(bars, 0, within_session=False)[:3] == (0, 0, 4)


def test_the_last_decision_of_a_session_has_no_label_within_sessions() -> None:
    bars = bars_of(*[FLAT] * 7, bar_seconds=7_800)
    labels = triple_barrier(bars, one_percent(bars), rules(within_session=True))
    assert labels.outcome[:, 0].tolist() == [0, 0, -1, 0, 0, -1, -1]


def test_a_session_cut_off_by_the_end_of_the_bars_has_labels_only_where_time_was_up() -> None:
    bars = bars_of(*[FLAT] * 8, bar_seconds=3_600)
    labels = triple_barrier(bars, one_percent(bars), rules(within_session=True))
    assert bars.session.tolist() == [0] * 6 + [1] * 2
    assert labels.outcome[:, 0].tolist() == [0, 0, 0, 0, 0, -1, -1, -1]
    whole = triple_barrier(bars.part(0, 6), one_percent(bars)[:6], rules(within_session=True))
    assert whole.outcome[:, 0].tolist() == [0, 0, 0, 0, 0, -1]


# --- invariants


@given(valid_pair_bars(min_size=5, max_size=40), st.integers(1, 8))
def test_a_span_starts_at_its_decision_and_ends_within_the_horizon(
    bars: PairBars, horizon: int
) -> None:
    labels = triple_barrier(bars, one_percent(bars), rules(horizon_bars=horizon))
    rows = np.repeat(np.arange(len(bars))[:, None], 2, axis=1)
    length = labels.end - labels.start
    assert (labels.start == rows).all()
    assert (length[labels.labelled] >= 2).all()
    assert (length[labels.labelled] <= horizon + 1).all()
    assert (length[~labels.labelled] == 0).all()
    assert (np.isnan(labels.gain) == ~labels.labelled).all()


@given(valid_pair_bars(min_size=8, max_size=40), st.data())
def test_no_bar_behind_a_span_can_change_its_label(bars: PairBars, data: st.DataObject) -> None:
    labels = triple_barrier(bars, one_percent(bars), rules())
    cut = data.draw(st.integers(1, len(bars)))
    shorter = triple_barrier(bars.part(0, cut), one_percent(bars)[:cut], rules())
    known = shorter.labelled
    assert (shorter.outcome[known] == labels.outcome[:cut][known]).all()
    assert (shorter.end[known] <= cut).all()


@given(valid_pair_bars(min_size=5, max_size=40))
def test_gain_and_outcome_agree_on_the_sign(bars: PairBars) -> None:
    labels = triple_barrier(bars, one_percent(bars), rules())
    gain = labels.gain[labels.labelled]
    assert ((gain > 0.0) == (labels.outcome[labels.labelled] == 1)).all()
    assert (gain <= 2.0 + 1e-9).all()


def test_a_mirrored_market_gets_mirrored_labels_but_for_bars_that_meet_both() -> None:
    bars = random_walk(600, seed=3)
    names = {"open": "open", "high": "low", "low": "high", "close": "close"}
    mirrored = replace(bars, **{name: 200.0 - getattr(bars, of) for name, of in names.items()})
    width = bars.close * 0.012
    how = rules(stop_vol=2.0, target_vol=2.0, horizon_bars=10)
    up = triple_barrier(bars, width / bars.close, how)
    down = triple_barrier(mirrored, width / mirrored.close, how)
    sound = up.labelled & (bars.close > 0) & (mirrored.close > 0)
    same = up.outcome[sound] == 1 - down.outcome[sound]
    assert same.mean() > 0.99


def test_real_days_have_about_as_many_rises_as_falls(daily, index_days: PairBars) -> None:
    volatility = engine.batch(index_days, daily.features)[:, :, VOLATILITY_LONG]
    how = rules(stop_vol=2.0, target_vol=2.0, horizon_bars=10)
    labels = triple_barrier(index_days, volatility, how)
    assert not labels.labelled[: daily.features.volatility_long_bars].any()
    assert labels.labelled[daily.features.volatility_long_bars : -10].all()
    assert 0.45 < labels.outcome[labels.labelled].mean() < 0.62
    assert np.abs(np.nanmean(labels.gain)) < 0.2


# --- bad input


def test_volatility_of_other_bars_is_refused() -> None:
    bars = bars_of(FLAT, FLAT)
    with pytest.raises(DataError, match=r"shape \(3, 2\), the bars \(2, 2\)"):
        triple_barrier(bars, np.ones((3, 2)), rules())


@pytest.mark.parametrize("sigma", [np.nan, 0.0, -0.01, np.inf])
def test_without_a_volatility_there_is_no_label(sigma: float) -> None:
    bars = bars_of(*[FLAT] * 6)
    labels = triple_barrier(bars, np.full((6, 2), sigma), rules())
    assert not labels.labelled.any()


@pytest.mark.parametrize(
    "change",
    [{"horizon_bars": 0}, {"stop_vol": 0.0}, {"target_vol": -1.0}, {"stop_vol": np.nan}],
)
def test_barriers_without_a_distance_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        rules(**change)


def test_no_bars_give_no_labels() -> None:
    none = random_walk(5, seed=1).part(0, 0)
    assert triple_barrier(none, np.zeros((0, 2)), rules(within_session=True)).outcome.size == 0
