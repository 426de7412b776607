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
from stairway.app.proof.tables import TIME, listed, require_order, table_of, times_of
from stairway.app.validate.asked import Asked
from stairway.app.validate.digits import exactly
from stairway.base.arrays import BoolArray, FloatArray, IntArray
from stairway.base.errors import ConfigError, DataError
from stairway.evaluation.finite import require_finite
from stairway.evaluation.sceptic.record import Record
from stairway.evaluation.sceptic.timing import HELD, Timed
from stairway.evaluation.skill import Forecasts

_TIMES = frozenset({"time_ns", *TIME})
_SPAN = ("start", "end")
_NOT_YET = -1.0
_BEYOND_ROWS = 10_000

OR_NAME = (
    "every column that no option names counts as a configuration that was tried: if this is "
    "something else, name it with --position, --market, --cost, --gross, --baseline or "
    "--champion, or leave it out"
)
"""How a column comes to be nothing that was tried."""

_AS_ROWS = (
    "give the number of a row, counted from 0 at the first row of this file: a label rests on "
    "the rows from start to end, end itself not among them"
)
_NO_SPANS = (
    "without the columns start and end each label is taken to end with the row behind its own: "
    "give both, the rows [start, end) that each label rests on, counted from 0 (a label over "
    "5 rows: start is the row, end the row + 5)"
)
_NOTHING_HELD = "a row in which nothing was held, paid or earned counts as 0: write 0 there"


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
    _require_counted(asked, tried)
    net = np.column_stack([columns.of(name, _NOTHING_HELD) for name in tried])
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
        table has times. An outcome may be empty where its label ends at the last row or
        later: it is not known yet.

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
    said, came = columns.of("probability"), columns.with_holes("outcome")
    _require(
        (said >= 0.0) & (said <= 1.0), said, path, "probability", "which lies outside [0, 1]"
    )
    start, end = _spans(table, columns, path, said.size)
    n_rows = said.size if time_ns is None else max(said.size, time_ns.size)
    later = np.isnan(came) & (end >= n_rows)
    hint = "" if _SPAN[0] in table.columns else f"; {_NO_SPANS}"
    _require_known(~np.isnan(came) | later, end, path, hint)
    _require((came == 0.0) | (came == 1.0) | later, came, path, "outcome", "neither 0 nor 1")
    came = np.where(later, _NOT_YET, came)
    if time_ns is not None:
        longest = int((end - start).max(initial=1))
        _require_beside(own_ns, time_ns, path, (said.size, longest, hint))
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
    own_ns: IntArray | None, time_ns: IntArray, path: Path, there: tuple[int, int, str]
) -> None:
    """Refuse probabilities that were not said where the returns were earned.

    ``there`` is how many there are, the longest label, and what to say of the labels.
    """
    n, horizon_rows, hint = there
    if own_ns is None:
        if n != time_ns.size:
            msg = (
                f"{path} has {n:,} probabilities for {time_ns.size:,} returns; give one for "
                "each, or a column time that says which; an outcome that is not known yet "
                f"stays empty{hint}"
            )
            raise DataError(msg)
        return
    n_both = min(n, time_ns.size)
    odd = np.flatnonzero(own_ns[:n_both] != time_ns[:n_both])
    missing = time_ns.size - n
    if not odd.size and 0 <= missing <= horizon_rows:
        return
    if not odd.size and missing > 0:
        last = "the row" if horizon_rows == 1 else f"the {horizon_rows:,} rows"
        msg = (
            f"{path} leaves out the last {missing:,} of {time_ns.size:,} rows of returns, and "
            f"only {last} over which the longest label reaches may be missing: give each, with "
            f"an empty outcome where its label has not ended{hint}"
        )
        raise DataError(msg)
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


def _require_known(good: BoolArray, end: IntArray, path: Path, hint: str) -> None:
    """Refuse an outcome that is empty though its label has ended."""
    if not bool(good.all()):
        row = int(np.flatnonzero(~good)[0])
        msg = (
            f"row {row} of {path}: outcome is empty, and its label ended at row "
            f"{int(end[row]) - 1}, before the last; only one that is not known yet may be "
            f"empty{hint or ': mend it, or start and end'}"
        )
        raise DataError(msg)


class _Columns:
    """Columns of numbers of one table, each cell looked at."""

    def __init__(self, table: pl.DataFrame, path: Path) -> None:
        self._table, self._path = table, path

    def of(self, name: str, advice: str = "", wanted: str | None = None) -> FloatArray:
        """Finite numbers; ``advice`` is what to do about a hole, ``wanted`` about words."""
        found = self.with_holes(name, wanted)
        try:
            require_finite(found, f"column {_named(name)!r} of {self._path}")
        except DataError as error:
            msg = f"{error}; {advice}" if advice else str(error)
            raise DataError(msg) from error
        return found

    def with_holes(self, name: str, wanted: str | None = None) -> FloatArray:
        """Numbers, NaN where there is none, and one at least."""
        name = _named(name)
        if name not in self._table.columns:
            msg = f"{self._path} has no column {name!r}; it has {listed(self._table.columns)}"
            raise ConfigError(msg)
        found = numbers_of(self._table[name], f"column {name!r} of {self._path}", wanted)
        if found.size and not bool(np.isfinite(found).any()):
            msg = f"column {name!r} of {self._path} holds no number at all; take it out"
            raise DataError(msg)
        return found

    def maybe(self, name: str | None) -> FloatArray | None:
        return None if name is None else self.of(name, _NOTHING_HELD)


def _named(name: str) -> str:
    """Column names are read in small letters."""
    return name.strip().lower()


def _in_order(table: pl.DataFrame, path: Path) -> IntArray:
    time_ns = times_of(table, "time_ns", TIME, path, days=True)
    if time_ns is None:
        msg = f"{path} has no column time_ns or time; it has {listed(table.columns)}"
        raise ConfigError(msg)
    require_order(time_ns, path)
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
        named = [name for name in table.columns if name in apart]
        why = f"; {listed(named)} were named by an option" if named else ""
        msg = (
            f"{asked.target} has no column of returns that was tried; it has "
            f"{listed(table.columns)}{why}: add a column of returns after costs for each "
            "configuration that was tried"
        )
        raise ConfigError(msg)
    return tried


def _require_counted(asked: Asked, tried: list[str]) -> None:
    """Refuse fewer tries than columns; one of these may be something else."""
    if asked.n_trials is not None and asked.n_trials < len(tried):
        msg = (
            f"--trials {asked.n_trials}, but {len(tried)} columns of {asked.target} count as "
            f"tried: {listed(tried)}; {OR_NAME}"
        )
        raise ConfigError(msg)


def _apart(asked: Asked) -> frozenset[str]:
    chosen = None if asked.chosen is None else _named(asked.chosen)
    # A rule that is in charge is the baseline and the champion at once; nothing else may be.
    rivals = {_named(name) for name in (asked.baseline, asked.champion) if name is not None}
    others = (asked.gross, asked.position, asked.market, *asked.costs)
    once = [*rivals, *(_named(name) for name in others if name is not None)]
    twice = sorted({name for name in once if once.count(name) > 1 or name == chosen})
    if twice:
        msg = (
            f"column {listed(twice)} is named for two things; what is chosen, what it is held "
            "against and what it cost are columns of their own"
        )
        raise ConfigError(msg)
    return frozenset(once)


def _gross(asked: Asked, columns: _Columns, net: FloatArray) -> FloatArray | None:
    if asked.gross is not None and asked.costs:
        msg = "--gross and --cost say the same in two ways; give one of them"
        raise ConfigError(msg)
    if not asked.costs:
        return columns.maybe(asked.gross)
    paid = np.zeros(net.size)
    for name in asked.costs:
        cost = columns.of(name, _NOTHING_HELD)
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
    start, end = (columns.of(name, _AS_ROWS, _AS_ROWS) for name in _SPAN)
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
        msg = f"row {row} of {path}: {column} is {exactly(float(values[row]))}, {why}"
        raise DataError(msg)
