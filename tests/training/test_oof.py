from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import DataError
from stairway.evaluation.splits import SplitRules
from stairway.features.labels import UNLABELLED, Labels
from stairway.models.calibration_fit import CalibrationRules, CurveFamily
from stairway.models.forest import Forest, stump
from stairway.training.boosting import Sample
from stairway.training.material import Material
from stairway.training.oof import (
    OutOfFold,
    answers,
    calibration_of,
    forecasts,
    probabilities,
    walk_forward,
)

SPLITS = SplitRules(n_blocks=4, first_train_frac=0.4, gap_bars=5, embargo_frac=0.01)
CALIBRATE = CalibrationRules(
    min_samples=10,
    shrink_samples=100.0,
    isotonic_min_samples=5_000,
    prior_samples=10.0,
    probability_floor=0.01,
    curve=CurveFamily.PLATT,
)
N, HORIZON = 400, 5


def material(seed: int = 0, n: int = N) -> Material:
    """Two features: a signal, and the number of the bar, by which a row can be recognised."""
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal((n, 2))
    bar = np.repeat(np.arange(n)[:, None], 2, axis=1)
    features = np.stack([signal, bar.astype(float)], axis=2)
    features[:20] = math.nan
    outcome = (signal + rng.standard_normal((n, 2)) > 0.0).astype(np.int64)
    end = bar + rng.integers(2, HORIZON + 1, (n, 2)) + 1
    late = end > n
    outcome[late] = UNLABELLED
    end[late] = bar[late]
    labels = Labels(outcome, bar, end, np.where(late, math.nan, 0.0))
    return Material(features, labels, np.array(["range", "trend"])[rng.integers(0, 2, n)])


def fit_sign(sample: Sample) -> Forest:
    """Smallest learner that learns from outcomes: log odds of up on either side of zero."""
    above = sample.rows[:, 0] > 0.0
    odds = [np.average(sample.outcome[s], weights=sample.weight[s]) for s in (~above, above)]
    below, over = (math.log((p + 0.01) / (1.01 - p)) for p in odds)
    return stump(0, 0.0, below, over)


def walk(
    given_: Material, rules=SPLITS, fit=fit_sign, calibrate=CALIBRATE, heard=lambda *_: None
) -> OutOfFold:
    def learn(bars: np.ndarray):
        return partial(answers, fit(given_.sample(bars)))

    return walk_forward(given_, rules, learn, calibrate, heard)


def test_there_are_answers_from_the_first_block_on_and_evidence_from_the_second() -> None:
    found = walk(material())

    blocks = material().split(SPLITS).blocks()
    first, second = int(blocks[0][0]), int(blocks[1][0])
    assert found.first_bar == second
    assert np.isnan(found.margin[:first]).all()
    assert np.isfinite(found.margin[first:]).all()
    assert np.isnan(found.confidence[:second]).all()
    assert np.isfinite(found.confidence[second:]).all()


def test_an_edge_that_is_there_shows_in_the_probabilities() -> None:
    data = material()
    found = walk(data)

    said = found.confidence[found.first_bar : N - HORIZON]
    came = data.labels.outcome[found.first_bar : N - HORIZON]
    assert said[came == 1].mean() > said[came == 0].mean() + 0.1
    assert ((said > 0.0) & (said < 1.0)).all()


def test_no_row_is_trained_on_whose_label_reaches_into_the_test() -> None:
    # Given a learner that writes down which bars it was shown
    data, shown = material(), []

    def watching(sample: Sample) -> Forest:
        shown.append(np.unique(sample.rows[:, 1].astype(int)))
        return fit_sign(sample)

    walk(data, fit=watching)

    # Then none of their labels, of either instrument, ends after the test began
    for bars, test in zip(shown, data.split(SPLITS).blocks(), strict=True):
        begin = int(test[0])
        assert data.labels.end[bars].max() <= begin
        assert bars.max() < begin - SPLITS.gap_bars
        allowed = [
            b
            for b in range(20, begin - SPLITS.gap_bars - int(N * 0.01))
            if data.labels.end[b].max() <= begin
        ]
        assert bars.tolist() == allowed


@given(st.integers(170, N - HORIZON - 1))
def test_what_comes_later_changes_nothing_that_was_said(cut: int) -> None:
    # Given another future from bar ``cut`` on
    data, other = material(), material(seed=1)
    features, outcome = data.features.copy(), data.labels.outcome.copy()
    features[cut:], outcome[cut:] = other.features[cut:], other.labels.outcome[cut:]
    changed = replace(data, features=features, labels=replace(data.labels, outcome=outcome))

    # Then everything said before it stands, to the last bit
    before, after = walk(data), walk(changed)
    np.testing.assert_array_equal(before.margin[:cut], after.margin[:cut])
    np.testing.assert_array_equal(before.confidence[:cut], after.confidence[:cut])


@pytest.mark.parametrize("block", [1, 2, 3])
def test_a_probability_does_not_know_the_outcomes_of_its_own_block(block: int) -> None:
    data = material()
    rows = data.split(SPLITS).blocks()[block]
    outcome = data.labels.outcome.copy()
    outcome[rows] = np.where(outcome[rows] >= 0, 1 - outcome[rows], outcome[rows])
    flipped = replace(data, labels=replace(data.labels, outcome=outcome))

    before, after = walk(data), walk(flipped)

    np.testing.assert_array_equal(before.confidence[rows], after.confidence[rows])


def test_a_row_with_a_hole_gets_no_answer_and_is_not_learnt_from() -> None:
    data = material()
    data.features[300, 1, 0] = math.nan

    found = walk(data)

    assert math.isnan(found.margin[300, 1])
    assert math.isnan(found.confidence[300, 1])
    assert math.isfinite(found.confidence[300, 0])


def test_a_forest_that_could_answer_with_a_hole_is_not_asked() -> None:
    rows = np.array([[[math.nan], [math.inf]], [[0.4], [0.6]]])

    found = answers(stump(0, 0.5, -1.0, 2.0), rows)

    assert np.isnan(found[0]).all()
    assert found[1].tolist() == [-1.0, 2.0]


def test_each_probability_comes_from_the_map_of_its_own_regime() -> None:
    data = material()
    found = walk(data)
    known = calibration_of(data, found.margin, np.arange(350), CALIBRATE)
    margin = np.full((2, 2), 0.4)

    said = probabilities(known, margin, np.array(["range", "trend"]))

    assert said[0, 0] == said[0, 1]
    assert said[1, 0] == said[1, 1]
    assert said[0, 0] != said[1, 0]
    assert known.maps["range"].n + known.maps["trend"].n > 300


def test_progress_is_told_before_the_first_block_and_after_each() -> None:
    heard = []
    walk(material(), heard=lambda *said: heard.append(said))

    assert heard == [("walk-forward", done, 4) for done in (0, 1, 2, 3, 4)]


def test_one_block_cannot_both_calibrate_and_judge() -> None:
    one = SplitRules(n_blocks=1, first_train_frac=0.4, gap_bars=5, embargo_frac=0.0)

    with pytest.raises(DataError, match="at least 2 blocks"):
        walk(material(), one)


def test_too_little_to_calibrate_on_is_an_error_and_not_a_guess() -> None:
    few = CalibrationRules(
        min_samples=5_000,
        shrink_samples=100.0,
        isotonic_min_samples=5_000,
        prior_samples=10.0,
        probability_floor=0.01,
        curve=CurveFamily.PLATT,
    )

    with pytest.raises(DataError, match="independent samples"):
        walk(material(), calibrate=few)


def test_forecasts_carry_the_labels_they_are_judged_by() -> None:
    data = material()
    said = forecasts(data, walk(data).confidence)

    assert said.horizon_bars <= HORIZON + 1
    assert int(said.scored.sum()) == int(
        (np.isfinite(said.confidence) & data.labels.labelled).sum()
    )
