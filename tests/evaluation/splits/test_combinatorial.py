from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from msgspec import ValidationError

from stairway.base.errors import DataError
from stairway.evaluation.splits.combinatorial import CombinatorialRules, PurgedCombinatorial
from stairway.evaluation.splits.purge import embargo_rows


def folds(
    n_rows: int, blocks: int, tested: int, gap: int = 0, embargo: float = 0.0
) -> PurgedCombinatorial:
    rules = CombinatorialRules(
        n_blocks=blocks, n_test_blocks=tested, gap_bars=gap, embargo_frac=embargo
    )
    return PurgedCombinatorial(rules, np.arange(n_rows) + 3)


@st.composite
def splitters(draw: st.DrawFn) -> PurgedCombinatorial:
    n = draw(st.integers(40, 120))
    blocks = draw(st.integers(2, 6))
    rules = CombinatorialRules(
        n_blocks=blocks,
        n_test_blocks=draw(st.integers(1, blocks - 1)),
        gap_bars=draw(st.integers(0, 6)),
        embargo_frac=draw(st.sampled_from([0.0, 0.01, 0.05])),
    )
    lengths = draw(st.lists(st.integers(0, 9), min_size=n, max_size=n))
    try:
        return PurgedCombinatorial(rules, np.arange(n) + np.array(lengths))
    except DataError:
        reject()


def may_train(row: int, tested: np.ndarray, splitter: PurgedCombinatorial) -> bool:
    """Say so row by row, of the test as a whole."""
    end, rules = splitter.end, splitter.rules
    embargo = embargo_rows(end.size, rules.embargo_frac)
    meets = any(row < max(end[t], t + 1) and max(end[row], row + 1) > t for t in tested)
    in_gap = any(row < t <= row + rules.gap_bars for t in tested)
    last_known = [max(end[t], t + 1) for t in tested if t <= row]
    return not meets and not in_gap and (not last_known or row >= max(last_known) + embargo)


@given(splitters())
def test_training_rows_are_those_that_brute_force_allows(splitter: PurgedCombinatorial) -> None:
    try:
        parts = list(splitter.split())
    except DataError:
        reject()

    for train, test in parts:
        allowed = [r for r in range(splitter.end.size) if may_train(r, test, splitter)]
        assert train.tolist() == allowed


@given(splitters())
def test_every_row_has_one_answer_on_every_path(splitter: PurgedCombinatorial) -> None:
    # Given answers that say which split and which row they are of
    try:
        parts = list(splitter.split())
    except DataError:
        reject()
    n = splitter.end.size
    told = splitter.reconstruct([1_000.0 * s + test for s, (_, test) in enumerate(parts)])

    # When they are put together
    said_by, row = np.divmod(told, 1_000.0)

    # Then each path has every row in its place, and no answer is used twice
    assert told.shape == (splitter.rules.n_paths, n)
    assert (row == np.arange(n)).all()
    assert all(len(set(column)) == column.size for column in said_by.T)
    first, size = splitter.blocks.first, splitter.blocks.size
    for path, block in np.ndindex(splitter.paths().shape):
        (split,) = set(said_by[path, first[block] : first[block] + size[block]])
        assert split == splitter.paths()[path, block]


@pytest.mark.parametrize(("blocks", "tested", "paths"), [(6, 2, 5), (10, 8, 36), (5, 1, 1)])
def test_splits_and_paths_are_as_many_as_the_choices(
    blocks: int, tested: int, paths: int
) -> None:
    splitter = folds(200, blocks, tested)

    assert splitter.get_n_splits() == len(list(splitter.choices())) == math.comb(blocks, tested)
    assert splitter.rules.n_paths == paths
    assert splitter.paths().shape == (paths, blocks)


def test_blocks_are_of_equal_size_to_a_row_and_leave_none_out() -> None:
    splitter = folds(100, 6, 2)

    assert splitter.blocks.size.tolist() == [17, 17, 17, 17, 16, 16]
    assert splitter.blocks.first.tolist() == [0, 17, 34, 51, 68, 84]


def test_splits_that_are_kept_stay_as_they_are() -> None:
    splitter = folds(300, 6, 2, gap=4, embargo=0.01)

    kept = list(splitter.split())

    for (train, test), (again, test_again) in zip(kept, splitter.split(), strict=True):
        assert train.tolist() == again.tolist()
        assert test.tolist() == test_again.tolist()
        assert not set(train) & set(test)


def test_a_copy_splits_alike() -> None:
    splitter = folds(120, 4, 2)

    for twin in (copy.deepcopy(splitter), pickle.loads(pickle.dumps(splitter))):  # noqa: S301 -- our own bytes
        assert [t.tolist() for t, _ in twin.split()] == [
            t.tolist() for t, _ in splitter.split()
        ]


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: folds(100, 4, 4), "fewer n_test_blocks"),
        (lambda: folds(4_000, 40, 20), "at most 100000 are allowed"),
        (lambda: folds(5, 6, 2), "give at least 6 rows"),
        (lambda: folds(60, 6, 2, gap=11), "has 10 rows, fewer than the 11 of purge or gap"),
        (lambda: folds(60, 6, 2, gap=9, embargo=0.05), "9 of purge or gap and 3 of embargo"),
    ],
    ids=["all tested", "too many", "too few rows", "gap", "gap and embargo"],
)
def test_what_cannot_be_split_says_what_to_change(build: object, said: str) -> None:
    with pytest.raises(DataError, match=said):
        build()  # type: ignore[operator]


def test_a_split_without_a_row_to_train_on_is_refused() -> None:
    splitter = folds(60, 3, 2, gap=18)
    next_to_the_end = PurgedCombinatorial(splitter.rules, np.arange(60))
    assert len(list(next_to_the_end.split())) == 3

    all_but_one = CombinatorialRules(n_blocks=3, n_test_blocks=2, gap_bars=20, embargo_frac=0.0)
    with pytest.raises(DataError, match=r"beside test blocks \[0, 2\]"):
        list(PurgedCombinatorial(all_but_one, np.arange(60)).split())


def test_answers_that_do_not_fit_their_tests_are_refused() -> None:
    splitter = folds(60, 3, 1)
    with pytest.raises(DataError, match="2 answers, but there are 3 splits"):
        splitter.reconstruct([np.zeros(20)] * 2)
    with pytest.raises(DataError, match="answer 1 has shape"):
        splitter.reconstruct([np.zeros(20), np.zeros(19), np.zeros(20)])


def test_rows_without_labels_are_an_error() -> None:
    with pytest.raises(DataError, match="61 rows, but there are labels for 60"):
        next(folds(60, 3, 1).split(np.zeros((61, 2))))


@pytest.mark.parametrize(
    "bad",
    [{"n_blocks": 1}, {"n_test_blocks": 0}, {"gap_bars": -1}, {"embargo_frac": float("nan")}],
    ids=["one block", "none tested", "negative gap", "nan"],
)
def test_impossible_rules_cannot_be_made(bad: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        CombinatorialRules(**({"n_blocks": 6, "n_test_blocks": 2} | bad))


def test_the_gap_is_100_bars_and_the_embargo_1_percent_unless_told_otherwise() -> None:
    rules = CombinatorialRules(n_blocks=6, n_test_blocks=2)

    assert (rules.gap_bars, rules.embargo_frac) == (100, 0.01)


def test_answers_may_be_lists_or_series() -> None:
    splitter = folds(60, 3, 1)
    answers = [np.arange(20.0) + 100.0 * k for k in range(3)]
    told = splitter.reconstruct(answers)
    np.testing.assert_array_equal(splitter.reconstruct([a.tolist() for a in answers]), told)
    np.testing.assert_array_equal(splitter.reconstruct([pd.Series(a) for a in answers]), told)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (None, "the answers are NoneType, no list; give a list of 3"),
        (5, "the answers are int, no list; give a list of 3"),
        ([[0.0] * 20], "1 answer, but there are 3 splits"),
        ([None, None, None], "answer 0 has shape"),
        ([[0.0] * 20, ["a"] * 20, [0.0] * 20], "answer 1 is not one number for each row"),
        ([[0.0] * 20, [0.0] * 20, [[1.0], [1.0, 2.0]]], "answer 2 is not one number"),
    ],
    ids=["nothing", "one", "too few", "nothings", "words", "ragged"],
)
def test_answers_that_hold_no_numbers_are_refused(bad: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        folds(60, 3, 1).reconstruct(bad)
