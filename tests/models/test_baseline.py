"""The rule follows the trend, modestly, and says nothing where it knows nothing."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, strategies as st

from stairway.features.spec import FEATURE_NAMES
from stairway.models import baseline
from stairway.models.baseline import EMA_DISTANCE, VOLATILITY, BaselineRules, log_odds, margins

RULES = BaselineRules(max_edge=0.1, scale_sigmas=2.0)
distances = st.floats(-1, 1)
volatilities = st.floats(1e-6, 0.2)


def row_of(distance: float, volatility: float) -> np.ndarray:
    row = np.zeros(len(FEATURE_NAMES))
    row[EMA_DISTANCE], row[VOLATILITY] = distance, volatility
    return row


def confidence(distance: float, volatility: float = 0.01) -> float:
    return baseline.confidence(RULES, row_of(distance, volatility))


@given(distances, volatilities)
def test_it_never_strays_further_than_its_edge(distance: float, volatility: float) -> None:
    assert 0.4 <= confidence(distance, volatility) <= 0.6


@given(distances, volatilities)
def test_up_and_down_are_alike(distance: float, volatility: float) -> None:
    up, down = confidence(distance, volatility), confidence(-distance, volatility)
    assert up + down == pytest.approx(1.0, abs=1e-12)


@given(distances, distances, volatilities)
def test_further_above_the_average_is_never_less_likely_to_rise(
    one: float, two: float, volatility: float
) -> None:
    low, high = sorted((one, two))
    assert confidence(low, volatility) <= confidence(high, volatility)


@pytest.mark.parametrize(("distance", "side"), [(0.02, 1), (-0.02, -1), (0.0, 0)])
def test_it_follows_the_trend(distance: float, side: int) -> None:
    assert np.sign(confidence(distance) - 0.5) == side


def test_one_scale_away_it_claims_three_quarters_of_its_edge() -> None:
    assert confidence(0.02, 0.01) == pytest.approx(0.5 + 0.1 * math.tanh(1.0))


def test_the_same_distance_means_less_in_a_wilder_market() -> None:
    assert confidence(0.02, 0.04) < confidence(0.02, 0.01)


@pytest.mark.parametrize("volatility", [0.0, -0.01, -0.0])
def test_without_volatility_there_is_no_answer(volatility: float) -> None:
    assert math.isnan(confidence(0.01, volatility))


@pytest.mark.parametrize("feature", range(len(FEATURE_NAMES)))
@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_a_feature_that_is_warming_up_silences_it_whichever_it_is(
    feature: int, hole: float
) -> None:
    row = row_of(0.01, 0.01)
    row[feature] = hole
    assert math.isnan(baseline.confidence(RULES, row))


def test_opposite_infinities_do_not_cancel() -> None:
    row = row_of(0.01, 0.01)
    row[0], row[1] = np.inf, -np.inf
    assert math.isnan(baseline.confidence(RULES, row))


@pytest.mark.parametrize("width", [0, 11, 13])
def test_a_row_of_another_width_has_no_answer(width: int) -> None:
    assert math.isnan(baseline.confidence(RULES, np.full(width, 0.01)))


def test_the_smallest_volatility_does_not_break_it() -> None:
    assert confidence(1.0, 5e-324) == 0.6
    assert math.isnan(confidence(0.0, 0.0))


# --- margins


@given(st.floats(0.001, 0.999))
def test_a_margin_is_the_log_odds_of_a_probability(p: float) -> None:
    assert 1.0 / (1.0 + math.exp(-log_odds(p))) == pytest.approx(p, abs=1e-12)


@pytest.mark.parametrize("p", [0.0, 1.0, -0.1, 1.1, math.nan])
def test_what_is_certain_or_no_probability_has_no_margin(p: float) -> None:
    assert math.isnan(log_odds(p))


def test_a_rule_that_rounds_to_certainty_has_no_margin_and_breaks_nothing() -> None:
    bold = BaselineRules(max_edge=math.nextafter(0.5, 0.0), scale_sigmas=2.0)
    rows = np.stack([row_of(9.0, 0.01), row_of(0.0, 0.01)])
    assert baseline.confidence(bold, rows[0]) == 1.0
    said = margins(bold, rows)
    assert math.isnan(said[0])
    assert said[1] == 0.0


def test_many_margins_are_those_of_each_row() -> None:
    rows = np.random.default_rng(0).standard_normal((50, len(FEATURE_NAMES)))
    rows[::7, 3] = np.nan
    said = margins(RULES, rows)
    alone = np.array([log_odds(baseline.confidence(RULES, row)) for row in rows])
    np.testing.assert_array_equal(said, alone)
    assert np.isnan(said[::7]).all()
    assert np.isfinite(said).sum() > 10
    assert margins(RULES, rows[:0]).shape == (0,)


# --- rules


@pytest.mark.parametrize(
    "values",
    [
        {"max_edge": 0.0, "scale_sigmas": 1.0},
        {"max_edge": 0.5, "scale_sigmas": 1.0},
        {"max_edge": math.nan, "scale_sigmas": 1.0},
        {"max_edge": 0.1, "scale_sigmas": 0.0},
        {"max_edge": 0.1, "scale_sigmas": math.nan},
    ],
)
def test_rules_that_make_no_sense_cannot_be_written_down(values: dict[str, float]) -> None:
    with pytest.raises(msgspec.ValidationError):
        BaselineRules(**values)
