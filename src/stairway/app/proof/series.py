"""A plain series from files: one table of bars, or one instrument of a source, and labels.

Plain tables have the columns ``open, high, low, close, volume`` (in any case) and one of
``time_ns``, whole nanoseconds since 1970 in UTC, or ``time`` (also ``date``, ``datetime``,
``timestamp``), text or date-times, UTC unless they say otherwise, at which the bar was
complete. ``available_ns`` or ``available`` says when a row was known, where that is later.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stairway.adapters.tables.cells import numbers_of
from stairway.app.proof.tables import (
    TEXT,
    TIME,
    listed,
    require_order,
    require_times,
    table_of,
    times_of,
)
from stairway.app.request import read_source
from stairway.base.arrays import FloatArray, IntArray
from stairway.base.errors import ConfigError, DataError
from stairway.features.series import Series
from stairway.market.calendar import utc_text
from stairway.market.ports import RawBars

NUMBERS = ("open", "high", "low", "close", "volume")


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
        If a file is empty or damaged, labels do not fit the bars, or are not in order.
    """
    if source.endswith((*TEXT, ".parquet")):
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
    time_ns = require_times(bars.time_ns, source)
    numbers = {name: getattr(bars, name) for name in NUMBERS}
    _require_whole(numbers, f"{bars.instrument.symbol} of {source}")
    return numbers | {"time_ns": time_ns, "available_ns": time_ns.copy()}


def _require_whole(numbers: dict[str, FloatArray], where: str) -> None:
    """Refuse a row with a hole: a run leaves it out, or refuses the table."""
    rows = {name: np.flatnonzero(~np.isfinite(column)) for name, column in numbers.items()}
    holed = {name: int(found[0]) for name, found in rows.items() if found.size}
    if holed:
        name = min(holed, key=lambda one: holed[one])
        msg = (
            f"row {holed[name]} of {where} has no {name} (its cell is empty, infinite or no "
            "number); a run never trades on such a row: mend it, or take it out"
        )
        raise DataError(msg)


def _plain(path: Path) -> dict[str, NDArray[Any]]:
    table = table_of(path)
    missing = [name for name in NUMBERS if name not in table.columns]
    if missing:
        msg = f"{path} has no column {listed(missing)}; it has {listed(table.columns)}"
        raise ConfigError(msg)
    time_ns = times_of(table, "time_ns", TIME, path)
    if time_ns is None:
        msg = f"{path} has no column time_ns or time; it has {listed(table.columns)}"
        raise ConfigError(msg)
    available_ns = times_of(table, "available_ns", ("available",), path)
    numbers = {name: numbers_of(table[name], f"column {name!r} of {path}") for name in NUMBERS}
    known_ns = time_ns.copy() if available_ns is None else available_ns
    return numbers | {"time_ns": time_ns, "available_ns": known_ns}


def _labels(path: Path, time_ns: IntArray) -> dict[str, NDArray[Any]]:
    table = table_of(path)
    name = next((name for name in ("labels", "label") if name in table.columns), None)
    end_ns = times_of(table, "label_end_ns", ("label_end", "end"), path)
    if name is None or end_ns is None:
        msg = (
            f"{path} needs the columns labels and label_end_ns, the instant at which each "
            f"label was known; it has {listed(table.columns)}"
        )
        raise ConfigError(msg)
    at_ns = times_of(table, "time_ns", TIME, path)
    values = numbers_of(table[name], f"column {name!r} of {path}")
    if at_ns is None:
        if values.size != time_ns.size:
            msg = (
                f"{path} has {values.size:,} labels for {time_ns.size:,} bars; give one for "
                "each, or a column time_ns that says which"
            )
            raise DataError(msg)
        _require_later(end_ns, time_ns, path)
        return {"labels": values, "label_end_ns": end_ns}
    require_order(at_ns, path)
    rows = np.searchsorted(time_ns, at_ns)
    stray = np.flatnonzero(time_ns[np.minimum(rows, time_ns.size - 1)] != at_ns)
    if stray.size:
        msg = f"row {int(stray[0])} of {path} has a time at which there is no bar"
        raise DataError(msg)
    _require_later(end_ns, at_ns, path)
    labels, ends = np.full(time_ns.size, np.nan), time_ns.copy()
    labels[rows], ends[rows] = values, end_ns
    return {"labels": labels, "label_end_ns": ends}


def _require_later(end_ns: IntArray, at_ns: IntArray, path: Path) -> None:
    """Refuse a label that was known before the bar it belongs to."""
    early = np.flatnonzero(~(end_ns >= at_ns))
    if early.size:
        row = int(early[0])
        ended, at = utc_text(int(end_ns[row])), utc_text(int(at_ns[row]))
        msg = (
            f"row {row} of {path} has a label that ended at {ended}, before its own bar at "
            f"{at}; a label ends at its bar or later: see to label_end_ns"
        )
        raise DataError(msg)
