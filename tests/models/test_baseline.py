"""The rule follows the trend, modestly, and says nothing where it knows nothing."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, strategies as st

from stairway.features.spec import FEATURE_NAMES
from stairway.models.baseline import EMA_DISTANCE, VOLATILITY, BaselineRules, baseline
from stairway.models.ports import ModelRuntime
from stairway.testing.runtime import RuntimeContract

RULES = BaselineRules(max_edge=0.1, scale_sigmas=2.0)
RULE = baseline(RULES, schema_hash="5" * 64)
distances = st.floats(-1, 1)
volatilities = st.floats(1e-6, 0.2)


def row_of(distance: float, volatility: float) -> np.ndarray:
    row = np.zeros(len(FEATURE_NAMES))
    row[EMA_DISTANCE], row[VOLATILITY] = distance, volatility
    return row


def confidence(distance: float, volatility: float = 0.01) -> float:
    return RULE.predict(row_of(distance, volatility), "trend")[1]


class TestBaselineIsARuntime(RuntimeContract):
    @pytest.fixture
    def runtime(self) -> ModelRuntime:
        return RULE

    @pytest.fixture
    def rows(self) -> np.ndarray:
        rows = np.random.default_rng(0).standard_normal((50, len(FEATURE_NAMES)))
        rows[:, EMA_DISTANCE] *= 0.02
        rows[:, VOLATILITY] = 0.005 + 0.01 * np.abs(rows[:, VOLATILITY])
        return rows


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


@given(distances, volatilities)
def test_its_margin_is_the_log_odds_of_its_probability(
    distance: float, volatility: float
) -> None:
    raw, p = RULE.predict(row_of(distance, volatility), "range")
    assert 1.0 / (1.0 + math.exp(-raw)) == pytest.approx(p, abs=1e-12)


@pytest.mark.parametrize("volatility", [0.0, -0.01, -0.0])
def test_without_volatility_there_is_no_answer(volatility: float) -> None:
    assert math.isnan(confidence(0.01, volatility))


@pytest.mark.parametrize("feature", range(len(FEATURE_NAMES)))
def test_a_feature_that_is_warming_up_silences_it_whichever_it_is(feature: int) -> None:
    row = row_of(0.01, 0.01)
    row[feature] = np.nan
    assert all(math.isnan(value) for value in RULE.predict(row, "trend"))


def test_opposite_infinities_do_not_cancel() -> None:
    row = row_of(0.01, 0.01)
    row[0], row[1] = np.inf, -np.inf
    assert math.isnan(RULE.predict(row, "trend")[1])


def test_the_smallest_volatility_does_not_break_it() -> None:
    assert confidence(1.0, 5e-324) == 0.6
    assert math.isnan(confidence(0.0, 0.0))


def test_its_digest_changes_with_its_rules_and_its_schema_and_with_nothing_else() -> None:
    same = baseline(BaselineRules(max_edge=0.1, scale_sigmas=2.0), schema_hash="5" * 64)
    assert same.card == RULE.card
    others = {
        baseline(BaselineRules(max_edge=0.11, scale_sigmas=2.0), "5" * 64).card.digest,
        baseline(BaselineRules(max_edge=0.1, scale_sigmas=2.5), "5" * 64).card.digest,
        baseline(RULES, "6" * 64).card.digest,
    }
    assert RULE.card.digest not in others
    assert len(others) == 3


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
