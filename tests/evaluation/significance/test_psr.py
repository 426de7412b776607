from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from stairway.base.errors import DataError
from stairway.base.verdict import Inconclusive
from stairway.evaluation.moments import Undefined
from stairway.evaluation.significance.psr import Psr, probabilistic_sharpe


def judged(returns: np.ndarray, benchmark: float = 0.0) -> Psr:
    found = probabilistic_sharpe(returns, benchmark)
    assert isinstance(found, Psr), found
    return found


def test_it_is_the_formula_with_the_moments_of_scipy() -> None:
    returns = stats.skewnorm(-5.0).rvs(800, random_state=1) * 0.01 + 0.009
    ratio = returns.mean() / returns.std(ddof=1)
    g3, g4 = stats.skew(returns), stats.kurtosis(returns, fisher=False)
    noise = 1.0 - g3 * ratio + (g4 - 1.0) / 4.0 * ratio**2

    found = judged(returns, ratio - 0.04)

    assert found.shape.per_bar == pytest.approx(ratio)
    assert (found.shape.skew, found.shape.kurtosis) == pytest.approx((g3, g4))
    assert found.probability == pytest.approx(
        stats.norm.cdf(0.04 * math.sqrt(799) / math.sqrt(noise))
    )


def test_a_ratio_at_its_benchmark_is_a_coin_toss() -> None:
    returns = np.random.default_rng(1).normal(0.001, 0.01, 500)

    assert judged(returns, judged(returns).shape.per_bar).probability == 0.5


def test_more_is_asked_and_less_is_likely() -> None:
    returns = np.random.default_rng(1).normal(0.001, 0.01, 500)

    answers = [judged(returns, b).probability for b in (-0.1, 0.0, 0.05, 0.1, 0.3)]

    assert answers == sorted(answers, reverse=True)


def test_losses_that_are_rare_and_large_make_the_same_ratio_less_sure() -> None:
    # Given gains turned round, so that only the sign of the skew differs
    odd = np.random.default_rng(2).exponential(1.0, 1_000)
    unit = (odd - odd.mean()) / odd.std(ddof=1)

    right, left = judged(unit + 0.1), judged(-unit + 0.1)

    assert left.shape.per_bar == pytest.approx(right.shape.per_bar)
    assert left.probability < right.probability


def test_it_is_wrong_one_time_in_twenty_for_skewed_returns_where_the_normal_error_is_not() -> (
    None
):
    # Given returns with fat losses whose true ratio is 0.5 a bar
    rng, runs, n = np.random.default_rng(3), 1_500, 250
    over = naive = 0
    for _ in range(runs):
        returns = 1.5 - rng.exponential(1.0, n)
        found = judged(returns, 0.5)
        over += found.probability > 0.95
        error = math.sqrt((1.0 + found.shape.per_bar**2 / 2.0) / n)
        naive += (found.shape.per_bar - 0.5) / error > 1.645

    assert 0.03 <= over / runs <= 0.07
    assert naive / runs > 0.075


@pytest.mark.parametrize("hole", [math.nan, math.inf])
def test_a_hole_is_refused_by_its_row(hole: float) -> None:
    returns = np.random.default_rng(1).normal(0.0, 0.01, 100)
    returns[42] = hole

    with pytest.raises(DataError, match="row 42 is"):
        probabilistic_sharpe(returns, 0.0)


def test_a_table_is_no_series() -> None:
    with pytest.raises(DataError, match=r"shape \(50, 2\)"):
        probabilistic_sharpe(np.zeros((50, 2)), 0.0)


@pytest.mark.parametrize("n", [0, 1, 29])
def test_too_few_say_how_many_are_needed(n: int) -> None:
    found = probabilistic_sharpe(np.arange(float(n)), 0.0)

    assert isinstance(found, Inconclusive)
    assert (found.findings[0].n, found.findings[0].bound) == (n, 30.0)


def test_where_there_is_no_ratio_there_is_no_probability() -> None:
    assert isinstance(probabilistic_sharpe(np.full(100, 0.01), 0.0), Undefined)
    noise = np.random.default_rng(0).standard_normal(100)
    assert isinstance(probabilistic_sharpe(noise, math.nan), Undefined)


def test_two_values_may_leave_a_ratio_without_an_error() -> None:
    # Skew of 2 / ratio: the formula's variance is nil, and everything would be certain.
    rare = np.zeros(100)
    rare[:20] = 1.0
    skew = 0.6 / 0.4
    ratio = 2.0 / skew
    returns = rare - 0.2 + ratio * rare.std(ddof=1)

    assert isinstance(probabilistic_sharpe(returns, 0.0), Undefined)
