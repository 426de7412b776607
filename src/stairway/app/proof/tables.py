"""A user's table of numbers and times, CSV or Parquet, read without trusting it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from stairway.adapters.tables.apart import read_parquet
from stairway.adapters.tables.cells import quoted
from stairway.adapters.tables.settings import Columns, File, TableConfig
from stairway.adapters.tables.stamps import close_ns
from stairway.adapters.tables.text import read_text
from stairway.base.arrays import IntArray
from stairway.base.errors import ConfigError, DataError
from stairway.market.ports import NO_TIME

TIME = ("time", "date", "datetime", "timestamp")
"""Names of a column of instants that are text or date-times."""

TEXT = (".csv", ".csv.gz", ".csv.zst")
"""Ends of the names of files that are text."""

_TWICE = re.compile(r"_duplicated_\d+$")
_SECOND_NS = 1_000_000_000
_DAMAGE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


def table_of(path: Path) -> pl.DataFrame:
    """Read a table, its column names in small letters.

    Raises
    ------
    ConfigError
        If there is no such file, or a column stands in it twice.
    DataError
        If it is empty or damaged.
    """
    if not path.is_file():
        msg = f"no file {path} here (looked in {Path.cwd()}); give a CSV or Parquet file"
        raise ConfigError(msg)
    try:
        table = read_parquet(path) if path.suffix == ".parquet" else read_text(path)
    except pl.exceptions.NoDataError as error:
        msg = f"{path} is empty; give a file with rows in it"
        raise DataError(msg) from error
    except _DAMAGE as error:
        why = str(error).strip().partition("\n")[0]
        msg = f"{path} cannot be read ({why}); it is damaged or of another format"
        raise DataError(msg) from error
    if table.is_empty():
        msg = f"{path} has names of columns and no row; give a file with rows in it"
        raise DataError(msg)
    names = [name.strip().lower() for name in _written(path, table)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"{path} has the column {listed(twice)} more than once; rename one of them"
        raise ConfigError(msg)
    return table.rename(dict(zip(table.columns, names, strict=True)))


def _written(path: Path, table: pl.DataFrame) -> list[str]:
    """Names as they stand in the file: who reads text renames what stands there again."""
    names = table.columns
    if path.suffix == ".parquet" or not any(_TWICE.search(name) for name in names):
        return names
    header = pl.read_csv(
        path, has_header=False, n_rows=1, infer_schema=False, truncate_ragged_lines=True
    ).row(0)
    if len(header) != len(names):  # An empty line stands above it.
        return [_TWICE.sub("", name) for name in names]
    return [str(name or "") for name in header]


def times_of(
    table: pl.DataFrame, exact: str, read: Sequence[str], path: Path, *, days: bool = False
) -> IntArray | None:
    """Instants of whichever column there is; ``None`` where there is none.

    Parameters
    ----------
    exact
        Name of the column of whole nanoseconds, which is preferred ...
    read
        ... to those of text or date-times.
    days
        Whether a day without a time is an instant: its beginning.

    Raises
    ------
    DataError
        If the column as a whole holds no instants, or a row holds no time that can be read.
    """
    if exact in table.columns:
        name, epoch = exact, "ns"
    else:
        name, epoch = next((one for one in read if one in table.columns), None), None
    if name is None:
        return None
    file = File(path=str(path), symbol="X", tick_usd=1.0, lot_units=1.0)
    config = TableConfig(
        files=(file, file),
        columns=Columns(time=name),
        tz="UTC",
        stamp="open" if days else "close",
        bar_seconds=1,
        epoch=epoch,
    )
    try:
        read_ns = close_ns(table[name], config, str(path))
    except ConfigError as error:
        raise DataError(_no_instants(table[name], exact, path, days=days)) from error
    found = require_times(read_ns, f"column {name} of {path}")
    return found - _SECOND_NS if days else found


def _no_instants(stamps: pl.Series, exact: str, path: Path, *, days: bool) -> str:
    """Say what can be done in a plain table, which has no settings beside it."""
    held = next((quoted(str(one)) for one in stamps if one is not None), "nothing")
    why = "is no instant" if days else "is no instant at which a row was complete"
    like = "2018-03-29 15:59 or 2018-03-29" if days else "2018-03-29 15:59"
    return (
        f"column {stamps.name!r} of {path} holds {held}, which {why}; write it like {like}, in "
        f"UTC, or give a column {exact}, whole nanoseconds since 1970"
    )


def require_order(time_ns: IntArray, path: Path) -> None:
    """Refuse a row at or before the instant of the row above it, and name it.

    Raises
    ------
    DataError
        If there is one.
    """
    wrong = np.flatnonzero(~(np.diff(time_ns) > 0))
    if wrong.size:
        row = int(wrong[0]) + 1
        what, how = ("repeats the time of", "keep one of the two")
        if time_ns[row] < time_ns[row - 1]:
            what, how = ("is earlier than", "sort the rows by time")
        msg = f"row {row} of {path} {what} row {row - 1}; {how}"
        raise DataError(msg)


def require_times(time_ns: IntArray, where: str) -> IntArray:
    """Refuse a row without a time, and name it."""
    unread = np.flatnonzero(time_ns == NO_TIME)
    if unread.size:
        msg = f"{where}: row {int(unread[0])} holds no time that can be read; mend or drop it"
        raise DataError(msg)
    return time_ns


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them.

    Examples
    --------
    >>> print(listed(["a", "b"]))
    'a', 'b'
    """
    return ", ".join(map(repr, names))
