"""Which session a bar belongs to, and whether it is the session's last.

Both are answered from the clock and the calendar alone. Whether a bar is the last of its
session decides if an order may still be sent, so it must not be learnt from the next row:
that row is the future.

Sessions lie within one local day and are named by it. On daily bars every bar is a
session of its own, and an order for the next day's open is the rule, not an accident.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from msgspec import Meta

from stairway.base.arrays import BoolArray, IntArray
from stairway.base.config import Config
from stairway.base.errors import ConfigError
from stairway.base.units import NS_PER_DAY, NS_PER_HOUR, NS_PER_SECOND

SECONDS_PER_DAY = 86_400
_MOST = 0.5

ClockTime = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")]
Day = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class SessionRules(Config, frozen=True, kw_only=True):
    """Settings under ``[session]``.

    Attributes
    ----------
    kind
        ``"daily"``: each bar is a session. ``"intraday"``: a local day is one.
    tz
        IANA name of the exchange's time zone.
    close
        Local time at which the session's last bar closes; ``"24:00"`` is midnight.
    early_close_days, early_by_minutes
        Days (``"2018-07-03"``) that close that much earlier.
    overnight
        ``"hold"``: positions stay from one session to the next. ``"refuse_entry"``: a
        decision on the session's last bar opens nothing.
    flat_by_close, lead_out_bars
        Whether open positions are closed before the session ends, and how many bars before
        it they are begun to be let go: an exit may take more than one bar to fill.
    bar_seconds
        Spacing of the bars.
    bars_per_session
        Bars of a full session; with ``close`` this also says when it opens.
    periods_per_year
        Bars of a year, for annual figures.

    Raises
    ------
    ConfigError
        If the settings contradict each other.
    """

    kind: Literal["daily", "intraday"]
    tz: str
    close: ClockTime
    early_close_days: tuple[Day, ...]
    early_by_minutes: Annotated[int, Meta(ge=0, le=1_440)]
    overnight: Literal["hold", "refuse_entry"]
    flat_by_close: bool
    lead_out_bars: Annotated[int, Meta(ge=1, le=86_400)]
    bar_seconds: Annotated[int, Meta(ge=1, le=31_622_400)]
    bars_per_session: Annotated[int, Meta(ge=1, le=86_400)]
    periods_per_year: Annotated[float, Meta(gt=0.0, le=1e9)]

    def __post_init__(self) -> None:
        super().__post_init__()
        zone(self.tz)
        for day in self.early_close_days:
            _day_number(day)
        if self.kind == "daily":
            _require_daily(self)
        else:
            _require_intraday(self)

    @property
    def close_seconds(self) -> int:
        """Seconds from local midnight to the regular close."""
        return clock_seconds(self.close)

    @property
    def open_seconds(self) -> int:
        """Seconds from local midnight to the open."""
        return self.close_seconds - self.bars_per_session * self.bar_seconds


@dataclass(frozen=True, slots=True)
class Place:
    """Where bars stand in their sessions.

    Attributes
    ----------
    day : (n,) int64
        Local day of each bar, counted from 1970-01-01.
    inside : (n,) bool
        True where the bar closes within the hours of the session.
    last : (n,) bool
        True where, by the calendar, no later bar of the session fits.
    """

    day: IntArray
    inside: BoolArray
    last: BoolArray


def place(close_ns: IntArray, rules: SessionRules) -> Place:
    """Find the session and the position in it of each bar, by its close time alone.

    Examples
    --------
    >>> rules = SessionRules(
    ...     kind="intraday", tz="America/New_York", close="16:00", early_close_days=(),
    ...     early_by_minutes=180, overnight="refuse_entry", flat_by_close=True, lead_out_bars=5,
    ...     bar_seconds=60, bars_per_session=390, periods_per_year=98280.0,
    ... )
    >>> close = np.datetime64("2018-03-29T20:00", "ns").astype(np.int64)
    >>> minute = 60 * NS_PER_SECOND
    >>> place(np.array([close - minute, close, close + minute]), rules).last.tolist()
    [False, True, True]
    >>> place(np.array([close - minute, close, close + minute]), rules).inside.tolist()
    [True, True, False]
    """
    day, since_midnight_ns = _local(close_ns, rules)
    if rules.kind == "daily":
        every = np.ones(close_ns.size, dtype=np.bool_)
        return Place(day, every, ~every)
    left_ns = _ends_ns(day, rules) - since_midnight_ns
    opens_ns = rules.open_seconds * NS_PER_SECOND
    inside = (since_midnight_ns > opens_ns) & (left_ns >= 0)
    return Place(day, inside, left_ns < rules.bar_seconds * NS_PER_SECOND)


def bars_left(close_ns: int, rules: SessionRules) -> int | None:
    """Count the bars that still fit into the session after the one that closes now.

    An order sent now is filled at the next bar's open. So with 1 left an exit can still
    be filled within the session; with 0 left (``last_of_session``) it is too late.

    Returns
    -------
    ``None`` on daily bars, where no session is worth leaving; never below 0.

    Examples
    --------
    >>> rules = SessionRules(
    ...     kind="intraday", tz="UTC", close="24:00", early_close_days=(),
    ...     early_by_minutes=0, overnight="hold", flat_by_close=False, lead_out_bars=1,
    ...     bar_seconds=3600, bars_per_session=24, periods_per_year=8760.0,
    ... )
    >>> bars_left(22 * NS_PER_HOUR, rules)
    2
    """
    if rules.kind == "daily":
        return None
    day, since_midnight_ns = _local(np.array([close_ns], dtype=np.int64), rules)
    left_ns = int(_ends_ns(day, rules)[0] - since_midnight_ns[0])
    return max(0, left_ns // (rules.bar_seconds * NS_PER_SECOND))


def session_numbers(day: IntArray, kind: Literal["daily", "intraday"]) -> IntArray:
    """Count sessions from 0 in order of appearance.

    Examples
    --------
    >>> session_numbers(np.array([10, 10, 13]), "intraday").tolist()
    [0, 0, 1]
    >>> session_numbers(np.array([10, 10, 13]), "daily").tolist()
    [0, 1, 2]
    """
    if kind == "daily":
        return np.arange(day.size, dtype=np.int64)
    return np.cumsum(np.diff(day, prepend=day[:1]) != 0, dtype=np.int64)


def clock_seconds(text: str) -> int:
    """Seconds from midnight to a time of the clock.

    Examples
    --------
    >>> clock_seconds("16:01")
    57660
    """
    hours, minutes = text.split(":")
    return int(hours) * 3_600 + int(minutes) * 60


def zone(name: str) -> ZoneInfo:
    """Return the time zone ``name``.

    Raises
    ------
    ConfigError
        If there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        msg = f'no time zone named {name!r}; use an IANA name: "America/New_York" or "UTC"'
        raise ConfigError(msg) from error


def require_spacing(close_ns: IntArray, bar_seconds: int, name: str, setting: str) -> None:
    """Check that bars lie as far apart as a setting says.

    Raises
    ------
    ConfigError
        If their median spacing is another; names both, and the policy to use. If most rows
        run backwards or stand still.
    """
    if close_ns.size < 2:  # noqa: PLR2004 - one bar has no spacing
        return
    found = float(np.median(np.diff(close_ns))) / NS_PER_SECOND
    if found == bar_seconds:
        return
    if not found > 0.0:
        order = "run backwards in time, the newest first" if found else "repeat their times"
        msg = (
            f"{name}: its rows {order} (median step {found:g} s); write the file anew with one "
            "row for each time, the oldest first: nothing is sorted or left out here"
        )
        raise ConfigError(msg)
    policy = "daily.toml" if found == SECONDS_PER_DAY else "intraday.toml"
    msg = (
        f"{name}: the bars lie {found:g} s apart (median), but {setting} is {bar_seconds}; "
        f"set it to {found:g}, or use a policy for such bars (start from {policy})"
    )
    raise ConfigError(msg)


def require_close(session: IntArray, last: BoolArray, rules: SessionRules) -> int:
    """Check the calendar's close against where sessions really end; count those cut short.

    The series' last session may still be going on and is left out. If most others end
    without a bar that the calendar calls the last, the setting is wrong, and the order
    of a session's last bar would be filled overnight against the policy.

    Raises
    ------
    ConfigError
        If more than half of the finished sessions end before ``[session] close``.
    """
    if rules.kind == "daily" or session.size == 0:
        return 0
    ends = np.flatnonzero(np.diff(session))
    cut_short = int((~last[ends]).sum())
    if cut_short > _MOST * ends.size:
        msg = (
            f"{cut_short} of {ends.size} sessions end before [session] close = "
            f'"{rules.close}" ({rules.tz}); set it to the local time at which the last bar '
            "of a session closes"
        )
        raise ConfigError(msg)
    return cut_short


def utc_text(time_ns: int) -> str:
    """Write an instant for a person, to the second.

    Examples
    --------
    >>> utc_text(0)
    '1970-01-01T00:00:00Z'
    """
    return f"{np.datetime_as_string(np.datetime64(time_ns, 'ns'), unit='s')}Z"


def _local(close_ns: IntArray, rules: SessionRules) -> tuple[IntArray, IntArray]:
    # A bar that closes at midnight belongs to the day that ends, hence the nanosecond.
    local_ns = close_ns - 1 + _utc_offset_ns(close_ns - 1, zone(rules.tz))
    return local_ns // NS_PER_DAY, local_ns % NS_PER_DAY + 1


def _ends_ns(day: IntArray, rules: SessionRules) -> IntArray:
    early_days = [_day_number(text) for text in rules.early_close_days]
    early_seconds = np.isin(day, early_days) * (rules.early_by_minutes * 60)
    return (rules.close_seconds - early_seconds) * NS_PER_SECOND


def _utc_offset_ns(time_ns: IntArray, tz: ZoneInfo) -> IntArray:
    # Offsets change on the quarter hour in every zone in use, so one look per quarter.
    quarter = time_ns // (NS_PER_HOUR // 4)
    quarters, group = np.unique(quarter, return_inverse=True)
    offsets = [_offset_seconds(int(q) * 900, tz) for q in quarters]
    return np.array(offsets, dtype=np.int64)[group] * NS_PER_SECOND


def _offset_seconds(epoch_seconds: int, tz: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(epoch_seconds, UTC).astimezone(tz).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _day_number(text: str) -> int:
    try:
        return (date.fromisoformat(text) - date(1970, 1, 1)).days
    except ValueError as error:
        msg = f'[session] early_close_days: {text!r} is no day; write it as "2018-07-03"'
        raise ConfigError(msg) from error


def _require_daily(rules: SessionRules) -> None:
    if rules.bar_seconds != SECONDS_PER_DAY or rules.bars_per_session != 1:
        msg = (
            f'[session] kind = "daily" needs bar_seconds = {SECONDS_PER_DAY} and '
            f"bars_per_session = 1, got {rules.bar_seconds} and {rules.bars_per_session}"
        )
        raise ConfigError(msg)
    if rules.overnight != "hold" or rules.flat_by_close:
        msg = (
            '[session] kind = "daily" trades from one day to the next: it needs '
            'overnight = "hold" and flat_by_close = false'
        )
        raise ConfigError(msg)


def _require_intraday(rules: SessionRules) -> None:
    if rules.bar_seconds >= SECONDS_PER_DAY:
        msg = (
            f'[session] kind = "intraday" needs bars shorter than a day, got bar_seconds = '
            f'{rules.bar_seconds}; use kind = "daily" (daily.toml)'
        )
        raise ConfigError(msg)
    if rules.open_seconds < 0:
        msg = (
            f"[session] {rules.bars_per_session} bars of {rules.bar_seconds} s do not fit "
            f"into the local day before close = {rules.close!r}; sessions across midnight "
            "are not supported: choose a tz in which the session lies within one day"
        )
        raise ConfigError(msg)
    if rules.early_by_minutes * 60 >= rules.bars_per_session * rules.bar_seconds:
        msg = (
            f"[session] early_by_minutes = {rules.early_by_minutes} is as long as the whole "
            "session; give the minutes by which a short day closes earlier"
        )
        raise ConfigError(msg)
