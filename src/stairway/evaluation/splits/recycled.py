"""Rows written down in memory that is used again as soon as nobody holds it.

A loop over splits throws each array away before it takes the next but one. Fresh memory
for every array costs more than the numbers in it, since the system clears and maps each
page. Here an array lies in memory that is given back when the array, and every view of
it, is gone; whoever keeps the arrays simply keeps theirs.

The memory of the first two is one block of at least 4 MiB. From that size on numpy asks
for large pages, and the C library keeps what is given back instead of unmapping it.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from stairway.base.arrays import IntArray
from stairway.evaluation.splits.kernels import write_runs

_LEAST_BYTES = 4 * 2**20
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

    __slots__ = ("_bytes", "_free", "_held")

    def __init__(self, most: int) -> None:
        self._bytes = 8 * most
        block = _memory(max(_AT_ONCE * self._bytes, _LEAST_BYTES))
        self._free = [block[k * self._bytes : (k + 1) * self._bytes] for k in range(_AT_ONCE)]
        self._held: dict[int, tuple[weakref.ref[IntArray], memoryview]] = {}

    def written(self, runs: Sequence[Run]) -> IntArray:
        """Write the rows of all runs into one array, in order."""
        memory = self._free.pop() if self._free else _memory(self._bytes)
        # Every view has this array, and not the memory, as its base: it dies with the last.
        whole = np.frombuffer(memory, np.int64)
        name = id(whole)  # nobody else's until it is gone, and then it is given up first
        self._held[name] = (weakref.ref(whole, lambda _: self._give_back(name)), memory)
        rows = whole[: sum(stop - first for first, stop in runs)]
        write_runs(np.array(runs, dtype=np.int64).reshape(-1, 2), rows)
        return rows

    def _give_back(self, name: int) -> None:
        self._free.append(self._held.pop(name)[1])


def _memory(n_bytes: int) -> memoryview:
    return np.empty(n_bytes, np.uint8).data
