from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stairway.evaluation.moments import Undefined
from stairway.evaluation.sharpe import Sharpe, sharpe

RETURNS = hnp.arrays(
    np.float64, st.integers(3, 120), elements=st.floats(-0.1, 0.1, allow_subnormal=False)
)


def measured(returns: np.ndarray, level: float = 0.95, rf: float = 0.0) -> Sharpe:
    found = sharpe(returns, 252.0, level, rf)
    assert isinstance(found, Sharpe), found
    return found


def autoregressive(rng: np.random.Generator, n: int, rho: float, mean: float) -> np.ndarray:
    shocks = 0.01 * rng.standard_normal(n) * math.sqrt(1.0 - rho**2)
    noise = np.zeros(n)
    for t in range(1, n):
        noise[t] = rho * noise[t - 1] + shocks[t]
    return mean + noise


def test_it_is_mean_over_deviation_and_a_year_is_the_root_of_its_bars() -> None:
    returns = np.random.default_rng(1).normal(0.001, 0.01, 500)

    found = measured(returns)

    ratio = returns.mean() / returns.std(ddof=1)
    assert found.per_bar == pytest.approx(ratio)
    assert found.annual_iid == pytest.approx(ratio * math.sqrt(252))
    assert found.n_bars == 500


def test_the_iid_interval_is_lo_s() -> None:
    returns = np.random.default_rng(1).normal(0.001, 0.01, 500)
    found = measured(returns)

    half = 1.959964 * math.sqrt((1.0 + found.per_bar**2 / 2.0) / 500) * math.sqrt(252)

    assert found.high_iid - found.annual_iid == pytest.approx(half, rel=1e-6)
    assert found.annual_iid - found.low_iid == pytest.approx(half, rel=1e-6)


def test_cash_earned_without_risk_is_taken_off() -> None:
    returns = np.random.default_rng(1).normal(0.001, 0.01, 500)

    assert measured(returns, rf=0.001).per_bar == pytest.approx(
        measured(returns - 0.001).per_bar
    )


def test_returns_that_persist_are_worth_less_a_year_than_they_look() -> None:
    # Given returns with correlation 0.4 from bar to bar, whose true annual figure is known
    rng, rho = np.random.default_rng(4), 0.4
    returns = autoregressive(rng, 20_000, rho, mean=0.002)
    q = 252
    true_sd = 0.01 * math.sqrt(q + 2.0 * sum((q - k) * rho**k for k in range(1, q)))
    true_annual = 0.002 * q / true_sd

    # When it is measured
    found = measured(returns)

    # Then independence would overstate it by half, and the corrected one is near the truth
    assert found.annual_iid > 1.4 * true_annual
    assert found.annual == pytest.approx(true_annual, rel=0.15)


def test_the_robust_interval_covers_where_the_textbook_one_does_not() -> None:
    # Given an edge of nothing at all, and returns that persist
    rng, runs = np.random.default_rng(9), 300
    robust = textbook = 0
    for _ in range(runs):
        found = measured(autoregressive(rng, 750, 0.3, mean=0.0), level=0.90)
        robust += found.low <= 0.0 <= found.high
        textbook += found.low_iid <= 0.0 <= found.high_iid

    assert textbook / runs < 0.84
    assert 0.85 <= robust / runs <= 0.95


def test_returns_that_swing_back_never_add_to_the_ratio() -> None:
    returns = 0.001 + 0.01 * np.tile([1.0, -1.0], 300)

    found = measured(returns)

    assert found.annual <= found.annual_iid


@given(RETURNS)
def test_an_answer_is_either_finite_with_an_interval_around_it_or_undefined(
    returns: np.ndarray,
) -> None:
    match sharpe(returns, 252.0, 0.95):
        case Sharpe() as found:
            assert math.isfinite(found.annual)
            assert found.low <= found.annual <= found.high
            assert found.low_iid <= found.annual_iid <= found.high_iid
            assert abs(found.annual) <= abs(found.annual_iid) + 1e-12
        case Undefined(reason):
            assert reason


def test_returns_too_small_to_square_have_the_ratio_of_larger_ones() -> None:
    shape = np.array([1.0, 0.0, 0.0, -2.0, 1.5])

    small, plain = measured(1e-200 * shape), measured(shape)

    assert small.per_bar == pytest.approx(plain.per_bar, rel=1e-12)


@given(RETURNS, st.floats(0.5, 2.0))
def test_leverage_changes_nothing(returns: np.ndarray, leverage: float) -> None:
    plain, geared = sharpe(returns, 252.0, 0.95), sharpe(leverage * returns, 252.0, 0.95)

    assert type(plain) is type(geared)
    if isinstance(plain, Sharpe) and isinstance(geared, Sharpe):
        assert geared.per_bar == pytest.approx(plain.per_bar, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize(
    ("returns", "per_year", "words"),
    [
        (np.zeros(100), 252.0, "constant"),
        (np.full(100, 0.001), 252.0, "constant"),
        (np.full(1_000, 0.1) * 1.1, 252.0, "constant"),
        (np.array([0.1, -0.1]), 252.0, "at least 3"),
        (np.array([0.1, math.nan, 0.2, 0.1]), 252.0, "return 1 is not finite"),
        (np.array([0.1, 0.2, math.inf, 0.1]), 252.0, "return 2 is not finite"),
        (np.array([0.1, 0.2, 0.1]), math.nan, "a year of nan"),
        (np.array([0.1, 0.2, 0.1]), 0.0, "a year of 0"),
    ],
)
def test_where_there_is_no_ratio_none_is_given(
    returns: np.ndarray, per_year: float, words: str
) -> None:
    found = sharpe(returns, per_year, 0.95)

    assert isinstance(found, Undefined)
    assert words in found.reason
