from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stairway.base.errors import DataError
from stairway.evaluation.hac import (
    critical_value,
    fewest_bars,
    newey_west_lags,
    standard_error_of_sum,
)

TERMS = hnp.arrays(np.float64, st.integers(1, 50), elements=st.floats(-10, 10, width=32))


@given(TERMS, st.integers(0, 60))
def test_the_variance_is_the_bartlett_weighted_sum_over_all_pairs(
    terms: np.ndarray, lags: int
) -> None:
    pairs = sum(
        terms[i] * terms[j] * max(1.0 - abs(i - j) / (lags + 1.0), 0.0)
        for i in range(terms.size)
        for j in range(terms.size)
    )

    assert standard_error_of_sum(terms, lags) == pytest.approx(
        math.sqrt(max(pairs, 0.0)), rel=1e-6, abs=1e-5
    )


def test_terms_that_repeat_themselves_are_less_sure_than_independent_ones() -> None:
    rng = np.random.default_rng(3)
    once = rng.standard_normal(400)
    repeated = np.repeat(once[:100], 4)

    assert standard_error_of_sum(repeated, 12) > 1.6 * standard_error_of_sum(repeated, 0)


def test_swinging_terms_never_give_a_negative_variance() -> None:
    assert standard_error_of_sum(np.tile([1.0, -1.0], 50), 1) >= 0.0


def test_a_bar_without_a_term_still_separates_those_around_it() -> None:
    together, apart = np.array([1.0, 1.0, 0.0]), np.array([1.0, 0.0, 1.0])

    assert standard_error_of_sum(together, 1) > standard_error_of_sum(apart, 1)


@given(st.floats(0.5, 0.99), st.integers(1, 5_000), st.integers(0, 400))
def test_a_critical_value_is_never_bolder_than_the_normal_one(
    level: float, n_bars: int, lags: int
) -> None:
    normal = NormalDist().inv_cdf(0.5 + level / 2.0)

    assert critical_value(level, n_bars, lags) >= normal


def test_no_more_bars_than_lags_prove_nothing() -> None:
    assert critical_value(0.95, 21, 20) == math.inf
    assert critical_value(0.95, 22, 20) < math.inf


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_an_interval_covers_as_often_as_it_says(share: float) -> None:
    # Given many series of noise whose true sum is zero
    rng, n, runs = np.random.default_rng(11), 200, 600
    lags = int(share * n) - 1

    # When each is judged at 90 %, with its own mean taken off as every caller does
    hits = 0
    for _ in range(runs):
        noise = rng.standard_normal(n)
        error = standard_error_of_sum(noise - noise.mean(), lags)
        hits += abs(noise.sum()) <= critical_value(0.90, n, lags) * error

    # Then about one in ten is missed, whatever was spent on lags
    assert 0.86 <= hits / runs <= 0.94


def test_lags_grow_slowly_with_the_sample() -> None:
    assert [newey_west_lags(n) for n in (0, 1, 100, 1_000, 10_000)] == [0, 1, 4, 6, 11]


@pytest.mark.parametrize("lags", [64, 512, 513, 899, 900, 5_000])
def test_many_lags_are_the_same_sum_as_few(lags: int) -> None:
    # Given terms that hang together, as overlapping labels make them
    terms = np.convolve(np.random.default_rng(1).standard_normal(919), np.ones(20), "valid")
    centred = terms - terms.mean()

    products = np.correlate(centred, centred, "full")[centred.size - 1 :]
    weights = np.maximum(1.0 - np.arange(centred.size) / (lags + 1.0), 0.0)
    total = products[0] + 2.0 * float(weights[1:] @ products[1:])

    assert standard_error_of_sum(centred, lags) == pytest.approx(math.sqrt(total), rel=1e-9)


@pytest.mark.parametrize("lags", [0, 1, 20])
def test_the_fewest_bars_are_the_first_with_a_critical_value(lags: int) -> None:
    assert critical_value(0.95, fewest_bars(lags) - 1, lags) == math.inf
    assert critical_value(0.95, fewest_bars(lags), lags) < math.inf


@pytest.mark.parametrize("level", [-0.5, 0.0, 1.0, 1.5, math.nan])
def test_a_critical_value_of_no_confidence_is_an_error(level: float) -> None:
    with pytest.raises(DataError, match="level of confidence"):
        critical_value(level, 100, 4)
