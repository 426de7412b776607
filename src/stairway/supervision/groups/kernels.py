"""Compiled grouping of equal values: which are the same as which, in one pass.

A value is known by two hashes of 64 bits under different seeds. Two values that differ are
taken for one in a pass over a billion with a chance below 1e-19.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import IntArray
from stairway.compiled import njit

FULL = -1

Hashes = NDArray[np.uint64]


@njit(cache=True, nogil=True)
def group(
    one: Hashes,
    two: Hashes,
    table: NDArray[np.int32],
    first: IntArray,
    found: NDArray[np.int32],
) -> int:
    """Write the number of each row's group, and each group's first row; return how many.

    Parameters
    ----------
    one, two : (n,) uint64
        Hashes of each value.
    table : (2**k,) int32
        Zeros; twice as long as ``first`` at least.
    first : (m,) int64
        Where there are more groups than it has room for, ``FULL`` is returned.
    """
    mask, groups = len(table) - 1, 0
    for i in range(len(one)):
        at = np.int64(one[i] & np.uint64(mask))
        while table[at] != 0:
            known = first[table[at] - 1]
            if one[known] == one[i] and two[known] == two[i]:
                break
            at = (at + 1) & mask
        if table[at] == 0:
            if groups == len(first):
                return FULL
            first[groups] = i
            groups += 1
            table[at] = groups
        found[i] = table[at] - 1
    return groups
