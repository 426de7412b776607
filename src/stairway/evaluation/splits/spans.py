"""Where each label ends, in rows: all that a splitter must know of the labels.

1. Rows begin at strictly increasing times; a label rests on the times [start, end).
2. Its end in rows is the first row that begins at or after the end. So ``end > j`` says
   that the label of an earlier row reaches past the beginning of row ``j``, and the same
   comparison serves bars, nanoseconds and dates.
3. A label that ends behind the last row ends at row ``n`` if it leaves no room before the
   next possible row, else at ``n + 1``: nobody knows when the next row begins.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from stairway.base.arrays import IntArray
from stairway.base.errors import DataError
from stairway.evaluation.splits.instants import Instants, in_unit, instants, refuse_first
from stairway.evaluation.splits.kernels import label_rows


class EndsByStart(Protocol):
    """A pandas Series, often called ``t1``: ends as values, starts as index."""

    @property
    def index(self) -> Any:
        """Where each label starts."""
        ...


def ends_in_rows(start: Any, end: Any) -> IntArray:
    """Turn label spans in time into the rows at which they end.

    Parameters
    ----------
    start : (n,) whole numbers or dates
        When each row, and the label of it, begins; strictly increasing.
    end : (n,) of the same kind
        When the label is known. Ends may be in any order. A label that ends as it starts
        is empty: it reaches into nothing.

    Returns
    -------
    (n,) int64
        For each label the first row that begins at or after its end.

    Raises
    ------
    DataError
        If a time is missing (NaN, NaT) or no whole number, the starts are unsorted or
        double, or a label ends before it starts; the message names the row. If some of the
        dates have a time zone and others have none, on either side or between them.

    Examples
    --------
    >>> days = np.array(["2026-01-05", "2026-01-06", "2026-01-07", "2026-01-08"], "M8[D]")
    >>> ends_in_rows(days, days + np.array([2, 1, 1, 9]))
    array([2, 2, 3, 5])
    """
    begun, ended = instants(start, "start"), instants(end, "end")
    _require_alike(begun, ended)
    unit = np.promote_types(begun.times.dtype, ended.times.dtype)
    starts, ends = (
        in_unit(one.times, unit, what).view(np.int64)
        for one, what in ((begun, "start"), (ended, "end"))
    )
    _require_order(starts)
    refuse_first(ends < starts, "the label of row {} ends before it starts")
    rows = np.searchsorted(starts, ends, side="left")
    rows[ends - 1 > starts[-1]] = starts.size + 1
    return rows.astype(np.int64, copy=False)


def ends_of(t1: EndsByStart) -> IntArray:
    """Do the same for a Series that holds the ends as values and the starts as index.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.date_range("2026-01-05", periods=4, tz="UTC")
    >>> ends_of(pd.Series(days + pd.Timedelta(days=2), index=days))
    array([2, 3, 5, 5])
    """
    index: Any = getattr(t1, "index", None)
    if index is None or callable(index):
        msg = (
            f"ends_of takes a Series with ends as values and starts as index, got "
            f"{type(t1).__name__}; give starts and ends apart, to ends_in_rows(start, end)"
        )
        raise DataError(msg)
    return ends_in_rows(index, t1)


def row_ends(end: Any) -> IntArray:
    """Take ends in rows from an array, a list, or a Series of row numbers.

    Raises
    ------
    DataError
        If they are not one whole number for each row, or a Series whose index does not
        say plainly that its values are places of rows.

    Examples
    --------
    >>> row_ends([2, 3, 3])
    array([2, 3, 3])
    """
    try:
        array = np.asarray(end)
    except ValueError as error:  # lists of several lengths
        msg = f"label ends must be one row number for each row: {error}"
        raise DataError(msg) from error
    if not (array.ndim == 1 and array.size > 0 and array.dtype.kind in "iu"):
        msg = (
            f"label ends must be one row number for each row, got {array.dtype} of shape "
            f"{array.shape}; make them with ends_in_rows(start, end), or of a Series of dates "
            f"with ends_of(t1)"
        )
        raise DataError(msg)
    _require_places(getattr(end, "index", None), array.size)
    return np.ascontiguousarray(array, dtype=np.int64)


def _require_places(index: Any, n: int) -> None:
    """Refuse a Series out of order, or one whose own numbers are no places of rows."""
    if index is None or callable(index):  # a list has a method of that name
        return
    _require_index(index)
    own = np.asarray(index)
    if own.dtype.kind in "iu" and not np.array_equal(own, np.arange(n)):
        msg = (
            f"the index of the label ends is {own[0]} to {own[-1]}, not 0 to {n - 1}: are they "
            "ends in that index, or row numbers? Give ends_of(end) for the first, or "
            "end.to_numpy() for the second"
        )
        raise DataError(msg)


def require_ends(end: IntArray) -> int:
    """Refuse ends in rows that no labels can have; give the rows of the longest label.

    Raises
    ------
    DataError
        If they are not one whole number for each row, or one lies before its row.
    """
    if not (end.ndim == 1 and end.size > 0 and end.dtype == np.int64):
        msg = (
            f"label ends must be one row number for each row, got {end.dtype} of shape "
            f"{end.shape}; make them with ends_in_rows(start, end)"
        )
        raise DataError(msg)
    longest, bad = label_rows(end)
    refuse_bad(end, int(bad))
    return int(longest)


def refuse_bad(end: IntArray, bad: int) -> None:
    """Refuse a label that ends before its own row; there is none where ``bad`` is -1.

    Raises
    ------
    DataError
        If there is one.
    """
    if bad >= 0:
        msg = f"the label of row {bad} ends at row {end[bad]}, before it starts"
        raise DataError(msg)


def require_rules(rules: object, wanted: type, splitter: str) -> None:
    """Refuse the rules of another splitter: they do not say all that this one must know.

    Raises
    ------
    DataError
        If they are of another type.
    """
    if not isinstance(rules, wanted):
        msg = (
            f"{splitter} was given {type(rules).__name__}; it takes {wanted.__name__}, from "
            "stairway.evaluation.splits"
        )
        raise DataError(msg)


def require_rows(rows: Any, n: int) -> None:
    """Refuse a table that is not in the order of the labels, as far as one can see.

    Raises
    ------
    DataError
        If it has another number of rows, or an index that is unsorted or double.
    """
    if rows is None:
        return
    if not hasattr(rows, "__len__"):
        msg = f"split was given {type(rows).__name__}; give the table of rows, or None"
        raise DataError(msg)
    given = int(rows.shape[0]) if hasattr(rows, "shape") else len(rows)
    if given != n:
        msg = f"split was given {given} rows, but there are labels for {n}"
        raise DataError(msg)
    _require_index(getattr(rows, "index", None))


def _require_index(index: Any) -> None:
    in_order = getattr(index, "is_monotonic_increasing", True)
    if not (in_order and getattr(index, "is_unique", True)):
        msg = (
            "the index of the rows is unsorted or has doubles; splits go by position, so "
            "sort the rows by time, one row for each time, and make the labels again"
        )
        raise DataError(msg)


def _require_alike(begun: Instants, ended: Instants) -> None:
    """Refuse starts and ends that cannot be laid beside each other."""
    if begun.times.shape != ended.times.shape:
        msg = (
            f"{begun.times.size} starts but {ended.times.size} ends; give both for every label"
        )
        raise DataError(msg)
    if begun.times.dtype.kind != ended.times.dtype.kind:
        msg = "starts and ends must be of one kind, both dates or both whole numbers"
        raise DataError(msg)
    if begun.zoned != ended.zoned:
        bare = "ends" if begun.zoned else "starts"
        msg = (
            f"the {bare} have no time zone and the others have; say which zone they are in, "
            "such as tz_localize('UTC')"
        )
        raise DataError(msg)


def _require_order(starts: IntArray) -> None:
    later = np.concatenate([[True], starts[1:] > starts[:-1]])
    same = np.concatenate([[False], starts[1:] == starts[:-1]])
    refuse_first(same, "row {} starts when the row before it does; keep one row a time")
    refuse_first(~later, "row {} starts before the row before it; sort the rows by start")
