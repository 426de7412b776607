"""Columns of values as they were found, to columns of numbers and codes.

What is no number becomes NaN, an empty name -1 and an unknown word ``UNKNOWN``: a fault is
kept for the counters, which refuse it by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stairway.base.arrays import FloatArray
from stairway.supervision.answers import Codes
from stairway.supervision.field_map import Actions, action_code

NO_NAME = "(no name)"
_EMPTY = ("", "nan", "NaN", "None", "null")


def column(values: Sequence[Any]) -> pl.Series:
    """Make a column of values of any kind; where they differ in kind, of their text.

    Examples
    --------
    >>> column([1, None, "x"]).to_list()
    ['1', None, 'x']
    """
    try:
        return pl.Series(values, strict=True)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        return pl.Series([None if v is None else str(v) for v in values], dtype=pl.String)


def numbers(values: pl.Series) -> FloatArray:
    """Return (n,) float64; NaN where a value is missing or no number. Truth is no number.

    Examples
    --------
    >>> numbers(pl.Series(["0.5", "nan", "high", None])).tolist()
    [0.5, nan, nan, nan]
    """
    if values.dtype == pl.Boolean or values.dtype.is_nested() or values.dtype.is_temporal():
        return np.full(len(values), np.nan)
    if values.dtype == pl.String:
        values = values.str.strip_chars()
    found = values.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    return np.array(found, dtype=np.float64)


def words(values: pl.Series) -> pl.Series:
    """Return values as text without spaces around it, ``None`` where there is none."""
    if values.dtype.is_float():
        values = values.fill_nan(None)
    plain = text(values).str.strip_chars()
    return plain.set(plain.is_in(_EMPTY), None)


def text(values: pl.Series) -> pl.Series:
    """Return values as text, nested ones as polars writes them."""
    if values.dtype == pl.String:
        return values
    if values.dtype.is_nested():
        return pl.Series([None if v is None else str(v) for v in values], dtype=pl.String)
    return values.cast(pl.String, strict=False)


def coded(values: pl.Series, codes: Codes, *, required: bool = False) -> NDArray[np.int32]:
    """Return the code of each name; -1 where there is none, a code of its own if required."""
    code = name_coder(codes, required=required).__getitem__
    return _each_once(values, code, pl.Int32).astype(np.int32)


def actions(values: pl.Series, said: Actions) -> NDArray[np.int8]:
    """Return the code of each action label, by what a field map ``said``."""
    return _each_once(values, lambda label: action_code(label, said), pl.Int8).astype(np.int8)


def _each_once(values: pl.Series, code: Callable[[Any], int], dtype: Any) -> Any:
    """Return the code of each value, asking once for each that is different."""
    plain = text(values)
    known = plain.drop_nulls().unique(maintain_order=True).to_list()
    rest = code(None) if len(known) == 0 or plain.null_count() else 0
    if not known:
        return np.full(len(plain), rest)
    found = plain.replace_strict(known, [code(one) for one in known], return_dtype=dtype)
    return found.fill_null(rest).to_numpy()


def hashed(values: pl.Series) -> NDArray[np.uint64]:
    """Return a hash of each id, 0 where there is none."""
    plain = words(values)
    found = plain.hash(seed=1).to_numpy().astype(np.uint64)
    return np.where(plain.is_null().to_numpy(), np.uint64(0), np.maximum(found, np.uint64(1)))


def joined(slot: pl.Series, inner: pl.Series) -> pl.Series:
    """Name a member by its slot, and behind a stroke by the model inside that answered.

    Examples
    --------
    >>> joined(pl.Series(["ppo", "ppo"]), pl.Series(["fallback", None])).to_list()
    ['ppo/fallback', 'ppo']
    """
    plain, within = words(slot), words(inner)
    both = plain + "/" + within
    return both.set(within == plain, None).fill_null(plain)


class Coder(dict[Any, int]):
    """Codes of names and labels in lists, each looked at once however often it comes.

    Parameters
    ----------
    code
        What a value that was not met before is coded as.

    Examples
    --------
    >>> Coder(lambda label: action_code(label)).codes(["BUY", None, "BUY"]).tolist()
    [2, 4, 2]
    """

    def __init__(self, code: Callable[[Any], int]) -> None:
        super().__init__()
        self._new = code

    def __missing__(self, value: Any) -> int:
        self[value] = code = self._new(value)
        return code

    def codes(self, values: Sequence[Any]) -> NDArray[np.int32]:
        """Return (n,) the code of each value."""
        return np.fromiter(map(self.__getitem__, values), dtype=np.int32, count=len(values))


def name_coder(codes: Codes, *, required: bool = False) -> Coder:
    """Return a coder of names: -1 for none, or a code of its own if required."""

    def code(value: Any) -> int:
        word = "" if value is None else str(value).strip()
        if word in _EMPTY:
            return codes.code(NO_NAME) if required else -1
        return codes.code(word)

    return Coder(code)


def beliefs(values: Sequence[Any]) -> FloatArray:
    """Return (n,) float64 of a list, as ``numbers`` does of a column."""
    if str in set(map(type, values)):
        return numbers(
            pl.Series([None if v is None else str(v) for v in values], dtype=pl.String)
        )
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return numbers(column(values))
