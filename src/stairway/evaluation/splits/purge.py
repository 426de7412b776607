"""Which rows may train beside a test: purged by label span, with gap and embargo.

``end`` is where each label ends, in rows (see ``spans``). Beside a test block of rows
[first, stop) these do not train:

1. a row before it whose label ends behind ``first``: it shares a bar with a test label;
2. the gap: ``gap_bars`` rows just before it, whatever their labels;
3. every row behind it that begins before the last of its labels has ended;
4. the embargo: that many rows more, counted from where 3 stops, and not from the block.

A block must have as many rows as are left out beside it. So all of these lie near it, what
may train is a few runs of rows, and finding these costs one look at all rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from stairway.base.arrays import IntArray
from stairway.base.errors import DataError
from stairway.evaluation.splits.kernels import (
    FIRST,
    PURGED,
    STOP,
    reach,
    write_split,
)
from stairway.evaluation.splits.spans import refuse_bad

_ROUNDING = 1e-9


def embargo_rows(n_rows: int, embargo_frac: float) -> int:
    """Whole rows of an embargo, rounded down; 29 % of 100 rows are 29, not 28.

    Examples
    --------
    >>> embargo_rows(100, 0.29), embargo_rows(10_000, 0.01), embargo_rows(99, 0.01)
    (29, 100, 0)
    """
    return math.floor(n_rows * embargo_frac + _ROUNDING)


def rows_before(test_start: int, end: IntArray, left_out: int) -> IntArray:
    """Rows that may train for a test that starts at row ``test_start``.

    Parameters
    ----------
    test_start
        First row of the test; it may lie just past the last row.
    end : (n,) int64
        Row at which each label span ``[start, end)`` ends.
    left_out
        Gap and embargo: rows just before the test that never train.

    Examples
    --------
    Labels of three bars. Purged are those that reach row 6; then two rows more are left out.

    >>> end = np.arange(8) + 3
    >>> rows_before(6, end, 0), rows_before(6, end, 4)
    (array([0, 1, 2, 3]), array([0, 1]))
    """
    rows = np.arange(max(test_start - left_out, 0))
    return rows[end[rows] <= test_start]


@dataclass(frozen=True, slots=True, eq=False)
class Reaches:
    """Test blocks, and how far each reaches among the rows around it.

    Attributes
    ----------
    block : (k, 5) int64
        Of each: its rows, ``FIRST`` to before ``STOP``; the first row that begins when all
        its labels have ended (``KNOWN``); the first row behind it that may train
        (``RESUMES``); and how many rows are purged, or in the gap, on the side that has
        more of them (``PURGED``).
    free : (m, 2) int64
        Runs of rows [first, stop) before a block that may train, as far as it is concerned.
    begins : (k + 1,) int64
        Those of block ``b`` are ``free[begins[b] : begins[b + 1]]``.
    """

    block: IntArray
    free: IntArray
    begins: IntArray

    @property
    def first(self) -> IntArray:
        """The first row of each block, (k,)."""
        return self.block[:, FIRST]

    @property
    def size(self) -> IntArray:
        """Rows of each block, (k,)."""
        return self.block[:, STOP] - self.block[:, FIRST]

    def written(self, tested: IntArray, n_rows: int, out: IntArray) -> tuple[int, int]:
        """Write the rows that train beside some blocks into ``out``, and then those of these.

        Parameters
        ----------
        tested : (j,) int64
            Numbers of the blocks, the earliest first.
        n_rows
            Of all.
        out : (n_rows,) int64

        Returns
        -------
        int, int
            How many train, and how many there are with the test.

        Examples
        --------
        >>> out = np.empty(12, np.int64)
        >>> found = reaches(np.arange(12) + 2, np.array([0, 4, 8, 12]), 0, 0)
        >>> found.written(np.array([1]), 12, out)
        (6, 10)
        >>> out[:6], out[6:10]
        (array([ 0,  1,  2,  9, 10, 11]), array([4, 5, 6, 7]))
        """
        return write_split(self.block, self.free, self.begins, tested, n_rows, out)


def reaches(end: IntArray, edges: IntArray, gap_bars: int, embargo: int) -> Reaches:
    """Say of each test block how far it reaches.

    Parameters
    ----------
    end : (n,) int64
        Row at which each label ends, none before its own row.
    edges : (n_blocks + 1,) int64
        Block ``k`` is the rows from ``edges[k]`` to before ``edges[k + 1]``.
    gap_bars, embargo
        Rows.

    Raises
    ------
    DataError
        If a label ends before its row, or a block is shorter than what is left out beside
        it: the rows purged on either side (or the gap), and the embargo.

    Examples
    --------
    Labels of three bars: rows 4 and 5 reach into the block, rows 9 and 10 lie in its last
    label. The embargo of one comes after that.

    >>> found = reaches(np.arange(20) + 3, np.array([6, 9]), 0, 1)
    >>> found.free, found.block
    (array([[0, 4]]), array([[ 6,  9, 11, 12,  2]]))
    """
    bad, short, block, free, begins = reach(end, edges, gap_bars, embargo)
    refuse_bad(end, int(bad))
    if short >= 0:
        first, stop, purged = block[short, [FIRST, STOP, PURGED]]
        msg = (
            f"test block {short} (rows {first} to {stop - 1}) has {stop - first} rows, fewer "
            f"than the {purged} of purge or gap and {embargo} of embargo beside it; give more "
            f"rows, fewer n_blocks, shorter labels, or a smaller gap_bars or embargo_frac"
        )
        raise DataError(msg)
    return Reaches(block, free, begins)
