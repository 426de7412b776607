from __future__ import annotations

import math

import numpy as np
import pytest
from arch.bootstrap import optimal_block_length

from stairway.base.errors import DataError
from stairway.base.verdict import Inconclusive
from stairway.evaluation.moments import Undefined
from stairway.evaluation.significance.autocovariance import autocovariances
from stairway.evaluation.significance.block_length import block_length, longest_block


def autoregressive(n: int, rho: float, seed: int = 1) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal(n)
    for t in range(1, n):
        values[t] += rho * values[t - 1]
    return values


@pytest.mark.parametrize("n", [30, 31, 200, 1_000, 5_000])
@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.5, 0.9])
def test_it_is_that_of_arch_and_at_least_one_row(n: int, rho: float) -> None:
    values = autoregressive(n, rho)

    theirs = float(optimal_block_length(values)["stationary"].iloc[0])

    assert block_length(values) == pytest.approx(max(theirs, 1.0), rel=1e-9)


@pytest.mark.parametrize(("n", "longest"), [(40, 14.0), (400, 60.0)])
def test_what_swings_back_entirely_takes_the_longest_blocks_there_are(
    n: int, longest: float
) -> None:
    values = np.diff(np.random.default_rng(0).standard_normal(n + 1))

    assert block_length(values) == longest
    assert float(optimal_block_length(values)["stationary"].iloc[0]) == longest


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_the_currency_does_not_matter(scale: float) -> None:
    values = autoregressive(300, 0.5)

    assert block_length(values * scale) == pytest.approx(block_length(values), rel=1e-9)  # type: ignore[arg-type]


def test_a_table_takes_the_longest_that_a_column_needs() -> None:
    smooth, rough = autoregressive(500, 0.9), autoregressive(500, 0.0)
    table = np.column_stack([rough, np.zeros(500), smooth])

    assert longest_block(table) == block_length(smooth)
    assert isinstance(longest_block(np.zeros((500, 2))), Undefined)


def test_what_cannot_be_measured_says_so() -> None:
    few = block_length(np.arange(29.0))
    assert isinstance(few, Inconclusive)
    assert few.findings[0].bound == 30.0
    assert isinstance(block_length(np.ones(50)), Undefined)
    values = autoregressive(50, 0.0)
    values[49] = math.nan
    with pytest.raises(DataError, match="row 49 is nan"):
        block_length(values)


def test_autocovariances_are_the_sums_they_are_defined_as() -> None:
    values = autoregressive(37, 0.3)

    found = autocovariances(values, 36)

    by_hand = [float(values[lag:] @ values[: 37 - lag]) / 37 for lag in range(37)]
    np.testing.assert_allclose(found, by_hand, atol=1e-12)
