"""Do the folds keep apart? Counted from the label spans alone, whoever made the folds.

This shares no line with the splitters. For every fold:

1. a training row overlaps if its span [start, end) shares a bar with that of any test
   row: of the test spans that start before it ends, the one that ends last ends behind
   its start;
2. a training row lies in the gap if a test row follows within ``gap_rows``;
3. it lies in the embargo if it comes behind a test row, and before the label of that row
   has been over for ``embargo_rows``.

Sorting the test spans once makes this ``O(n log n)`` for a fold. Rows without a label
train nothing and ask nothing, so they overlap with nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from stairway.base.arrays import BoolArray, IntArray
from stairway.base.errors import DataError
from stairway.base.verdict import Finding, Pass, Refuse, Verdict, inconclusive
from stairway.evaluation.battery.study import Fold, FoldTouch, Labelled


def touches(
    labels: Labelled, folds: Sequence[Fold], gap_rows: int, embargo_rows: int
) -> tuple[FoldTouch, ...]:
    """Count for each fold the training rows that touch its test.

    Parameters
    ----------
    labels
        Spans as they were declared.
    gap_rows, embargo_rows
        What the rules ask beyond the spans; 0 for nothing.

    Raises
    ------
    DataError
        If a span ends before it starts, or a fold has no rows, a row that does not exist,
        or one row twice. The message names the row or the fold.

    Examples
    --------
    Labels of three bars. Row 4 reaches into the test, row 2 does not.

    >>> rows = np.arange(12)
    >>> labels = Labelled(np.ones(12, np.int64), rows, rows + 3)
    >>> (found,) = touches(labels, [(np.array([0, 2, 4, 11]), np.array([6, 7]))], 0, 0)
    >>> found.overlapping, found.in_gap, found.in_embargo
    (1, 0, 0)
    >>> (found,) = touches(labels, [(np.array([0, 2, 4, 11]), np.array([6, 7]))], 4, 2)
    >>> found.overlapping, found.in_gap, found.in_embargo
    (1, 1, 1)
    """
    require_spans(labels)
    n = labels.value.size
    for number, fold in enumerate(folds):
        for rows, what in zip(fold, ("training", "test"), strict=True):
            _require_rows(rows, n, f"the {what} rows of fold {number}")
    return tuple(
        _touch(labels, np.sort(train), np.sort(test), (gap_rows, embargo_rows))
        for train, test in folds
    )


def doubly_tested(n: int, folds: Sequence[Fold]) -> int:
    """Count the rows that more than one fold tests.

    Examples
    --------
    >>> rows = np.arange(6)
    >>> doubly_tested(6, [(rows[4:], rows[:3]), (rows[:1], rows[2:4])])
    1
    """
    times = np.zeros(n, np.int64)
    for _, test in folds:
        times[test] += 1
    return int((times > 1).sum())


def judged(found: Sequence[FoldTouch]) -> Verdict:
    """Refuse where a training row touches a test; name the fold and count the rows.

    Examples
    --------
    >>> judged([]).findings[0].code
    'leak.too_few'
    """
    if not found:
        return inconclusive("leak.too_few", "0 of 1 fold needed", 0, 1, 0)
    bad = tuple(
        Finding(
            "leak.purge", _told(number, touch), touch.touching + touch.in_both, 0, touch.n_train
        )
        for number, touch in enumerate(found)
        if touch.touching + touch.in_both > 0
    )
    if bad:
        return Refuse(bad)
    rows = sum(touch.n_train for touch in found)
    detail = f"{len(found)} folds: none of {rows:,} training rows touches its test"
    return Pass((Finding("leak.purge", detail, 0, 0, rows),))


def require_spans(labels: Labelled) -> None:
    """Refuse labels that are not three whole numbers for each row, or end before they start."""
    n = labels.value.size
    for name in ("value", "start", "end"):
        column: Any = getattr(labels, name)
        if column.shape != (n,) or column.dtype.kind not in "iu":
            msg = (
                f"label {name} is {column.dtype} of shape {column.shape}; give one whole "
                f"number for each of the {n} rows"
            )
            raise DataError(msg)
    odd = np.flatnonzero(~np.isin(labels.value, (-1, 0, 1)))
    if odd.size:
        row = int(odd[0])
        msg = f"the label of row {row} is {labels.value[row]}; it must be 1, 0, or -1 for none"
        raise DataError(msg)
    back = np.flatnonzero((labels.value >= 0) & (labels.end < labels.start))
    if back.size:
        row = int(back[0])
        msg = (
            f"the label of row {row} ends at row {labels.end[row]}, before it starts at row "
            f"{labels.start[row]}"
        )
        raise DataError(msg)


def _touch(
    labels: Labelled, train: IntArray, test: IntArray, beyond: tuple[int, int]
) -> FoldTouch:
    gap_rows, embargo_rows = beyond
    overlapping = _overlapping(labels, train, test)
    in_gap = ~overlapping & _followed(train, test, gap_rows)
    in_embargo = ~overlapping & ~in_gap & _not_over(labels, train, test, embargo_rows)
    return FoldTouch(
        n_train=train.size,
        n_test=test.size,
        overlapping=int(overlapping.sum()),
        in_gap=int(in_gap.sum()),
        in_embargo=int(in_embargo.sum()),
        in_both=int(np.isin(train, test, assume_unique=True).sum()),
    )


def _spanning(labels: Labelled, rows: IntArray) -> BoolArray:
    """Rows with a label that rests on at least one bar."""
    return (labels.value[rows] >= 0) & (labels.start[rows] < labels.end[rows])


def _overlapping(labels: Labelled, train: IntArray, test: IntArray) -> BoolArray:
    asked = test[_spanning(labels, test)]
    if asked.size == 0:
        return np.zeros(train.size, np.bool_)
    order = np.argsort(labels.start[asked], kind="stable")
    starts = labels.start[asked][order]
    latest = np.maximum.accumulate(labels.end[asked][order])
    before = np.searchsorted(starts, labels.end[train], side="left")
    reaches = latest[np.maximum(before - 1, 0)] > labels.start[train]
    return _spanning(labels, train) & (before > 0) & reaches


def _followed(train: IntArray, test: IntArray, gap_rows: int) -> BoolArray:
    """Whether a test row comes at most ``gap_rows`` after it."""
    place = np.searchsorted(test, train, side="right")
    following = test[np.minimum(place, test.size - 1)]
    return (place < test.size) & (following - train <= gap_rows)


def _not_over(labels: Labelled, train: IntArray, test: IntArray, rows: int) -> BoolArray:
    """Whether an earlier test row asks for room up to here: its label, and so many rows."""
    if rows == 0:
        return np.zeros(train.size, np.bool_)
    ends = np.where(labels.value[test] >= 0, labels.end[test], 0)
    over = np.maximum.accumulate(np.maximum(ends, test + 1)) + rows
    place = np.searchsorted(test, train, side="left")
    return (place > 0) & (over[np.maximum(place - 1, 0)] > train)


def _require_rows(rows: IntArray, n: int, what: str) -> None:
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or rows.size == 0:
        msg = f"{what} are {rows.dtype} of shape {rows.shape}; give at least one row number"
        raise DataError(msg)
    if not (int(rows.min()) >= 0 and int(rows.max()) < n):
        msg = f"{what} run from {rows.min()} to {rows.max()}, but there are rows 0 to {n - 1}"
        raise DataError(msg)
    if np.unique(rows).size != rows.size:
        msg = f"{what} hold one row twice"
        raise DataError(msg)


def _told(number: int, touch: FoldTouch) -> str:
    parts = (
        (touch.overlapping, "share a bar with a test label"),
        (touch.in_gap, "lie in the gap"),
        (touch.in_embargo, "lie in the embargo"),
        (touch.in_both, "are tested too"),
    )
    said = ", ".join(f"{count} {what}" for count, what in parts if count)
    return f"fold {number}, of {touch.n_train} training rows: {said}"
