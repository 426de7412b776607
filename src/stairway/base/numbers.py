"""What is handed in becomes plain numbers, or is refused in a sentence.

Users hand in lists, columns of tables, numbers of another machine's byte order, objects.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.errors import DataError

_NUMBERS = "biufO"
"""Kinds of arrays that may hold numbers: objects are looked at one by one."""


def numbers(values: Any, what: str) -> FloatArray:
    """Numbers of any kind as float64, without a copy where they are that already.

    Parameters
    ----------
    values
        An array, a list, a column of a table. What is masked becomes NaN.
    what
        Plural noun for the message.

    Returns
    -------
    float64 array of the same shape

    Raises
    ------
    DataError
        If they are no numbers, or rows of different lengths.

    Examples
    --------
    >>> numbers(np.array([1, 2], ">i4"), "returns"), numbers([0.5, None], "returns")
    (array([1., 2.]), array([0.5, nan]))
    >>> numbers(["1.5"], "returns")
    Traceback (most recent call last):
    ...
    stairway.base.errors.DataError: returns must be numbers, got <U3
    """
    # The type itself: a masked array is one of its kinds, and would lose its mask.
    if type(values) is np.ndarray and values.dtype == np.float64:
        return values
    try:
        found: np.ndarray = np.ma.asanyarray(values) if _masked(values) else np.asarray(values)
        if found.dtype.kind not in _NUMBERS or _holds_text(found):
            msg = f"{what} must be numbers, got {found.dtype}"
            raise DataError(msg)
        plain = found.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        msg = f"{what} must be numbers, and these are none ({error})"
        raise DataError(msg) from error
    return np.asarray(np.ma.filled(plain, np.nan), np.float64)


def one_row(values: Any, what: str) -> FloatArray:
    """Numbers of any kind as one row of float64.

    Raises
    ------
    DataError
        If they are no numbers, or not one value for each row.

    Examples
    --------
    >>> one_row([[1.0]], "returns")
    Traceback (most recent call last):
    ...
    stairway.base.errors.DataError: returns must be one value for each row, got shape (1, 1)
    """
    found = numbers(values, what)
    if found.ndim != 1:
        msg = f"{what} must be one value for each row, got shape {found.shape}"
        raise DataError(msg)
    # A kernel is compiled anew for numbers that lie apart, or may not be written.
    plain = found.flags.c_contiguous and found.flags.writeable
    return found if plain else found.copy()


def _masked(values: Any) -> bool:
    return isinstance(values, np.ma.MaskedArray)


def _holds_text(found: np.ndarray) -> bool:
    return found.dtype.kind == "O" and any(isinstance(one, str | bytes) for one in found.flat)
