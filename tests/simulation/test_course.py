"""A course can be walked, or it is refused with a sentence that names what is wrong."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.adapters.sources import csv
from stairway.adapters.tables.settings import Columns, File
from stairway.app.rules import watch_rules as rules_of_run
from stairway.app.settings import load
from stairway.base.errors import DataError
from stairway.features import engine, regime
from stairway.features.weather.kernels import SCORE
from stairway.market.align import align
from stairway.market.bars import PairBars
from stairway.models.normaliser import Normaliser, fit
from stairway.simulation.course import Course, course, first_known, raw_rows
from stairway.testing.bars import random_walk
from stairway.testing.practice import course_of, made_course, rough_course, watch_rules

DATA = Path(os.environ.get("STAIRWAY_DATA", Path(__file__).parents[3] / "shared" / "data"))
MINUTES = DATA / "stocks_1m_nvda_msft_2018"
needs_minutes = pytest.mark.skipif(not MINUTES.is_dir(), reason=f"no minutes in {MINUTES}")

RULES = watch_rules()
PLAIN = Normaliser(np.zeros(24), np.ones(24), 100.0)
COLUMNS = ("time_ns", "features", "open", "close", "value_usd", "session", "score", "regime")


def made(bars: PairBars, normaliser: Normaliser = PLAIN) -> Course:
    return course(bars, RULES, RULES.session, normaliser)


def changed(one: Course, **columns: Any) -> Course:
    return replace(one, **columns)


def at(column: np.ndarray, place: int | tuple[int, int], value: float) -> np.ndarray:
    copy = column.copy()
    copy[place] = value
    return copy


def test_a_course_shows_what_trading_sees() -> None:
    bars = random_walk(300, seed=3)
    rows = raw_rows(bars, RULES)
    normaliser = fit(rows[first_known(rows) :], 5.0)
    walk = made(bars, normaliser)
    theirs = engine.batch(bars, RULES.features).reshape(300, 24)
    known = slice(walk.first, None)
    assert np.array_equal(walk.features[known], normaliser.apply(theirs)[known])
    assert np.array_equal(walk.score, regime.batch(bars, RULES.regime).table[:, SCORE])
    assert np.array_equal(walk.regime, regime.batch(bars, RULES.regime).codes)
    assert np.array_equal(walk.value_usd, bars.close * bars.volume)


def test_it_begins_where_the_last_window_has_filled() -> None:
    walk = made_course(200, seed=1)
    assert walk.first == RULES.features.warm_up_bars - 1
    assert np.isnan(walk.features[walk.first - 1]).any()
    assert np.isfinite(walk.features[walk.first :]).all()


@given(st.integers(120, 250), st.integers(1, 60))
def test_the_future_does_not_change_what_is_shown(n: int, more: int) -> None:
    bars = random_walk(n + more, seed=5)
    short, long = made(bars.part(0, n)), made(bars)
    known = slice(short.first, n)
    assert np.array_equal(short.features[known], long.features[known])
    assert np.array_equal(short.score, long.score[:n])


@pytest.mark.parametrize("column", ["open", "high", "low", "close", "volume"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_a_bar_that_is_no_number_is_refused(column: str, value: float) -> None:
    bars = random_walk(150, seed=2)
    broken = replace(bars, **{column: at(getattr(bars, column), (90, 1), value)})
    with pytest.raises(DataError, match="90"):
        made(broken)


@pytest.mark.parametrize("column", ["open", "close", "volume"])
def test_instruments_of_different_length_are_refused(column: str) -> None:
    bars = random_walk(150, seed=2)
    with pytest.raises(DataError, match=rf"{column} is \(149, 2\).*align both"):
        made(replace(bars, **{column: getattr(bars, column)[1:]}))


def test_one_instrument_alone_is_refused() -> None:
    bars = random_walk(150, seed=2)
    with pytest.raises(DataError, match=r"close is \(150, 1\)"):
        made(replace(bars, close=bars.close[:, :1]))


def test_sessions_of_another_length_are_refused() -> None:
    bars = random_walk(150, seed=2)
    with pytest.raises(DataError, match=r"session is \(10,\)"):
        made(replace(bars, session=bars.session[:10]))


def test_too_few_bars_for_the_features_are_refused() -> None:
    with pytest.raises(DataError, match="none of 40 bars has all of its features"):
        made(random_walk(40, seed=2))


def test_too_few_bars_say_how_many_it_takes() -> None:
    needed = RULES.features.warm_up_bars
    with pytest.raises(DataError, match=rf"windows of \[features\] need {needed}; give more"):
        made(random_walk(40, seed=2))


def test_an_instrument_that_never_moves_is_named_and_more_bars_are_not_asked_for() -> None:
    bars = random_walk(400, seed=2)
    still = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close")}
    for column in still.values():
        column[:, 1] = 100.0
    symbol = bars.symbols[1]
    with pytest.raises(DataError, match=rf": {symbol} never has \w+.*give bars in which both"):
        made(replace(bars, **still))


def test_a_feature_that_is_lost_again_is_refused_by_name() -> None:
    bars = random_walk(400, seed=2)
    still = slice(200, 330)
    stood = {
        name: np.where(
            (np.arange(400)[:, None] >= 200) & (np.arange(400)[:, None] < 330),
            bars.close[200],
            getattr(bars, name),
        )
        for name in ("open", "high", "low", "close")
    }
    assert (stood["close"][still] == bars.close[200]).all()
    with pytest.raises(DataError, match=r"ALPHA\.\w+ is nan at bar 2\d\d"):
        made(replace(bars, **stood))


def test_the_same_name_twice_is_no_pair() -> None:
    with pytest.raises(DataError, match="both instruments are named 'ALPHA'"):
        changed(rough_course(30, seed=1), symbols=("ALPHA", "ALPHA"))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("time_ns", 0.0, "time_ns of bar 9 does not come after"),
        ("session", -1.0, "session of bar 9 is an earlier one"),
        ("open", np.nan, "open of bar 9 is not finite and positive"),
        ("open", 0.0, "open of bar 9 is not finite and positive"),
        ("close", -1.0, "close of bar 9 is not finite and positive"),
        ("value_usd", np.nan, "value_usd of bar 9 is not finite and at least 0"),
        ("value_usd", -1.0, "value_usd of bar 9 is not finite and at least 0"),
        ("score", np.nan, "score of bar 9 is not finite"),
        ("regime", 3, "regime of bar 9 is none of the 3 that there are"),
        ("regime", -1, "regime of bar 9 is none of the 3 that there are"),
        ("features", np.nan, r"ALPHA\.log_return is nan at bar 9"),
        ("features", 101.0, r"ALPHA\.log_return is 101\.0 at bar 9.*allowed are -100 to 100"),
    ],
)
def test_a_column_that_cannot_be_walked_is_named(
    name: str, value: float, sentence: str
) -> None:
    rough = rough_course(30, seed=1)
    column = getattr(rough, name)
    place = 9 if column.ndim == 1 else (9, 0)
    with pytest.raises(DataError, match=sentence):
        changed(rough, **{name: at(column, place, value)})


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("first", 30, "first is 30, which is none of the 30 bars"),
        ("first", -1, "first is -1"),
        ("lot_units", (1.0, 0.0), "lot_units"),
        ("lot_units", (1.0, float("nan")), "lot_units"),
        ("bars_per_session", 0, "bars_per_session"),
        ("periods_per_year", float("inf"), "periods_per_year"),
        ("features", np.zeros((30, 24)), "features are float64"),
        ("features", np.zeros((30, 23), np.float32), r"features is \(30, 23\)"),
        ("score", np.zeros(29), r"score is \(29,\)"),
        ("regime", np.zeros(29, np.int64), r"regime is \(29,\)"),
    ],
)
def test_a_field_out_of_range_is_named(name: str, value: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        changed(rough_course(30, seed=1), **{name: value})


def test_what_lies_before_the_first_step_may_be_unknown() -> None:
    rough = changed(rough_course(30, seed=1), first=5)
    hole = changed(rough, features=at(rough.features, (4, 3), np.nan))
    assert hole.first == 5
    assert hole.fingerprint == rough.fingerprint


@pytest.mark.parametrize("name", COLUMNS)
def test_the_fingerprint_covers_every_column(name: str) -> None:
    rough = rough_course(30, seed=1)
    column = getattr(rough, name)
    place = 29 if column.ndim == 1 else (29, 1)
    other = changed(rough, **{name: at(column, place, column[place] + 1)})
    assert other.fingerprint != rough.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"symbols": ("ALPHA", "GAMMA")},
        {"first": 7},
        {"bars_per_session": 26},
        {"periods_per_year": 1.0},
        {"lot_units": (1.0, 1.0)},
    ],
)
def test_the_fingerprint_covers_everything_else(change: dict[str, Any]) -> None:
    rough = rough_course(30, seed=1)
    assert changed(rough, **change).fingerprint != rough.fingerprint


def test_the_fingerprint_covers_where_sessions_end() -> None:
    rough = rough_course(30, seed=1)
    other = changed(rough, last_of_session=~rough.last_of_session)
    assert other.fingerprint != rough.fingerprint


@given(st.integers(0, 199), st.integers(1, 200))
def test_a_part_is_the_same_course_between_two_bars(start: int, size: int) -> None:
    walk = made_course(200, seed=4)
    stop = min(start + size, 200)
    if stop <= walk.first:
        with pytest.raises(DataError, match="first is"):
            walk.part(start, stop)
        return
    part = walk.part(start, stop)
    assert len(part) == stop - start
    assert part.first == max(walk.first - start, 0)
    assert np.array_equal(part.close, walk.close[start:stop])
    known = slice(part.first, None)
    assert np.array_equal(part.features[known], walk.features[start:stop][known])


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (5, 5), (9, 5), (0, 201)])
def test_a_part_that_is_not_there_is_refused(start: int, stop: int) -> None:
    with pytest.raises(DataError, match=f"bars {start} to {stop} of a course of 200"):
        made_course(200, seed=4).part(start, stop)


def test_courses_are_the_same_for_the_same_bars() -> None:
    assert made_course(150, seed=9).fingerprint == made_course(150, seed=9).fingerprint
    assert made_course(150, seed=9).fingerprint != made_course(150, seed=8).fingerprint


def test_minutes_of_a_made_up_exchange_can_be_walked() -> None:
    walk = course_of(random_walk(900, seed=1, bar_seconds=60), 60)
    assert walk.bars_per_session == 390
    assert int(walk.last_of_session.sum()) == 2


@needs_minutes
def test_real_minutes_can_be_walked() -> None:
    settings = load("intraday")
    files = tuple(
        File(path=str(path), symbol=path.name[:4], tick_usd=0.01, lot_units=1.0)
        for path in sorted(MINUTES.glob("*.csv.gz"))
    )
    columns = Columns(
        time="datetime_et", open="open", high="high", low="low", close="close", volume="volume"
    )
    config = csv.Config(
        files=files,
        columns=columns,
        tz="America/New_York",
        stamp="open",
        bar_seconds=60,
    )
    bars, _ = align(csv.read(config), settings.bars, settings.session)
    rules = rules_of_run(settings)
    rows = raw_rows(bars, rules)
    walk = course(bars, rules, settings.session, fit(rows[first_known(rows) :], 5.0))
    assert walk.symbols == ("MSFT", "NVDA")
    assert len(walk) == 29 * 391
    assert walk.first < 2 * 391
    assert int(walk.last_of_session.sum()) == 29
    assert np.abs(walk.features[walk.first :]).max() <= 5.0
