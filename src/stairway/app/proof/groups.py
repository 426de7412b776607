"""Rows that the same folds test, and what those folds know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stairway.base.arrays import IntArray
from stairway.evaluation.battery.study import Fold, Labelled


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that the same folds test.

    Attributes
    ----------
    number
        Its turn, from 1.
    rows
        In order.
    kept
        Rows that train one of those folds.
    free
        Of ``rows``, those that do not.
    known
        Place of the latest bar that the training knows; -1 where there is none.
    """

    number: int
    rows: IntArray
    kept: IntArray
    free: IntArray
    known: int


def grouped(folds: Sequence[Fold], labels: Labelled, place: IntArray) -> list[Group]:
    """Part the tested rows by the folds that test them, in order of their first row.

    Parameters
    ----------
    place : (n,) int64
        How many bars were known before each row's own.

    Examples
    --------
    >>> row = np.arange(6)
    >>> labels = Labelled(row % 2, row, row + 1)
    >>> folds = [(row[:2], row[3:5]), (row[:2], row[4:])]
    >>> [group.rows.tolist() for group in grouped(folds, labels, row)]
    [[3], [4], [5]]
    """
    rng = np.random.Generator(np.random.PCG64(1))
    signs = rng.integers(1, 2**62, len(folds))
    mark = np.zeros(place.size, np.int64)
    for sign, (_, test) in zip(signs, folds, strict=True):
        mark[np.unique(test)] ^= sign
    tested = np.flatnonzero(mark)
    _, first = np.unique(mark[tested], return_index=True)
    groups: list[Group] = []
    for number, row in enumerate(tested[np.sort(first)].tolist(), 1):
        rows: IntArray = np.flatnonzero(mark == mark[row])
        train = [train for train, test in folds if bool((test == row).any())]
        kept: IntArray = np.unique(np.concatenate(train)).astype(np.int64)
        groups.append(
            Group(number, rows, kept, np.setdiff1d(rows, kept), _latest(kept, labels, place))
        )
    return groups


def _latest(kept: IntArray, labels: Labelled, place: IntArray) -> int:
    ends = np.clip(labels.end[kept], 0, place.size - 1)
    return int(max(place[kept].max(initial=-1), place[ends].max(initial=-1)))
