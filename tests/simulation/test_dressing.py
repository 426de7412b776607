"""Bars to pure returns, and a model's returns back to bars."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.arrays import FloatArray
from stairway.base.verdict import Pass, Refuse
from stairway.market.bars import PairBars
from stairway.simulation.bootstrap import (
    CLOSE,
    HIGH,
    LOW,
    OPEN,
    VOLUME,
    moves_of,
    returns_of,
    walk,
)
from stairway.simulation.conditions import can_be_traded
from stairway.simulation.dressing import Wardrobe, _smoothed, dress, strip
from stairway.testing.bars import random_walk
from stairway.testing.source import DAILY, intraday_session

HOURS = intraday_session(3_600)  # six bars a session


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def hourly(sessions: int, seed: int = 1) -> PairBars:
    return random_walk(6 * sessions, seed, bar_seconds=3_600)


def wardrobe_of(bars: PairBars, smooth_bars: int = 1) -> Wardrobe:
    found = strip(moves_of(bars, HOURS), HOURS, smooth_bars)
    assert isinstance(found, Wardrobe)
    return found


@pytest.fixture(scope="module")
def wardrobe() -> Wardrobe:
    return wardrobe_of(hourly(40))


# -- stripping -------------------------------------------------------------------------


def test_pure_returns_times_place_and_day_are_the_returns(wardrobe: Wardrobe) -> None:
    scale = wardrobe.usual * wardrobe.level[:, None, :]
    again = wardrobe.pure.reshape(-1, 6, 2) * scale
    assert np.allclose(again.reshape(-1, 2), wardrobe.returns, rtol=1e-12)


def test_each_day_is_about_one_in_size_once_it_is_stripped(wardrobe: Wardrobe) -> None:
    by_day = np.square(wardrobe.pure.reshape(-1, 6, 2)).mean(axis=1)
    assert np.allclose(by_day, 1.0)


def test_a_bang_at_the_open_and_a_wild_day_are_taken_off() -> None:
    moves = moves_of(hourly(60), HOURS)
    table = moves.table.copy()
    # Written on the body of the bar: the night before it is in no return.
    table[::6, :, CLOSE] = (
        table[::6, :, OPEN] * (table[::6, :, CLOSE] / table[::6, :, OPEN]) ** 5
    )
    table[30:36, :, CLOSE] **= 9.0
    loud = strip(replace(moves, table=table), HOURS, 1)
    assert isinstance(loud, Wardrobe)
    assert (loud.usual[0] > 3.0 * loud.usual[1]).all()
    assert (loud.level[5] > 2.0 * np.delete(loud.level, 5, axis=0).max(axis=0)).all()
    size = np.abs(loud.pure.reshape(-1, 6, 2))
    assert size[:, 0].mean() < 1.5 * size[:, 1:].mean()
    assert size[5].mean() < 1.5 * size.mean()


def test_daily_bars_have_one_place_and_no_level_of_a_day() -> None:
    found = strip(moves_of(random_walk(300, 1), DAILY), DAILY, 1)
    assert isinstance(found, Wardrobe)
    assert found.usual.shape == (1, 2)
    assert (found.level == 1.0).all()


def test_no_whole_session_is_refused() -> None:
    answer = strip(moves_of(hourly(1), HOURS), HOURS, 1)
    assert isinstance(answer, Refuse)
    assert answer.findings[0].code == "scenario.no_sessions"
    assert "bars_per_session = 6" in answer.findings[0].detail


@pytest.mark.parametrize("rows", [slice(0, 6), slice(3, None, 6)])
def test_a_day_or_a_place_at_which_nothing_moves_is_refused(rows: slice) -> None:
    moves = moves_of(hourly(20), HOURS)
    table = moves.table.copy()
    table[rows, 0, :VOLUME] = 1.0
    answer = strip(replace(moves, table=table), HOURS, 1)
    assert isinstance(answer, Refuse)
    assert answer.findings[0].code == "scenario.flat_source"


def test_a_running_mean_takes_what_there_is_at_both_ends() -> None:
    values = np.array([[1.0], [2.0], [6.0], [10.0]])
    assert _smoothed(values, 1).ravel().tolist() == [1.0, 2.0, 6.0, 10.0]
    assert _smoothed(values, 3).ravel().tolist() == [1.5, 3.0, 6.0, 8.0]
    assert _smoothed(values, 99).ravel().tolist() == pytest.approx([4.75] * 4)


# -- dressing --------------------------------------------------------------------------


def test_the_returns_of_what_is_dressed_are_those_of_the_model(wardrobe: Wardrobe) -> None:
    pure = generator(2).standard_normal((30, 2))
    days = generator(3).integers(40 - 1, size=5)
    made = returns_of(dress(pure, wardrobe, generator(3)), HOURS)
    scale = wardrobe.usual * wardrobe.level[days][:, None, :]
    assert np.allclose(made, (pure.reshape(5, 6, 2) * scale).reshape(-1, 2), atol=1e-12)


def test_a_bar_that_moves_as_a_real_one_did_looks_like_it(wardrobe: Wardrobe) -> None:
    level = replace(wardrobe, level=np.ones_like(wardrobe.level))
    pure = (wardrobe.returns.reshape(-1, 6, 2) / wardrobe.usual).reshape(-1, 2)
    made = dress(pure, level, generator(1)).table
    real = wardrobe.moves.table
    inside = np.arange(len(real)) % 6 > 0
    assert np.allclose(made[inside], real[inside], rtol=1e-12)
    body = made[:, :, CLOSE] / made[:, :, OPEN]
    assert np.allclose(body, real[:, :, CLOSE] / real[:, :, OPEN], rtol=1e-12)


def test_a_bar_that_moves_the_other_way_is_the_mirrored_one(wardrobe: Wardrobe) -> None:
    level = replace(wardrobe, level=np.ones_like(wardrobe.level))
    pure = -(wardrobe.returns.reshape(-1, 6, 2) / wardrobe.usual).reshape(-1, 2)
    made = dress(pure, level, generator(1)).table
    real = wardrobe.moves.table
    inside = np.arange(len(real)) % 6 > 0
    for ours, theirs in ((OPEN, OPEN), (CLOSE, CLOSE), (HIGH, LOW), (LOW, HIGH)):
        assert np.allclose(made[inside, :, ours], 1.0 / real[inside, :, theirs], rtol=1e-12)
    assert (made[inside, :, VOLUME] == real[inside, :, VOLUME]).all()


def test_the_night_before_a_session_is_that_of_a_real_one(wardrobe: Wardrobe) -> None:
    made = dress(generator(2).standard_normal((60, 2)), wardrobe, generator(3)).table
    nights = {tuple(row) for row in wardrobe.moves.table[::6, :, OPEN].round(12).tolist()}
    assert {tuple(row) for row in made[::6, :, OPEN].round(12).tolist()} <= nights


def test_larger_moves_trade_more_where_they_did_in_the_real_bars() -> None:
    moves = moves_of(hourly(60), HOURS)
    table = moves.table.copy()
    table[:, :, VOLUME] = 1e3 * np.abs(returns_of(moves, HOURS)).sum(axis=1)[:, None]
    tied = strip(replace(moves, table=table), HOURS, 1)
    assert isinstance(tied, Wardrobe)
    made = dress(generator(2).standard_normal((600, 2)), tied, generator(3))
    size = np.abs(returns_of(made, HOURS)).sum(axis=1)
    assert np.corrcoef(size, made.table[:, 0, VOLUME])[0, 1] > 0.7


def test_what_goes_beyond_whole_sessions_is_left_out(wardrobe: Wardrobe) -> None:
    assert len(dress(np.ones((17, 2)), wardrobe, generator(1))) == 12


@given(seed=st.integers(0, 10**6), size=st.floats(0.0, 3.0))
def test_whatever_a_model_says_becomes_valid_bars(seed: int, size: float) -> None:
    found = wardrobe_of(hourly(20), smooth_bars=3)
    pure: FloatArray = size * generator(seed).standard_normal((36, 2))
    made = dress(pure, found, generator(seed))
    bars = walk(made, np.array([100.0, 20.0]), hourly(1).instruments, 0, HOURS)
    assert isinstance(can_be_traded(bars, 0.9), Pass)


def test_daily_bars_are_dressed_with_the_night_inside_their_return() -> None:
    found = strip(moves_of(random_walk(300, 1), DAILY), DAILY, 1)
    assert isinstance(found, Wardrobe)
    pure = generator(2).standard_normal((50, 2))
    made = dress(pure, found, generator(3))
    assert np.allclose(returns_of(made, DAILY), pure * found.usual, atol=1e-12)
    assert (np.abs(np.log(made.table[:, :, OPEN])) > 0.0).any()
