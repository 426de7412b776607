from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.base.errors import DataError
from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.evaluation.battery.purge_oracle import doubly_tested, judged, touches
from stairway.evaluation.battery.study import Fold, FoldTouch, Labelled
from stairway.evaluation.splits.combinatorial import CombinatorialRules, PurgedCombinatorial
from stairway.evaluation.splits.k_fold import FoldRules, PurgedKFold
from stairway.evaluation.splits.walk_forward import PurgedWalkForward, SplitRules


def by_hand(labels: Labelled, fold: Fold, gap: int, embargo: int) -> FoldTouch:
    """Every training row against every test row."""
    value, start, end = (a.tolist() for a in (labels.value, labels.start, labels.end))
    spans = [
        set(range(start[r], end[r])) if value[r] >= 0 else set() for r in range(len(value))
    ]
    train, test = (rows.tolist() for rows in fold)
    kinds = []
    for row in train:
        over = [t + 1 if value[t] < 0 else max(t + 1, end[t]) for t in test if t < row]
        if any(spans[row] & spans[t] for t in test):
            kinds.append("overlapping")
        elif any(0 < t - row <= gap for t in test):
            kinds.append("gap")
        elif embargo and any(row < last + embargo for last in over):
            kinds.append("embargo")
    return FoldTouch(
        n_train=len(train),
        n_test=len(test),
        overlapping=kinds.count("overlapping"),
        in_gap=kinds.count("gap"),
        in_embargo=kinds.count("embargo"),
        in_both=len(set(train) & set(test)),
    )


def even(n: int, horizon: int) -> Labelled:
    rows = np.arange(n)
    return Labelled(np.ones(n, np.int64), rows, rows + horizon)


@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(0, 5), st.integers(0, 5))
def test_the_sweep_counts_what_every_pair_by_hand_counts(
    seed: int, n: int, gap: int, embargo: int
) -> None:
    rng = np.random.default_rng(seed)
    start = np.arange(n) + rng.integers(-2, 3, n)
    labels = Labelled(rng.integers(-1, 2, n), start, start + rng.integers(0, 9, n))
    train = rng.choice(n, rng.integers(1, n + 1), replace=False)
    test = rng.choice(n, rng.integers(1, n + 1), replace=False)

    assert touches(labels, [(train, test)], gap, embargo) == (
        by_hand(labels, (train, test), gap, embargo),
    )


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(0, 4), st.sampled_from([0.0, 0.02]))
def test_the_projects_own_splitters_keep_apart_whatever_the_spans(
    seed: int, gap: int, embargo_frac: float
) -> None:
    n = 240
    labels = even(n, 1)
    rng = np.random.default_rng(seed)
    labels = replace(labels, end=labels.start + rng.integers(0, 8, n))
    embargo = int(n * embargo_frac)
    rest = {"gap_bars": gap, "embargo_frac": embargo_frac}
    splits = [
        PurgedKFold(FoldRules(n_blocks=5, **rest), labels.end),
        PurgedCombinatorial(
            CombinatorialRules(n_blocks=6, n_test_blocks=2, **rest), labels.end
        ),
        PurgedWalkForward(SplitRules(n_blocks=4, first_train_frac=0.4, **rest), labels.end),
    ]
    for split in splits:
        folds = [(train.copy(), test.copy()) for train, test in split.split()]
        assert isinstance(judged(touches(labels, folds, gap, embargo)), Pass)


@pytest.mark.parametrize("what", ["label", "gap", "embargo", "both"])
def test_one_row_too_many_is_refused_and_said_to_be_what_it_is(what: str) -> None:
    train, told = {
        "label": (4, "1 share a bar with a test label"),
        "gap": (2, "1 lie in the gap"),
        "embargo": (13, "1 lie in the embargo"),
        "both": (7, "1 share a bar with a test label, 1 are tested too"),
    }[what]
    fold = (np.array([0, train]), np.arange(6, 9))

    (found,) = touches(even(30, 3), [fold], 4, 3)
    verdict = judged([found])

    assert isinstance(verdict, Refuse)
    assert verdict.findings[0].code == "leak.purge"
    assert verdict.findings[0].detail == f"fold 0, of 2 training rows: {told}"


def test_rows_just_outside_of_all_that_are_fine() -> None:
    fold = (np.array([0, 1, 14, 15]), np.arange(6, 9))

    (found,) = touches(even(30, 3), [fold], 4, 3)

    assert found.touching == 0


def test_a_hundred_thousand_rows_of_overlapping_labels_are_swept() -> None:
    n = 100_000
    rows = np.arange(n)
    fold = (rows[rows % 7 != 0], rows[rows % 7 == 0])

    (found,) = touches(even(n, 10), [fold], 3, 3)

    assert found.overlapping == fold[0].size


def test_no_fold_is_too_few_and_one_is_enough() -> None:
    assert isinstance(judged([]), Inconclusive)
    fold = (np.arange(5), np.arange(20, 25))
    assert isinstance(judged(touches(even(30, 3), [fold], 0, 0)), Pass)


def test_a_row_is_doubly_tested_once_however_often() -> None:
    rows = np.arange(4)
    assert doubly_tested(4, [(rows, rows[:2]), (rows, rows[1:3]), (rows, rows[1:2])]) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"end": np.array([3, 4, 1])},
            "label of row 2 ends at row 1, before it starts at row 2",
        ),
        ({"value": np.array([1, 2, 0])}, "label of row 1 is 2; it must be 1, 0, or -1"),
        ({"start": np.array([0.0, 1.0, 2.0])}, "label start is float64"),
        ({"end": np.array([1, 2])}, r"label end is int64 of shape \(2,\)"),
    ],
)
def test_labels_that_are_none_are_named(change: dict[str, np.ndarray], said: str) -> None:
    with pytest.raises(DataError, match=said):
        touches(replace(even(3, 1), **change), [], 0, 0)


@pytest.mark.parametrize(
    ("train", "said"),
    [
        ([], "training rows of fold 0 are float64"),
        ([0, 3], "run from 0 to 3, but there are rows 0 to 2"),
        ([-1, 0], "run from -1 to 0"),
        ([1, 1], "hold one row twice"),
    ],
)
def test_rows_that_are_none_are_named(train: list[int], said: str) -> None:
    with pytest.raises(DataError, match=said):
        touches(even(3, 1), [(np.array(train), np.array([2]))], 0, 0)
