"""Rows written down in memory that is used again as soon as nobody holds it.

A loop over splits throws each array away before it takes the next but one. Fresh memory
for every array costs more than the numbers in it, since the system clears and maps each
page. Here two arrays take turns. Every view of an array holds it, so the interpreter's own
count of holders says whether it may be written again; whoever keeps a view simply keeps
the array, and another takes its turn.

The first two lie in one block of at least 4 MiB. From that size on numpy asks for large
pages, and the C library keeps what is given back instead of unmapping it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from stairway.base.arrays import IntArray
from stairway.evaluation.splits.kernels import write_runs

_LEAST_BYTES = 4 * 2**20
_LINE_BYTES = 64
_AT_ONCE = 2

Run: TypeAlias = tuple[int, int]
"""Rows [first, stop)."""


class Recycled:
    """A source of arrays of at most ``most`` rows each.

    Examples
    --------
    >>> source = Recycled(4)
    >>> kept = source.written([(0, 2), (5, 6)])
    >>> source.written([(1, 4)]), kept
    (array([1, 2, 3]), array([0, 1, 5]))
    """

    __slots__ = ("_alone", "_most", "_turns")

    def __init__(self, most: int) -> None:
        self._most = most
        self._turns = _arrays(_AT_ONCE, most, _LEAST_BYTES)
        self._alone = sys.getrefcount(self._turns[0])  # nobody else knows of it yet

    def written(self, runs: Sequence[Run]) -> IntArray:
        """Write the rows of all runs into one array, in order."""
        rows = self._unheld()[: sum(stop - first for first, stop in runs)]
        write_runs(np.array(runs, dtype=np.int64).reshape(-1, 2), rows)
        return rows

    def _unheld(self) -> IntArray:
        turns = self._turns
        for k in range(_AT_ONCE):
            if sys.getrefcount(turns[k]) == self._alone:
                return turns[k]
        turns[:] = [*turns[1:], *_arrays(1, self._most, 0)]
        return turns[-1]


def _arrays(n: int, most: int, least_bytes: int) -> list[IntArray]:
    """Lay arrays side by side, each from the beginning of a cache line.

    Each is made of a memory and not of an array: numpy would let views of it hold that
    array in its place, and nobody could tell whether they are gone.
    """
    size = -(-8 * most // _LINE_BYTES) * _LINE_BYTES
    block = np.empty(max(n * size + _LINE_BYTES, least_bytes), np.uint8)
    first = -block.ctypes.data % _LINE_BYTES
    memory = block.data[first:]
    return [np.frombuffer(memory[k * size : (k + 1) * size], np.int64) for k in range(n)]
