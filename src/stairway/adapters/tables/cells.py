"""Numbers and words of a column, or the sentence that says why it holds none.

Parquet has columns of lists, categories, bytes, records, days and spans of time. None of
them is a number, and a day that is counted from 1970 would look like one. A cell of text may
be none either: ``10,034.62`` is two numbers to one reader and one to another.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from stairway.base.arrays import FloatArray
from stairway.base.errors import DataError

_ALSO = (pl.Boolean(), pl.Null())
"""Types that can be read either way: 1 and 0, and nothing at all."""

_LONGEST = 40
_LIKE_THIS = "write numbers like 10034.62, nothing where there is none, and no column of words"
_OR_WITHOUT = "write it as numbers, or leave it out"


def numbers_of(column: pl.Series, where: str, wanted: str | None = None) -> FloatArray:
    """Numbers of a column; NaN for a cell that is empty or says ``nan``.

    Parameters
    ----------
    where
        What column of which file, for the message.
    wanted
        What to write instead, for the message of a column that cannot be left out.

    Returns
    -------
    (n,) float64

    Raises
    ------
    DataError
        If the column is of a type that holds no numbers, or a cell holds text that is none;
        the message names its row.

    Examples
    --------
    >>> numbers_of(pl.Series([" 1.5", "", None]), "column 'a' of a.csv")
    array([1.5, nan, nan])
    >>> numbers_of(pl.Series(["9,990.5"]), "column 'close' of a.csv")
    Traceback (most recent call last):
    ...
    stairway.base.errors.DataError: column 'close' of a.csv: row 0 holds '9,990.5', which is \
no number; write numbers like 10034.62, nothing where there is none, and no column of words
    """
    if column.dtype == pl.String:
        said = column.str.strip_chars().replace("", None)
        stray = (said.is_not_null() & said.cast(pl.Float64, strict=False).is_null()).arg_true()
        if len(stray):
            row = int(stray[0])
            msg = f"{where}: row {row} holds {quoted(column[row])}, which is no number; " + (
                wanted or _LIKE_THIS
            )
            raise DataError(msg)
    return numbers_or_nan(column, where, wanted)


def numbers_or_nan(column: pl.Series, where: str, wanted: str | None = None) -> FloatArray:
    """Numbers of a column; NaN for a cell that is none, for who looks at each row himself.

    Parameters
    ----------
    where
        What column of which file, for the message.
    wanted
        What to write instead, for the message of a column that cannot be left out.

    Returns
    -------
    (n,) float64

    Raises
    ------
    DataError
        If the column is of a type that holds no numbers.

    Examples
    --------
    >>> numbers_or_nan(pl.Series([" 1.5", "two", None]), "column 'a' of a.csv")
    array([1.5, nan, nan])
    >>> numbers_or_nan(pl.Series([[1.0, 2.0]]), "column 'a' of a.parquet")
    Traceback (most recent call last):
    ...
    stairway.base.errors.DataError: column 'a' of a.parquet holds List(Float64), no numbers; \
write it as numbers, or leave it out
    """
    if column.dtype == pl.String:
        column = column.str.strip_chars()
    elif not (column.dtype.is_numeric() or column.dtype in _ALSO):
        msg = f"{where} holds {column.dtype}, no numbers; {wanted or _OR_WITHOUT}"
        raise DataError(msg)
    return np.array(column.cast(pl.Float64, strict=False).to_numpy(), dtype=np.float64)


def quoted(cell: str) -> str:
    """Quote a cell as a sentence can bear it, on one line.

    Examples
    --------
    >>> print(quoted("9,990.5"), quoted("x" * 99)[-6:])
    '9,990.5' xx'...
    """
    return repr(cell) if len(cell) <= _LONGEST else f"{cell[:_LONGEST]!r}..."


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
