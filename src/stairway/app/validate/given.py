"""Returns and probabilities of a user's own, from CSV or Parquet; what is wrong is named.

A file of returns has a time for each row and one column for each configuration that was
tried, after costs. Columns that were named for something else are none of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from stairway.adapters.tables.cells import numbers_of, words_of
from stairway.app.proof.tables import TIME, listed, table_of, times_of
from stairway.app.validate.asked import Asked
from stairway.base.arrays import BoolArray, FloatArray, IntArray
from stairway.base.errors import ConfigError, DataError
from stairway.evaluation.finite import require_finite
from stairway.evaluation.sceptic.record import Record
from stairway.evaluation.sceptic.timing import HELD, Timed
from stairway.evaluation.skill import Forecasts

_TIMES = frozenset({"time_ns", *TIME})
_SPAN = ("start", "end")
_BEYOND_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Given:
    """What a user's files hold.

    Attributes
    ----------
    time_ns : (n,) int64
        Of each row of returns.
    record
        Returns.
    positions
        What was held beside what came of it, where it was given.
    """

    time_ns: IntArray
    record: Record
    positions: tuple[Timed, ...]


def given(asked: Asked) -> Given:
    """Read a file of returns.

    Raises
    ------
    ConfigError
        If a file, column or option is missing, or a name stands for two things.
    DataError
        If rows are not in order of time, or a cell holds no number.
    """
    path = asked.target
    table = table_of(path)
    time_ns = _in_order(table, path)
    tried = _tried(table, asked)
    columns = _Columns(table, path)
    chosen = tried[0] if asked.chosen is None else _named(asked.chosen)
    if chosen not in tried:
        msg = f"--chosen {chosen!r} is none of the columns that were tried: {listed(tried)}"
        raise ConfigError(msg)
    if asked.periods_per_year is None:
        msg = (
            "--periods-per-year is needed: how many rows a year has, such as 252 for trading "
            "days or 8760 for hours; it is never guessed"
        )
        raise ConfigError(msg)
    net = np.column_stack([columns.of(name) for name in tried])
    record = Record(
        net=net,
        names=tuple(tried),
        chosen=tried.index(chosen),
        n_trials=len(tried) if asked.n_trials is None else asked.n_trials,
        periods_per_year=asked.periods_per_year,
        baseline=columns.maybe(asked.baseline),
        champion=columns.maybe(asked.champion),
        gross=_gross(asked, columns, net[:, tried.index(chosen)]),
    )
    return Given(time_ns, record, _positions(asked, columns))


def forecasts(path: Path, time_ns: IntArray | None = None) -> Forecasts:
    """Read probabilities and what came of them.

    Parameters
    ----------
    time_ns : (n,) int64
        Of the returns beside which they were said, where there are any: one probability
        for each. Those at the end whose labels have not ended may be missing, where the
        table has times.

    Raises
    ------
    ConfigError
        If there is no such file or column.
    DataError
        If a probability lies outside [0, 1], an outcome is neither 0 nor 1, or a label
        ends before it starts; the message names the row. If they are not those of the
        returns; the message names the first instant.
    """
    table = table_of(path)
    own_ns = None if _TIMES.isdisjoint(table.columns) else _in_order(table, path)
    columns = _Columns(table, path)
    said, came = columns.of("probability"), columns.of("outcome")
    _require(
        (said >= 0.0) & (said <= 1.0), said, path, "probability", "which lies outside [0, 1]"
    )
    _require((came == 0.0) | (came == 1.0), came, path, "outcome", "neither 0 nor 1")
    start, end = _spans(table, columns, path, said.size)
    if time_ns is not None:
        _require_beside(own_ns, time_ns, path, said.size, int((end - start).max(initial=1)))
    blank = np.full(said.size, np.nan)
    none = np.full(said.size, -1, np.int64)
    return Forecasts(
        confidence=np.column_stack([said, blank]),
        outcome=np.column_stack([came.astype(np.int64), none]),
        start=np.column_stack([start, start]),
        end=np.column_stack([end, end]),
        regime=_regimes(table, said.size, path),
    )


def _require_beside(
    own_ns: IntArray | None, time_ns: IntArray, path: Path, n: int, horizon_rows: int
) -> None:
    """Refuse probabilities that were not said where the returns were earned."""
    if own_ns is None:
        if n != time_ns.size:
            msg = (
                f"{path} has {n:,} probabilities for {time_ns.size:,} returns; give one for "
                "each, or a column time that says which"
            )
            raise DataError(msg)
        return
    n_both = min(n, time_ns.size)
    odd = np.flatnonzero(own_ns[:n_both] != time_ns[:n_both])
    missing = time_ns.size - n
    if not odd.size and 0 <= missing <= horizon_rows:
        return
    row = int(odd[0]) if odd.size else n_both
    both = [
        str(np.datetime64(int(one[row]), "ns"))[:19]
        for one in (own_ns, time_ns)
        if row < one.size
    ]
    msg = (
        f"row {row} of {path} is not that of the returns ({' and '.join(both)}); give one "
        "probability for each row of returns, at its time"
    )
    raise DataError(msg)


class _Columns:
    """Columns of numbers of one table, each cell looked at."""

    def __init__(self, table: pl.DataFrame, path: Path) -> None:
        self._table, self._path = table, path

    def of(self, name: str) -> FloatArray:
        name = _named(name)
        if name not in self._table.columns:
            msg = f"{self._path} has no column {name!r}; it has {listed(self._table.columns)}"
            raise ConfigError(msg)
        found = numbers_of(self._table[name], f"column {name!r} of {self._path}")
        if found.size and not bool(np.isfinite(found).any()):
            msg = f"column {name!r} of {self._path} holds no number at all; take it out"
            raise DataError(msg)
        require_finite(found, f"column {name!r} of {self._path}")
        return found

    def maybe(self, name: str | None) -> FloatArray | None:
        return None if name is None else self.of(name)


def _named(name: str) -> str:
    """Column names are read in small letters."""
    return name.strip().lower()


def _in_order(table: pl.DataFrame, path: Path) -> IntArray:
    time_ns = times_of(table, "time_ns", TIME, path, days=True)
    if time_ns is None:
        msg = f"{path} has no column time_ns or time; it has {listed(table.columns)}"
        raise ConfigError(msg)
    steps: IntArray = np.diff(time_ns)
    wrong = np.flatnonzero(steps <= 0)
    if wrong.size:
        row = int(wrong[0]) + 1
        what, how = ("repeats the time of", "keep one of the two")
        if steps[row - 1] < 0:
            what, how = ("is earlier than", "sort the rows by time")
        msg = f"row {row} of {path} {what} row {row - 1}; {how}"
        raise DataError(msg)
    return time_ns


def _tried(table: pl.DataFrame, asked: Asked) -> list[str]:
    """Columns that are neither times nor named for something else, in their order."""
    if any(not name for name in table.columns):
        msg = (
            f"{asked.target} has a column without a name, perhaps a row number; write it "
            "without one (pandas: index=False)"
        )
        raise ConfigError(msg)
    apart = _apart(asked)
    tried = [name for name in table.columns if name not in _TIMES and name not in apart]
    if not tried:
        msg = f"{asked.target} has no column of returns; it has {listed(table.columns)}"
        raise ConfigError(msg)
    return tried


def _apart(asked: Asked) -> frozenset[str]:
    chosen = None if asked.chosen is None else _named(asked.chosen)
    given = (asked.baseline, asked.champion, asked.gross, asked.position, asked.market)
    names = [_named(name) for name in (*given, *asked.costs) if name is not None]
    # A rule that is in charge is the baseline and the champion at once; nothing else may be.
    once = (
        names[1:] if asked.baseline is not None and asked.baseline == asked.champion else names
    )
    twice = sorted({name for name in once if once.count(name) > 1 or name == chosen})
    if twice:
        msg = (
            f"column {listed(twice)} is named for two things; what is chosen, what it is held "
            "against and what it cost are columns of their own"
        )
        raise ConfigError(msg)
    return frozenset(names)


def _gross(asked: Asked, columns: _Columns, net: FloatArray) -> FloatArray | None:
    if asked.gross is not None and asked.costs:
        msg = "--gross and --cost say the same in two ways; give one of them"
        raise ConfigError(msg)
    if not asked.costs:
        return columns.maybe(asked.gross)
    paid = np.zeros(net.size)
    for name in asked.costs:
        cost = columns.of(name)
        _require(cost >= 0.0, cost, asked.target, name, "and a cost is at least 0")
        paid += cost
    return net + paid


def _positions(asked: Asked, columns: _Columns) -> tuple[Timed, ...]:
    if (asked.position is None) != (asked.market is None):
        msg = "--position and --market go together: what was held, and what came of it"
        raise ConfigError(msg)
    held, came = columns.maybe(asked.position), columns.maybe(asked.market)
    if held is None or came is None:
        return ()
    return (Timed("", held, came, 1, HELD),)


def _spans(
    table: pl.DataFrame, columns: _Columns, path: Path, n: int
) -> tuple[IntArray, IntArray]:
    """Spans of the labels in rows; without any each is known at the row after its own."""
    there = [name for name in _SPAN if name in table.columns]
    if not there:
        row = np.arange(n, dtype=np.int64)
        return row + 1, row + 2
    if len(there) == 1:
        msg = f"{path} has the column {there[0]} alone; start and end go together"
        raise ConfigError(msg)
    start, end = (columns.of(name) for name in _SPAN)
    for name, one in (("start", start), ("end", end)):
        most = 2.0 * n + _BEYOND_ROWS
        whole = (one >= 0.0) & (one <= most) & (one == np.floor(one))
        _require(whole, one, path, name, "and must be a row of this file, counted from 0")
    _require(end > start, end, path, "end", "and its label starts there or later")
    return start.astype(np.int64), end.astype(np.int64)


def _regimes(table: pl.DataFrame, n: int, path: Path) -> np.ndarray:
    if "regime" not in table.columns:
        return np.full(n, "")
    return np.array(words_of(table["regime"], f"column 'regime' of {path}"), dtype=np.str_)


def _require(good: BoolArray, values: FloatArray, path: Path, column: str, why: str) -> None:
    if not bool(good.all()):
        row = int(np.flatnonzero(~good)[0])
        msg = f"row {row} of {path}: {column} is {values[row]:g}, {why}"
        raise DataError(msg)
