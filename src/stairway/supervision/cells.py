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

from stairway.base.arrays import FloatArray, IntArray
from stairway.supervision.answers import Codes
from stairway.supervision.field_map import Actions, action_code
from stairway.supervision.groups.kernels import FULL, group

NO_NAME = "(no name)"
_EMPTY = ("", "nan", "NaN", "None", "null")
_NAMES = {str, int, float, type(None)}
_SPACE, _LAST_LETTER = 32, 127
_FEW = 1024


def column(values: Sequence[Any]) -> pl.Series:
    """Make a column of values of any kind; where they differ in kind, of their text.

    Truth among numbers stays truth: as a number it would be a 1 that nobody said.

    Examples
    --------
    >>> column([1, None, "x"]).to_list(), column([0.5, True]).to_list()
    (['1', None, 'x'], ['0.5', 'true'])
    """
    kinds = set(map(type, values)) - {type(None)}
    try:
        if bool not in kinds or len(kinds) == 1:
            return pl.Series(values, strict=True)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        pass
    return pl.Series(list(map(_said, values)), dtype=pl.String)


def _said(value: Any) -> str | None:
    """Write a value as text, truth as JSON does."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def only_names(values: Sequence[Any]) -> Sequence[Any]:
    """Return the same with nothing where there is neither text nor a number: no name.

    Examples
    --------
    >>> only_names(["mlp", 7, ["mlp"], True, None])
    ['mlp', 7, None, None, None]
    """
    if set(map(type, values)) <= _NAMES:
        return values
    return [value if type(value) in _NAMES else None for value in values]


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
    plain = text(values)
    if not _is_bare(plain):
        plain = plain.str.strip_chars()
    empty = plain.is_in(_EMPTY)
    return plain.set(empty, None) if empty.any() else plain


def _is_bare(plain: pl.Series) -> bool:
    """Whether every value begins and ends with a letter of ASCII that is no space."""
    letters = plain.cast(pl.Binary).bin
    ends = (letters.get(place, null_on_oob=True) for place in (0, -1))
    return all(bool(((end > _SPACE) & (end < _LAST_LETTER)).all()) for end in ends)


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
    return _each_once(values, code).astype(np.int32)


def actions(values: pl.Series, said: Actions) -> NDArray[np.int8]:
    """Return the code of each action label, by what a field map ``said``."""
    return _each_once(values, lambda label: action_code(label, said)).astype(np.int8)


def _each_once(values: pl.Series, code: Callable[[Any], int]) -> IntArray:
    """Return the code of each value, asking once for each that is different."""
    plain = text(values)
    if plain.null_count() == len(plain):
        return np.full(len(plain), code(None))
    found, first = grouped(plain)
    known: list[str | None] = plain.gather(first).to_list()
    codes = {None: code(None)} if None in known else {}
    return np.array([codes[w] if w in codes else code(w) for w in known], np.int64)[found]


def grouped(plain: pl.Series) -> tuple[NDArray[np.int32], IntArray]:
    """Return the number of each text's group, and the first row of each group, in order.

    Examples
    --------
    >>> found, first = grouped(pl.Series(["b", None, "b", "a"]))
    >>> found.tolist(), first.tolist()
    ([0, 1, 0, 2], [0, 1, 3])
    """
    one, two = plain.hash(seed=1).to_numpy(), plain.hash(seed=2).to_numpy()
    found, first = np.empty(len(plain), np.int32), np.empty(0, np.int64)
    room, groups = _FEW, FULL
    while groups == FULL:
        first, table = np.empty(room, np.int64), np.zeros(2 * room, np.int32)
        groups = group(one, two, table, first, found)
        room *= 16
    return found, first[:groups]


def ids(values: Sequence[Any]) -> pl.Series:
    """Make a column of ids, each the text that it is by itself, whatever lies beside it.

    Examples
    --------
    >>> ids([1.5, 1, None, "x"]).to_list(), ids([1, 2]).to_list()
    (['1.5', '1', None, 'x'], [1, 2])
    """
    kinds = list(map(type, values))
    if len(set(kinds) - {type(None)}) <= 1:
        return column(values)
    found: list[str | None] = [None] * len(values)
    for kind in dict.fromkeys(kinds):
        rows = [row for row, one in enumerate(kinds) if one is kind]
        for row, word in zip(rows, text(column([values[row] for row in rows])), strict=True):
            found[row] = word
    return pl.Series(found, dtype=pl.String)


def hashed(values: pl.Series) -> NDArray[np.uint64]:
    """Return a hash of each id, 0 where there is none."""
    plain = words(values)
    found = np.maximum(plain.hash(seed=1).to_numpy(), np.uint64(1))
    if plain.null_count():
        found[plain.is_null().to_numpy()] = 0
    return found


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
        return numbers(pl.Series(list(map(_said, values)), dtype=pl.String))
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return numbers(column(values))
