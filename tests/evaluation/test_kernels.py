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
    found, sound = kernels.deepest(returns)

    assert sound
    assert (found, sound) == kernels.deepest.py_func(returns)
    assert found == pytest.approx(_lowest(returns), rel=1e-12)
    assert kernels.deepest_in_line(returns) == pytest.approx(found, rel=1e-12)


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(0, 1_500),
    spread=st.sampled_from([0.0, 1e-5, 1e-3, 0.02, 0.2]),
    drift=st.sampled_from([-0.5, -0.05, 0.0, 0.01, 0.1, 1.0]),
)
def test_blocks_that_are_not_walked_hold_no_deeper_fall(
    seed: int, n: int, spread: float, drift: float
) -> None:
    noise = np.random.default_rng(seed).standard_t(3, n)
    returns = np.clip((noise + drift) * spread, -0.9, 2.0)

    found, sound = kernels.deepest(returns)

    assert sound
    assert found == pytest.approx(_lowest(returns), rel=1e-11, abs=1e-300)


@given(
    peak=st.integers(0, 999),
    fall=st.integers(0, 999),
    rises=st.floats(0.0, 0.5),
    falls=st.floats(0.0, 0.5),
)
def test_a_fall_is_found_wherever_its_peak_and_its_depth_lie(
    peak: int, fall: int, rises: float, falls: float
) -> None:
    # Given noise in which one bar makes the peak and another the fall
    returns = np.random.default_rng(3).normal(0.0, 1e-3, 1_000)
    returns[peak] += rises
    returns[fall] -= falls

    assert kernels.deepest(returns)[0] == pytest.approx(_lowest(returns), rel=1e-13)


@given(st.integers(0, 10**6))
def test_no_block_falls_further_than_its_bound(seed: int) -> None:
    returns = np.random.default_rng(seed).normal(0.0, 0.02, 3 * kernels._BLOCK)
    growth, falls = np.empty(3), np.empty(3)

    least = kernels._measured(returns, growth, falls)

    blocks = returns.reshape(3, -1)
    assert least == 1.0 + returns.min()
    assert growth == pytest.approx(np.prod(1.0 + blocks, axis=1), rel=1e-13)
    assert falls == pytest.approx(np.prod(np.minimum(1.0 + blocks, 1.0), axis=1), rel=1e-13)
    assert all(bound <= _lowest(block) for bound, block in zip(falls, blocks, strict=True))


@pytest.mark.parametrize("rows", [[5], [5, 21], [5, 6], [130, 390], [395, 396]])
def test_wealth_that_is_gone_once_is_gone_whatever_follows(rows: list[int]) -> None:
    returns = np.full(400, 0.01)
    returns[300] = -0.95  # a fall so deep that two that cancel out look harmless
    returns[rows] = -1.5

    found, sound = kernels.deepest(returns)

    assert sound
    assert found <= 0.0


def _lowest(returns: np.ndarray) -> float:
    wealth = metrics.equity(returns)
    return float(np.min(wealth / np.maximum.accumulate(wealth)))


@pytest.mark.parametrize("n", [1, 511, 512, 513, 1_700])
def test_squares_are_summed_whatever_the_length(n: int) -> None:
    values = np.random.default_rng(n).normal(3.0, 1.0, n)

    found = kernels.squares_about(values, 3.0)

    assert found == pytest.approx(float(np.sum((values - 3.0) ** 2)), rel=1e-13)
    assert found == pytest.approx(kernels.squares_about.py_func(values, 3.0), rel=1e-13)


@pytest.mark.parametrize("row", [0, 600, 1_099])
@pytest.mark.parametrize("hole", [math.nan, math.inf, -math.inf])
def test_a_hole_anywhere_is_seen_in_the_sum_and_in_the_fall(row: int, hole: float) -> None:
    values = np.zeros(1_100)
    values[row] = hole

    assert not math.isfinite(kernels.squares_about(values, 0.0))
    assert not kernels.deepest(values)[1]


@pytest.mark.parametrize("at", [0, 1_000])
def test_growth_beyond_the_range_of_floats_is_not_sound(at: int) -> None:
    values = np.zeros(1_100)
    values[at : at + 2] = 1e200

    assert not kernels.deepest(values)[1]
