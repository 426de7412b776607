"""Instants as programs write them, to nanoseconds since 1970 UTC.

1. Text is read as ISO 8601; text of digits alone is a number.
2. A number counts from 1970 in the unit that is named, or in the one its size gives away:
   seconds, milli-, micro- and nanoseconds of the years 1973 to 2286 do not overlap. All
   numbers of a stream have to agree on it.
3. A stamp without an offset means nothing without its time zone, which is asked for.
4. What does not fit 64 bits of nanoseconds (1678 to 2261 do) is not understood, and never
   wrapped round to another century.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

import numpy as np
import polars as pl

from stairway.base.arrays import IntArray
from stairway.base.errors import ConfigError, DataError
from stairway.market.ports import NO_TIME

Unit: TypeAlias = Literal["s", "ms", "us", "ns", "iso"]

_NS_PER = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_LEAST = {"s": 1e8, "ms": 1e11, "us": 1e14, "ns": 1e17}
_MOST = 9.2e18
_MOST_NS = 2**63 - 1
_FIRST_DAY, _BEYOND_DAY = -106_650, 106_651
_YEARS = r"^(167[89]|16[89]\d|1[7-9]\d\d|2[01]\d\d|22[0-5]\d|226[01])-"
_PER_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_DIGITS = r"^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$"
_OFFSET = r"([zZ]|[+-]\d{2}:?\d{2})$"
_EMPTY = ("", "nan", "none", "null", "nat")


@dataclass(frozen=True, slots=True)
class Clock:
    """How a stream's stamps are read.

    Attributes
    ----------
    unit
        What numbers count, or ``"iso"`` for text; ``None`` where nobody has said.
    tz
        Zone of stamps without an offset.
    """

    unit: Unit | None = None
    tz: str | None = None


def unit_of(stamps: pl.Series) -> Unit | None:
    """Say what a column of stamps holds; ``None`` where there is none to tell it by.

    Raises
    ------
    DataError
        If numbers do not agree on a unit, or are too small to be an instant of any.

    Examples
    --------
    >>> unit_of(pl.Series([1_700_000_000_000])), unit_of(pl.Series(["2026-05-15T18:18:14Z"]))
    ('ms', 'iso')
    """
    stamps = _known(stamps)
    if stamps.is_empty():
        return None
    if isinstance(stamps.dtype, pl.Datetime | pl.Date):
        return "iso"
    numbers = _numbers(stamps)
    if numbers is None:
        return "iso"
    low, high = numbers.min(), numbers.max()
    unit = _unit_of(float(cast("float", low)))
    if unit is not None and unit == _unit_of(float(cast("float", high))):
        return unit
    msg = (
        f"numbers between {low} and {high} do not agree on a unit since 1970: write unit = "
        '"s", "ms", "us" or "ns" under [fields] of a field map'
    )
    raise DataError(msg)


def to_ns(stamps: pl.Series, clock: Clock) -> IntArray:
    """Nanoseconds of each stamp; ``NO_TIME`` where one is missing or cannot be read.

    Parameters
    ----------
    stamps : (n,) text, numbers or instants

    Raises
    ------
    ConfigError
        If stamps carry no offset and nobody said in which zone they are.
    DataError
        If a number is of another unit than the stream's.

    Examples
    --------
    >>> to_ns(pl.Series(["1970-01-01T00:00:01.5Z", "soon"]), Clock("iso"))[0]
    np.int64(1500000000)
    """
    unit = clock.unit or unit_of(stamps)
    if unit is None:
        return np.full(len(stamps), NO_TIME, dtype=np.int64)
    if unit == "iso":
        return _plain(_from_iso(stamps, clock.tz))
    row = first_misfit(stamps, unit)
    if row is not None:
        said = _unit_of(float(cast("float", _measured(stamps)[row])))
        msg = (
            f"{stamps[row]} as {unit} since 1970 is no instant of our time, as {said} it is: "
            "the stamps of one stream have one unit; split the file, or name the unit"
        )
        raise DataError(msg)
    whole, broken = (_within(part, _MOST_NS // _NS_PER[unit])
                     for part in _apart(_blanked(stamps)))  # fmt: skip
    if stamps.dtype.is_integer():
        return _plain(whole * _NS_PER[unit])
    seconds = broken.floor()
    fraction = ((broken - seconds) * _NS_PER[unit]).round().cast(pl.Int64, strict=False)
    about = seconds.cast(pl.Int64, strict=False) * _NS_PER[unit] + fraction
    return _plain((whole * _NS_PER[unit]).fill_null(about))


def stray(stamps: pl.Series) -> int | None:
    """Return the row of the first number that is no instant in the unit most are of.

    Examples
    --------
    >>> stray(pl.Series([1_700_000_000, 1_700_000_060, -5]))
    2
    """
    usual = usual_unit(stamps)
    if usual is None:
        return None
    numbers = _measured(stamps)
    other = numbers.is_not_null() & (_units(numbers).fill_null("") != usual)
    return other.arg_max() if other.any() else None


def usual_unit(stamps: pl.Series) -> Unit | None:
    """Return the unit that most numbers are of; ``None`` where there is none to tell it by.

    Examples
    --------
    >>> usual_unit(pl.Series([1_700_000_000, 1_700_000_000_000, 1_700_000_060]))
    's'
    """
    told = _units(_measured(stamps)).drop_nulls()
    return None if told.is_empty() else cast("Unit", told.mode().sort()[0])


def _units(numbers: pl.Series) -> pl.Series:
    return pl.Series([None if n is None else _unit_of(n) for n in numbers], dtype=pl.String)


def first_misfit(stamps: pl.Series, unit: Unit | None, *, strict: bool = False) -> int | None:
    """Return the row of the first number that is of another unit by its size, if one is.

    With ``strict``, numbers too small or too large to be an instant of any are such too.

    Examples
    --------
    >>> first_misfit(pl.Series(["1700000000", None, "1700000000000"]), "s")
    2
    """
    if unit is None or unit == "iso":
        return None
    units = [*_LEAST, unit]
    beyond = _LEAST.get(units[units.index(unit) + 1], _MOST) if unit != "ns" else _MOST
    if stamps.dtype.is_integer() and bool(
        stamps.is_between(_LEAST[unit], beyond, closed="left").all()
    ):
        return None
    numbers = _measured(stamps)
    told = (numbers >= min(_LEAST.values())) & (numbers < _MOST)
    other = (told | strict) & ((numbers < _LEAST[unit]) | (numbers >= beyond))
    return other.arg_max() if other.any() else None


def _measured(stamps: pl.Series) -> pl.Series:
    whole, broken = _apart(_blanked(stamps))
    return broken.fill_null(whole.cast(pl.Float64))


def _apart(stamps: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return whole numbers as such, and all others; each null where the other is not.

    A whole number of more than 64 bits is one of the others.
    """
    nothing = pl.Series([None], dtype=pl.Int64).new_from_index(0, len(stamps))
    if stamps.dtype.is_integer():
        whole = stamps.cast(pl.Int64, strict=False)
        if whole.null_count() == stamps.null_count():
            return whole, nothing.cast(pl.Float64)
        return whole, stamps.cast(pl.Float64).set(whole.is_not_null(), None)
    if stamps.dtype.is_float():
        return nothing, stamps.fill_nan(None)
    if stamps.dtype != pl.String:
        return nothing, nothing.cast(pl.Float64)
    whole = stamps.cast(pl.Int64, strict=False)
    return whole, stamps.cast(pl.Float64, strict=False).fill_nan(None).set(
        whole.is_not_null(), None
    )


def _unit_of(number: float) -> Unit | None:
    found: Unit | None = None
    for unit, least in _LEAST.items():
        if least <= number < _MOST:
            found = cast("Unit", unit)
    return found


def _blanked(stamps: pl.Series) -> pl.Series:
    if stamps.dtype != pl.String:
        return stamps
    plain = stamps.str.strip_chars()
    return plain.set(plain.str.to_lowercase().is_in(_EMPTY), None)


def _known(stamps: pl.Series) -> pl.Series:
    known = _blanked(stamps).drop_nulls()
    return known.drop_nans() if known.dtype.is_float() else known


def _numbers(stamps: pl.Series) -> pl.Series | None:
    """Return the numbers among stamps, ``None`` where most are other text."""
    if stamps.dtype.is_numeric():
        return stamps
    if stamps.dtype != pl.String:
        return None
    is_number = stamps.str.contains(_DIGITS)
    if not 2 * int(is_number.sum()) > len(stamps):
        return None
    stamps = stamps.filter(is_number)
    whole = stamps.cast(pl.Int64, strict=False)
    return whole if whole.null_count() == stamps.null_count() else stamps.cast(pl.Float64)


def _from_iso(stamps: pl.Series, tz: str | None) -> pl.Series:
    if stamps.dtype == pl.Date:
        stamps = _of_our_years(stamps, 1).cast(pl.Datetime("ns"))
    if isinstance(stamps.dtype, pl.Datetime):
        aware = stamps.dtype.time_zone is not None
        stamps = _of_our_years(stamps, _PER_DAY[stamps.dtype.time_unit])
        return stamps.dt.cast_time_unit("ns") if aware else _in_zone(stamps, tz)
    if stamps.dtype != pl.String:
        return pl.Series([None] * len(stamps), dtype=pl.Datetime("ns"))
    plain = _blanked(stamps).str.replace(r"^(\d{4}-\d{2}-\d{2})[ tT]", "${1}T")
    plain = plain.set(~plain.str.contains(_YEARS).fill_null(value=True), None)
    offset = plain.str.contains(_OFFSET).fill_null(value=False)
    told = plain.set(~offset, None).str.replace(r"[zZ]$", "+00:00")
    aware = told.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", time_unit="ns", strict=False)
    bare = plain.set(offset, None).str.to_datetime(
        "%Y-%m-%dT%H:%M:%S%.f", time_unit="ns", strict=False
    )
    if not bare.null_count() < len(bare):
        return aware
    naive = _in_zone(bare, tz)
    return naive.zip_with(~offset, aware.dt.convert_time_zone("UTC"))


def _of_our_years(stamps: pl.Series, per_day: int) -> pl.Series:
    """Return days or instants, null where they would not fit 64 bits of nanoseconds."""
    first, beyond = _FIRST_DAY * per_day, _BEYOND_DAY * per_day
    ours = stamps.to_physical().is_between(first, beyond, closed="left")
    return stamps if ours.all() else stamps.set(~ours.fill_null(value=True), None)


def _within(numbers: pl.Series, most: int) -> pl.Series:
    """Return numbers, null where they are larger or smaller than can be counted in ns."""
    fits = numbers.is_between(-most, most, closed="none")
    return numbers if fits.all() else numbers.set(~fits.fill_null(value=True), None)


def _in_zone(stamps: pl.Series, tz: str | None) -> pl.Series:
    if tz is None:
        example = stamps.drop_nulls()[0] if stamps.null_count() < len(stamps) else ""
        msg = (
            f"stamps like {example} carry no offset, and nobody says in which zone they are: "
            'write tz = "UTC" (or the zone) under [fields] of a field map'
        )
        raise ConfigError(msg)
    try:
        there = stamps.dt.cast_time_unit("ns").dt.replace_time_zone(
            tz, ambiguous="null", non_existent="null"
        )
    except pl.exceptions.ComputeError as error:
        msg = f"{tz!r} is no time zone: write one like UTC or America/New_York"
        raise ConfigError(msg) from error
    return there.dt.convert_time_zone("UTC")


def _plain(series: pl.Series) -> IntArray:
    found = series.cast(pl.Int64).fill_null(NO_TIME).to_numpy()
    return np.array(found, dtype=np.int64)
