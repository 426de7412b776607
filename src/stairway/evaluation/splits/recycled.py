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

import numpy as np

from stairway.base.arrays import IntArray

_LEAST_BYTES = 4 * 2**20
_LINE_BYTES = 64
_AT_ONCE = 2


class Recycled:
    """A source of arrays with room for ``most`` rows.

    Examples
    --------
    >>> source = Recycled(4)
    >>> kept = source.unheld()[:2]
    >>> kept[:] = 7
    >>> source.unheld()[:] = 8
    >>> kept
    array([7, 7])
    """

    __slots__ = ("_alone", "_most", "_turns")

    def __init__(self, most: int) -> None:
        self._most = most
        self._turns = _arrays(_AT_ONCE, most, _LEAST_BYTES)
        self._alone = sys.getrefcount(self._turns[0])  # nobody else knows of it yet

    def unheld(self) -> IntArray:
        """Return an array of ``most`` rows that nobody holds; what is in it has no meaning."""
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
