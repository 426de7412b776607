from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import DataError
from stairway.evaluation.overlap import uniqueness

SPANS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 12), st.booleans()), min_size=1, max_size=60
)


def by_brute_force(start: np.ndarray, end: np.ndarray, used: np.ndarray) -> np.ndarray:
    weights = np.zeros(start.size)
    for i in np.flatnonzero(used):
        shares = [
            1.0 / sum(start[j] <= bar < end[j] for j in np.flatnonzero(used))
            for bar in range(start[i], end[i])
        ]
        weights[i] = sum(shares) / len(shares)
    return weights


@given(SPANS)
def test_a_label_weighs_the_mean_share_of_its_bars(spans: list[tuple[int, int, bool]]) -> None:
    start = np.array([s for s, _, _ in spans])
    end = start + np.array([length for _, length, _ in spans])
    used = np.array([u for _, _, u in spans])

    weights = uniqueness(start, end, used)

    np.testing.assert_allclose(weights, by_brute_force(start, end, used), atol=1e-12)


@given(SPANS)
def test_labels_are_never_worth_more_than_their_number(
    spans: list[tuple[int, int, bool]],
) -> None:
    start = np.array([s for s, _, _ in spans])
    end = start + np.array([length for _, length, _ in spans])
    used = np.array([u for _, _, u in spans])

    weights = uniqueness(start, end, used)

    assert np.all((weights[used] > 0.0) & (weights[used] <= 1.0 + 1e-12))
    assert np.all(weights[~used] == 0.0)


def test_labels_of_ten_bars_made_at_each_bar_are_worth_a_tenth_each() -> None:
    start = np.arange(1_000)

    weights = uniqueness(start, start + 10, np.ones(1_000, bool))

    assert weights[500] == pytest.approx(0.1)
    assert weights.sum() == pytest.approx(1_009 / 10, rel=0.01)


def test_an_unused_label_takes_nothing_from_its_neighbours() -> None:
    start, end = np.array([0, 0]), np.array([5, 5])

    assert uniqueness(start, end, np.array([True, False])).tolist() == [1.0, 0.0]


def test_nothing_used_weighs_nothing() -> None:
    assert uniqueness(np.array([3]), np.array([1]), np.array([False])).tolist() == [0.0]


@pytest.mark.parametrize(("start", "end"), [(3, 3), (3, 2), (-1, 4)])
def test_a_label_without_a_bar_of_its_own_is_an_error(start: int, end: int) -> None:
    with pytest.raises(DataError, match="at least one bar"):
        uniqueness(np.array([0, start]), np.array([1, end]), np.array([True, True]))


@given(SPANS, st.integers(1, 3_600_000_000_000))
def test_labels_weigh_the_same_in_bars_and_in_nanoseconds(
    spans: list[tuple[int, int, bool]], bar_ns: int
) -> None:
    start = np.array([s for s, _, _ in spans])
    end = start + np.array([length for _, length, _ in spans])
    used = np.array([u for _, _, u in spans])

    weights = uniqueness(bar_ns * start, bar_ns * end, used)

    np.testing.assert_allclose(weights, uniqueness(start, end, used), rtol=1e-12)


def test_one_label_to_the_end_of_time_costs_no_more_than_another() -> None:
    start, end = np.array([0, 3]), np.array([2, 2**62])

    assert uniqueness(start, end, np.array([True, True])).tolist() == [1.0, 1.0]
