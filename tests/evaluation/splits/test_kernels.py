from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.evaluation.splits.kernels import (
    FIRST,
    KNOWN,
    PURGED,
    RESUMES,
    STOP,
    label_rows,
    reach,
    write_split,
)

LENGTHS = st.lists(st.integers(-2, 12), min_size=1, max_size=40)


@given(LENGTHS)
def test_the_longest_label_and_the_first_bad_one_are_found(lengths: list[int]) -> None:
    end = np.arange(len(lengths)) + np.array(lengths)
    bad = [i for i, length in enumerate(lengths) if length < 0]

    found = label_rows(end)

    assert found == label_rows.py_func(end)
    assert found == (max(0, *lengths), bad[0] if bad else -1)


@st.composite
def blocks(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Label ends, none before its row, and the edges of one block or several."""
    lengths = draw(st.lists(st.integers(0, 12), min_size=2, max_size=40))
    edge = st.integers(0, len(lengths))
    edges = draw(st.lists(edge, min_size=2, max_size=5, unique=True))
    return np.arange(len(lengths)) + np.array(lengths), np.sort(np.array(edges))


def purged(end: np.ndarray, first: int, stop: int, gap: int) -> int:
    """Rows left out on the side of a block that has more of them."""
    before = sum(1 for i in range(first) if end[i] > first or i >= first - gap)
    return max(before, min(max(stop, *end[first:stop]), end.size) - stop, gap)


@given(blocks(), st.integers(0, 9), st.integers(0, 5))
def test_runs_are_the_rows_that_end_in_time_up_to_the_first_block_without_room(
    drawn: tuple[np.ndarray, np.ndarray], gap: int, embargo: int
) -> None:
    end, edges = drawn
    spans = list(itertools.pairwise(edges.tolist()))
    needed = [purged(end, *span, gap) + embargo for span in spans]
    without = [b for b, (i, j) in enumerate(spans) if needed[b] > j - i]

    bad, short, block, free, begins = reach(end, edges, gap, embargo)

    assert (bad, short) == (-1, without[0] if without else -1)
    for b, (first, stop) in enumerate(spans[: None if short < 0 else short]):
        runs = free[begins[b] : begins[b + 1]]
        allowed = [i for i in range(max(first - gap, 0)) if end[i] <= first]
        assert [row for run in runs.tolist() for row in range(*run)] == allowed
        assert (runs[1:, 0] > runs[:-1, 1]).all()
        known = min(max(stop, *end[first:stop]), end.size)
        assert block[b, [FIRST, STOP, KNOWN]].tolist() == [first, stop, known]
        assert block[b, RESUMES] == min(known + embargo, end.size)
        assert block[b, PURGED] + embargo == needed[b]


@given(blocks(), st.integers(0, 9), st.integers(0, 5))
def test_what_is_compiled_does_what_is_written(
    drawn: tuple[np.ndarray, np.ndarray], gap: int, embargo: int
) -> None:
    end, edges = drawn
    compiled, plain = (call(end, edges, gap, embargo) for call in (reach, reach.py_func))
    assert compiled[:2] == plain[:2]
    if compiled[1] >= 0:
        return
    assert [one.tolist() for one in compiled[2:]] == [one.tolist() for one in plain[2:]]
    tested, out = np.arange(0, edges.size - 1, 2), np.full((2, end.size), -1)
    sizes = [
        call(*compiled[2:], tested, end.size, room)
        for call, room in zip((write_split, write_split.py_func), out, strict=True)
    ]
    assert sizes[0] == sizes[1]
    assert out[0].tolist() == out[1].tolist()


@pytest.mark.parametrize("far", [0, np.iinfo(np.int64).min], ids=["just", "not a time"])
@pytest.mark.parametrize("row", [1, 5, 14, 39])
def test_a_label_that_ends_before_its_row_is_found_wherever_it_is(row: int, far: int) -> None:
    end = np.arange(40) + 1
    end[row] = far or row - 1

    assert reach(end, np.array([5, 15, 25]), 0, 0)[0] == row
    assert label_rows(end)[1] == row


def test_many_runs_find_room() -> None:
    # Given every other label reaching far, so that runs are of one row each
    end = np.arange(400) + np.where(np.arange(400) % 2, 1, 90)

    _, short, _, free, begins = reach(end, np.array([100, 200, 300, 400]), 0, 0)

    odd = [[i, i + 1] for i in range(13, 100, 2)]
    assert short == -1
    assert free[begins[0] : begins[1]].tolist() == [[0, 12], *odd]
    assert np.diff(begins).tolist() == [45, 45, 45]


def test_labels_without_an_end_are_refused_before_anything_is_written_down() -> None:
    # Given every second label unresolved, so that each block could have half of all rows
    end = np.arange(200_000) + 1
    end[::2] = end.size + 1

    bad, short, _, free, _ = reach(end, np.arange(0, 200_001, 200), 0, 0)

    assert (bad, short) == (-1, 0)
    assert len(free) == 1_000
