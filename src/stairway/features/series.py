"""A plain series and its other futures: equal columns, with no type of ours around them.

A row is known at ``available_ns``, and its answer is taken to be given at that instant; so
the future of a cut is every row that became available later, wherever it stands, and every
label whose span had not ended. Without ``available_ns`` a row is known at ``time_ns``, and
without that in its turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import BoolArray, FloatArray, IntArray
from stairway.base.errors import DataError
from stairway.features.perturbation import OfPrices, Perturbation, factor, other_prices
from stairway.features.prover import Changed

Series: TypeAlias = Mapping[str, NDArray[Any]]

TIMES = ("time_ns", "available_ns", "label_end_ns")
_PRICES = ("open", "high", "low", "close")
_STRETCH = 3
_LEAST = 1e-3


def checked(series: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return own columns, int64 for times and float64 for the rest, or say what is wrong.

    Raises
    ------
    DataError
        If there is no column of values, columns differ in length or are no numbers, times
        do not increase, a row is available before its time, or a label ends before it.
    """
    columns = {str(name): _column(str(name), column) for name, column in series.items()}
    if not set(columns) - set(TIMES):
        msg = "the series has no column of values; give at least close"
        raise DataError(msg)
    lengths = {name: column.size for name, column in columns.items()}
    if len(set(lengths.values())) != 1:
        said = ", ".join(f"{name} {size}" for name, size in lengths.items())
        msg = f"the columns of the series differ in length ({said}); give one value a row"
        raise DataError(msg)
    if ("labels" in columns) != ("label_end_ns" in columns):
        msg = (
            "labels and label_end_ns go together: a label is known when its span ends, so "
            "give both or neither"
        )
        raise DataError(msg)
    _require_order(columns)
    return columns


def _column(name: str, column: Any) -> NDArray[Any]:
    given: NDArray[Any] = np.asarray(column)
    wanted = "iu" if name in TIMES else "iufb"
    if given.ndim != 1 or given.dtype.kind not in wanted:
        form = "whole nanoseconds" if name in TIMES else "numbers"
        msg = (
            f"column {name} of the series is {given.dtype} of shape {given.shape}; it must "
            f"be one row of {form}"
        )
        raise DataError(msg)
    return given.astype(np.int64 if name in TIMES else np.float64)


def _require_order(columns: Series) -> None:
    time_ns = columns.get("time_ns")
    if time_ns is None:
        return
    back = np.flatnonzero(~(np.diff(time_ns) > 0))
    if back.size:
        row = int(back[0]) + 1
        what = "repeats" if time_ns[row] == time_ns[row - 1] else "lies before"
        msg = f"time_ns of row {row} {what} that of row {row - 1}; sort the rows, each once"
        raise DataError(msg)
    for name, meaning in (("available_ns", "is known"), ("label_end_ns", "has a label ended")):
        early = np.flatnonzero(~(columns.get(name, time_ns) >= time_ns))
        if early.size:
            msg = f"row {int(early[0])} {meaning} before its own time_ns; see to {name}"
            raise DataError(msg)


class Futures:
    """The other futures of a series. It is not changed, and neither are they by each other.

    Examples
    --------
    >>> import numpy as np
    >>> series = {"close": np.array([1.0, 2.0, 3.0]), "available_ns": np.array([1, 9, 3])}
    >>> futures = Futures(checked(series))
    >>> rng = np.random.Generator(np.random.PCG64(1))
    >>> futures.changed(series, 2, Perturbation.TRUNCATE, rng).bars["close"]
    array([1., 3.])
    """

    def __init__(self, series: Series) -> None:
        self.rows: int = next(iter(series.values())).size
        in_turn: IntArray = np.arange(self.rows)
        known_ns: IntArray = series.get("available_ns", series.get("time_ns", in_turn))
        self._order: IntArray = np.argsort(known_ns, kind="stable")
        self._rank: IntArray = np.zeros_like(self._order)
        self._rank[self._order] = in_turn
        self._sorted_ns: IntArray = known_ns[self._order]

    def snap(self, cut: int) -> int:
        """Nearest cut at or before this one that parts no two rows known at one instant."""
        at_ns: int = self._sorted_ns[cut]
        return int(np.searchsorted(self._sorted_ns, at_ns))

    def place(self, row: int) -> int:
        """How many rows were known before this one."""
        return int(self._rank[row])

    def changed(
        self, series: Series, cut: int, kind: Perturbation, rng: np.random.Generator
    ) -> Changed[Series]:
        """Give the rows that were known after the first ``cut`` another future."""
        ordered = {name: column[self._order] for name, column in series.items()}
        kept = _kept(self.rows, cut, kind, rng)
        other = _others(ordered, cut, kind, rng)
        if "labels" in ordered:
            now_ns = self._sorted_ns[cut - 1]
            late = ordered["label_end_ns"] > now_ns
            if kind is Perturbation.CLOCK:
                # When an open span ends is not known either.
                other["label_end_ns"][:cut] = _stretched(ordered["label_end_ns"][:cut], now_ns)
            late[cut:] = True
            other["labels"] = _labels(ordered["labels"], late, kind, rng)
        back = kept[np.argsort(self._order[kept], kind="stable")]
        return Changed(
            {name: other[name][back] for name in series},
            back.size,
            np.flatnonzero(self._rank < cut),
            np.flatnonzero(back < cut),
        )


def _kept(rows: int, cut: int, kind: Perturbation, rng: np.random.Generator) -> IntArray:
    """Places, in the order in which rows were known, of those that stay."""
    places = np.arange(rows)
    if kind is Perturbation.TRUNCATE:
        return places[:cut]
    if kind is Perturbation.DELETE:
        gone = int(rng.integers(1, rows - cut + 1))
        return np.concatenate((places[:cut], places[cut + gone :]))
    return places


def _others(
    ordered: Series, cut: int, kind: Perturbation, rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    other = dict(ordered)
    if kind is Perturbation.CLOCK:
        return other | _later(ordered, cut)
    if kind in (Perturbation.TRUNCATE, Perturbation.DELETE):
        return other
    free = [name for name in ordered if name not in (*TIMES, "labels")]
    if _priced(ordered):
        volume = ordered.get("volume", np.ones_like(ordered["close"]))
        table = np.stack([*(ordered[name] for name in _PRICES), volume])[:, :, None]
        names = (*_PRICES, "volume")
        made = other_prices(table, cut, kind, rng)[:, :, 0]
        other |= {name: made[i] for i, name in enumerate(names) if name in ordered}
        free = [name for name in free if name not in names]
    for name in free:
        other[name] = np.concatenate(
            (ordered[name][:cut], _values(ordered[name], cut, kind, rng))
        )
    return other


def _priced(series: Series) -> bool:
    """Whether these are bars, whose future must be bars too."""
    if not all(name in series for name in _PRICES):
        return False
    positive = all(bool((series[name] > 0.0).all()) for name in _PRICES)
    known = positive and all(bool(np.isfinite(series[name]).all()) for name in _PRICES)
    return known and bool((series.get("volume", series["close"]) >= 0.0).all())


def _values(
    column: FloatArray, cut: int, kind: OfPrices, rng: np.random.Generator
) -> FloatArray:
    """Another future of one column of any numbers, holes among them."""
    known, future = column[:cut], column[cut:]
    finite = known[np.isfinite(known)]
    last = float(finite[-1]) if finite.size else 0.0
    match kind:
        case Perturbation.NOISE:
            size = float(np.abs(np.diff(finite)).mean()) if finite.size > 1 else 0.0
            size = max(size, _LEAST * max(abs(last), 1.0))
            return last + np.cumsum(3.0 * size * rng.standard_normal(future.size))
        case Perturbation.SCALE:
            return factor(rng) * future
        case Perturbation.SIGN:
            return 2.0 * last - future
        case Perturbation.SHUFFLE:
            return rng.permutation(future)
        case Perturbation.CONSTANT:
            return np.full(future.size, last)


def _later(ordered: Series, cut: int) -> dict[str, NDArray[Any]]:
    """Move the times of the future further from the last that was known."""
    moved: dict[str, NDArray[Any]] = {}
    for name in TIMES:
        if name in ordered:
            moved[name] = ordered[name].copy()
            now_ns = ordered.get("time_ns", ordered[name])[cut - 1]
            moved[name][cut:] = _stretched(moved[name][cut:], now_ns)
    return moved


def _stretched(times_ns: IntArray, now_ns: int) -> IntArray:
    """Move what lies after ``now_ns`` further from it."""
    return times_ns + (_STRETCH - 1) * np.maximum(times_ns - now_ns, 0)


def _labels(
    labels: FloatArray, late: BoolArray, kind: Perturbation, rng: np.random.Generator
) -> FloatArray:
    """Other labels where they were not known yet: drawn anew, or each the opposite."""
    other, known = labels.copy(), labels[np.isfinite(labels)]
    if kind is Perturbation.NOISE and known.size:
        other[late] = rng.choice(known, int(late.sum()))
    elif known.size:
        other[late] = known.min() + known.max() - labels[late]
    return other
