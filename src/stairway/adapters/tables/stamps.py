"""Stamps, as files write them, to the instant at which each bar was complete.

1. Numbers are counted from 1970 in the unit that the settings name; text is read as ISO
   8601 or by the layout that they name, the same layout for the whole column.
2. A stamp without an offset is local time in ``tz``. An hour that occurs twice or never
   (summer time) has no answer: such a row has no time.
3. A bar that is stamped with its open closes ``bar_seconds`` later; whole days are days
   of the calendar, which may last 23 or 25 hours. A bar that is stamped with a day alone
   closes at ``day_close`` of that day, or with the day.
"""

from __future__ import annotations

import re
from typing import cast

import numpy as np
import polars as pl

from stairway.adapters.tables.settings import TableConfig
from stairway.base.arrays import IntArray
from stairway.base.errors import ConfigError
from stairway.market.calendar import SECONDS_PER_DAY
from stairway.market.ports import NO_TIME

_DAY = "%Y-%m-%d"
_SECOND = "%Y-%m-%d %H:%M:%S%.f"
_MINUTE = "%Y-%m-%d %H:%M"
_ISO_FORMATS = (_SECOND, _MINUTE, _DAY, _SECOND + "%z", _MINUTE + "%z")
_FARTHEST_NS = 9_100_000_000_000_000_000  # the year 2258; room is left for one bar more
_NS_PER_DAY = 86_400_000_000_000
_NS_PER_UNIT = {"ms": 1_000_000, "us": 1_000, "ns": 1}
_OF_A_CLOCK = re.compile(r"%[HITRcsX+]")


def close_ns(stamps: pl.Series, config: TableConfig, path: str) -> IntArray:
    """Nanoseconds at which each row's bar closed; ``NO_TIME`` where it cannot be told.

    Raises
    ------
    ConfigError
        If the column as a whole is not of the kind that the settings name.
    """
    if stamps.is_empty():
        return np.empty(0, dtype=np.int64)
    where = f"column {config.columns.time!r} of {path}"
    if stamps.dtype.is_integer() or config.epoch is not None:
        return _shifted(_from_numbers(stamps, config, where), config)
    if stamps.dtype == pl.String:
        stamps = _from_text(stamps, config, where)
    if stamps.dtype == pl.Date:
        return _from_days(_in_range(stamps, _NS_PER_DAY), config, where)
    if not isinstance(stamps.dtype, pl.Datetime):
        msg = (
            f"{where} holds {stamps.dtype}; a time must be a day, a date-time, text, or a "
            "whole number with [source] epoch"
        )
        raise ConfigError(msg)
    return _from_datetimes(_in_range(stamps, _NS_PER_UNIT[stamps.dtype.time_unit]), config)


def _from_numbers(stamps: pl.Series, config: TableConfig, where: str) -> IntArray:
    if config.ns_per_unit is None:
        msg = (
            f"{where} holds whole numbers; say what they count since 1970: "
            '[source] epoch = "s", "ms", "us" or "ns"'
        )
        raise ConfigError(msg)
    if not (stamps.dtype.is_numeric() or stamps.dtype in (pl.String(), pl.Null())):
        msg = f"{where} holds {stamps.dtype}, no whole numbers; write it as whole numbers"
        raise ConfigError(msg)
    numbers = stamps.cast(pl.Int64, strict=False)
    # Whole numbers that are all too large hold no time, row by row, like one that is.
    if numbers.null_count() == len(stamps) and not stamps.dtype.is_integer():
        msg = f"{where} holds no whole numbers, but [source] epoch is set: leave epoch out"
        raise ConfigError(msg)
    limit = _FARTHEST_NS // config.ns_per_unit
    numbers = numbers.set((numbers < -limit) | (numbers > limit), None)
    return _plain(numbers * config.ns_per_unit)


def _from_text(stamps: pl.Series, config: TableConfig, where: str) -> pl.Series:
    given = stamps.str.strip_chars()
    layout = config.time_format
    if layout is None:
        given = given.str.replace(r"^(\d{4}-\d{2}-\d{2})T", "${1} ")
        given = given.str.replace(r"[Zz]$", "+0000").str.replace(r" ([+-]\d\d:?\d\d)$", "${1}")
        layout = _iso_layout(given)
    parsed = None if layout is None else _parse(given, layout)
    if parsed is None or parsed.null_count() == len(parsed):
        example = next((text for text in stamps if text), "")
        allowed = config.time_format or "2018-03-29 15:59, with seconds or an offset if any"
        msg = (
            f"{where} cannot be read as time: it holds {example!r}, and what is allowed is "
            f"{allowed}; set [source] time_format to its layout, or epoch for numbers"
        )
        raise ConfigError(msg)
    return parsed


def _iso_layout(given: pl.Series) -> str | None:
    first = given.drop_nulls().head(100)
    for layout in _ISO_FORMATS:
        if _parse(first, layout).null_count() < len(first):
            return layout
    return None


def _parse(given: pl.Series, layout: str) -> pl.Series:
    if not _OF_A_CLOCK.search(layout):
        return given.str.to_date(layout, strict=False)
    return given.str.to_datetime(layout, strict=False, time_unit="us")


def _from_days(midnights: pl.Series, config: TableConfig, where: str) -> IntArray:
    if config.day_close_seconds is not None:
        closes = midnights.dt.offset_by(f"{config.day_close_seconds}s")
        return _plain(_in_utc(closes, config.tz))
    if config.stamp == "close":
        msg = (
            f'{where} holds days without a time, and [source] stamp is "close": a day\'s '
            'bar would be known before the day began; set stamp = "open", or day_close'
        )
        raise ConfigError(msg)
    return _from_datetimes(midnights, config)


def _from_datetimes(stamps: pl.Series, config: TableConfig) -> IntArray:
    aware = cast("pl.Datetime", stamps.dtype).time_zone is not None
    whole_days = config.bar_seconds % SECONDS_PER_DAY == 0
    if aware or not (whole_days and config.stamp == "open"):
        return _shifted(_plain(_in_utc(stamps, config.tz)), config)
    days = config.bar_seconds // SECONDS_PER_DAY
    return _plain(_in_utc(stamps.dt.offset_by(f"{days}d"), config.tz))


def _in_utc(stamps: pl.Series, tz: str) -> pl.Series:
    if cast("pl.Datetime", stamps.dtype).time_zone is None:
        stamps = stamps.dt.replace_time_zone(tz, ambiguous="null", non_existent="null")
    return stamps.dt.convert_time_zone("UTC").cast(pl.Int64)


def _in_range(stamps: pl.Series, ns_per_unit: int) -> pl.Series:
    # Beyond the range of nanoseconds polars wraps round in silence: year 9999 becomes 1816.
    physical = stamps.to_physical().cast(pl.Int64)
    limit = _FARTHEST_NS // ns_per_unit
    near = (physical >= -limit) & (physical <= limit)
    kept = pl.select(pl.when(near).then(stamps)).to_series()
    tz = stamps.dtype.time_zone if isinstance(stamps.dtype, pl.Datetime) else None
    return kept.cast(pl.Datetime("ns", tz))


def _plain(numbers: pl.Series) -> IntArray:
    plain = numbers.fill_null(NO_TIME).to_numpy().astype(np.int64)
    return np.where((plain < -_FARTHEST_NS) | (plain > _FARTHEST_NS), NO_TIME, plain)


def _shifted(opens_or_closes_ns: IntArray, config: TableConfig) -> IntArray:
    if config.stamp == "close":
        return opens_or_closes_ns
    shift = config.bar_seconds * 1_000_000_000
    return np.where(opens_or_closes_ns == NO_TIME, NO_TIME, opens_or_closes_ns + shift)
