from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss

from stairway.base.errors import DataError
from stairway.evaluation import metrics
from stairway.evaluation.moments import Undefined

RETURNS = hnp.arrays(np.float64, st.integers(0, 60), elements=st.floats(-0.5, 0.5))
FORECASTS = st.integers(1, 80).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.float64, n, elements=st.floats(0.0, 1.0)),
        hnp.arrays(np.int64, n, elements=st.integers(0, 1)).map(lambda y: y.astype(float)),
    )
)


@given(RETURNS)
def test_drawdown_is_the_worst_fall_over_all_pairs_of_instants(returns: np.ndarray) -> None:
    wealth = [1.0, *np.cumprod(1.0 + returns)]
    worst = min(
        wealth[j] / wealth[i] - 1.0 for i in range(len(wealth)) for j in range(i, len(wealth))
    )

    assert metrics.max_drawdown(returns) == pytest.approx(worst, abs=1e-12)


def test_the_start_is_a_peak() -> None:
    assert metrics.max_drawdown(np.array([-0.1])) == pytest.approx(-0.1)


def test_ruin_is_final() -> None:
    returns = np.array([0.2, -1.0, 5.0])

    assert metrics.max_drawdown(returns) == -1.0
    assert metrics.total_return(returns) == -1.0
    assert metrics.equity(np.array([-2.0, -2.0])).tolist() == [1.0, 0.0, 0.0]


def test_returns_compound() -> None:
    assert metrics.total_return(np.array([0.5, -0.5])) == pytest.approx(-0.25)


@pytest.mark.parametrize("hole", [math.nan, math.inf])
def test_a_hole_in_the_returns_is_an_error_that_names_the_row(hole: float) -> None:
    with pytest.raises(DataError, match="row 1 is"):
        metrics.max_drawdown(np.array([0.1, hole]))


@given(FORECASTS)
def test_brier_and_log_loss_agree_with_scikit_learn(
    forecasts: tuple[np.ndarray, np.ndarray],
) -> None:
    confidence, outcome = forecasts
    loss, clipped = metrics.log_loss(confidence, outcome, 1e-6)
    inside = np.clip(confidence, 1e-6, 1.0 - 1e-6)

    assert metrics.brier(confidence, outcome) == pytest.approx(
        brier_score_loss(outcome, confidence, pos_label=1)
    )
    assert loss == pytest.approx(sklearn_log_loss(outcome, inside, labels=[0, 1]))
    assert clipped == int(np.sum((confidence < 1e-6) | (confidence > 1.0 - 1e-6)))


@pytest.mark.parametrize(
    ("confidence", "outcome", "words"),
    [
        ([math.nan], [1.0], "outside"),
        ([1.1], [1.0], "outside"),
        ([0.5], [-1.0], "neither 0 nor 1"),
        ([0.5], [math.nan], "neither 0 nor 1"),
        ([0.5, 0.5], [1.0], "one row each"),
        ([], [], "not empty"),
    ],
)
def test_what_is_no_forecast_is_an_error(
    confidence: list[float], outcome: list[float], words: str
) -> None:
    for judge in (
        metrics.brier,
        metrics.spiegelhalter_z,
        lambda p, y: metrics.reliability(p, y, 10),
        lambda p, y: metrics.log_loss(p, y, 1e-6),
    ):
        with pytest.raises(DataError, match=words):
            judge(np.array(confidence), np.array(outcome))


@given(FORECASTS, st.integers(1, 12))
def test_bins_hold_every_forecast_once_and_in_order(
    forecasts: tuple[np.ndarray, np.ndarray], n_bins: int
) -> None:
    confidence, outcome = forecasts
    found = metrics.reliability(confidence, outcome, n_bins)

    sizes = [b.n for b in found.bins]
    assert sum(sizes) == confidence.size
    assert len(sizes) <= n_bins
    means = [b.confidence for b in found.bins]
    assert means == sorted(means)
    assert sum(b.n * b.hit_frac for b in found.bins) == pytest.approx(outcome.sum())
    assert all(b.low <= b.hit_frac + 1e-12 and b.hit_frac <= b.high + 1e-12 for b in found.bins)
    assert found.ece_corrected <= found.ece


def test_equal_forecasts_are_never_parted() -> None:
    confidence = np.repeat([0.3, 0.7], [90, 10])
    outcome = np.zeros(100)

    assert [b.n for b in metrics.reliability(confidence, outcome, 10).bins] == [90, 10]


def test_error_is_the_mean_distance_over_bins_of_equal_mass() -> None:
    rng = np.random.default_rng(5)
    confidence = rng.uniform(0.2, 0.8, 1_000)
    outcome = (rng.uniform(size=1_000) < confidence**2).astype(float)
    order = np.argsort(confidence)
    by_hand = sum(
        rows.size / 1_000 * abs(outcome[rows].mean() - confidence[rows].mean())
        for rows in np.split(order, 10)
    )

    assert metrics.reliability(confidence, outcome, 10).ece == pytest.approx(by_hand)


def test_a_perfect_forecaster_shows_no_corrected_error_and_rarely_exceeds_the_bound() -> None:
    rng, runs = np.random.default_rng(8), 300
    plain, corrected, over = [], [], 0
    for _ in range(runs):
        confidence = rng.uniform(0.4, 0.6, 400)
        found = metrics.reliability(
            confidence, (rng.uniform(size=400) < confidence).astype(float), 10
        )
        plain.append(found.ece)
        corrected.append(found.ece_corrected)
        over += found.ece > found.ece_bound

    assert np.mean(plain) > 0.05
    assert np.mean(corrected) < 0.01
    assert 0.02 <= over / runs <= 0.09


def test_a_false_forecaster_exceeds_the_bound() -> None:
    rng = np.random.default_rng(8)
    confidence = rng.uniform(0.1, 0.9, 2_000)
    outcome = (rng.uniform(size=2_000) < 0.5).astype(float)

    found = metrics.reliability(confidence, outcome, 10)

    assert found.ece > 2.0 * found.ece_bound
    assert found.ece_corrected == pytest.approx(0.2, abs=0.03)


def test_overlap_widens_what_chance_may_do() -> None:
    rng = np.random.default_rng(8)
    confidence = rng.uniform(0.4, 0.6, 500)
    outcome = (rng.uniform(size=500) < confidence).astype(float)

    alone = metrics.reliability(confidence, outcome, 5)
    overlapping = metrics.reliability(confidence, outcome, 5, independent_frac=0.1)

    assert overlapping.ece_bound > 3.0 * alone.ece_bound
    assert overlapping.bins[0].high > alone.bins[0].high


@pytest.mark.parametrize(
    ("n_bins", "independent"), [(0, 1.0), (5, 0.0), (5, math.nan), (5, 1.1)]
)
def test_an_impossible_diagram_is_an_error(n_bins: int, independent: float) -> None:
    with pytest.raises(
        DataError, match="at least one bin" if n_bins == 0 else "independent_frac"
    ):
        metrics.reliability(np.array([0.5]), np.array([1.0]), n_bins, independent)


def test_spiegelhalter_is_standard_normal_for_a_calibrated_forecaster() -> None:
    rng = np.random.default_rng(2)
    scores = []
    for _ in range(400):
        confidence = rng.uniform(0.1, 0.9, 200)
        outcome = (rng.uniform(size=200) < confidence).astype(float)
        scores.append(metrics.spiegelhalter_z(confidence, outcome))

    assert abs(np.mean(scores)) < 0.15
    assert np.std(scores) == pytest.approx(1.0, abs=0.12)


def test_spiegelhalter_has_nothing_to_say_of_coin_tosses() -> None:
    found = metrics.spiegelhalter_z(np.full(9, 0.5), np.zeros(9))

    assert found == Undefined("every forecast is 0, 0.5 or 1")


@pytest.mark.parametrize("eps", [0.0, 0.5, -1.0, math.nan])
def test_a_log_loss_without_a_sound_clip_is_an_error(eps: float) -> None:
    with pytest.raises(DataError, match="eps"):
        metrics.log_loss(np.array([0.5]), np.array([1.0]), eps)


def test_the_first_row_that_is_no_forecast_is_named() -> None:
    with pytest.raises(DataError, match="forecast 1 is nan"):
        metrics.brier(np.array([0.5, math.nan, 2.0]), np.ones(3))
    with pytest.raises(DataError, match=r"outcome 2 is 0\.5"):
        metrics.brier(np.full(3, 0.5), np.array([1.0, 0.0, 0.5]))


def test_wealth_beyond_the_range_of_numbers_still_has_a_drawdown() -> None:
    returns = np.concatenate([np.full(2_000, 1.0), [-0.25], np.full(2_000, 1.0)])

    assert metrics.max_drawdown(returns) == pytest.approx(-0.25)


@given(st.integers(0, 12), st.integers(0, 11))
def test_ruin_is_all_of_it_wherever_it_comes(n: int, row: int) -> None:
    returns = np.full(n + 1, 0.1)
    returns[min(row, n)] = -1.5

    assert metrics.max_drawdown(returns) == -1.0


def test_a_hole_after_ruin_is_an_error_all_the_same() -> None:
    with pytest.raises(DataError, match="row 3 is nan"):
        metrics.max_drawdown(np.array([0.1, -1.0, 0.1, math.nan, 0.0, 0.0]))


def test_a_drawdown_takes_numbers_of_any_kind_and_one_row_of_them() -> None:
    returns = np.array([0.1, -0.25, 0.1])
    for kind in (">f8", "<f4"):
        assert metrics.max_drawdown(returns.astype(kind)) == pytest.approx(-0.25, abs=1e-6)
    with pytest.raises(DataError, match=r"one value for each row, got shape \(3, 1\)"):
        metrics.max_drawdown(returns[:, None])
