"""Compiled loops of the splitters."""

from __future__ import annotations

import numpy as np

from stairway.base.arrays import IntArray
from stairway.compiled import njit

_LINE = 8
"""Numbers in a cache line."""


@njit(cache=True, nogil=True)
def label_rows(end: IntArray) -> tuple[np.int64, np.int64]:
    """Find the longest label, and the first that ends before its own row.

    Parameters
    ----------
    end : (n,) int64
        Row at which each label ends.

    Returns
    -------
    int, int
        Rows of the longest label, at least 0; the first bad row, -1 if there is none.
    """
    longest, shortest = np.int64(0), np.int64(0)
    for i in range(end.size):
        longest = max(longest, end[i] - i)
        shortest = min(shortest, end[i] - i)
    if shortest < 0:
        for i in range(end.size):
            if end[i] < i:
                return longest, np.int64(i)
    return longest, np.int64(-1)


@njit(cache=True, nogil=True)
def free_runs(end: IntArray, first: int, clear: int, stop: int) -> IntArray:
    """Find the runs of rows whose labels end in time.

    Parameters
    ----------
    end : (n,) int64
        Row at which each label ends.
    first
        The row at which they must have ended.
    clear
        Rows before this one are known to end in time.
    stop
        Rows from here on are left out.

    Returns
    -------
    (k, 2) int64
        Rows [first, stop) of each run, in order.
    """
    runs = np.empty((max(stop - clear, 0) // 2 + 2, 2), np.int64)
    n, begun = 0, 0 if clear > 0 else -1
    for row in range(clear, stop + 1):
        ends_in_time = row < stop and end[row] <= first
        if ends_in_time and begun < 0:
            begun = row
        elif begun >= 0 and not ends_in_time:
            runs[n, 0], runs[n, 1] = begun, row
            n, begun = n + 1, -1
    return runs[:n]


@njit(cache=True, nogil=True)
def write_runs(runs: IntArray, out: IntArray) -> None:
    """Write down the rows of every run, one after another.

    Parameters
    ----------
    runs : (k, 2) int64
        Rows [first, stop) of each.
    out : int64
        As long as all of them together. Best where a cache line begins.
    """
    at = 0
    for k in range(runs.shape[0]):
        first, stop = runs[k, 0], runs[k, 1]
        # Up to where a cache line begins: what is written across two of them costs more.
        while first < stop and at % _LINE > 0:
            out[at] = first
            at, first = at + 1, first + 1
        # A view of its own lets the compiler write several numbers at a time.
        rows = out[at : at + stop - first]
        for i in range(rows.size):
            rows[i] = first + i
        at += rows.size
