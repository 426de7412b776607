"""Which rows may train beside a test: purged by label span, with gap and embargo.

``end`` is where each label ends, in rows (see ``spans``). Beside a test block of rows
[first, stop) these do not train:

1. a row before it whose label ends behind ``first``: it shares a bar with a test label;
2. the gap: ``gap_bars`` rows just before it, whatever their labels;
3. every row behind it that begins before the last of its labels has ended;
4. the embargo: that many rows more, counted from where 3 stops, and not from the block.

All that is left out lies near the block, but for the odd long label. So what may train is
a few runs of rows, and making them costs no look at the others.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from stairway.base.arrays import IntArray
from stairway.base.errors import DataError
from stairway.evaluation.splits.kernels import free_runs
from stairway.evaluation.splits.recycled import Run
from stairway.evaluation.splits.spans import require_ends

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


@dataclass(frozen=True, slots=True)
class Reach:
    """A test block, and how far it reaches among the rows around it.

    Attributes
    ----------
    first, stop
        The rows of the block, [first, stop).
    free
        Runs of the rows before it that may train, as far as this block is concerned.
    known
        The first row that begins when all labels of the block have ended.
    resumes
        The first row behind the block that may train.
    """

    first: int
    stop: int
    free: tuple[Run, ...]
    known: int
    resumes: int

    @property
    def size(self) -> int:
        """Rows of the block."""
        return self.stop - self.first

    @property
    def n_left_out_before(self) -> int:
        """Rows before the block that do not train: purged, or in the gap."""
        return self.first - sum(stop - first for first, stop in self.free)


def reaches(end: IntArray, edges: IntArray, gap_bars: int, embargo: int) -> list[Reach]:
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
        If a label ends before its row.

    Examples
    --------
    Labels of three bars: rows 4 and 5 reach into the block, rows 9 and 10 lie in its last
    label. The embargo of two comes after that.

    >>> (block,) = reaches(np.arange(20) + 3, np.array([6, 9]), 0, 2)
    >>> block.free, block.known, block.resumes
    (((0, 4),), 11, 13)
    """
    longest = require_ends(end)
    latest = np.maximum.reduceat(end[: edges[-1]], edges[:-1]).tolist()
    found: list[Reach] = []
    for (first, stop), last in zip(itertools.pairwise(edges.tolist()), latest, strict=True):
        known = min(max(stop, last), end.size)
        clear = max(0, first - max(longest, gap_bars))
        free = free_runs(end, first, clear, max(clear, first - gap_bars))
        found.append(
            Reach(
                first=first,
                stop=stop,
                free=tuple((run[0], run[1]) for run in free.tolist()),
                known=known,
                resumes=min(known + embargo, end.size),
            )
        )
    return found


def training_runs(tested: Iterable[Reach], n_rows: int) -> list[Run]:
    """Give the runs of rows that may train beside all the given blocks, in order.

    Parameters
    ----------
    tested
        Blocks, the earliest first.
    n_rows
        Of all.
    """
    runs: list[Run] = []
    at = 0
    for block in tested:
        runs += [(max(first, at), stop) for first, stop in block.free if stop > at]
        at = max(at, block.resumes)
    return [*runs, (at, n_rows)] if at < n_rows else runs


def require_room(blocks: Iterable[Reach], gap_bars: int, embargo: int) -> None:
    """Refuse a block that is shorter than what is left out beside it.

    Raises
    ------
    DataError
        If the rows purged on either side (or the gap), and the embargo, are more than the
        block has.
    """
    for at, block in enumerate(blocks):
        purged = max(block.n_left_out_before, block.known - block.stop, gap_bars)
        if block.size < purged + embargo:
            msg = (
                f"test block {at} (rows {block.first} to {block.stop - 1}) has {block.size} "
                f"rows, fewer than the {purged} of purge or gap and {embargo} of embargo "
                f"beside it; give more rows, fewer n_blocks, shorter labels, or a smaller "
                f"gap_bars or embargo_frac"
            )
            raise DataError(msg)
