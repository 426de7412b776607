"""Walk forward through time without letting a label see the test.

1. Rows before the first test block are for training only.
2. The rest is cut into equal test blocks that leave no row out.
3. From the rows before a block, those go whose *label span* reaches into it (purging by
   span, not by row count), and those in the gap and the embargo just before it.

Nothing trains after its test here, so the embargo has no place after the block and is an
extra gap before it. For the same reason a block may be shorter than purge and embargo:
they reach into rows before it, which other splits do not test.

The walk is anchored (all rows from the first on train) or rolls (the newest of them).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from stairway.base.arrays import IntArray
from stairway.base.config import Config
from stairway.base.errors import DataError, TooLittleError
from stairway.evaluation.splits.purge import embargo_rows, rows_before
from stairway.evaluation.splits.spans import (
    require_ends,
    require_rows,
    require_rules,
    row_ends,
)

_ROUNDING = 1e-9


class SplitRules(Config, frozen=True, kw_only=True):
    """How the rows are cut into training and test (``[splits]``).

    Attributes
    ----------
    n_blocks
        Test blocks, walked in order.
    first_train_frac
        Share of the rows that no block tests.
    gap_bars
        Rows left out before each test block, whatever their labels.
    embargo_frac
        Share of all rows left out beyond the gap, rounded down.
    """

    n_blocks: Annotated[int, Meta(ge=1, le=1_000)]
    first_train_frac: Annotated[float, Meta(gt=0.0, lt=1.0)]
    gap_bars: Annotated[int, Meta(ge=0, le=10**6)]
    embargo_frac: Annotated[float, Meta(ge=0.0, lt=0.5)]


@dataclass(frozen=True, slots=True)
class PurgedWalkForward:
    """A scikit-learn splitter whose training rows end before the test begins to matter.

    Attributes
    ----------
    rules
        Blocks, gap, embargo.
    end : (n,) int64
        Where the label span ``[start, end)`` of each row ends, in rows. Two instruments
        share bar time, so a row stands for both and ends with the later of the two. A list
        or a Series of row numbers will do; ``ends_in_rows`` makes them of times.
    window_rows
        None: anchored. Otherwise the window rolls: at most so many rows train, the newest.

    Raises
    ------
    DataError
        If a label ends before its row, or the window has no row.

    Examples
    --------
    Twelve rows, labels of two bars: row 5 is purged, because its label ends in the test.

    >>> rules = SplitRules(n_blocks=2, first_train_frac=0.5, gap_bars=0, embargo_frac=0.0)
    >>> for train, test in PurgedWalkForward(rules, np.arange(12) + 2).split():
    ...     print(train, test)
    [0 1 2 3 4] [6 7 8]
    [0 1 2 3 4 5 6 7] [ 9 10 11]

    The same with a gap of three rows.

    >>> rules = SplitRules(n_blocks=2, first_train_frac=0.5, gap_bars=3, embargo_frac=0.0)
    >>> for train, test in PurgedWalkForward(rules, np.arange(12) + 2).split():
    ...     print(train, test)
    [0 1 2] [6 7 8]
    [0 1 2 3 4 5] [ 9 10 11]

    And with a window that rolls.

    >>> for train, test in PurgedWalkForward(rules, np.arange(12) + 2, window_rows=2).split():
    ...     print(train, test)
    [1 2] [6 7 8]
    [4 5] [ 9 10 11]
    """

    rules: SplitRules
    end: IntArray
    window_rows: int | None = None

    def __post_init__(self) -> None:
        require_rules(self.rules, SplitRules, "PurgedWalkForward")
        object.__setattr__(self, "end", row_ends(self.end))
        require_ends(self.end)
        if self.window_rows is not None and not self.window_rows >= 1:
            msg = f"a window of {self.window_rows} rows; give at least 1, or None for all"
            raise DataError(msg)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002, N803 - scikit-learn's signature
        """Return how many test blocks there are."""
        return self.rules.n_blocks

    def split(
        self,
        X: Any = None,  # noqa: N803 - scikit-learn's signature
        y: Any = None,  # noqa: ARG002 - scikit-learn's signature
        groups: Any = None,  # noqa: ARG002 - scikit-learn's signature
    ) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield (training rows, test rows), the earliest block first.

        Raises
        ------
        DataError
            If ``X`` has another number of rows than there are labels, or an index that is
            unsorted or double, or there are too few rows for the blocks, or a block is left
            without a row to train on.
        """
        require_rows(X, self.end.size)
        left_out = self.left_out_rows
        for test in self.blocks():
            train = self._newest(rows_before(int(test[0]), self.end, left_out))
            if train.size == 0:
                msg = (
                    f"no row is left to train on before test row {test[0]}: {left_out} rows of "
                    f"gap and embargo, and the labels, reach back to the start; give more "
                    f"bars, a larger first_train_frac, or a smaller gap_bars"
                )
                raise TooLittleError(msg)
            yield train, test

    def blocks(self) -> list[IntArray]:
        """Return the rows of each test block; together they are every row from the first on."""
        n_rows = self.end.size
        first = math.ceil(n_rows * self.rules.first_train_frac - _ROUNDING)
        if n_rows - first < self.rules.n_blocks:
            msg = (
                f"{n_rows} rows leave {n_rows - first} for testing, fewer than the "
                f"{self.rules.n_blocks} blocks asked for; give more bars or fewer n_blocks"
            )
            raise DataError(msg)
        return np.array_split(np.arange(first, n_rows), self.rules.n_blocks)

    def final_rows(self) -> IntArray:
        """Rows for the last fit: purged as if a test began just after the last row."""
        return self._newest(rows_before(self.end.size, self.end, self.left_out_rows))

    @property
    def left_out_rows(self) -> int:
        """Gap and embargo together."""
        return self.rules.gap_bars + embargo_rows(self.end.size, self.rules.embargo_frac)

    def _newest(self, rows: IntArray) -> IntArray:
        return rows if self.window_rows is None else rows[-self.window_rows :]
