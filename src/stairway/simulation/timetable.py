"""Days that never were: close times for made-up sessions, by the calendar of the real ones.

What is made up from recorded bars must keep the hours of the exchange, or a feature of the
time of day would see what no market shows. So sessions are laid on the weekdays after the
last recorded bar; days on which the exchange closes early are passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from stairway.base.arrays import BoolArray, IntArray
from stairway.base.units import NS_PER_SECOND
from stairway.market.calendar import SessionRules, zone

_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Timetable:
    """When made-up bars close.

    Attributes
    ----------
    time_ns, session : (n,) int64
    last_of_session : (n,) bool
        As ``market.calendar`` would say: never on daily bars.
    """

    time_ns: IntArray
    session: IntArray
    last_of_session: BoolArray


def timetable(after_ns: int, sessions: int, rules: SessionRules) -> Timetable:
    """Lay full sessions on the weekdays after an instant.

    Examples
    --------
    >>> from stairway.testing.source import intraday_session
    >>> table = timetable(0, 2, intraday_session())
    >>> table.time_ns.size, np.flatnonzero(table.last_of_session).tolist()
    (780, [389, 779])
    """
    per_session = rules.bars_per_session
    place = np.tile(np.arange(per_session, dtype=np.int64), sessions)
    session = np.repeat(np.arange(sessions, dtype=np.int64), per_session)
    closes_ns = _closes_ns(after_ns, sessions, rules)
    until_close_ns = (per_session - 1 - place) * rules.bar_seconds * NS_PER_SECOND
    last = (place == per_session - 1) & (rules.kind == "intraday")
    return Timetable(closes_ns[session] - until_close_ns, session, last)


def _closes_ns(after_ns: int, sessions: int, rules: SessionRules) -> IntArray:
    tz = zone(rules.tz)
    day = datetime.fromtimestamp(after_ns / NS_PER_SECOND, tz).date()
    early = {date.fromisoformat(text) for text in rules.early_close_days}
    closes: list[int] = []
    while len(closes) < sessions:
        day += timedelta(days=1)
        if day.weekday() < _SATURDAY and day not in early:
            # Added on the clock on the wall, so that summer time moves it with the market.
            close = datetime.combine(day, time(), tz) + timedelta(seconds=rules.close_seconds)
            closes.append(int(close.astimezone(UTC).timestamp()) * NS_PER_SECOND)
    return np.array(closes, dtype=np.int64)
