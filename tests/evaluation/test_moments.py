from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.evaluation.moments import Moments, Undefined, moments


def measured(returns: np.ndarray) -> Moments:
    found = moments(returns)
    assert isinstance(found, Moments), found
    return found


@pytest.mark.parametrize("n", [3, 100, 5_000])
def test_they_are_those_of_numpy(n: int) -> None:
    returns = np.random.default_rng(n).normal(0.001, 0.01, n)

    found = measured(returns)

    assert found.mean == pytest.approx(returns.mean(), rel=1e-12)
    assert found.deviation == pytest.approx(returns.std(ddof=1), rel=1e-12)
    assert found.ratio(0.0005) == pytest.approx(
        (returns.mean() - 0.0005) / returns.std(ddof=1), rel=1e-12
    )


def test_a_mean_a_million_times_the_deviation_costs_no_digits() -> None:
    noise = np.random.default_rng(0).standard_normal(10_000)

    assert measured(1e6 + noise).deviation == pytest.approx(noise.std(ddof=1), rel=1e-9)


@given(st.integers(-1_000, 1_000))
def test_size_changes_nothing_down_to_the_last_digit(exponent: int) -> None:
    shape = np.array([1.0, 0.0, 0.0, -2.0, 1.5])

    found = measured(np.ldexp(shape, exponent))

    assert found.ratio(0.0) == measured(shape).ratio(0.0)


@given(st.floats(-1e3, 1e3), st.integers(3, 2_000))
def test_constant_returns_have_no_ratio_whatever_rounding_makes_of_them(
    value: float, n: int
) -> None:
    found = moments(np.full(n, value) * 1.1)

    assert isinstance(found, Undefined)
    assert "constant" in found.reason


def test_one_bar_that_moved_among_a_million_is_no_constant() -> None:
    returns = np.zeros(1_000_000)
    returns[7] = 1e-9

    assert measured(returns).ratio(0.0) == pytest.approx(1e-3, rel=1e-6)


@pytest.mark.parametrize("hole", [math.nan, math.inf])
def test_a_hole_is_named(hole: float) -> None:
    found = moments(np.array([0.1, hole, 0.2]))

    assert found == Undefined("return 1 is not finite")
