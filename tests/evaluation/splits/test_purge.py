from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import DataError
from stairway.evaluation.splits.purge import (
    Reach,
    embargo_rows,
    reaches,
    require_room,
    training_runs,
)
from stairway.evaluation.splits.spans import ends_in_rows


def brute_force(
    end: np.ndarray, tested: list[tuple[int, int]], gap: int, embargo: int
) -> list[int]:
    """Say so bar by bar. A row rests on its own bar and on those of its label."""
    bars = [{i, *range(i, int(last))} for i, last in enumerate(end)]
    banned: set[int] = set()
    for first, stop in tested:
        seen = set().union(*bars[first:stop])
        banned |= {i for i, own in enumerate(bars) if own & seen}
        banned |= set(range(first - gap, first))
        banned |= set(range(stop, max(seen) + 1 + embargo))
    return [i for i in range(end.size) if i not in banned]


def rows_of(runs: list[tuple[int, int]]) -> list[int]:
    return list(itertools.chain.from_iterable(range(*run) for run in runs))


@st.composite
def labels(draw: st.DrawFn, shortest: int = 0) -> np.ndarray:
    """Mostly short labels and some long ones, so that ends come out of order."""
    length = st.one_of(st.integers(shortest, 4), st.integers(shortest, 25))
    lengths = draw(st.lists(length, min_size=12, max_size=70))
    return np.arange(len(lengths)) + np.array(lengths)


@given(
    labels(),
    st.lists(st.integers(0, 70), min_size=2, max_size=6, unique=True),
    st.sets(st.integers(0, 4), min_size=1),
    st.integers(0, 9),
    st.integers(0, 9),
)
def test_what_trains_is_what_brute_force_allows(
    end: np.ndarray, cuts: list[int], chosen: set[int], gap: int, embargo: int
) -> None:
    edges = np.unique(np.minimum(cuts, end.size - 1))
    edges[-1] = max(edges[-1], edges[0] + 1)
    edges = np.unique(edges)
    blocks = reaches(end, edges, gap, embargo)
    tested = [blocks[k] for k in sorted(chosen) if k < len(blocks)] or blocks[:1]

    found = training_runs(tested, end.size)

    expected = brute_force(end, [(b.first, b.stop) for b in tested], gap, embargo)
    assert rows_of(found) == expected
    assert all(first < stop for first, stop in found)


@given(
    labels(shortest=1),
    st.lists(st.integers(1, 5), min_size=70, max_size=70),
    st.integers(1, 10),
)
def test_labels_in_time_are_purged_as_their_spans_say(
    lengths: np.ndarray, steps: list[int], size: int
) -> None:
    # Given rows at uneven times, and labels that overlap or do not by plain comparison
    n = lengths.size
    start = np.cumsum(steps[:n])
    end = start + lengths - np.arange(n)
    test = range(n // 3, min(n // 3 + size, n))

    (block,) = reaches(ends_in_rows(start, end), np.array([test.start, test.stop]), 0, 0)

    allowed = [
        i
        for i in range(n)
        if i not in test and not any(start[i] < end[j] and end[i] > start[j] for j in test)
    ]
    assert rows_of(training_runs([block], n)) == allowed


def test_the_embargo_begins_when_the_last_label_has_ended() -> None:
    # Given labels of 100 rows and an embargo of 1 % of 10,000
    end = np.arange(10_000) + 100
    (block,) = reaches(end, np.array([2_000, 4_000]), 0, embargo_rows(10_000, 0.01))

    (_, before), (resumes, _) = training_runs([block], 10_000)

    # Then training resumes 200 rows after the last row of the test
    assert resumes == 3_999 + 200
    assert before == 2_000 - 99


def test_one_label_that_ends_late_carries_the_embargo_with_it() -> None:
    end = np.arange(100) + 1
    end[21] = 60

    (block,) = reaches(end, np.array([20, 30]), 0, 5)

    assert (block.known, block.resumes) == (60, 65)


def test_a_row_whose_label_ends_in_time_is_spared_among_those_that_are_purged() -> None:
    end = np.arange(40) + 1
    end[[10, 17, 18]] = 25

    (block,) = reaches(end, np.array([20, 30]), 1, 0)

    assert block.free == ((0, 10), (11, 17))
    assert block.n_left_out_before == 4


def test_an_embargo_is_rounded_down_but_not_by_the_rounding_of_floats() -> None:
    assert int(100 * 0.29) == 28
    assert embargo_rows(100, 0.29) == 29
    assert embargo_rows(1_000, 0.0019) == 1


def test_a_block_may_be_as_long_as_what_is_left_out_beside_it_and_no_shorter() -> None:
    def block(n_rows: int) -> Reach:
        return reaches(np.arange(90) + 5, np.array([30, 30 + n_rows]), 0, 3)[0]

    require_room([block(7)], 0, 3)
    with pytest.raises(DataError, match=r"block 0 \(rows 30 to 35\) has 6 rows"):
        require_room([block(6)], 0, 3)


@pytest.mark.parametrize(
    ("end", "gap", "purged"),
    [(np.arange(90) + 1, 9, 9), (np.arange(90) + 9, 0, 8)],
    ids=["gap", "labels"],
)
def test_the_refusal_of_a_short_block_says_what_is_too_long(
    end: np.ndarray, gap: int, purged: int
) -> None:
    blocks = reaches(end, np.array([30, 36]), gap, 2)

    with pytest.raises(DataError, match=f"fewer than the {purged} of purge or gap and 2 of"):
        require_room(blocks, gap, 2)


def test_a_label_that_ends_after_the_last_row_leaves_nothing_to_resume_with() -> None:
    (block,) = reaches(np.arange(30) + 40, np.array([10, 20]), 0, 3)

    assert (block.known, block.resumes) == (30, 30)
    assert training_runs([block], 30) == []
