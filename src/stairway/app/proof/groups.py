"""Rows that the same folds test, and what those folds know.

All of it takes about as long as the study took to make its folds; of each group only what
is asked for is made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stairway.app.proof.handed import Handed, highest
from stairway.base.arrays import BoolArray, IntArray
from stairway.evaluation.battery.study import Labelled


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that the same folds test.

    Attributes
    ----------
    number
        Its turn, from 1, in order of the first rows.
    rows
        In order.
    kept
        Rows that train one of those folds, in order.
    free
        Of ``rows``, those that do not.
    """

    number: int
    rows: IntArray
    kept: IntArray
    free: IntArray


class Groups:
    """The tested rows, parted by the folds that test them.

    Parameters
    ----------
    place : (n,) int64
        How many bars were known before each row's own.

    Attributes
    ----------
    tested : (k,) int64
        Rows that some fold tests, in order.
    of_row : (n,) int64
        Number of the group of each row; 0 where no fold tests it.
    known : (n,) int64
        Place of the latest bar that the training of each row's folds knows, by itself or
        by its label; -1 where there is none, and n where no fold tests the row.

    Examples
    --------
    >>> row = np.arange(6)
    >>> labels = Labelled(row % 2, row, row + 1)
    >>> groups = Groups(Handed([(row[:2], row[3:5]), (row[:3], row[4:])], 6), labels, row)
    >>> [groups.group(number).rows.tolist() for number in (1, 2, 3)]
    [[3], [4], [5]]
    >>> groups.known.tolist(), groups.group(2).kept.tolist()
    ([6, 6, 6, 2, 3, 3], [0, 1, 2])
    """

    def __init__(self, folds: Handed, labels: Labelled, place: IntArray) -> None:
        fold, row = folds.tested()
        by_row = np.argsort(row, kind="stable")
        self._folds, self._row, self._fold = folds, row[by_row], fold[by_row]
        self.tested: IntArray = np.unique(row)
        number = self._numbers(place.size)
        self.of_row: IntArray = np.zeros(place.size, np.int64)
        self.of_row[self.tested] = number
        self._rows: IntArray = self.tested[np.argsort(number, kind="stable")]
        self._edges: IntArray = np.cumsum(np.bincount(number, minlength=1))
        self.known: IntArray = np.full(place.size, place.size, np.int64)
        self.known[self.tested] = -1
        np.maximum.at(self.known, row, folds.highest(known_at(labels, place))[fold])

    def __len__(self) -> int:
        """How many groups there are."""
        return self._edges.size - 1

    def size(self, number: int) -> int:
        """Rows of a group."""
        return int(self._edges[number] - self._edges[number - 1])

    def group(self, number: int) -> Group:
        """One group, from 1 on."""
        rows: IntArray = self._rows[self._edges[number - 1] : self._edges[number]]
        row = int(rows[0])
        first, stop = np.searchsorted(self._row, [row, row + 1]).tolist()
        trains: BoolArray = np.zeros(self.of_row.size, np.bool_)
        for fold in self._fold[first:stop].tolist():
            trains[self._folds.train(fold)] = True
        return Group(number, rows, np.flatnonzero(trains), rows[~trains[rows]])

    def _numbers(self, n: int) -> IntArray:
        """Group of each tested row: rows of the same folds have the same sum of signs."""
        rng = np.random.Generator(np.random.PCG64(1))
        signs = rng.integers(1, 2**62, len(self._folds))
        mark: IntArray = np.zeros(n, np.int64)
        np.bitwise_xor.at(mark, self._row, signs[self._fold])
        _, first, group = np.unique(mark[self.tested], return_index=True, return_inverse=True)
        turn: IntArray = np.zeros(first.size, np.int64)
        turn[np.argsort(first)] = np.arange(1, first.size + 1)
        return turn[group]


def known_at(labels: Labelled, place: IntArray) -> IntArray:
    """Place of the latest bar that each row knows, its label with it if there is one."""
    there = np.flatnonzero(labels.value >= 0)
    ends = np.clip(labels.end[there], 0, place.size - 1).astype(np.int64)
    starts = np.clip(labels.start[there], 0, ends).astype(np.int64)
    known = place.copy()
    known[there] = np.maximum(known[there], highest(place, starts, ends + 1))
    return known
