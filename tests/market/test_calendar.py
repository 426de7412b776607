"""Sessions and their last bars come from the clock, never from the next row."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import ConfigError
from stairway.market.bars import PairBars
from stairway.market.calendar import (
    SessionRules,
    bars_left,
    place,
    require_close,
    require_spacing,
    session_numbers,
    utc_text,
    zone,
)
from stairway.testing.bars import random_walk
from stairway.testing.source import DAILY, intraday_session
from stairway.testing.strategies import valid_pair_bars

NEW_YORK = ZoneInfo("America/New_York")
MINUTE_NS = 60 * 1_000_000_000
DAY_NS = 24 * 60 * MINUTE_NS
AROUND_THE_CLOCK = SessionRules(
    kind="intraday",
    tz="UTC",
    close="24:00",
    early_close_days=(),
    early_by_minutes=0,
    overnight="hold",
    flat_by_close=False,
    lead_out_bars=1,
    bar_seconds=60,
    bars_per_session=1_440,
    periods_per_year=525_600.0,
)


def at(text: str, tz: ZoneInfo = NEW_YORK) -> int:
    local = datetime.fromisoformat(text).replace(tzinfo=tz)
    return int(local.astimezone(UTC).timestamp()) * 1_000_000_000


def stamps(*texts: str) -> np.ndarray:
    return np.array([at(text) for text in texts], dtype=np.int64)


def rules(**changes: object) -> SessionRules:
    return msgspec.structs.replace(intraday_session(), **changes)


def test_the_bar_that_closes_at_the_close_is_the_last() -> None:
    where = place(stamps("2018-03-29T15:59", "2018-03-29T16:00"), rules())
    assert where.last.tolist() == [False, True]


def test_a_bar_is_the_last_if_no_whole_bar_fits_after_it() -> None:
    close = at("2018-03-29T16:00")
    late = np.array([close - MINUTE_NS, close - MINUTE_NS + 1], dtype=np.int64)
    assert place(late, rules()).last.tolist() == [False, True]


def test_the_closing_auction_belongs_to_the_session_if_the_calendar_says_so() -> None:
    times = stamps("2018-03-29T16:00", "2018-03-29T16:01")
    assert place(times, intraday_session(60, "16:01")).last.tolist() == [False, True]
    assert place(times, rules()).inside.tolist() == [True, False]


def test_the_first_bar_of_a_session_closes_one_bar_after_the_open() -> None:
    where = place(stamps("2018-03-29T09:30", "2018-03-29T09:31"), rules())
    assert where.inside.tolist() == [False, True]


def test_a_day_that_closes_early_ends_early() -> None:
    times = stamps("2018-07-03T12:59", "2018-07-03T13:00", "2018-07-03T13:01")
    where = place(times, rules())
    assert where.last.tolist() == [False, True, True]
    assert where.inside.tolist() == [True, True, False]


def test_the_day_after_an_early_close_ends_at_the_usual_time() -> None:
    assert not place(stamps("2018-07-05T13:00"), rules()).last[0]


@pytest.mark.parametrize("day", ["2018-03-09", "2018-03-12", "2018-11-02", "2018-11-05"])
def test_the_close_is_local_time_on_both_sides_of_summer_time(day: str) -> None:
    where = place(stamps(f"{day}T15:59", f"{day}T16:00"), rules())
    assert where.last.tolist() == [False, True]


def test_a_series_that_runs_across_both_clock_changes_keeps_its_closes() -> None:
    days = ("2018-03-09", "2018-03-12", "2018-11-02", "2018-11-05")
    where = place(stamps(*(f"{day}T16:00" for day in days)), rules())
    assert where.last.all()
    assert where.inside.all()
    assert [str(np.datetime64(int(day), "D")) for day in where.day] == list(days)


def test_midnight_belongs_to_the_day_that_ends() -> None:
    midnight = at("2020-03-13T00:00", ZoneInfo("UTC"))
    times = np.array([midnight - MINUTE_NS, midnight, midnight + MINUTE_NS], dtype=np.int64)
    where = place(times, AROUND_THE_CLOCK)
    assert np.diff(where.day).tolist() == [0, 1]
    assert where.last.tolist() == [False, True, False]
    assert where.inside.all()


@given(st.integers(0, 4 * 10**18))
def test_a_clock_that_never_stops_has_every_minute_inside(time_ns: int) -> None:
    assert place(np.array([time_ns], dtype=np.int64), AROUND_THE_CLOCK).inside.all()


@given(
    st.lists(st.integers(0, 4 * 10**9), min_size=1, max_size=20),
    st.sampled_from(["America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]),
)
def test_days_equal_those_of_the_standard_library(seconds: list[int], tz: str) -> None:
    times = np.array(seconds, dtype=np.int64) * 1_000_000_000 + 1
    where = place(times, rules(tz=tz))
    for second, day in zip(seconds, where.day, strict=True):
        local = datetime.fromtimestamp(second, UTC).astimezone(ZoneInfo(tz))
        assert str(np.datetime64(int(day), "D")) == local.date().isoformat()


def test_on_daily_bars_every_bar_is_a_session_and_none_is_the_last() -> None:
    where = place(stamps("2018-03-28T16:00", "2018-03-29T16:00"), DAILY)
    assert session_numbers(where.day, "daily").tolist() == [0, 1]
    assert not where.last.any()
    assert where.inside.all()


def test_sessions_are_counted_in_order_of_appearance() -> None:
    days = np.array([7, 7, 9, 30, 30], dtype=np.int64)
    assert session_numbers(days, "intraday").tolist() == [0, 0, 1, 2, 2]
    assert session_numbers(days[:0], "intraday").tolist() == []


@given(valid_pair_bars(bar_seconds=3_600, min_size=1), st.data())
def test_the_calendar_does_not_know_the_next_row(bars: PairBars, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(bars)))
    session = intraday_session(3_600)
    whole, part = place(bars.time_ns, session), place(bars.time_ns[:cut], session)
    np.testing.assert_array_equal(whole.last[:cut], part.last)
    np.testing.assert_array_equal(whole.inside[:cut], part.inside)
    np.testing.assert_array_equal(
        session_numbers(whole.day, "intraday")[:cut], session_numbers(part.day, "intraday")
    )


def test_a_missing_last_bar_does_not_make_the_one_before_it_the_last() -> None:
    times = stamps("2018-03-28T15:58", "2018-03-28T15:59", "2018-03-29T09:31")
    assert not place(times, rules()).last.any()


@pytest.mark.parametrize(
    ("time", "left"), [("09:31", 389), ("15:58", 2), ("15:59", 1), ("16:00", 0), ("16:05", 0)]
)
def test_bars_left_counts_down_to_the_close(time: str, left: int) -> None:
    assert bars_left(at(f"2018-03-29T{time}"), rules()) == left


def test_bars_left_knows_early_closes_and_daily_bars() -> None:
    assert bars_left(at("2018-07-03T12:59"), rules()) == 1
    assert bars_left(at("2018-07-03T16:00"), DAILY) is None


@given(valid_pair_bars(bar_seconds=300))
def test_no_bars_are_left_exactly_on_the_last_bar(bars: PairBars) -> None:
    session = intraday_session(300)
    last = place(bars.time_ns, session).last.tolist()
    assert [bars_left(int(t), session) == 0 for t in bars.time_ns] == last


def test_spacing_that_contradicts_the_policy_names_both_and_the_policy_to_use() -> None:
    times = random_walk(50, seed=1, bar_seconds=60).time_ns
    with pytest.raises(ConfigError) as caught:
        require_spacing(times, 86_400, "NVDA", "[session] bar_seconds")
    sentence = str(caught.value)
    assert "NVDA: the bars lie 60 s apart" in sentence
    assert "[session] bar_seconds is 86400" in sentence
    assert "intraday.toml" in sentence


def test_daily_bars_under_an_intraday_policy_are_sent_to_the_daily_one() -> None:
    with pytest.raises(ConfigError, match=r"86400 s apart.*daily\.toml"):
        require_spacing(random_walk(50, seed=1).time_ns, 60, "SP500", "[session] bar_seconds")


def test_rows_that_run_backwards_are_not_answered_with_a_negative_setting() -> None:
    times = random_walk(50, seed=1, bar_seconds=60).time_ns
    with pytest.raises(ConfigError) as caught:
        require_spacing(times[::-1], 60, "NVDA", "[source] bar_seconds")
    said = str(caught.value)
    assert "NVDA: its rows run backwards in time, the newest first (median step -60 s)" in said
    assert "the oldest first" in said
    assert "set it to" not in said


def test_rows_that_repeat_their_times_are_not_answered_with_a_spacing_of_nothing() -> None:
    times = np.repeat(random_walk(9, seed=1, bar_seconds=60).time_ns, 3)
    with pytest.raises(ConfigError, match="its rows repeat their times") as caught:
        require_spacing(times, 60, "NVDA", "[source] bar_seconds")
    assert "set it to" not in str(caught.value)


def test_spacing_is_the_median_so_that_nights_and_holidays_do_not_count() -> None:
    times = random_walk(500, seed=1, bar_seconds=60).time_ns
    require_spacing(times, 60, "X", "bar_seconds")
    require_spacing(times[:1], 300, "X", "bar_seconds")


def sessions_of(lengths: list[int], last: list[bool]) -> tuple[np.ndarray, np.ndarray]:
    session = np.repeat(np.arange(len(lengths)), lengths)
    flags = np.zeros(session.size, dtype=np.bool_)
    flags[np.cumsum(lengths) - 1] = last
    return session, flags


def test_a_close_that_most_sessions_never_reach_is_a_wrong_setting() -> None:
    session, last = sessions_of([3, 3, 3, 3], [True, False, False, True])
    with pytest.raises(ConfigError, match=r'2 of 3 sessions end before .* "16:00"'):
        require_close(session, last, rules())


def test_single_sessions_that_are_cut_short_are_counted() -> None:
    session, last = sessions_of([3, 3, 3, 3], [True, False, True, True])
    assert require_close(session, last, rules()) == 1


def test_half_of_the_sessions_may_be_cut_short() -> None:
    session, last = sessions_of([3, 3, 3], [True, False, True])
    assert require_close(session, last, rules()) == 1


def test_the_session_that_is_still_going_on_does_not_count() -> None:
    session, last = sessions_of([3, 3], [True, False])
    assert require_close(session, last, rules()) == 0
    assert require_close(session[:3], last[3:], rules()) == 0


def test_daily_bars_have_no_close_to_check() -> None:
    session, last = sessions_of([1, 1, 1], [False, False, False])
    assert require_close(session, last, DAILY) == 0


@pytest.mark.parametrize("name", ["New York", "", "../../etc/passwd", "EST5EDT6/x", "NVDA"])
def test_a_time_zone_that_does_not_exist_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match="no time zone named"):
        zone(name)


@pytest.mark.parametrize(
    ("base", "wrong", "sentence"),
    [
        ("intraday", {"tz": "Mars/Olympus"}, "no time zone named 'Mars/Olympus'"),
        ("intraday", {"bar_seconds": 86_400}, "shorter than a day"),
        ("intraday", {"bars_per_session": 961}, "do not fit"),
        ("intraday", {"early_by_minutes": 390}, "as long as the whole"),
        ("intraday", {"early_close_days": ("2018-02-30",)}, "is no day"),
        ("daily", {"bar_seconds": 60}, "needs bar_seconds = 86400"),
        ("daily", {"bars_per_session": 2}, "bars_per_session = 1"),
        ("daily", {"overnight": "refuse_entry"}, "from one day to the next"),
        ("daily", {"flat_by_close": True}, "from one day to the next"),
    ],
)
def test_sessions_that_contradict_themselves_are_refused(
    base: str, wrong: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        msgspec.structs.replace(DAILY if base == "daily" else intraday_session(), **wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "weekly"},
        {"close": "25:00"},
        {"close": "24:30"},
        {"close": "4 pm"},
        {"overnight": "maybe"},
        {"early_close_days": ("3 July 2018",)},
        {"bar_seconds": 0},
        {"periods_per_year": float("nan")},
        {"periods_per_year": 0.0},
    ],
)
def test_values_outside_their_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        rules(**wrong)


def test_instants_are_written_in_utc() -> None:
    assert utc_text(at("2018-07-03T13:00")) == "2018-07-03T17:00:00Z"
