"""Fields of a chunk by name, number or path, as columns.

A path steps with dots into what a field holds: an object, JSON text, or the Python value
that somebody wrote where JSON was meant.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, cast

import msgspec
import polars as pl

from stairway.base.errors import ConfigError, DataError, TwiceError
from stairway.supervision.cells import column, only_names
from stairway.supervision.field_map import Field, Said
from stairway.supervision.literal import read_literal
from stairway.supervision.loose_json import halved, read_loose
from stairway.supervision.ports import Chunk, Documents
from stairway.supervision.twice import require_keys_once

_DECODE = msgspec.json.Decoder().decode


def parsed(
    texts: Sequence[str | bytes],
    place: Callable[[int], str],
    used: Collection[str] = (),
) -> tuple[list[dict[str, Any]], int]:
    """Decode records, and count those that were Python and no JSON.

    Raises
    ------
    DataError
        If one is neither, or no object, or has one of ``used`` twice; ``place(row)`` names it.
    """
    try:
        found: list[Any] = list(map(_DECODE, texts))
        reprs = 0
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        found, reprs = [], 0
        for row, text in enumerate(texts):
            value, is_repr = read_loose(text, place, row)
            found.append(value)
            reprs += is_repr
    for row, value in enumerate(found):
        if not isinstance(value, dict):
            msg = f"{place(row)} is no object with fields: {str(texts[row])[:60]}"
            raise DataError(msg)
        if used:
            require_keys_once(texts[row], cast("Any", value), used, place(row))
    return found, reprs


class Picker:
    """Columns of one chunk.

    Parameters
    ----------
    strict
        Refuse a field that no record of this chunk has.
    used
        Fields that no record may have twice.
    """

    def __init__(self, chunk: Chunk, strict: bool, used: Collection[str] = ()) -> None:  # noqa: FBT001 - asked once
        self._strict = strict
        self._chunk = chunk
        self._inside: dict[str, list[Any]] = {}
        self.reprs = 0
        self._records: list[dict[str, Any]] = []
        if isinstance(chunk, Documents):
            self._records, self.reprs = parsed(chunk.texts, chunk.place, used)

    def __len__(self) -> int:
        return len(self._chunk)

    def always(self, value: str) -> pl.Series:
        """Return a column that says the same everywhere."""
        return pl.Series([value], dtype=pl.String).extend_constant(value, len(self) - 1)

    def pick(self, named: Field | None) -> pl.Series:
        """Return the column of a field; one of nulls where none is named.

        Raises
        ------
        ConfigError
            If the records have no such field.
        DataError
            If it holds half of a character.
        """
        if named is None:
            return pl.Series([None], dtype=pl.String).new_from_index(0, len(self))
        if isinstance(named, Said):
            return self.always(named.value)
        if isinstance(self._chunk, Documents):
            return self._from_records(named)
        return self._from_frame(self._chunk.frame, named)

    def names(self, named: Field | None) -> pl.Series:
        """Return the column of a field that holds names; null where it holds none.

        Raises
        ------
        ConfigError
            If the records have no such field.
        """
        if isinstance(self._chunk, Documents) and isinstance(named, str):
            return self._column(only_names(self._values(named)))
        found = self.pick(named)
        if found.dtype == pl.Boolean or found.dtype.is_nested():
            return pl.Series([None], dtype=pl.String).new_from_index(0, len(self))
        return found

    def _from_frame(self, frame: pl.DataFrame, named: str | int) -> pl.Series:
        if isinstance(named, int):
            if named > frame.width:
                what = f"column {named}"
                raise self._missing(what, f"{frame.width} columns")
            return frame.to_series(named - 1)
        if named in frame.columns:
            return frame[named]
        head, _, rest = named.partition(".")
        if not rest or head not in frame.columns:
            there = ", ".join(map(repr, frame.columns))
            raise self._missing(repr(named), there)
        if head not in self._inside:
            self._inside[head] = self._each(_opened, frame[head].to_list())
        return self._column(self._stepped(self._inside[head], rest, named))

    def _from_records(self, named: str | int) -> pl.Series:
        if isinstance(named, int):
            msg = f"column {named} has no meaning in records with names; name the field"
            raise ConfigError(msg)
        return self._column(self._values(named))

    def _values(self, named: str) -> list[Any]:
        """Return what each record says under a name, or at a path."""
        if any(named in record for record in self._records):
            return [record.get(named) for record in self._records]
        return self._stepped(list(self._records), named, named)

    def _stepped(self, values: list[Any], path: str, named: str) -> list[Any]:
        for step in path.split("."):
            values = self._each(partial(_step, step=step), values)
        if self._strict and all(value is None for value in values):
            raise self._missing(repr(named), "none of that name in the first records")
        return values

    def _column(self, values: Sequence[Any]) -> pl.Series:
        try:
            return column(values)
        except UnicodeEncodeError:
            self._each(lambda value: column([value]), values)
            raise

    def _each(self, look: Callable[[Any], Any], values: Sequence[Any]) -> list[Any]:
        """Look at each value of the chunk, and name the record of one that cannot be."""
        found: list[Any] = []
        for row, value in enumerate(values):
            try:
                found.append(look(value))
            except UnicodeEncodeError as error:
                raise halved(self._chunk.place(row)) from error
        return found

    def _missing(self, what: str, there: str) -> ConfigError:
        msg = (
            f"the field map names {what}, which the records do not have from "
            f"{self._chunk.place(0)} on; there are: {there}"
        )
        return ConfigError(msg)


def _step(value: Any, step: str) -> Any:
    inside = _opened(value)
    return cast("dict[str, Any]", inside).get(step) if isinstance(inside, dict) else None


def _opened(value: Any) -> Any:
    """Look into text that holds a value; other text holds none."""
    if not isinstance(value, str):
        return value
    try:
        found: Any = _DECODE(value)
    except (msgspec.MsgspecError, RecursionError):
        found = None
    if found is not None:
        require_keys_once(value, found, None, f"the text {value[:40]!r}")
        return found
    try:
        return read_literal(value)
    except TwiceError as error:
        where = f"the text {value[:40]!r}"
        raise TwiceError(where, error.key) from error
    except DataError:
        return None
