from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from msgspec import ValidationError
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import check_cv, cross_val_score

from stairway.base.errors import DataError
from stairway.evaluation.splits import PurgedWalkForward, SplitRules, embargo_rows


def rules(**changes: float) -> SplitRules:
    settings = {"n_blocks": 3, "first_train_frac": 0.4, "gap_bars": 0, "embargo_frac": 0.0}
    return SplitRules(**(settings | changes))


@st.composite
def splitters(draw: st.DrawFn) -> PurgedWalkForward:
    n = draw(st.integers(20, 150))
    lengths = draw(st.lists(st.integers(1, 25), min_size=n, max_size=n))
    chosen = rules(
        n_blocks=draw(st.integers(1, 5)),
        first_train_frac=draw(st.sampled_from([0.3, 0.5, 0.7])),
        gap_bars=draw(st.integers(0, 8)),
        embargo_frac=draw(st.sampled_from([0.0, 0.01, 0.05])),
    )
    return PurgedWalkForward(chosen, np.arange(n) + np.array(lengths))


def may_train(row: int, test: np.ndarray, splitter: PurgedWalkForward) -> bool:
    """Say so bar by bar: no bar of the label may be a bar of the test or after it began."""
    n = splitter.end.size
    left_out = splitter.rules.gap_bars + int(n * splitter.rules.embargo_frac + 1e-9)
    bars_of_label = set(range(row, int(splitter.end[row])))
    bars_of_test = set(range(int(test[0]), int(splitter.end.max()) + 1))
    return row + left_out < test[0] and not bars_of_label & bars_of_test


@given(splitters())
def test_training_rows_are_those_that_brute_force_allows(splitter: PurgedWalkForward) -> None:
    try:
        parts = list(splitter.split())
    except DataError:
        reject()

    for train, test in parts:
        allowed = [r for r in range(splitter.end.size) if may_train(r, test, splitter)]
        assert train.tolist() == allowed


@given(splitters())
def test_every_row_from_the_first_block_on_is_tested_exactly_once(
    splitter: PurgedWalkForward,
) -> None:
    tested = np.concatenate(splitter.blocks())

    first = splitter.end.size - tested.size
    assert tested.tolist() == list(range(first, splitter.end.size))
    assert first >= splitter.rules.first_train_frac * splitter.end.size - 1e-6


@given(splitters())
def test_blocks_are_of_equal_size_to_a_row(splitter: PurgedWalkForward) -> None:
    sizes = [block.size for block in splitter.blocks()]

    assert len(sizes) == splitter.get_n_splits()
    assert max(sizes) - min(sizes) <= 1


def test_purging_goes_by_span_and_not_by_count() -> None:
    # Given one early row whose label reaches far into the test
    end = np.arange(20) + 1
    end[2] = 15

    # When the rows from 10 on are tested
    train, test = next(
        iter(PurgedWalkForward(rules(n_blocks=1, first_train_frac=0.5), end).split())
    )

    # Then that row alone is gone
    assert test[0] == 10
    assert train.tolist() == [0, 1, 3, 4, 5, 6, 7, 8, 9]


def test_a_label_that_ends_as_the_test_begins_may_train() -> None:
    end = np.arange(20) + 1
    end[0], end[1] = 10, 11

    train, _ = next(
        iter(PurgedWalkForward(rules(n_blocks=1, first_train_frac=0.5), end).split())
    )

    assert 0 in train
    assert 1 not in train


def test_the_embargo_is_an_extra_gap_before_the_test() -> None:
    end = np.arange(200) + 1
    chosen = rules(n_blocks=1, first_train_frac=0.5, gap_bars=7, embargo_frac=0.01)

    train, test = next(iter(PurgedWalkForward(chosen, end).split()))

    assert test[0] - train[-1] - 1 == 7 + 2


def test_the_last_fit_is_purged_as_if_a_test_followed_the_last_row() -> None:
    end = np.minimum(np.arange(50) + 5, 60)
    splitter = PurgedWalkForward(rules(gap_bars=2), end)

    assert splitter.final_rows().tolist() == list(range(46))
    assert PurgedWalkForward(rules(gap_bars=9), end).final_rows()[-1] == 40


def test_no_row_to_train_on_is_an_error_that_says_what_to_change() -> None:
    splitter = PurgedWalkForward(rules(gap_bars=100), np.arange(50) + 1)

    with pytest.raises(DataError, match="smaller gap_bars"):
        list(splitter.split())


def test_fewer_rows_than_blocks_is_an_error() -> None:
    with pytest.raises(DataError, match="fewer n_blocks"):
        PurgedWalkForward(rules(n_blocks=4), np.arange(5) + 1).blocks()


def test_rows_without_labels_are_an_error() -> None:
    with pytest.raises(DataError, match="11 rows, but there are labels for 10"):
        next(PurgedWalkForward(rules(), np.arange(10) + 1).split(np.zeros((11, 2))))


def test_scikit_learn_takes_it_as_a_splitter() -> None:
    rng = np.random.default_rng(0)
    splitter = PurgedWalkForward(rules(), np.arange(90) + 4)

    assert check_cv(splitter) is splitter
    scores = cross_val_score(
        DummyClassifier(), rng.normal(size=(90, 2)), np.arange(90) % 2, cv=splitter
    )
    assert scores.shape == (3,)


def test_an_embargo_is_rounded_down_but_not_by_the_rounding_of_floats() -> None:
    assert embargo_rows(100, 0.29) == 29
    assert embargo_rows(1_000, 0.0019) == 1


@pytest.mark.parametrize(
    "bad",
    [
        {"n_blocks": 0},
        {"first_train_frac": 0.0},
        {"first_train_frac": 1.0},
        {"gap_bars": -1},
        {"embargo_frac": float("nan")},
    ],
)
def test_impossible_rules_cannot_be_made(bad: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        rules(**bad)


@given(splitters(), st.integers(1, 30))
def test_a_rolling_window_is_the_newest_rows_of_the_anchored_one(
    splitter: PurgedWalkForward, window: int
) -> None:
    rolling = PurgedWalkForward(splitter.rules, splitter.end, window_rows=window)
    try:
        parts = list(zip(splitter.split(), rolling.split(), strict=True))
    except DataError:
        reject()

    for (all_rows, test), (newest, same_test) in parts:
        assert newest.tolist() == all_rows.tolist()[-window:]
        assert same_test.tolist() == test.tolist()
    assert rolling.final_rows().tolist() == splitter.final_rows().tolist()[-window:]


@pytest.mark.parametrize("window", [0, -3])
def test_a_window_without_rows_is_refused(window: int) -> None:
    with pytest.raises(DataError, match="at least 1, or None"):
        PurgedWalkForward(rules(), np.arange(10) + 1, window_rows=window)


def test_a_label_that_ends_before_its_row_is_refused_by_its_row() -> None:
    end = np.arange(20) + 1
    end[7] = 6

    with pytest.raises(DataError, match="label of row 7 ends at row 6"):
        PurgedWalkForward(rules(), end)


@pytest.mark.parametrize(
    ("n", "frac", "first"), [(100, 0.07, 7), (100, 0.55, 55), (10, 0.25, 3)]
)
def test_the_first_block_begins_at_its_share_of_the_rows_and_not_at_what_floats_make_of_it(
    n: int, frac: float, first: int
) -> None:
    splitter = PurgedWalkForward(rules(first_train_frac=frac), np.arange(n) + 1)

    assert splitter.blocks()[0][0] == first
