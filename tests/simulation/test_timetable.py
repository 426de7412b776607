"""Made-up sessions keep the hours of the exchange."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from stairway.base.units import NS_PER_SECOND
from stairway.market.calendar import SessionRules, place, utc_text
from stairway.simulation.timetable import timetable
from stairway.testing.source import DAILY, intraday_session

FRIDAY = np.datetime64("2018-03-09T21:00", "ns").astype(np.int64).item()
"""The close before the weekend on which New York put its clocks forward."""


@pytest.mark.parametrize("rules", [DAILY, intraday_session(), intraday_session(3_600)])
def test_the_calendar_of_real_bars_agrees_with_every_made_up_one(rules: SessionRules) -> None:
    table = timetable(FRIDAY, 30, rules)
    there = place(table.time_ns, rules)
    assert there.inside.all()
    assert (there.last == table.last_of_session).all()
    assert (np.diff(there.day)[np.diff(table.session) > 0] > 0).all()


@pytest.mark.parametrize("rules", [DAILY, intraday_session()])
def test_times_rise_and_sessions_are_whole(rules: SessionRules) -> None:
    table = timetable(FRIDAY, 7, rules)
    assert (np.diff(table.time_ns) > 0).all()
    assert np.bincount(table.session).tolist() == [rules.bars_per_session] * 7


def test_nothing_closes_on_a_weekend_or_before_what_was_recorded() -> None:
    table = timetable(FRIDAY, 6, DAILY)
    assert [utc_text(ns)[:10] for ns in table.time_ns.tolist()] == [
        "2018-03-12",
        "2018-03-13",
        "2018-03-14",
        "2018-03-15",
        "2018-03-16",
        "2018-03-19",
    ]


def test_summer_time_moves_the_close_with_the_exchange() -> None:
    before = timetable(FRIDAY - 7 * 86_400 * NS_PER_SECOND, 1, DAILY).time_ns[0]
    after = timetable(FRIDAY, 1, DAILY).time_ns[0]
    assert utc_text(int(before))[11:16] == "21:00"
    assert utc_text(int(after))[11:16] == "20:00"


def test_summer_time_that_begins_on_a_trading_day_moves_that_very_close() -> None:
    """Cairo puts its clocks forward as the last Friday of April begins."""
    cairo = msgspec.structs.replace(DAILY, tz="Africa/Cairo", close="14:30")
    thursday = np.datetime64("2024-04-25T11:30", "ns").astype(np.int64).item()
    assert utc_text(int(timetable(thursday, 1, cairo).time_ns[0])) == "2024-04-26T11:30:00Z"


def test_days_that_close_early_are_passed_over() -> None:
    monday = msgspec.structs.replace(DAILY, early_close_days=("2018-03-12",))
    assert utc_text(int(timetable(FRIDAY, 1, monday).time_ns[0]))[:10] == "2018-03-13"


def test_daily_bars_are_never_the_last_of_a_session() -> None:
    assert not timetable(FRIDAY, 5, DAILY).last_of_session.any()


def test_a_market_that_closes_at_midnight_has_its_hours() -> None:
    crypto = SessionRules(
        kind="intraday",
        tz="UTC",
        close="24:00",
        early_close_days=(),
        early_by_minutes=0,
        overnight="hold",
        flat_by_close=False,
        lead_out_bars=1,
        bar_seconds=3_600,
        bars_per_session=24,
        periods_per_year=8_760.0,
    )
    table = timetable(FRIDAY, 2, crypto)
    assert place(table.time_ns, crypto).inside.all()
    assert utc_text(int(table.time_ns[23])) == "2018-03-13T00:00:00Z"
