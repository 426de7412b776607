"""Whether a row changes when only its future does, asked of the study itself.

1. At some places, one in each of as many equal parts of the market, every later move is
   given a random sign; that of the first later row is turned round.
2. No feature of an earlier row may differ: it looked ahead.
3. No label whose declared span was over may differ: the span is too short, and whoever
   purges by it purges too little.

The prover of :mod:`stairway.features` tries many more futures, but it has to be given the
function; this one asks the same object that the other stages do. It cannot see what only
uses the size of moves, because signs are all that it changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import BoolArray, FloatArray
from stairway.base.errors import DataError
from stairway.base.verdict import Verdict, inconclusive, passed, refuse
from stairway.evaluation.battery.purge_oracle import require_spans
from stairway.evaluation.battery.study import BatteryRules, Labelled, Study

M = TypeVar("M")

_FEWEST = 3


class Foresight(msgspec.Struct, frozen=True):
    """What changed though only its future did.

    Attributes
    ----------
    features
        Whether a feature of an earlier row did.
    spans
        Whether a label did whose span was over.
    """

    features: Verdict
    spans: Verdict


def foresight(
    study: Study[M], market: M, rules: BatteryRules, seed: int, heard: Callable[[], None]
) -> Foresight:
    """Redraw the future at ``rules.cuts`` places and compare the past.

    Parameters
    ----------
    heard
        Called when a place is done.

    Raises
    ------
    DataError
        If features are not one row of numbers for each label, or labels are none.
    """
    rng = np.random.Generator(np.random.PCG64((seed, 1)))
    n = study.labels(market).value.size
    if n < _FEWEST:
        few = inconclusive("leak.too_few", f"{n} of {_FEWEST} rows needed", n, _FEWEST, n)
        return Foresight(few, few)
    same = np.ones(n, np.int8)
    before = _both(study, study.redrawn(market, same))
    places = 1 + ((n - 2) * (np.arange(rules.cuts) + rng.random(rules.cuts)) / rules.cuts)
    looked: list[tuple[int, int, int]] = []
    reached: list[tuple[int, int]] = []
    for cut in np.unique(places.astype(np.int64)).tolist():
        after = _both(study, study.redrawn(market, turned(n, cut, rng)))
        looked += _looked(before[0], after[0], cut, rules.tolerance)
        reached += _reached(before[1], after[1], cut)
        heard()
    return Foresight(_told_features(looked, rules.cuts), _told_spans(reached, rules.cuts))


def turned(n: int, cut: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """Return random signs from row ``cut`` on, the first of them -1, and 1 before it.

    Examples
    --------
    >>> turned(5, 3, np.random.Generator(np.random.PCG64(1)))[:4]
    array([ 1,  1,  1, -1], dtype=int8)
    """
    signs = np.ones(n, np.int8)
    signs[cut:] = 1 - 2 * rng.integers(0, 2, n - cut, dtype=np.int8)
    signs[cut] = -1
    return signs


def _both(study: Study[M], market: M) -> tuple[FloatArray, Labelled]:
    features, labels = study.features(market), study.labels(market)
    require_spans(labels)
    n = labels.value.size
    if features.ndim != 2 or features.shape[0] != n:  # noqa: PLR2004 - rows and columns
        msg = f"features have the shape {features.shape}; give a row for each of {n} labels"
        raise DataError(msg)
    return features, labels


def _looked(
    before: FloatArray, after: FloatArray, cut: int, tolerance: float
) -> list[tuple[int, int, int]]:
    """Column, earliest row and cut, of every column that moved before the cut."""
    if before.shape != after.shape:
        msg = f"{before.shape} features became {after.shape} when moves changed their sign"
        raise DataError(msg)
    was, now = before[:cut], after[:cut]
    size = tolerance * np.maximum(np.maximum(np.abs(was), np.abs(now)), _size(before))
    # Written so that a value that appeared or disappeared counts as moved.
    with np.errstate(invalid="ignore"):
        same = (np.abs(was - now) <= size) | (was == now) | (np.isnan(was) & np.isnan(now))
    moved = ~same
    return [
        (int(column), int(np.argmax(moved[:, column])), cut)
        for column in np.flatnonzero(moved.any(axis=0))
    ]


def _size(features: FloatArray) -> FloatArray:
    """Mean size of each column, of what is finite."""
    finite = np.isfinite(features)
    total = np.where(finite, np.abs(features), 0.0).sum(axis=0)
    return total / np.maximum(finite.sum(axis=0), 1)


def _reached(before: Labelled, after: Labelled, cut: int) -> list[tuple[int, int]]:
    """Row and cut, where a label knew a move behind its declared end."""
    over: BoolArray = ((before.value >= 0) & (before.end < cut)) | (
        (after.value >= 0) & (after.end < cut)
    )
    other = (before.value != after.value) | (before.end != after.end)
    rows = np.flatnonzero(over & other)
    return [(int(rows[-1]), cut)] if rows.size else []


def _told_features(looked: list[tuple[int, int, int]], cuts: int) -> Verdict:
    if not looked:
        return passed(
            "leak.causality", f"features are the same under {cuts} other futures", 0, 0
        )
    columns = sorted({column for column, _, _ in looked})
    column, row, cut = max(looked, key=lambda found: found[2] - found[1])
    detail = (
        f"{len(columns)} columns of the features ({_few(columns)}) move when only their future "
        f"does: column {column} of row {row} with the moves from row {cut} on"
    )
    return refuse("leak.causality", detail, cut - row, 0, cuts)


def _told_spans(reached: list[tuple[int, int]], cuts: int) -> Verdict:
    if not reached:
        return passed(
            "leak.purge", f"label spans are as declared under {cuts} other futures", 0, 0
        )
    row, cut = reached[0]
    detail = (
        f"the label of row {row} is declared to end before row {cut} and moves with what "
        f"comes from there on, at {len(reached)} of {cuts} places: declare the whole span"
    )
    return refuse("leak.purge", detail, len(reached), 0, cuts)


def _few(columns: list[int]) -> str:
    said = ", ".join(str(column) for column in columns[:5])
    return said if len(columns) <= 5 else f"{said}, ..."  # noqa: PLR2004 - as many as fit a line
