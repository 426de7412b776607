from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from stairway.base.errors import DataError
from stairway.base.verdict import Inconclusive
from stairway.evaluation.moments import Undefined
from stairway.evaluation.significance.shift_null import ShiftNull, shift_null


def judged(positions: np.ndarray, outcomes: np.ndarray, gap: int = 1) -> ShiftNull:
    found = shift_null(positions, outcomes, gap, 0.95)
    assert isinstance(found, ShiftNull), found
    return found


@given(st.integers(0, 2**32 - 1), st.integers(0, 4), st.integers(120, 160))
def test_one_transform_gives_what_every_shift_gives_by_hand(
    seed: int, gap: int, n: int
) -> None:
    rng = np.random.default_rng(seed)
    positions, outcomes = rng.normal(3.0, 1.0, n), rng.normal(-2.0, 0.1, n)
    first = max(gap, 1)
    null = np.array(
        [
            np.corrcoef(positions, np.roll(outcomes, -shift))[0, 1]
            for shift in range(first, n - first + 1)
        ]
    )
    link = np.corrcoef(positions, outcomes)[0, 1]

    found = judged(positions, outcomes, gap)

    assert found.correlation == pytest.approx(link, abs=1e-12)
    assert found.n_shifts == null.size
    assert found.p_greater == pytest.approx((1 + np.sum(null >= link)) / (1 + null.size))
    assert found.p_two_sided == pytest.approx(
        (1 + np.sum(np.abs(null) >= abs(link))) / (1 + null.size)
    )


def test_chance_is_found_out_though_positions_persist_and_outcomes_overlap() -> None:
    # Given positions that follow themselves and outcomes of ten bars each, without a link
    rng, runs, n = np.random.default_rng(1), 300, 1_500
    shifted = textbook = 0
    for _ in range(runs):
        positions = lfilter([1.0], [1.0, -0.95], rng.standard_normal(n))
        outcomes = np.convolve(rng.standard_normal(n + 9), np.ones(10), "valid")
        found = judged(positions, outcomes, 60)
        shifted += found.p_two_sided < 0.05
        textbook += abs(found.correlation) * math.sqrt(n) > 1.96

    # Then the textbook finds one in most of them
    assert textbook / runs > 0.3
    assert 0.02 <= shifted / runs <= 0.09


def test_a_long_position_in_a_rising_market_is_no_timing() -> None:
    rng, runs, n = np.random.default_rng(2), 200, 1_000
    shifted = textbook = 0
    for _ in range(runs):
        outcomes = rng.standard_normal(n) + 0.1
        positions = 1.0 + 0.2 * rng.standard_normal(n)
        gain = positions * outcomes
        textbook += gain.mean() / gain.std() * math.sqrt(n) > 1.96
        shifted += judged(positions, outcomes, 20).p_two_sided < 0.05

    assert textbook / runs > 0.7
    assert shifted / runs <= 0.09


def test_a_weak_link_is_found() -> None:
    rng, runs, n = np.random.default_rng(3), 100, 2_000
    found = 0
    for _ in range(runs):
        outcomes = rng.standard_normal(n)
        positions = 0.1 * outcomes + rng.standard_normal(n)
        found += judged(positions, outcomes, 20).p_greater < 0.05

    assert found / runs > 0.95


def test_a_link_for_the_worse_counts_two_sided_only() -> None:
    outcomes = np.random.default_rng(4).standard_normal(500)

    found = judged(-outcomes, outcomes)

    assert found.correlation == pytest.approx(-1.0)
    assert found.p_two_sided == pytest.approx(1.0 / (1 + found.n_shifts))
    assert found.p_greater == 1.0


def test_a_pattern_that_repeats_is_as_strong_at_its_own_shifts() -> None:
    outcomes = np.tile([1.0, 0.0, -1.0, 2.0], 50)

    found = judged(outcomes, outcomes)

    assert found.p_greater == pytest.approx((1 + 49) / (1 + 199))


@pytest.mark.parametrize(("gap", "level", "bound"), [(0, 0.95, 22.0), (100, 0.99, 10_200.0)])
def test_too_few_rows_say_how_many_are_needed(gap: int, level: float, bound: float) -> None:
    few = np.random.default_rng(4).standard_normal(int(bound) - 1)
    enough = np.random.default_rng(4).standard_normal(int(bound))

    found = shift_null(few, few, gap, level)

    assert isinstance(found, Inconclusive)
    assert found.findings[0].bound == bound
    assert isinstance(shift_null(enough, enough, gap, level), ShiftNull)


def test_what_never_changes_has_no_timing() -> None:
    noise = np.random.default_rng(5).standard_normal(100)

    for positions, outcomes, which in (
        (np.ones(100), noise, "positions"),
        (noise, np.zeros(100), "outcomes"),
    ):
        found = shift_null(positions, outcomes, 1, 0.95)
        assert isinstance(found, Undefined)
        assert which in found.reason


def test_bad_input_is_refused() -> None:
    noise = np.random.default_rng(5).standard_normal(100)
    hole = noise.copy()
    hole[77] = math.nan
    for positions, outcomes, gap, words in (
        (noise[:99], noise, 1, "99 positions, 100 outcomes"),
        (noise, noise, -1, "a gap of -1 rows"),
        (hole, noise, 1, "positions must be finite, but row 77"),
        (noise, hole, 1, "outcomes must be finite, but row 77"),
    ):
        with pytest.raises(DataError, match=words):
            shift_null(positions, outcomes, gap, 0.95)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("rows", [5, 7, 11])
def test_a_shift_that_repeats_the_data_is_as_strong_whatever_the_transform_rounds(
    rows: int, sign: float
) -> None:
    for seed in range(20):
        once = np.random.default_rng(seed).standard_normal(rows)
        outcomes = np.tile(once, 64)

        found = judged(sign * outcomes, outcomes)

        # Then 63 of the shifts give back the same rows, and none of the others is as strong
        as_strong = (1 + 63) / (64 * rows)
        assert found.p_two_sided == pytest.approx(as_strong)
        assert found.p_greater == pytest.approx(as_strong if sign > 0.0 else 1.0)
