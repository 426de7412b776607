"""Compiled loops of the splitters."""

from __future__ import annotations

import numpy as np

from stairway.base.arrays import IntArray
from stairway.compiled import njit

FIRST, STOP, KNOWN, RESUMES, PURGED = range(5)
"""Columns of what is known of a block; see ``purge.Reaches``."""

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
    longest, shortest, _ = _extent(end, 0, end.size)
    return longest, _first_bad(end) if shortest < 0 else np.int64(-1)


@njit(cache=True, nogil=True)
def _extent(end: IntArray, first: int, stop: int) -> tuple[np.int64, np.int64, np.int64]:
    """Rows of the longest and the shortest label of some rows, and the last end of them.

    None is longer than 0 where all are shorter, and none is shorter where all are longer.
    An end before row 0 is that of a label shorter than none, whatever becomes of its length:
    one far enough from here would turn round.
    """
    # A view of its own lets the compiler compare several numbers at a time.
    rows = end[first:stop]
    longest = shortest = np.int64(first)
    last = least = np.int64(0)
    for i in range(rows.size):
        longest = max(longest, rows[i] - i)
        shortest = min(shortest, rows[i] - i)
        last, least = max(last, rows[i]), min(least, rows[i])
    return longest - first, min(shortest - first, least), last


@njit(cache=True, nogil=True)
def _first_bad(end: IntArray) -> np.int64:
    for row in range(end.size):
        if end[row] < row:
            return np.int64(row)
    return np.int64(-1)


@njit(cache=True, nogil=True)
def reach(
    end: IntArray, edges: IntArray, gap_bars: int, embargo: int
) -> tuple[np.int64, np.int64, IntArray, IntArray, IntArray]:
    """Say of each test block how far it reaches among the rows around it.

    It stops at a block that is shorter than what is left out beside it. So no label reaches
    much further than a block, and looking at the rows before each costs no more than a look
    at all of them.

    Parameters
    ----------
    end : (n,) int64
        Row at which each label ends.
    edges : (k + 1,) int64
        Block ``b`` is the rows from ``edges[b]`` to before ``edges[b + 1]``.
    gap_bars, embargo
        Rows.

    Returns
    -------
    int, int, (k, 5) int64, (m, 2) int64, (k + 1,) int64
        The first label that ends before its own row, and the first block that is too short,
        -1 if there is none; the blocks, the free runs, and where those of each block begin,
        as ``purge.Reaches`` has them.
    """
    n, k = end.size, edges.size - 1
    block, begins = np.empty((k, 5), np.int64), np.zeros(k + 1, np.int64)
    longest, shortest, _ = _extent(end, 0, edges[0])
    for b in range(k):
        long, short, last = _extent(end, edges[b], edges[b + 1])
        longest, shortest = max(longest, long), min(shortest, short)
        block[b, KNOWN] = min(max(edges[b + 1], last), n)
    long, short, _ = _extent(end, edges[k], n)
    longest, shortest = max(longest, long), min(shortest, short)
    free = np.empty((k, 2), np.int64)
    if shortest < 0:
        return _first_bad(end), np.int64(-1), block, free, begins
    for b in range(k):
        first, stop, known = edges[b], edges[b + 1], block[b, KNOWN]
        block[b, FIRST], block[b, STOP] = first, stop
        block[b, RESUMES] = min(known + embargo, n)
        block[b, PURGED] = max(known - stop, gap_bars)
        if block[b, PURGED] + embargo > stop - first:
            return np.int64(-1), np.int64(b), block, free, begins
        # Rows before this one are known to end in time.
        clear = max(0, first - max(longest, gap_bars))
        free, begins[b + 1] = _freed(end, (first, clear, first - gap_bars), free, begins[b])
        left_out = first
        for run in range(begins[b], begins[b + 1]):
            left_out -= free[run, 1] - free[run, 0]
        block[b, PURGED] = max(left_out, block[b, PURGED])
        if block[b, PURGED] + embargo > stop - first:
            return np.int64(-1), np.int64(b), block, free, begins
    return np.int64(-1), np.int64(-1), block, free[: begins[k]], begins


@njit(cache=True, nogil=True)
def _freed(
    end: IntArray, rows: tuple[int, int, int], free: IntArray, at: int
) -> tuple[IntArray, np.int64]:
    """Write down the runs of rows before a block whose labels end in time.

    ``rows`` are the one at which they must have ended, the one before which all are known
    to have, and the one from which on all are left out. ``free`` grows as it must.
    """
    first, clear, stop = rows
    begun = 0 if clear > 0 else -1
    for row in range(clear, max(stop, clear) + 1):
        ends_in_time = row < stop and end[row] <= first
        if ends_in_time and begun < 0:
            begun = row
        elif begun >= 0 and not ends_in_time:
            if at == free.shape[0]:
                more = np.empty((2 * at, 2), np.int64)
                more[:at] = free
                free = more
            free[at, 0], free[at, 1] = begun, row
            at, begun = at + 1, -1
    return free, np.int64(at)


@njit(cache=True, nogil=True)
def write_split(
    block: IntArray,
    free: IntArray,
    begins: IntArray,
    tested: IntArray,
    n_rows: int,
    out: IntArray,
) -> tuple[int, int]:
    """Write down the rows that train beside some blocks, and behind them those of the blocks.

    Parameters
    ----------
    block, free, begins
        Blocks, free runs, and where those of each block begin; see :func:`reach`.
    tested : (k,) int64
        Numbers of the blocks, the earliest first.
    n_rows
        Of all.
    out : int64
        Room for all rows. Best where a cache line begins.

    Returns
    -------
    int, int
        How many train, and how many there are with the test.
    """
    at = row = 0
    for b in tested:
        for run in range(begins[b], begins[b + 1]):
            at = _write(max(free[run, 0], row), free[run, 1], out, at)
        row = max(row, block[b, RESUMES])
    n_train = at = _write(row, n_rows, out, at)
    for b in tested:
        at = _write(block[b, FIRST], block[b, STOP], out, at)
    return n_train, at


@njit(cache=True, nogil=True)
def _write(first: int, stop: int, out: IntArray, at: int) -> int:
    """Write down the rows [first, stop), if there are any; return the place behind them."""
    # Up to where a cache line begins: what is written across two of them costs more.
    while first < stop and at % _LINE > 0:
        out[at] = first
        at, first = at + 1, first + 1
    # A view of its own lets the compiler write several numbers at a time.
    rows = out[at : at + max(stop - first, 0)]
    for i in range(rows.size):
        rows[i] = first + i
    return at + rows.size
