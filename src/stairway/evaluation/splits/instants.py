"""Times of any make as numbers on one clock, and whether they said which clock.

1. Dates with a time zone are instants, and become those of UTC. Dates without are what some
   clock showed, and nobody knows which: laid beside instants they are wrong by hours, and a
   label that seems to end too early is purged too little. So whoever compares two columns
   asks both whether they are ``zoned``; within one column it is all or none.
2. The zone stands in the type of the column (pandas, polars, arrow), or on each date of a
   list or an array of objects. Numpy drops both.
3. Numpy also wraps what a finer unit cannot hold: in nanoseconds the year 9999 is 1816.
   Here that is refused.
"""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from stairway.base.arrays import BoolArray
from stairway.base.errors import DataError

_ZONE_OF_A_COLUMN = (("dtype", "tz"), ("dtype", "time_zone"), ("type", "tz"))
_TOO_FAR = (
    " of row {} lies too far away for the fine units that the other times are counted in; "
    "give an earlier one, or all times in seconds"
)


@dataclass(frozen=True, slots=True, eq=False)
class Instants:
    """Times of the rows.

    Attributes
    ----------
    times : (n,) int64 or datetime64
        None is missing. Those that had a time zone are in UTC.
    zoned
        Whether they had one; numbers have none.
    """

    times: np.ndarray
    zoned: bool


def instants(values: Any, what: str) -> Instants:
    """Take times from an array, a list, or a Series of dates or whole numbers.

    Parameters
    ----------
    values : (n,)
        Dates of Python, numpy, pandas or polars, or whole numbers.
    what
        What they are, for the errors.

    Raises
    ------
    DataError
        If a time is missing (NaN, NaT), no date and no whole number, or dates with a time
        zone stand among others without; the message names the row.

    Examples
    --------
    >>> berlin = dt.timezone(dt.timedelta(hours=1))
    >>> found = instants([dt.datetime(2026, 1, 5, 9, tzinfo=berlin)], "start")
    >>> found.times.astype("M8[m]"), found.zoned
    (array(['2026-01-05T08:00'], dtype='datetime64[m]'), True)
    """
    zoned, array = _names_a_zone(values), _array(values, what)
    if array.ndim != 1 or array.size == 0:
        msg = f"{what} must be one time for each row, got an array of shape {array.shape}"
        raise DataError(msg)
    if array.dtype.kind == "O":
        zoned, array = _one_by_one(array.tolist(), what)
    if array.dtype.kind not in "Miuf":
        msg = f"{what} must be dates or whole numbers, got {array.dtype}"
        raise DataError(msg)
    if array.dtype.kind == "M":
        refuse_first(np.isnat(array), what + " of row {} is not a time (NaT)")
        return Instants(array, zoned)
    refuse_first(~np.isfinite(array), what + " of row {} is not finite")
    with np.errstate(invalid="ignore"):  # too large is not equal, and refused below
        whole = array.astype(np.int64)
    refuse_first(whole != array, what + " of row {} is not a whole number of 64 bits")
    return Instants(whole, zoned=False)


def in_unit(times: np.ndarray, unit: np.dtype[Any], what: str) -> np.ndarray:
    """Give times in a unit as fine as their own or finer, and refuse what it cannot hold.

    Raises
    ------
    DataError
        If a time would wrap round; the message names the row.

    Examples
    --------
    >>> in_unit(np.array(["2026-01-05"], "M8[D]"), np.dtype("M8[h]"), "end")
    array(['2026-01-05T00'], dtype='datetime64[h]')
    """
    if times.dtype.kind == "M":
        refuse_first(_wraps(times, unit), what + _TOO_FAR)
    return times.astype(unit, copy=False)


def refuse_first(bad: BoolArray, said: str) -> None:
    """Refuse the first bad row, whose number goes into the sentence.

    Raises
    ------
    DataError
        If any row is bad.
    """
    if bad.any():
        msg = said.format(int(np.argmax(bad)))
        raise DataError(msg)


def _names_a_zone(values: Any) -> bool:
    """Whether the type of the column has a time zone; a list has no such type."""
    return any(
        getattr(getattr(values, holder, None), name, None) is not None
        for holder, name in _ZONE_OF_A_COLUMN
    )


def _array(values: Any, what: str) -> np.ndarray:
    convert = getattr(getattr(values, "array", None), "tz_convert", None)
    if convert is not None and _names_a_zone(values):
        values = convert(None)  # else pandas makes an object of every date
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:  # lists of several lengths
        msg = f"{what} must be one time for each row: {error}"
        raise DataError(msg) from error


def _one_by_one(values: list[Any], what: str) -> tuple[bool, np.ndarray]:
    """Whether these objects have a time zone, and the array that numpy should have made."""
    plain = np.asarray(values)
    if plain.dtype.kind != "O":  # numbers or words in an array of objects
        return False, plain
    found = [_date(one, row, what) for row, one in enumerate(values)]
    units = {one.dtype for one in found}
    unit = functools.reduce(np.promote_types, units)
    if len(units) > 1:
        refuse_first(np.array([_wraps(one, unit) for one in found]), what + _TOO_FAR)
    times = np.array(found, dtype=unit)
    zoned = np.array([_has_zone(one) for one in values])
    if zoned.any():
        refuse_first(
            ~(zoned | np.isnat(times)),
            what + " of row {} has no time zone and others have; say which zone it is in",
        )
    return bool(zoned.any()), times


def _wraps(times: Any, unit: np.dtype[Any]) -> Any:
    """Whether a date comes back from the unit as another: numpy wraps without a word."""
    return (times.astype(unit).astype(times.dtype) != times) & ~np.isnat(times)


def _date(one: Any, row: int, what: str) -> np.datetime64:
    """One date as numpy has it, of UTC if it has a time zone."""
    if hasattr(one, "to_datetime64"):  # pandas, to the nanosecond
        return one.to_datetime64()
    if not (one is None or isinstance(one, (dt.date, np.datetime64))):
        msg = f"{what} must be dates or whole numbers, but row {row} is {type(one).__name__}"
        raise DataError(msg)
    if not (isinstance(one, dt.datetime) and _has_zone(one)):
        return np.datetime64("NaT" if one is None else one)
    try:
        return np.datetime64(one.astimezone(dt.UTC).replace(tzinfo=None))
    except OverflowError as error:
        msg = f"{what} of row {row}, {one}, is no time in UTC: {error}"
        raise DataError(msg) from error


def _has_zone(one: Any) -> bool:
    return getattr(one, "tzinfo", None) is not None and one.utcoffset() is not None
