from __future__ import annotations

import itertools
import math

import msgspec
import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap
from scipy.signal import lfilter

from stairway.base.errors import DataError
from stairway.base.verdict import Inconclusive
from stairway.evaluation.moments import Undefined
from stairway.evaluation.significance.block_length import block_length
from stairway.evaluation.significance.bootstrap import (
    Interval,
    Resampling,
    interval,
    resampled_means,
)
from stairway.evaluation.significance.kernels import stationary_rows


def autoregressive(rng: np.random.Generator, n: int, rho: float) -> np.ndarray:
    shocks = rng.standard_normal(n) * math.sqrt(1.0 - rho**2)
    return lfilter([1.0], [1.0, -rho], shocks)


def rules(n_resamples: int = 999, block_rows: float | None = None) -> Resampling:
    return Resampling(n_resamples=n_resamples, block_rows=block_rows)


def test_a_resample_is_blocks_that_wrap_round_of_the_mean_length_asked_for() -> None:
    rng, n = np.random.default_rng(0), 200
    drawn = np.array([stationary_rows(n, 8.0, rng) for _ in range(300)])

    follows = (np.diff(drawn, axis=1) % n) == 1

    assert drawn.min() == 0
    assert drawn.max() == n - 1
    assert follows.mean() == pytest.approx(1.0 - 1.0 / 8.0 + 1.0 / (8.0 * n), abs=0.01)
    assert np.any((drawn[:, :-1] == n - 1) & (drawn[:, 1:] == 0))
    counts = np.bincount(drawn.ravel(), minlength=n)
    assert counts.std() / counts.mean() < 0.2


def test_blocks_of_one_row_are_independent_draws() -> None:
    drawn = stationary_rows(2_000, 1.0, np.random.default_rng(0))

    assert np.mean(np.diff(drawn) == 1) < 0.01


@pytest.mark.parametrize("block", [1.0, 4.5, 40.0])
def test_means_by_running_sums_are_those_of_the_rows_drawn(block: float) -> None:
    table = np.random.default_rng(1).normal(5.0, 1.0, (120, 3))

    fast = resampled_means(table, block, 50, np.random.default_rng(7))

    rng = np.random.default_rng(7)
    slow = [table[stationary_rows(120, block, rng)].mean(axis=0) for _ in range(50)]
    np.testing.assert_allclose(fast, slow, rtol=1e-12)


@pytest.mark.parametrize("exponent", [-700, -40, 1_000])
def test_the_error_is_as_large_as_the_values_however_large_or_small(exponent: int) -> None:
    """Squares of returns of 1e300 are no numbers, and those of 1e-200 are nothing."""
    values = np.random.default_rng(3).normal(0.1, 1.0, 200)
    of = (np.mean, 0.9, rules(199, 4.0))
    usual = interval(values, *of, np.random.default_rng(2))
    found = interval(np.ldexp(values, exponent), *of, np.random.default_rng(2))
    assert isinstance(usual, Interval)
    assert isinstance(found, Interval)
    same = msgspec.structs.astuple(usual)[1:4]
    assert [math.ldexp(one, exponent) for one in same] == list(
        msgspec.structs.astuple(found)[1:4]
    )


def test_an_error_larger_than_any_number_is_undefined() -> None:
    largest = np.finfo(np.float64).max
    turns = itertools.cycle([largest, -largest])
    values = np.random.default_rng(3).normal(0.1, 1.0, 200)

    found = interval(
        values, lambda _: next(turns), 0.9, rules(199, 4.0), np.random.default_rng(2)
    )

    assert isinstance(found, Undefined)
    assert "larger than any number" in found.reason


def test_a_statistic_that_stands_still_has_no_error() -> None:
    values = np.random.default_rng(3).normal(0.1, 1.0, 200)
    for constant in (0.0, 7.0):
        found = interval(
            values, lambda _, at=constant: at, 0.9, rules(199, 4.0), np.random.default_rng(2)
        )
        assert isinstance(found, Interval)
        assert (found.low, found.high, found.standard_error) == (constant, constant, 0.0)


def test_the_error_of_a_mean_and_of_a_ratio_is_about_that_of_arch() -> None:
    values = 0.1 + autoregressive(np.random.default_rng(3), 600, 0.5)
    for statistic in (np.mean, lambda x: np.mean(x) / np.std(x)):
        theirs = StationaryBootstrap(12, values, seed=1).apply(statistic, 1_000).std()

        found = interval(values, statistic, 0.9, rules(1_000, 12.0), np.random.default_rng(2))

        assert isinstance(found, Interval)
        assert found.standard_error == pytest.approx(float(theirs), rel=0.12)


def test_it_covers_returns_that_persist_where_independent_draws_do_not() -> None:
    # Given series that follow themselves, of true mean nil
    rng, runs = np.random.default_rng(5), 150
    hits = {1.0: 0, None: 0}
    for _ in range(runs):
        values = autoregressive(rng, 1_000, 0.5)
        for block in hits:
            found = interval(values, np.mean, 0.9, rules(199, block), rng)
            assert isinstance(found, Interval)
            hits[block] += found.low <= 0.0 <= found.high

    # Then measured blocks miss about one in ten, and single rows far more
    assert hits[None] / runs >= 0.84
    assert hits[1.0] / runs < 0.75


def test_the_block_is_measured_where_none_is_stated() -> None:
    values = autoregressive(np.random.default_rng(3), 600, 0.5)

    measured = interval(values, np.mean, 0.9, rules(99), np.random.default_rng(0))
    stated = interval(values, np.mean, 0.9, rules(99, 7.5), np.random.default_rng(0))

    assert isinstance(measured, Interval)
    assert isinstance(stated, Interval)
    assert measured.block_rows == block_length(values)
    assert stated.block_rows == 7.5


def test_the_same_seed_gives_the_same_answer() -> None:
    values = np.random.default_rng(3).standard_normal(100)

    one, two = (
        interval(values, np.median, 0.9, rules(), np.random.default_rng(9)) for _ in range(2)
    )

    assert one == two


def test_too_few_rows_for_the_blocks_say_how_many_are_needed() -> None:
    values = np.random.default_rng(3).standard_normal(100)

    for found, bound in (
        (interval(values[:29], np.mean, 0.9, rules(), np.random.default_rng(0)), 30.0),
        (interval(values, np.mean, 0.9, rules(99, 20.5), np.random.default_rng(0)), 103.0),
    ):
        assert isinstance(found, Inconclusive)
        assert found.findings[0].bound == bound


@pytest.mark.parametrize("block", [None, 2.0])
def test_constant_values_have_no_interval(block: float | None) -> None:
    found = interval(np.ones(100), np.mean, 0.9, rules(99, block), np.random.default_rng(0))

    assert isinstance(found, Undefined)


def test_a_statistic_that_is_no_number_has_none_either() -> None:
    values = np.random.default_rng(3).standard_normal(100)

    found = interval(values, lambda _: math.nan, 0.9, rules(), np.random.default_rng(0))

    assert isinstance(found, Undefined)


def test_bad_input_is_refused() -> None:
    rng, values = np.random.default_rng(0), np.arange(100.0)
    with pytest.raises(DataError, match="give 200"):
        interval(values, np.mean, 0.99, rules(99), rng)
    with pytest.raises(DataError, match="between 0 and 1"):
        interval(values, np.mean, 1.0, rules(), rng)
    values[3] = math.nan
    with pytest.raises(DataError, match="row 3 is nan"):
        interval(values, np.mean, 0.9, rules(), rng)
