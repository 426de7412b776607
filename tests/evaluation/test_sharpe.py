from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stairway.base.errors import DataError
from stairway.evaluation.hac import critical_value, newey_west_lags
from stairway.evaluation.moments import Undefined
from stairway.evaluation.sharpe import Sharpe, sharpe, sharpe_ratio

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


def half_width(found: Sharpe, n: int) -> float:
    """Standard errors of the ratio per bar, freed of its year and its critical value."""
    eta = found.annual / found.per_bar
    return (found.high - found.low) / 2.0 / eta / critical_value(0.95, n, newey_west_lags(n))


def test_the_robust_error_is_that_of_mean_and_variance_together() -> None:
    # Given skewed returns that hang together, with a ratio that is not small
    rng, n = np.random.default_rng(6), 400
    noise = rng.exponential(1.0, n + 2) - 1.0
    returns = 0.8 + noise[2:] + 0.5 * noise[1:-1]
    found = measured(returns)

    # When mean and variance are estimated together, and the ratio follows by their slopes
    off, deviation, lags = returns - returns.mean(), returns.std(ddof=1), newey_west_lags(n)
    terms = np.column_stack([off, off**2 - np.mean(off**2)])
    together = terms.T @ terms / n
    for lag in range(1, lags + 1):
        cross = terms[lag:].T @ terms[:-lag] / n
        together += (1.0 - lag / (lags + 1.0)) * (cross + cross.T)
    slopes = np.array([1.0 / deviation, -returns.mean() / (2.0 * deviation**3)])

    # Then the error is that of the sandwich
    error = math.sqrt(slopes @ together @ slopes / n)
    assert half_width(found, n) == pytest.approx(error, rel=1e-9)


def test_the_robust_error_is_how_far_ratios_stray() -> None:
    # Given many samples of normal returns with a ratio of 2, where its noise matters most
    rng, n = np.random.default_rng(7), 400
    found = [measured(2.0 + rng.standard_normal(n)) for _ in range(300)]

    stray = float(np.std([one.per_bar for one in found]))

    assert np.mean([half_width(one, n) for one in found]) == pytest.approx(stray, rel=0.12)


def test_correlation_beyond_a_year_takes_nothing_from_it() -> None:
    # Given a year of 2 bars, and returns that hang together over many more
    returns = autoregressive(np.random.default_rng(4), 500, 0.9, mean=0.002)
    found = sharpe(returns, 2.0, 0.95)
    assert isinstance(found, Sharpe)

    # Then only the correlation of one bar with the next can matter
    unit, lags = (returns - returns.mean()) / returns.std(ddof=1), newey_west_lags(500)
    rho = float(unit[1:] @ unit[:-1]) / 499
    assert lags > 2
    assert found.annual == pytest.approx(
        found.per_bar * 2.0 / math.sqrt(2.0 + 2.0 * rho * (1.0 - 1.0 / (lags + 1.0)))
    )


@pytest.mark.parametrize("level", [-0.5, 0.0, 1.0, 1.5, math.nan])
@pytest.mark.parametrize("n", [0, 100])
def test_an_interval_of_no_confidence_is_an_error(level: float, n: int) -> None:
    with pytest.raises(DataError, match="level of confidence"):
        sharpe(np.arange(float(n)), 252.0, level)


@pytest.mark.parametrize("risk_free", [math.nan, math.inf, -math.inf])
def test_cash_that_earns_no_number_is_an_error(risk_free: float) -> None:
    returns = np.random.default_rng(1).normal(0.001, 0.01, 500)

    with pytest.raises(DataError, match="without risk"):
        sharpe_ratio(returns, risk_free)
    with pytest.raises(DataError, match="without risk"):
        sharpe(returns, 252.0, 0.95, risk_free)


@pytest.mark.parametrize("risk_free", [1e12, -1e200, 1e308])
def test_beside_cash_that_earns_beyond_measure_returns_are_constant(risk_free: float) -> None:
    returns = np.random.default_rng(1).normal(0.001, 0.01, 500)

    for found in (sharpe_ratio(returns, risk_free), sharpe(returns, 252.0, 0.95, risk_free)):
        assert isinstance(found, Undefined)
        assert "constant beside" in found.reason
