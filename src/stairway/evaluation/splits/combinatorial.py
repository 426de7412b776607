"""Combinatorial purged cross-validation (CPCV): many back-tests of the same history.

1. The rows are cut into N blocks, and every choice of k of them is a test: C(N, k) splits.
   The rest trains, purged around each of the k (see ``purge``).
2. Each block is tested in C(N - 1, k - 1) splits, and so often every row has an answer
   that never saw its label.
3. The j-th answer of every block, put side by side, is path j: one whole history. A
   statistic of each path has a spread, and one back-test has not.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from stairway.base.arrays import FloatArray, IntArray
from stairway.base.config import Config
from stairway.base.errors import DataError
from stairway.evaluation.splits.purge import Reaches, embargo_rows, reaches
from stairway.evaluation.splits.recycled import Recycled
from stairway.evaluation.splits.spans import require_rows, require_rules, row_ends

_MOST_SPLITS = 100_000
_AT_ONCE = 256


class CombinatorialRules(Config, frozen=True, kw_only=True):
    """How the rows are cut, and how many blocks are tested at once.

    Attributes
    ----------
    n_blocks
        Blocks of equal size; the first are one row longer where the rows do not divide.
    n_test_blocks
        Blocks of each test, fewer than there are.
    gap_bars
        Rows left out before each test block, whatever their labels.
    embargo_frac
        Share of all rows, rounded down, left out after the labels of a block have ended.
    """

    n_blocks: Annotated[int, Meta(ge=2, le=1_000)]
    n_test_blocks: Annotated[int, Meta(ge=1, le=999)]
    gap_bars: Annotated[int, Meta(ge=0, le=10**6)] = 100
    embargo_frac: Annotated[float, Meta(ge=0.0, lt=0.5)] = 0.01

    @property
    def n_splits(self) -> int:
        """Return how many choices of test blocks there are."""
        return math.comb(self.n_blocks, self.n_test_blocks)

    @property
    def n_paths(self) -> int:
        """Return how often each block is tested."""
        return math.comb(self.n_blocks - 1, self.n_test_blocks - 1)


@dataclass(frozen=True, slots=True, eq=False)
class PurgedCombinatorial:
    """A scikit-learn splitter that tests every choice of blocks.

    Attributes
    ----------
    rules
        Blocks, gap, embargo.
    end : (n,) int64
        Where the label span ``[start, end)`` of each row ends, in rows; ``ends_in_rows``
        makes it of times. A list or a Series of row numbers will do. It must not be changed
        afterwards.
    blocks
        The blocks, and how far each reaches among the others.

    Raises
    ------
    DataError
        If a label ends before its row, there are too few rows or too many splits, or a
        block is shorter than what is left out beside it.

    Examples
    --------
    >>> rules = CombinatorialRules(n_blocks=3, n_test_blocks=2, gap_bars=0, embargo_frac=0.0)
    >>> folds = PurgedCombinatorial(rules, np.arange(12) + 2)
    >>> for train, test in folds.split():
    ...     print(train, test)
    [ 9 10 11] [0 1 2 3 4 5 6 7]
    [5 6] [ 0  1  2  3  8  9 10 11]
    [0 1 2] [ 4  5  6  7  8  9 10 11]

    Each block was tested twice. The first path takes block 0 and 1 from split 0.

    >>> folds.paths()
    array([[0, 0, 1],
           [1, 2, 2]])
    >>> answers = [np.full(8, float(k)) for k in range(3)]
    >>> folds.reconstruct(answers)[0]
    array([0., 0., 0., 0., 0., 0., 0., 0., 1., 1., 1., 1.])
    """

    rules: CombinatorialRules
    end: IntArray
    blocks: Reaches = field(init=False, repr=False)

    def __post_init__(self) -> None:
        require_rules(self.rules, CombinatorialRules, "PurgedCombinatorial")
        object.__setattr__(self, "end", row_ends(self.end))
        rules, n = self.rules, self.end.size
        _require_count(rules, n)
        embargo = embargo_rows(n, rules.embargo_frac)
        block = np.arange(rules.n_blocks + 1)
        edges = block * (n // rules.n_blocks) + np.minimum(block, n % rules.n_blocks)
        blocks = reaches(self.end, edges, rules.gap_bars, embargo)
        object.__setattr__(self, "blocks", blocks)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002, N803 - scikit-learn's signature
        """Return how many splits there are."""
        return self.rules.n_splits

    def split(
        self,
        X: Any = None,  # noqa: N803 - scikit-learn's signature
        y: Any = None,  # noqa: ARG002 - scikit-learn's signature
        groups: Any = None,  # noqa: ARG002 - scikit-learn's signature
    ) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield (training rows, test rows) in the order of ``choices``.

        Raises
        ------
        DataError
            If ``X`` has another number of rows than there are labels, or an index that is
            unsorted or double, or a split leaves no row to train on.
        """
        require_rows(X, self.end.size)
        n = self.end.size
        memory = Recycled(n)
        for tested in self._tested():
            rows = memory.unheld()
            n_train, n_all = self.blocks.written(tested, n, rows)
            if n_train == 0:
                msg = (
                    f"no row is left to train on beside test blocks {tested.tolist()}; give "
                    f"more rows, fewer n_test_blocks, or a smaller gap_bars or embargo_frac"
                )
                raise DataError(msg)
            yield rows[:n_train], rows[n_train:n_all]

    def _tested(self) -> Iterator[IntArray]:
        """Yield the test blocks of each split as an array; many are made at once."""
        choices = self.choices()
        while some := list(itertools.islice(choices, _AT_ONCE)):
            yield from np.array(some)

    def choices(self) -> Iterator[tuple[int, ...]]:
        """Yield the test blocks of each split."""
        return itertools.combinations(range(self.rules.n_blocks), self.rules.n_test_blocks)

    def paths(self) -> IntArray:
        """Say which split tells each block of each path, (n_paths, n_blocks) int64."""
        told: list[list[int]] = [[] for _ in range(self.rules.n_blocks)]
        for at, choice in enumerate(self.choices()):
            for block in choice:
                told[block].append(at)
        return np.array(told, dtype=np.int64).T

    def reconstruct(self, answers: Sequence[FloatArray]) -> FloatArray:
        """Put the answers of all splits together into whole histories.

        Parameters
        ----------
        answers
            For each split, one value for each of its test rows, in their order, as an array
            or a list. NaN stays where it is: whoever measures a path refuses it.

        Returns
        -------
        (n_paths, n) float64

        Raises
        ------
        DataError
            If an answer is missing, holds no numbers, or has another number of rows than
            its test.
        """
        told = self._told(answers)
        found = np.empty((self.rules.n_paths, self.end.size))
        next_path = [0] * self.rules.n_blocks
        first, size = self.blocks.first.tolist(), self.blocks.size.tolist()
        for choice, answer in zip(self.choices(), told, strict=True):
            at = 0
            for block in choice:
                rows = slice(first[block], first[block] + size[block])
                found[next_path[block], rows] = answer[at : at + size[block]]
                next_path[block] += 1
                at += size[block]
        return found

    def _told(self, answers: Sequence[FloatArray]) -> list[FloatArray]:
        """Return the answers as arrays, each as long as its test."""
        n = self.rules.n_splits
        if not hasattr(answers, "__len__"):
            kind = type(answers).__name__
            msg = f"the answers are {kind}, no list; give a list of {n}, one for each split"
            raise DataError(msg)
        if len(answers) != n:
            given = "1 answer" if len(answers) == 1 else f"{len(answers)} answers"
            msg = f"{given}, but there are {n} splits; give one for each"
            raise DataError(msg)
        told = [_numbers(answer, at) for at, answer in enumerate(answers)]
        size = self.blocks.size.tolist()
        for at, (choice, answer) in enumerate(zip(self.choices(), told, strict=True)):
            needed = sum(size[block] for block in choice)
            if answer.shape != (needed,):
                msg = f"answer {at} has shape {answer.shape}, but its test has {needed} rows"
                raise DataError(msg)
        return told


def _numbers(answer: Any, at: int) -> FloatArray:
    try:
        return np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError) as error:
        msg = f"answer {at} is not one number for each row of its test: {error}"
        raise DataError(msg) from error


def _require_count(rules: CombinatorialRules, n_rows: int) -> None:
    if not rules.n_test_blocks < rules.n_blocks:
        msg = (
            f"{rules.n_test_blocks} of {rules.n_blocks} blocks leave none to train on; give "
            f"fewer n_test_blocks"
        )
        raise DataError(msg)
    if rules.n_splits > _MOST_SPLITS:
        msg = (
            f"{rules.n_test_blocks} of {rules.n_blocks} blocks are {rules.n_splits} splits, "
            f"each a fit; at most {_MOST_SPLITS} are allowed: give fewer n_blocks"
        )
        raise DataError(msg)
    if n_rows < rules.n_blocks:
        msg = (
            f"{n_rows} rows are too few for {rules.n_blocks} blocks; give at least "
            f"{rules.n_blocks} rows, or fewer n_blocks"
        )
        raise DataError(msg)
