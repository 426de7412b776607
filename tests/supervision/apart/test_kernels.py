"""Distances are those of the distribution functions, whatever ties there are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.supervision.apart.kernels import distances


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=40))
def test_distances_are_those_of_the_distribution_functions(drawn) -> None:
    values = np.array(sorted(value for value, _ in drawn))
    is_first = np.array([first for _, first in drawn])
    n, m = int(is_first.sum()), int((~is_first).sum())
    if not (n and m):
        return
    ends = np.flatnonzero(np.diff(values, append=-1))
    steps = np.diff(values[ends], append=values[-1:]) / 10
    at = values[ends][:, None]
    gap = (values[is_first] <= at).mean(axis=1) - (values[~is_first] <= at).mean(axis=1)
    delta = np.sign(values[is_first][:, None] - values[~is_first]).mean()
    expected = [np.abs(gap).max(), 2 * np.sum(gap**2 * steps), np.abs(delta)]
    for run in (distances, distances.py_func):
        (found,) = run(is_first[None], ends, steps, 1 / n, 1 / m)
        assert found == pytest.approx(expected, abs=1e-12)
