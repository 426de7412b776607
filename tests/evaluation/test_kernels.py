from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stairway.evaluation import kernels, metrics

SERIES = hnp.arrays(np.float64, st.integers(0, 40), elements=st.floats(-0.9, 2.0))


@given(SERIES)
def test_the_compiled_fall_is_the_plain_one_and_that_of_the_wealth_itself(
    returns: np.ndarray,
) -> None:
    wealth = metrics.equity(returns)
    worst = float(np.min(wealth / np.maximum.accumulate(wealth)))

    found, growth = kernels.deepest(returns)

    assert (found, growth) == kernels.deepest.py_func(returns)
    assert found == pytest.approx(worst, rel=1e-12)
    assert growth == pytest.approx(wealth[-1], rel=1e-9)
    assert kernels.deepest_in_line(returns) == pytest.approx(worst, rel=1e-12)


@pytest.mark.parametrize("n", [1, 511, 512, 513, 1_700])
def test_squares_are_summed_whatever_the_length(n: int) -> None:
    values = np.random.default_rng(n).normal(3.0, 1.0, n)

    found = kernels.squares_about(values, 3.0)

    assert found == pytest.approx(float(np.sum((values - 3.0) ** 2)), rel=1e-13)
    assert found == pytest.approx(kernels.squares_about.py_func(values, 3.0), rel=1e-13)


@pytest.mark.parametrize("row", [0, 600, 1_099])
def test_a_hole_anywhere_is_seen_in_the_sum_and_in_the_growth(row: int) -> None:
    values = np.zeros(1_100)
    values[row] = math.nan

    assert math.isnan(kernels.squares_about(values, 0.0))
    assert math.isnan(kernels.deepest(values)[1])
