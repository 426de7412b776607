from __future__ import annotations

import math

import numpy as np
import pytest

from stairway.base.errors import DataError
from stairway.base.verdict import Inconclusive
from stairway.evaluation.moments import Undefined
from stairway.evaluation.significance.deflated import (
    Deflated,
    Trials,
    chance_variance,
    deflated_sharpe,
    expected_best,
)
from stairway.evaluation.significance.psr import Psr, probabilistic_sharpe


def judged(returns: np.ndarray, trials: Trials) -> Deflated:
    found = deflated_sharpe(returns, trials)
    assert isinstance(found, Deflated), found
    return found


@pytest.mark.parametrize("n", [10, 100, 1_000])
def test_the_expected_best_is_about_that_of_a_simulation(n: int) -> None:
    drawn = np.random.default_rng(n).standard_normal((2_000, n)).max(axis=1)

    assert expected_best(n) == pytest.approx(float(drawn.mean()), abs=0.05)


def test_it_grows_with_the_trials_and_is_finite_for_any_number() -> None:
    values = [expected_best(n) for n in (1, 2, 3, 10, 10**3, 10**9, 10**18)]

    assert values[0] == 0.0
    assert values == sorted(values)
    assert values[-1] == pytest.approx(8.8, abs=0.3)


def test_one_trial_is_held_against_nothing() -> None:
    returns = np.random.default_rng(1).normal(0.0005, 0.01, 400)
    plain = probabilistic_sharpe(returns, 0.0)

    assert isinstance(plain, Psr)
    assert judged(returns, Trials(1, 0.01)).probability == plain.probability


def test_the_bar_is_the_deviation_of_the_trials_times_the_expected_best() -> None:
    returns = np.random.default_rng(1).normal(0.0005, 0.01, 400)

    found = judged(returns, Trials(50, 0.0004))

    assert found.psr.benchmark_per_bar == pytest.approx(0.02 * expected_best(50))
    assert found.probability == found.psr.probability


def test_every_trial_more_takes_from_the_answer() -> None:
    returns = np.random.default_rng(1).normal(0.001, 0.01, 400)
    variance = chance_variance(400)

    answers = [judged(returns, Trials(n, variance)).probability for n in (1, 2, 5, 50, 5_000)]

    assert answers == sorted(answers, reverse=True)
    assert len(set(answers)) == 5


def test_the_best_of_a_hundred_without_skill_looks_good_until_it_is_deflated() -> None:
    # Given a hundred trials of one year without any skill, many times over
    rng, runs, n = np.random.default_rng(4), 200, 252
    splendid = believed = trusted = 0
    for _ in range(runs):
        trials = rng.standard_normal((100, n))
        ratios = trials.mean(axis=1) / trials.std(axis=1, ddof=1)
        best = trials[np.argmax(ratios)]
        splendid += ratios.max() * math.sqrt(252) > 2.0
        believed += judged(best, Trials(1, 0.0)).probability > 0.95
        trusted += judged(best, Trials(100, float(ratios.var(ddof=1)))).probability > 0.95

    # Then most show a Sharpe ratio over 2, and nearly none survives the count
    assert splendid / runs > 0.85
    assert believed / runs > 0.95
    assert trusted / runs <= 0.05


def test_chance_gives_about_the_variance_that_trials_without_skill_show() -> None:
    trials = np.random.default_rng(5).standard_normal((3_000, 100))
    ratios = trials.mean(axis=1) / trials.std(axis=1, ddof=1)

    assert chance_variance(100) == pytest.approx(float(ratios.var()), rel=0.08)


@pytest.mark.parametrize(
    ("n", "variance"),
    [
        (0, 0.1),
        (-3, 0.1),
        (math.nan, 0.1),
        (math.inf, 0.1),
        (2.5, 0.1),
        (5, -0.1),
        (5, math.nan),
        (5, math.inf),
    ],
)
def test_trials_that_cannot_have_been_are_refused(n: float, variance: float) -> None:
    with pytest.raises(DataError, match="trials"):
        Trials(n, variance)  # type: ignore[arg-type]


def test_a_count_of_any_whole_kind_is_a_count() -> None:
    assert expected_best(np.int64(100)) == expected_best(100)


def test_nobody_forgets_the_count() -> None:
    with pytest.raises(TypeError):
        Trials()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        deflated_sharpe(np.zeros(100))  # type: ignore[call-arg]


def test_trials_of_one_bar_have_no_variance() -> None:
    with pytest.raises(DataError, match="at least 2"):
        chance_variance(1)


def test_what_cannot_be_measured_cannot_be_deflated() -> None:
    trials = Trials(10, 0.01)

    assert isinstance(deflated_sharpe(np.zeros(100), trials), Undefined)
    assert isinstance(deflated_sharpe(np.arange(10.0), trials), Inconclusive)
    with pytest.raises(DataError, match="row 0 is nan"):
        deflated_sharpe(np.full(100, math.nan), trials)
