"""Folds are handed on as they were made, in arrays of their own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.app.proof.handed import Handed, highest
from stairway.app.proof.steps import AtFaultError

ROW = np.arange(20)


@given(
    values=st.lists(st.integers(0, 50), min_size=1, max_size=40),
    cuts=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8),
)
def test_the_highest_of_each_stretch_is_that_of_a_loop(
    values: list[int], cuts: list[tuple[int, int]]
) -> None:
    n = len(values)
    pairs = [(min(a, b, n), min(max(a, b), n)) for a, b in cuts]
    starts, stops = np.array(pairs, np.int64).reshape(-1, 2).T
    found = highest(np.array(values), starts, stops)
    assert found.tolist() == [max(values[a:b], default=-1) for a, b in pairs]


def test_copies_are_those_arrays_and_share_what_those_shared() -> None:
    alone = np.array([7, 3, 3])
    folds = Handed([(ROW[:4], ROW[6:8]), (ROW[2:9:2], alone), (ROW[1:5], alone)], 20)
    (train, test), (step, own), (other, again) = folds.copies()
    assert (train.tolist(), test.tolist()) == ([0, 1, 2, 3], [6, 7])
    assert (step.tolist(), own.tolist()) == ([2, 4, 6, 8], [7, 3, 3])
    assert np.shares_memory(train, other)
    assert np.shares_memory(own, again)
    assert not np.shares_memory(train, ROW)
    assert not np.shares_memory(own, alone)
    train[:] = 0
    assert folds.copies()[2][0].tolist() == [1, 2, 3, 4]


def test_a_slice_of_rows_reversed_or_of_a_table_is_what_it_is() -> None:
    table = np.arange(20).reshape(4, 5)
    folds = Handed([(ROW[::-1], table[1]), (table[:, 2], ROW[:0])], 20)
    assert folds.train(0).tolist() == ROW[::-1].tolist()
    assert folds.train(1).tolist() == [2, 7, 12, 17]
    assert folds.tested()[1].tolist() == [5, 6, 7, 8, 9]
    assert folds.highest(ROW).tolist() == [19, 17]


def test_rows_are_tested_once_by_each_fold_whatever_is_repeated() -> None:
    fold, row = Handed([([0], [4, 4, 3]), ([], [3])], 5).tested()
    assert (fold.tolist(), row.tolist()) == ([0, 0, 1], [3, 4, 3])


@pytest.mark.parametrize("other", [[0, 20], [-1], [0.5], [[1, 2]], np.ones(20, np.bool_)])
@pytest.mark.parametrize("trains", [True, False], ids=["trains", "tests"])
def test_what_is_no_row_is_refused_by_the_number_of_its_fold(other, *, trains) -> None:
    odd = (other, [1]) if trains else ([1], other)
    with pytest.raises(
        AtFaultError, match=r"fold 2 has .*; give whole numbers of rows, 0 to 19"
    ):
        Handed([([1], [2]), odd], 20)


def test_without_a_fold_nothing_is_tested() -> None:
    folds = Handed([], 5)
    assert len(folds) == 0
    assert folds.copies() == []
    assert folds.tested()[0].size == folds.highest(ROW).size == 0


def test_folds_are_equal_where_their_rows_are_whatever_they_are_slices_of() -> None:
    row = np.arange(9)
    own = Handed([(row[:3], row[4:6]), (row[:5], row[6:])], 9)
    assert own.equals(Handed([(row[:3].copy(), row[4:6]), (row[:5], row[6:].copy())], 9))
    assert own.equals(Handed([(row[:3], row[4:6]), (row[:5], row[6:])], 9))
    assert not own.equals(Handed([(row[:3], row[4:6])], 9))
    assert not own.equals(Handed([(row[:3], row[4:6]), (row[:5], row[7:])], 9))
    assert not own.equals(Handed([(row[:3], row[4:6]), (row[:5], row[6:][::-1])], 9))
    other = row + 0
    other[1] = 0
    assert not own.equals(Handed([(other[:3], other[4:6]), (other[:5], other[6:])], 9))
