from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stairway.evaluation.splits.kernels import free_runs, label_rows, write_runs

LENGTHS = st.lists(st.integers(-2, 12), min_size=1, max_size=40)


@given(LENGTHS)
def test_the_longest_label_and_the_first_bad_one_are_found(lengths: list[int]) -> None:
    end = np.arange(len(lengths)) + np.array(lengths)
    bad = [i for i, length in enumerate(lengths) if length < 0]

    found = label_rows(end)

    assert found == label_rows.py_func(end)
    assert found == (max(0, *lengths), bad[0] if bad else -1)


@given(LENGTHS, st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_runs_are_the_rows_that_end_in_time_and_touch_nowhere(
    lengths: list[int], first: int, clear: int, stop: int
) -> None:
    n = len(lengths)
    end = np.arange(n) + np.abs(lengths)
    first = min(first, n)
    clear = min(clear, first)
    stop = min(max(clear, stop), first)

    runs = free_runs(end, first, clear, stop)

    expected = [*range(clear), *(i for i in range(clear, stop) if end[i] <= first)]
    assert [row for run in runs.tolist() for row in range(*run)] == expected
    assert (runs[1:, 0] > runs[:-1, 1]).all()
    assert runs.tolist() == free_runs.py_func(end, first, clear, stop).tolist()


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 9)), max_size=6))
def test_runs_are_written_one_after_another(sized: list[tuple[int, int]]) -> None:
    runs = np.array([(first, first + size) for first, size in sized]).reshape(-1, 2)
    expected = [row for run in runs.tolist() for row in range(*run)]

    for write in (write_runs, write_runs.py_func):
        out = np.full(len(expected), -1)
        write(runs, out)
        assert out.tolist() == expected
