"""A plain series from files: one table of bars, or one instrument of a source, and labels.

Plain tables have the columns ``open, high, low, close, volume`` (in any case) and one of
``time_ns``, whole nanoseconds since 1970 in UTC, or ``time`` (also ``date``, ``datetime``,
``timestamp``), text or date-times, UTC unless they say otherwise, at which the bar was
complete. ``available_ns`` or ``available`` says when a row was known, where that is later.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from stairway.adapters.tables.apart import read_parquet
from stairway.adapters.tables.settings import Columns, File, TableConfig
from stairway.adapters.tables.stamps import close_ns
from stairway.adapters.tables.text import read_text
from stairway.app.request import read_source
from stairway.base.arrays import FloatArray, IntArray
from stairway.base.errors import ConfigError, DataError
from stairway.features.series import Series
from stairway.market.ports import NO_TIME, RawBars

NUMBERS = ("open", "high", "low", "close", "volume")
_TIME = ("time", "date", "datetime", "timestamp")
_TEXT = (".csv", ".csv.gz", ".csv.zst")
_DAMAGE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


def read_series(source: str, symbol: str | None, labels: Path | None) -> Series:
    """Read bars, and labels beside them.

    Parameters
    ----------
    source
        ``sample``, a TOML file as ``stairway run`` takes it, or one CSV or Parquet file.
    symbol
        Which instrument of a source that has two; the first where it is not said.
    labels
        A table of ``labels`` and ``label_end_ns``, the instant at which each was known: one
        row for each bar, or fewer with ``time_ns`` that say which.

    Raises
    ------
    ConfigError
        If a file or column is not there.
    DataError
        If a file is empty or damaged, or labels do not fit the bars.
    """
    if source.endswith((*_TEXT, ".parquet")):
        if symbol is not None:
            msg = f"{source} has one instrument; --symbol belongs to a source with two"
            raise ConfigError(msg)
        series = _plain(Path(source))
    else:
        series = _one_of(source, symbol)
    return series if labels is None else series | _labels(labels, series["time_ns"])


def _one_of(source: str, symbol: str | None) -> dict[str, NDArray[Any]]:
    raw, _ = read_source(source)
    tables = {table.instrument.symbol: table for table in (raw.first, raw.second)}
    if symbol is not None and symbol not in tables:
        msg = f"{source} has no instrument {symbol!r}; it has {' and '.join(tables)}"
        raise ConfigError(msg)
    bars: RawBars = raw.first if symbol is None else tables[symbol]
    time_ns = _require_times(bars.time_ns, source)
    numbers = {name: getattr(bars, name) for name in NUMBERS}
    return numbers | {"time_ns": time_ns, "available_ns": time_ns.copy()}


def _plain(path: Path) -> dict[str, NDArray[Any]]:
    table = _table(path)
    missing = [name for name in NUMBERS if name not in table.columns]
    if missing:
        msg = f"{path} has no column {_listed(missing)}; it has {_listed(table.columns)}"
        raise ConfigError(msg)
    time_ns = _times(table, "time_ns", _TIME, path)
    if time_ns is None:
        msg = f"{path} has no column time_ns or time; it has {_listed(table.columns)}"
        raise ConfigError(msg)
    available_ns = _times(table, "available_ns", ("available",), path)
    numbers = {name: _numbers(table[name]) for name in NUMBERS}
    known_ns = time_ns.copy() if available_ns is None else available_ns
    return numbers | {"time_ns": time_ns, "available_ns": known_ns}


def _labels(path: Path, time_ns: IntArray) -> dict[str, NDArray[Any]]:
    table = _table(path)
    name = next((name for name in ("labels", "label") if name in table.columns), None)
    end_ns = _times(table, "label_end_ns", ("label_end", "end"), path)
    if name is None or end_ns is None:
        msg = (
            f"{path} needs the columns labels and label_end_ns, the instant at which each "
            f"label was known; it has {_listed(table.columns)}"
        )
        raise ConfigError(msg)
    at_ns = _times(table, "time_ns", _TIME, path)
    values = _numbers(table[name])
    if at_ns is None:
        if values.size != time_ns.size:
            msg = (
                f"{path} has {values.size} labels for {time_ns.size} bars; give one for each, "
                "or a column time_ns that says which"
            )
            raise DataError(msg)
        return {"labels": values, "label_end_ns": end_ns}
    rows = np.searchsorted(time_ns, at_ns)
    stray = np.flatnonzero(time_ns[np.minimum(rows, time_ns.size - 1)] != at_ns)
    if stray.size:
        msg = f"row {int(stray[0])} of {path} has a time at which there is no bar"
        raise DataError(msg)
    labels, ends = np.full(time_ns.size, np.nan), time_ns.copy()
    labels[rows], ends[rows] = values, end_ns
    return {"labels": labels, "label_end_ns": ends}


def _table(path: Path) -> pl.DataFrame:
    """Read a table, its column names in small letters."""
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
    names = [name.strip().lower() for name in table.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"{path} has the column {_listed(twice)} more than once; rename one of them"
        raise ConfigError(msg)
    return table.rename(dict(zip(table.columns, names, strict=True)))


def _times(table: pl.DataFrame, exact: str, read: Sequence[str], path: Path) -> IntArray | None:
    """Instants of whichever column there is; ``None`` where there is none."""
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
        stamp="close",
        bar_seconds=1,
        epoch=epoch,
    )
    return _require_times(close_ns(table[name], config, str(path)), f"column {name} of {path}")


def _require_times(time_ns: IntArray, where: str) -> IntArray:
    unread = np.flatnonzero(time_ns == NO_TIME)
    if unread.size:
        msg = f"{where}: row {int(unread[0])} holds no time that can be read; mend or drop it"
        raise DataError(msg)
    return time_ns


def _numbers(column: pl.Series) -> FloatArray:
    if column.dtype == pl.String:
        column = column.str.strip_chars()
    return np.array(column.cast(pl.Float64, strict=False).to_numpy(), dtype=np.float64)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
