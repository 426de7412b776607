"""Numbers and words of a column, or the sentence that says why it holds none.

Parquet has columns of lists, categories, bytes, records, days and spans of time. None of
them is a number, and a day that is counted from 1970 would look like one.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from stairway.base.arrays import FloatArray
from stairway.base.errors import DataError

_ALSO = (pl.Boolean(), pl.Null())
"""Types that can be read either way: 1 and 0, and nothing at all."""


def numbers_of(column: pl.Series, where: str) -> FloatArray:
    """Numbers of a column; NaN for a cell that is none.

    Parameters
    ----------
    where
        What column of which file, for the message.

    Returns
    -------
    (n,) float64

    Raises
    ------
    DataError
        If the column is of a type that holds no numbers.

    Examples
    --------
    >>> numbers_of(pl.Series([" 1.5", "two", None]), "column 'a' of a.csv")
    array([1.5, nan, nan])
    >>> numbers_of(pl.Series([[1.0, 2.0]]), "column 'a' of a.parquet")
    Traceback (most recent call last):
    ...
    stairway.base.errors.DataError: column 'a' of a.parquet holds List(Float64), no numbers; \
write it as numbers, or leave it out
    """
    if column.dtype == pl.String:
        column = column.str.strip_chars()
    elif not (column.dtype.is_numeric() or column.dtype in _ALSO):
        msg = f"{where} holds {column.dtype}, no numbers; write it as numbers, or leave it out"
        raise DataError(msg)
    return np.array(column.cast(pl.Float64, strict=False).to_numpy(), dtype=np.float64)


def words_of(column: pl.Series, where: str) -> list[str]:
    """Words of a column; an empty one for a cell that is missing.

    Raises
    ------
    DataError
        If the column is of a type that holds neither words nor numbers.

    Examples
    --------
    >>> words_of(pl.Series(["trend", None], dtype=pl.Categorical), "column 'regime' of a.csv")
    ['trend', '']
    """
    named = isinstance(column.dtype, pl.Categorical | pl.Enum | pl.String)
    if not (named or column.dtype.is_numeric() or column.dtype in _ALSO):
        msg = f"{where} holds {column.dtype}, no words; write it as text, or leave it out"
        raise DataError(msg)
    return column.cast(pl.String).fill_null("").to_list()
