"""Purged K-fold: every row is tested once, and training surrounds the test on both sides.

The cheapest use of few rows, and the one with the most ways to leak: labels reach into the
test from before, and out of it afterwards. Both go, with the gap and the embargo.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from stairway.base.arrays import IntArray
from stairway.base.config import Config
from stairway.evaluation.splits.combinatorial import CombinatorialRules, PurgedCombinatorial
from stairway.evaluation.splits.spans import require_rules, row_ends


class FoldRules(Config, frozen=True, kw_only=True):
    """How the rows are cut into folds.

    Attributes
    ----------
    n_blocks
        Folds, each tested once.
    gap_bars
        Rows left out before each test block, whatever their labels.
    embargo_frac
        Share of all rows, rounded down, left out after the labels of the block have ended.
    """

    n_blocks: Annotated[int, Meta(ge=2, le=1_000)]
    gap_bars: Annotated[int, Meta(ge=0, le=10**6)] = 100
    embargo_frac: Annotated[float, Meta(ge=0.0, lt=0.5)] = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class PurgedKFold:
    """A scikit-learn splitter that tests each fold once.

    Attributes
    ----------
    rules
        Folds, gap, embargo.
    end : (n,) int64
        Where the label span ``[start, end)`` of each row ends, in rows; ``ends_in_rows``
        makes it of times. A list or a Series of row numbers will do.

    Raises
    ------
    DataError
        If a label ends before its row, there are too few rows, or a fold is shorter than
        what is left out beside it.

    Examples
    --------
    Labels of two bars, an embargo of one row: around the second fold rows 3 and 8 share a
    bar with its labels, and row 9 is the embargo.

    >>> import numpy as np
    >>> rules = FoldRules(n_blocks=3, gap_bars=0, embargo_frac=0.1)
    >>> for train, test in PurgedKFold(rules, np.arange(12) + 2).split():
    ...     print(train, test)
    [ 6  7  8  9 10 11] [0 1 2 3]
    [ 0  1  2 10 11] [4 5 6 7]
    [0 1 2 3 4 5 6] [ 8  9 10 11]
    """

    rules: FoldRules
    end: IntArray

    def __post_init__(self) -> None:
        require_rules(self.rules, FoldRules, "PurgedKFold")
        object.__setattr__(self, "end", row_ends(self.end))
        self.combined()

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002, N803 - scikit-learn's signature
        """Return how many folds there are."""
        return self.rules.n_blocks

    def split(
        self,
        X: Any = None,  # noqa: N803 - scikit-learn's signature
        y: Any = None,
        groups: Any = None,
    ) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield (training rows, test rows), the earliest fold first.

        Raises
        ------
        DataError
            If ``X`` has another number of rows than there are labels, or an index that is
            unsorted or double, or a fold leaves no row to train on.
        """
        return self.combined().split(X, y, groups)

    def combined(self) -> PurgedCombinatorial:
        """Return the same as combinations of one block each."""
        rules = self.rules
        one = CombinatorialRules(
            n_blocks=rules.n_blocks,
            n_test_blocks=1,
            gap_bars=rules.gap_bars,
            embargo_frac=rules.embargo_frac,
        )
        return PurgedCombinatorial(one, self.end)
