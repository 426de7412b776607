from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stairway.evaluation.battery.chance import fewest_beyond, student_two_sided


@given(st.floats(0.01, 50.0), st.integers(1, 2_000))
def test_the_tails_of_students_t_are_those_of_scipy(t: float, freedom: int) -> None:
    assert student_two_sided(-t, 1.0, freedom) == pytest.approx(
        2.0 * stats.t.sf(t, freedom), rel=1e-8, abs=1e-14
    )


def test_without_a_spread_only_a_mean_of_0_is_chance() -> None:
    assert student_two_sided(1e-9, 0.0, 9) == 0.0
    assert student_two_sided(0.0, 0.0, 9) == 1.0


def test_the_chance_of_a_mean_that_is_no_number_is_none() -> None:
    assert math.isnan(student_two_sided(math.nan, 1.0, 9))
    assert math.isnan(student_two_sided(1.0, math.nan, 9))


@given(st.integers(1, 400), st.floats(0.001, 0.3), st.floats(0.001, 0.2))
def test_the_fewest_beyond_is_the_least_count_that_is_rare_enough(
    n: int, share: float, level: float
) -> None:
    count = fewest_beyond(n, share, level)

    assert stats.binom.sf(count - 1, n, share) <= level + 1e-9
    assert stats.binom.sf(count - 2, n, share) >= level - 1e-9


def test_a_count_that_is_exactly_rare_enough_is_the_fewest() -> None:
    assert fewest_beyond(2, 0.5, 0.25) == 2
    assert fewest_beyond(3, 0.5, 0.5) == 2
    assert fewest_beyond(2, 0.5, 0.2499) == 3
