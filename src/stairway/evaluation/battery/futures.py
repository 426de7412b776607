"""Whether a row changes when only its future does, asked of the study itself.

1. At some places, one in each of as many equal parts of the market, every later move is
   given a random sign; that of the first later row is turned round.
2. No feature of an earlier row may differ by more than rounding, as the prover measures it:
   it looked ahead.
3. No label whose declared span was over may differ: the span is too short, and whoever
   purges by it purges too little.

The prover of :mod:`stairway.features` tries many more futures, but it has to be given the
function; this one asks the same object that the other stages do. It cannot see what only
uses the size of moves, because signs are all that it changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import BoolArray, FloatArray
from stairway.base.errors import DataError
from stairway.base.verdict import Verdict, inconclusive, passed, refuse
from stairway.evaluation.battery.purge_oracle import require_spans
from stairway.evaluation.battery.study import BatteryRules, Labelled, Study
from stairway.features.asking import Grain, compared, grain

M = TypeVar("M")

_FEWEST, _SHOWN = 3, 5


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


@dataclass(frozen=True, slots=True)
class _Look:
    """A column that moved before a cut, and whether more than rounding moved it."""

    column: int
    row: int
    cut: int
    sure: bool


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
    grains = [grain(column) for column in before[0].T]
    looked: list[_Look] = []
    reached: list[tuple[int, int]] = []
    for cut in np.unique(places.astype(np.int64)).tolist():
        after = _both(study, study.redrawn(market, turned(n, cut, rng)))
        looked += _looked(before[0], after[0], grains, cut, rules.tolerance)
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
    return np.array(features, np.float64, order="F"), labels


def _looked(
    before: FloatArray, after: FloatArray, grains: Sequence[Grain], cut: int, tolerance: float
) -> list[_Look]:
    """Every column that moved before the cut, and the earliest row where it did."""
    if before.shape != after.shape:
        msg = f"{before.shape} features became {after.shape} when moves changed their sign"
        raise DataError(msg)
    return [
        _Look(column, change.row, cut, change.sure)
        for column, (was, now) in enumerate(zip(before.T, after.T, strict=True))
        if (change := compared(was[:cut], now[:cut], tolerance, grains[column], now))
    ]


def _reached(before: Labelled, after: Labelled, cut: int) -> list[tuple[int, int]]:
    """Row and cut, where a label knew a move behind its declared end."""
    over: BoolArray = ((before.value >= 0) & (before.end < cut)) | (
        (after.value >= 0) & (after.end < cut)
    )
    other = (before.value != after.value) | (before.end != after.end)
    rows = np.flatnonzero(over & other)
    return [(int(rows[-1]), cut)] if rows.size else []


def _told_features(looked: list[_Look], cuts: int) -> Verdict:
    if not looked:
        return passed(
            "leak.causality", f"features are the same under {cuts} other futures", 0, 0
        )
    sure = [found for found in looked if found.sure]
    columns = sorted({found.column for found in sure or looked})
    said = f"{_few(columns)} when only {'its' if len(columns) == 1 else 'their'}"
    if not sure:
        them, whose = ("it", "its") if len(columns) == 1 else ("them", "their")
        detail = f"{said} future does, by what {whose} largest value may round: clip {them}"
        return inconclusive("causality.coarse", detail)
    far = max(sure, key=lambda found: found.cut - found.row)
    detail = (
        f"{said} future does: features[{far.column}] of row {far.row} with the moves from row "
        f"{far.cut} on"
    )
    return refuse("leak.causality", detail, far.cut - far.row, 0, cuts)


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
    if len(columns) == 1:
        return f"column features[{columns[0]}] moves"
    said = ", ".join(f"features[{column}]" for column in columns[:_SHOWN])
    rest = len(columns) - _SHOWN
    return f"columns {said}{f' and {rest} more' if rest > 0 else ''} move"
