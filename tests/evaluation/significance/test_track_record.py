from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from scipy.stats import norm

from stairway.base.errors import DataError
from stairway.base.verdict import Inconclusive
from stairway.evaluation.moments import Undefined
from stairway.evaluation.significance.track_record import (
    TrackRecord,
    min_backtest_years,
    min_track_record,
)

RETURNS = np.random.default_rng(0).normal(0.001, 0.01, 500)


def needed(returns: np.ndarray, benchmark: float, level: float) -> TrackRecord:
    found = min_track_record(returns, benchmark, level)
    assert isinstance(found, TrackRecord), found
    return found


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_a_record_of_that_length_is_sure_to_exactly_that_degree(level: float) -> None:
    found = needed(RETURNS, 0.02, level)

    shape = found.shape
    lead = (shape.per_bar - 0.02) * math.sqrt(found.needed_bars - 1.0)
    assert norm.cdf(lead / math.sqrt(shape.noise)) == pytest.approx(level)


def test_more_confidence_or_a_higher_bar_takes_longer() -> None:
    lengths = [
        needed(RETURNS, benchmark, level).needed_bars
        for benchmark, level in ((0.0, 0.9), (0.0, 0.95), (0.03, 0.95), (0.05, 0.95))
    ]

    assert lengths == sorted(lengths)


def test_long_enough_is_at_the_length_itself() -> None:
    found = needed(RETURNS, 0.0, 0.95)

    assert not msgspec.structs.replace(found, needed_bars=500.1).long_enough
    assert msgspec.structs.replace(found, needed_bars=500.0).long_enough


@pytest.mark.parametrize("benchmark", [0.5, math.nan, math.inf, -math.inf])
def test_no_record_is_long_enough_for_a_ratio_that_does_not_exceed_its_benchmark(
    benchmark: float,
) -> None:
    found = min_track_record(RETURNS, benchmark, 0.95)

    assert isinstance(found, Undefined)
    assert "does not exceed" in found.reason


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, math.nan, 0.3, 0.5])
def test_a_confidence_that_is_none_is_refused(level: float) -> None:
    with pytest.raises(DataError, match=r"between 0(\.5)? and 1"):
        min_track_record(RETURNS, 0.0, level)


def test_what_has_no_ratio_has_no_length() -> None:
    assert isinstance(min_track_record(np.zeros(90), 0.0, 0.95), Undefined)
    assert isinstance(min_track_record(np.zeros(9), 0.0, 0.95), Inconclusive)


def test_the_best_of_n_without_skill_shows_the_ratio_over_so_many_years() -> None:
    # Given as many years of back-test as are said to be too few
    years = min_backtest_years(100, 1.0)
    assert isinstance(years, float)
    bars = round(years * 52)

    # When the best of a hundred is taken, again and again
    rng = np.random.default_rng(2)
    best = [
        float((t.mean(axis=1) / t.std(axis=1, ddof=1)).max()) * math.sqrt(52)
        for t in (rng.standard_normal((100, bars)) for _ in range(150))
    ]

    # Then it shows an annual ratio of 1
    assert np.mean(best) == pytest.approx(1.0, abs=0.05)


def test_a_higher_ratio_needs_fewer_years_and_more_trials_need_more() -> None:
    assert min_backtest_years(100, 2.0) == pytest.approx(min_backtest_years(100, 1.0) / 4.0)  # type: ignore[operator]
    assert min_backtest_years(1, 1.0) == 0.0
    assert min_backtest_years(10, 1.0) < min_backtest_years(11, 1.0)  # type: ignore[operator]


@pytest.mark.parametrize("ratio", [0.0, -1.0, math.nan, math.inf])
def test_a_ratio_that_is_no_gain_needs_no_luck(ratio: float) -> None:
    assert isinstance(min_backtest_years(10, ratio), Undefined)


def test_trials_are_counted_from_one() -> None:
    with pytest.raises(DataError, match="at least 1"):
        min_backtest_years(0, 1.0)


@pytest.mark.parametrize("trials", [math.nan, math.inf, 2.5])
def test_what_is_no_count_of_trials_is_refused(trials: float) -> None:
    with pytest.raises(DataError, match="whole number"):
        min_backtest_years(trials, 1.0)  # type: ignore[arg-type]


def test_a_lead_of_next_to_nothing_has_no_length_rather_than_an_endless_one() -> None:
    ratio = needed(RETURNS, 0.0, 0.95).shape.per_bar

    assert isinstance(min_track_record(RETURNS, math.nextafter(ratio, 0.0), 0.95), Undefined)
    assert isinstance(min_track_record(RETURNS, ratio - 1e-6, 0.95), TrackRecord)
    assert isinstance(min_backtest_years(10, 1e-300), Undefined)


def test_a_ratio_that_needs_no_luck_is_said_in_four_digits() -> None:
    found = min_backtest_years(3, -0.17141173481473354)
    assert isinstance(found, Undefined)
    assert found.reason == "an annual ratio of -0.1714 needs no luck to explain it"
