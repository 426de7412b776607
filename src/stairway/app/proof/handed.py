"""Folds as a study made them: copied for each asking, and asked what their training knows.

A walk forward over a long record has as many folds as rows, and each trains on all that
came before. Such folds cost nothing where they are slices of one array, and must not cost
more here: what is a slice of another array stays one, and is copied with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stairway.app.proof.steps import AtFaultError
from stairway.base.arrays import IntArray
from stairway.base.verdict import Finding
from stairway.evaluation.battery.study import Fold

_Part: TypeAlias = tuple[int, int, int]
"""Which array, and from where to where in it."""


class Handed:
    """Folds, and copies of them that nobody else holds.

    Parameters
    ----------
    folds
        Training rows and test rows of each.
    rows
        How many rows there are.

    Raises
    ------
    AtFaultError
        If a fold has anything else than rows from 0 to ``rows - 1``.

    Examples
    --------
    >>> row = np.arange(6)
    >>> folds = Handed([(row[:2], row[3:5]), (row[:4], row[5:])], rows=6)
    >>> folds.highest(row * 10).tolist(), folds.train(1).tolist()
    ([10, 30], [0, 1, 2, 3])
    >>> folds.tested()[0].tolist(), folds.tested()[1].tolist()
    ([0, 0, 1], [3, 4, 5])
    """

    def __init__(self, folds: Sequence[Fold], rows: int) -> None:
        self.rows = rows
        self._bases: list[IntArray] = []
        self._place: dict[int, int] = {}
        self._first_byte: list[int] = []
        parts = [
            (self._part(train, number), self._part(test, number))
            for number, (train, test) in enumerate(folds, 1)
        ]
        self._trains, self._tests = [one for one, _ in parts], [one for _, one in parts]
        self._require_rows()

    def __len__(self) -> int:
        """How many folds there are."""
        return len(self._trains)

    def copies(self) -> list[Fold]:
        """Arrays of their own; those that shared one share its copy."""
        own = [base.copy() for base in self._bases]
        return [
            (own[a][start:stop], own[b][first:last])
            for (a, start, stop), (b, first, last) in zip(
                self._trains, self._tests, strict=True
            )
        ]

    def equals(self, other: Handed) -> bool:
        """Whether the other has the same rows, in the same order."""
        if len(self) != len(other):
            return False
        own, theirs = (*self._trains, *self._tests), (*other._trains, *other._tests)
        alike = len(self._bases) == len(other._bases) and all(
            map(np.array_equal, self._bases, other._bases)
        )
        return (alike and own == theirs) or all(
            np.array_equal(self._bases[a][b:c], other._bases[x][y:z])
            for (a, b, c), (x, y, z) in zip(own, theirs, strict=True)
        )

    def train(self, fold: int) -> IntArray:
        """Training rows of one fold, counted from 0."""
        base, start, stop = self._trains[fold]
        return self._bases[base][start:stop]

    def tested(self) -> tuple[IntArray, IntArray]:
        """Pairs of a fold and a row that it tests, each once, in order."""
        tests = [self._bases[base][start:stop] for base, start, stop in self._tests]
        sizes = [test.size for test in tests]
        rows: IntArray = np.concatenate([*tests, np.zeros(0, np.int64)]).astype(np.int64)
        pairs = np.unique(np.repeat(np.arange(len(tests)), sizes) * self.rows + rows)
        return pairs // self.rows, pairs % self.rows

    def highest(self, of_row: IntArray) -> IntArray:
        """Largest value of the training rows of each fold; -1 where there is none.

        Parameters
        ----------
        of_row : (rows,) int64
            Not negative.
        """
        return self._highest(self._trains, lambda rows: of_row[rows])

    def _highest(self, parts: list[_Part], value: Callable[[IntArray], IntArray]) -> IntArray:
        """Take each array once, whatever number of slices there are of it."""
        asked = np.array(parts, np.int64).reshape(-1, 3)
        order = np.argsort(asked[:, 0], kind="stable")
        found: IntArray = np.full(len(parts), -1, np.int64)
        begins = np.diff(asked[order, 0], prepend=-1) > 0
        edges: list[int] = np.flatnonzero(begins).tolist()
        for first, stop in pairwise([*edges, len(parts)]):
            folds = order[first:stop]
            base = self._bases[int(asked[folds[0], 0])]
            found[folds] = highest(value(base), asked[folds, 1], asked[folds, 2])
        return found

    def _part(self, given: Any, number: int) -> _Part:
        """Where the array lies in the one that it is a slice of."""
        array: NDArray[Any] = np.asarray(given)
        array = array if array.size else np.zeros(0, np.int64)
        if array.ndim != 1 or array.dtype.kind not in "iu":
            said = f"{array.dtype} of shape {array.shape}"
            raise self._odd(number, said)
        base = _sliced(array)
        if id(base) not in self._place:
            self._place[id(base)] = len(self._bases)
            self._bases.append(base)
            self._first_byte.append(_address(base))
        which = self._place[id(base)]
        start = 0
        if base is not array:
            start = (_address(array) - self._first_byte[which]) // array.itemsize
        return which, start, start + array.size

    def _require_rows(self) -> None:
        def odd(rows: IntArray) -> IntArray:
            return ((rows < 0) | (rows >= self.rows)).astype(np.int64)

        for parts in (self._trains, self._tests):
            outside = np.flatnonzero(self._highest(parts, odd) > 0)
            if outside.size:
                number = int(outside[0]) + 1
                raise self._odd(number, "a row that is none")

    def _odd(self, number: int, found: str) -> AtFaultError:
        last = self.rows - 1
        detail = f"fold {number} has {found}; give whole numbers of rows, 0 to {last}"
        return AtFaultError(Finding("causality.folds", detail))


def highest(values: IntArray, starts: IntArray, stops: IntArray) -> IntArray:
    """Largest of ``values[start:stop]`` for each pair; -1 where that is empty.

    1. A pass over the values knows the largest of each 2, then 4, then 8 neighbours.
    2. Two such stretches, of the longest that fit, cover what is asked.

    Examples
    --------
    >>> highest(np.array([3, 1, 2, 5]), np.array([0, 1, 2]), np.array([4, 3, 2])).tolist()
    [5, 2, -1]
    """
    found: IntArray = np.full(starts.size, -1, np.int64)
    if starts.size == 1:
        found[:] = values[starts[0] : stops[0]].max(initial=-1)
        return found
    length, top, width = stops - starts, values, 1
    longest = int(length.max(initial=0))
    while width <= longest:
        fits = np.flatnonzero((length >= width) & (length < 2 * width))
        found[fits] = np.maximum(top[starts[fits]], top[stops[fits] - width])
        top, width = np.maximum(top[:-width], top[width:]), 2 * width
    return found


def _sliced(array: NDArray[Any]) -> NDArray[Any]:
    """Give the array that this one is a run of; itself where there is none."""
    base: Any = array.base
    alike = (
        type(base) is np.ndarray
        and base.dtype == array.dtype
        and base.strides == array.strides == (array.itemsize,)
    )
    return base if alike else array


def _address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])
