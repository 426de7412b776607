from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    check_cv,
    cross_val_predict,
    cross_val_score,
)
from sklearn.neighbors import KNeighborsClassifier

from stairway.base.errors import DataError
from stairway.evaluation.splits import (
    CombinatorialRules,
    FoldRules,
    PurgedCombinatorial,
    PurgedKFold,
    PurgedWalkForward,
    SplitRules,
    ends_of,
)

N, HORIZON = 600, 20
END = np.arange(N) + HORIZON
SPLITTERS = {
    "k-fold": PurgedKFold(FoldRules(n_blocks=5, gap_bars=10), END),
    "combinatorial": PurgedCombinatorial(
        CombinatorialRules(n_blocks=5, n_test_blocks=2, gap_bars=10), END
    ),
    "anchored": PurgedWalkForward(
        SplitRules(n_blocks=4, first_train_frac=0.3, gap_bars=10, embargo_frac=0.01), END
    ),
    "rolling": PurgedWalkForward(
        SplitRules(n_blocks=4, first_train_frac=0.3, gap_bars=10, embargo_frac=0.01), END, 100
    ),
}
EACH = pytest.mark.parametrize("name", SPLITTERS)


def noise() -> tuple[pd.DataFrame, np.ndarray]:
    """Rows that know nothing but the time, and what a random walk does next."""
    steps = np.random.default_rng(3).standard_normal(N + HORIZON)
    walk = np.cumsum(steps)
    moved = (walk[HORIZON:] - walk[:N] > 0.0).astype(int)
    times = pd.date_range("2026-01-01", periods=N, freq="h")
    return pd.DataFrame({"time": np.arange(float(N))}, index=times), moved


@given(
    st.lists(st.integers(0, 9), min_size=60, max_size=110), st.integers(2, 5), st.integers(0, 8)
)
def test_each_fold_is_the_split_of_one_block(lengths: list[int], blocks: int, gap: int) -> None:
    end = np.arange(len(lengths)) + np.array(lengths)
    try:
        parts = list(PurgedKFold(FoldRules(n_blocks=blocks, gap_bars=gap), end).split())
    except DataError:
        reject()

    alike = CombinatorialRules(n_blocks=blocks, n_test_blocks=1, gap_bars=gap)
    for (train, test), (other, same) in zip(
        parts, PurgedCombinatorial(alike, end).split(), strict=True
    ):
        assert train.tolist() == other.tolist()
        assert test.tolist() == same.tolist()
    assert np.concatenate([test for _, test in parts]).tolist() == list(range(end.size))


def test_with_labels_that_reach_nowhere_it_is_the_k_fold_of_scikit_learn() -> None:
    rules = FoldRules(n_blocks=7, gap_bars=0, embargo_frac=0.0)

    ours = PurgedKFold(rules, np.arange(100) + 1).split()

    for (train, test), (other, same) in zip(
        ours, KFold(7).split(np.zeros((100, 1))), strict=True
    ):
        assert train.tolist() == other.tolist()
        assert test.tolist() == same.tolist()


@EACH
def test_scikit_learn_takes_it_as_a_splitter(name: str) -> None:
    splitter, (rows, moved) = SPLITTERS[name], noise()

    assert check_cv(splitter) is splitter
    for table in (rows, rows.to_numpy(), csr_matrix(rows.to_numpy())):
        scores = cross_val_score(DummyClassifier(), table, moved, cv=splitter)
        assert scores.shape == (splitter.get_n_splits(rows, moved),)


@EACH
def test_a_grid_is_searched_on_the_same_splits(name: str) -> None:
    splitter, (rows, moved) = SPLITTERS[name], noise()

    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 9]}, cv=splitter)
    search.fit(rows, moved)

    one = search.cv_results_["mean_test_score"][0]
    plain = cross_val_score(KNeighborsClassifier(1), rows, moved, cv=splitter)
    assert one == pytest.approx(plain.mean())
    assert search.n_splits_ == splitter.get_n_splits()


def test_a_neighbour_in_time_is_worth_nothing_once_labels_are_purged() -> None:
    # Given a model that repeats the label of the nearest row in time
    rows, moved = noise()
    copycat = KNeighborsClassifier(1)

    # When it is judged on scattered folds, and on purged ones
    leaking = cross_val_score(copycat, rows, moved, cv=KFold(5, shuffle=True, random_state=0))
    purged = cross_val_score(copycat, rows, moved, cv=SPLITTERS["k-fold"])

    # Then all its skill was overlap
    assert leaking.mean() > 0.85
    assert purged.mean() < 0.6


def test_every_row_is_predicted_once() -> None:
    rows, moved = noise()

    predicted = cross_val_predict(DummyClassifier(), rows, moved, cv=SPLITTERS["k-fold"])

    assert predicted.shape == (N,)


def test_rows_out_of_order_are_refused_inside_scikit_learn() -> None:
    rows, moved = noise()

    with pytest.raises(DataError, match="sort the rows by time"):
        cross_val_score(DummyClassifier(), rows.iloc[::-1], moved, cv=SPLITTERS["k-fold"])


def test_labels_may_be_given_as_times() -> None:
    times = pd.date_range("2026-01-01", periods=N, freq="h")
    end = ends_of(pd.Series(times + pd.Timedelta(hours=HORIZON), index=times))

    ours = PurgedKFold(FoldRules(n_blocks=5, gap_bars=10), end).split()

    for (train, _), (same, _) in zip(ours, SPLITTERS["k-fold"].split(), strict=True):
        assert train.tolist() == same.tolist()


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (np.array([3, 4, 1, 5]), "label of row 2 ends at row 1"),
        (np.array([0.5, np.nan]), "make them with ends_in_rows"),
        (np.arange(1), "give at least 2 rows"),
        (np.arange(9), "shorter|fewer than the 100 of purge or gap"),
    ],
    ids=["ends first", "nan", "too few", "short block"],
)
def test_bad_labels_are_refused_when_the_splitter_is_made(end: np.ndarray, said: str) -> None:
    with pytest.raises(DataError, match=said):
        PurgedKFold(FoldRules(n_blocks=2), end)
