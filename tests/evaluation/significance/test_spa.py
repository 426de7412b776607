from __future__ import annotations

import math

import numpy as np
import pytest
from arch.bootstrap import SPA

from stairway.base.errors import DataError
from stairway.base.verdict import Inconclusive
from stairway.evaluation.moments import Undefined
from stairway.evaluation.significance.bootstrap import Resampling, resampled_means
from stairway.evaluation.significance.spa import (
    Superiority,
    standard_errors,
    superior_ability,
)


def rules(n_resamples: int = 999, block_rows: float | None = 5.0) -> Resampling:
    return Resampling(n_resamples=n_resamples, block_rows=block_rows)


def judged(
    benchmark: np.ndarray, losses: np.ndarray, given: Resampling, seed: int = 0
) -> Superiority:
    found = superior_ability(benchmark, losses, given, np.random.default_rng(seed))
    assert isinstance(found, Superiority), found
    return found


@pytest.mark.parametrize("block", [1, 7])
def test_the_errors_are_those_of_arch_and_of_the_resamples_themselves(block: int) -> None:
    table = np.random.default_rng(0).standard_normal((150, 3)).cumsum(axis=0) * 0.1
    theirs = SPA(np.zeros(150), -table, block_size=block)
    theirs._compute_variance()

    found = standard_errors(table, float(block))

    np.testing.assert_allclose(found, np.sqrt(theirs._loss_diff_var / 150), rtol=1e-9)
    drawn = resampled_means(table, float(block), 8_000, np.random.default_rng(1))
    np.testing.assert_allclose(found, drawn.std(axis=0), rtol=0.05)


@pytest.mark.parametrize("lead", [0.05, 0.1, 0.2])
def test_the_p_values_are_those_of_arch_where_errors_are_equal(lead: float) -> None:
    # Given leads brought to one standard error each, since arch does not studentise
    n, rng = 300, np.random.default_rng(8)
    leads = rng.standard_normal((n, 6)) + np.array([lead, 0.0, 0.0, -0.1, -0.4, -1.0])
    leads /= standard_errors(leads, 5.0)
    benchmark = rng.standard_normal(n)

    theirs = SPA(benchmark, benchmark[:, None] - leads, block_size=5, reps=4_000, seed=1)
    theirs.compute()
    found = judged(benchmark, benchmark[:, None] - leads, rules(4_000))

    ours = (found.p_lower, found.p_consistent, found.p_upper)
    np.testing.assert_allclose(ours, theirs.pvalues.to_numpy(), atol=0.035)


def test_where_nobody_leads_it_says_so_nineteen_times_in_twenty() -> None:
    rng, runs = np.random.default_rng(2), 300
    found = 0
    for _ in range(runs):
        losses = rng.standard_normal((150, 11))
        answer = judged(losses[:, 0], losses[:, 1:], rules(199, 1.0), int(rng.integers(2**31)))
        found += answer.p_consistent <= 0.05

    assert 0.015 <= found / runs <= 0.085


def test_a_leader_is_found_and_named() -> None:
    losses = np.random.default_rng(3).standard_normal((400, 30))
    losses[:, 17] -= 0.35

    found = judged(losses[:, 0], losses[:, 1:], rules(block_rows=None))

    assert found.best == 16
    assert found.p_consistent < 0.01
    assert found.statistic > 3.0


def test_the_hopeless_do_not_hide_a_leader() -> None:
    # Given a leader, alone, and then among fifty that lose all the time and vary a lot
    rng = np.random.default_rng(4)
    benchmark, leader = rng.standard_normal(400), rng.standard_normal(400) - 0.18
    hopeless = rng.standard_normal((400, 50)) * 3.0 + 5.0

    alone = judged(benchmark, leader[:, None], rules())
    among = judged(benchmark, np.column_stack([leader, hopeless]), rules())

    assert among.p_consistent == pytest.approx(alone.p_consistent, abs=0.01)
    assert among.p_upper > 3.0 * among.p_consistent
    assert among.p_lower <= among.p_consistent <= among.p_upper


def test_a_benchmark_ahead_of_all_leaves_no_doubt() -> None:
    losses = np.random.default_rng(5).standard_normal((200, 4))

    found = judged(losses[:, 0] - 2.0, losses[:, 1:], rules())

    assert found.statistic == 0.0
    assert found.p_lower == found.p_consistent == found.p_upper == 1.0


def test_the_currency_does_not_matter() -> None:
    losses = np.random.default_rng(6).standard_normal((200, 4))

    one = judged(losses[:, 0], losses[:, 1:], rules())
    other = judged(1e9 * losses[:, 0], 1e9 * losses[:, 1:], rules())

    assert other.p_consistent == one.p_consistent
    assert other.statistic == pytest.approx(one.statistic)


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_a_candidate_that_is_the_benchmark_is_nothing_to_test(shift: float) -> None:
    losses = np.random.default_rng(7).standard_normal((200, 3))
    losses[:, 2] = losses[:, 0] + shift

    found = superior_ability(losses[:, 0], losses[:, 1:], rules(), np.random.default_rng(0))

    assert isinstance(found, Undefined)
    assert "candidate 1" in found.reason


def test_too_few_rows_say_how_many_are_needed() -> None:
    losses = np.random.default_rng(7).standard_normal((40, 3))

    for n, block, bound in ((29, None, 30.0), (40, 10.0, 50.0)):
        found = superior_ability(
            losses[:n, 0], losses[:n, 1:], rules(99, block), np.random.default_rng(0)
        )
        assert isinstance(found, Inconclusive)
        assert found.findings[0].bound == bound


def test_bad_input_is_refused() -> None:
    rng, losses = np.random.default_rng(7), np.zeros((60, 3))
    for benchmark, others, words in (
        (losses[:59, 0], losses, "the same rows"),
        (losses[:, 0], losses[:, :0], "a column for each"),
        (losses, losses, "one value for each row"),
        (np.full(60, math.inf), losses, "benchmark must be finite, but row 0 is inf"),
        (losses[:, 0], np.full((60, 3), math.nan), "row 0, column 0 is nan"),
    ):
        with pytest.raises(DataError, match=words):
            superior_ability(benchmark, others, rules(), rng)


@pytest.mark.parametrize(("behind", "bound"), [(1.7, "p_upper"), (2.0, "p_lower")])
def test_who_is_behind_by_more_than_the_iterated_logarithm_is_no_equal(
    behind: float, bound: str
) -> None:
    # Given a leader, and twenty that are so many standard errors behind: sqrt(2 ln ln 300)
    # is 1.87, and that is where Hansen's answer changes from one bound to the other
    benchmark, leads = behind_by(behind)

    found = judged(benchmark, benchmark[:, None] - leads, rules())

    theirs = SPA(benchmark, benchmark[:, None] - leads, block_size=5)
    theirs._compute_variance()
    equals = theirs._check_column_validity()
    assert equals.tolist() == [True] + [bound == "p_upper"] * 20
    assert found.p_lower < found.p_upper
    assert found.p_consistent == getattr(found, bound)


def behind_by(errors: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(9)
    noise = rng.standard_normal((300, 21))
    noise -= noise.mean(axis=0)
    noise /= standard_errors(noise, 5.0)
    return rng.standard_normal(300), noise + np.array([1.5] + [-errors] * 20)
