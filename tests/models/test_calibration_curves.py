"""The beta curve is the best that does not fall, and holds the logistic one as a case."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import minimize

from stairway.base.verdict import Pass
from stairway.models.calibration import REGIMES, CalibrationForm, apply, from_bytes, to_bytes
from stairway.models.calibration import validate
from stairway.models.calibration_curves import Beta, beta, platt, sigmoid
from stairway.models.calibration_fit import CalibrationRules, CurveFamily, fit

RULES = CalibrationRules(
    min_samples=20,
    shrink_samples=200.0,
    isotonic_min_samples=5000,
    prior_samples=20.0,
    probability_floor=0.01,
    curve=CurveFamily.BETA,
)


def drawn(curve: Beta, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    margins = 1.5 * rng.standard_normal(n)
    outcomes = (rng.random(n) < curve.probability(margins)).astype(np.float64)
    return margins, outcomes, rng.uniform(0.2, 1.0, n)


def loss(at: np.ndarray, m: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    ups, downs = float(w @ y), float(w @ (1 - y))
    target = np.where(y == 1, (ups + 1) / (ups + 2), 1 / (downs + 2))
    s = 1.0 / (1.0 + np.exp(-m))
    logit = at[0] * np.log(s) - at[1] * np.log(1.0 - s) + at[2]
    return float(w @ (np.logaddexp(0, logit) - target * logit))


@pytest.mark.parametrize(
    "truth",
    [Beta(0.3, 1.2, 0.1), Beta(1.0, 0.2, -0.2), Beta(-0.8, 0.6, 0.0), Beta(0.5, -0.9, 0.0),
     Beta(-0.5, -0.5, 0.3)],
    ids=["bends up", "bends down", "falls below", "falls above", "falls"],
)  # fmt: skip
def test_no_curve_that_does_not_fall_is_better(truth: Beta) -> None:
    sample = drawn(truth, 600, seed=3)
    found = beta(*sample)
    oracle = minimize(
        loss, [0.5, 0.5, 0.0], sample, method="L-BFGS-B",
        bounds=[(0, None), (0, None), (None, None)], options={"ftol": 1e-15, "gtol": 1e-10},
    )  # fmt: skip
    assert found.a >= 0.0
    assert found.b >= 0.0
    assert loss(np.array(found), *sample) <= oracle.fun + 1e-7
    assert found == pytest.approx(tuple(oracle.x), abs=2e-3)


def test_a_large_sample_shows_the_curve_that_it_was_drawn_from() -> None:
    truth = Beta(0.3, 1.2, 0.1)
    assert beta(*drawn(truth, 200_000, seed=5)) == pytest.approx(truth, abs=0.03)


def test_equal_sides_are_the_logistic_curve() -> None:
    margins = np.linspace(-4, 4, 41)
    straight = Beta(0.7, 0.7, 0.2).probability(margins)
    np.testing.assert_allclose(straight, sigmoid(0.7 * margins + 0.2), atol=1e-12)


def test_where_every_margin_is_tiny_there_is_no_bend_to_see() -> None:
    margins, outcomes, weights = drawn(Beta(0.5, 0.5, 0.0), 300, seed=1)
    found, straight = (f(margins * 1e-12, outcomes, weights) for f in (beta, platt))
    assert found == (straight.slope, straight.slope, straight.intercept)


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.sampled_from([1e-14, 1e-6, 1.0, 50.0, 1e6]), st.booleans())
def test_every_beta_map_is_sound(seed: int, scale: float, shifted: bool) -> None:  # noqa: FBT001
    rng = np.random.default_rng(seed)
    n = int(rng.integers(20, 120))
    margins = rng.standard_normal(n) * scale + (3.0 * scale if shifted else 0.0)
    outcomes = np.append([0, 1], rng.integers(0, 2, n - 2))
    calibration = fit(margins, outcomes, rng.choice(REGIMES, n), None, RULES)
    assert isinstance(validate(calibration), Pass)


def test_a_beta_map_declares_itself_and_survives_sealing() -> None:
    margins, outcomes, _ = drawn(Beta(0.3, 1.2, 0.1), 7_000, seed=2)
    regimes = np.array(["range"] * 6_000 + ["trend"] * 1_000)
    calibration = fit(margins, outcomes.astype(np.int64), regimes, None, RULES)
    assert [calibration.maps[r].form for r in ("range", "trend", "crisis")] == [
        CalibrationForm.ISOTONIC,
        CalibrationForm.SHRUNK_BETA,
        CalibrationForm.BETA,
    ]
    assert from_bytes(to_bytes(calibration)) == calibration


def test_a_regime_thrice_as_large_as_the_shrinkage_lies_three_quarters_of_the_way() -> None:
    m, y, _ = drawn(Beta(0.3, 1.2, 0.1), 1_200, seed=4)
    y[600:] = np.random.default_rng(4).integers(0, 2, 600)
    calibration = fit(m, y.astype(np.int64), ["trend"] * 600 + ["range"] * 600, None, RULES)
    own, every = beta(m[:600], y[:600], np.ones(600)), beta(m, y, np.ones(1_200))
    between = Beta(*(0.75 * one + 0.25 * two for one, two in zip(own, every, strict=True)))
    for margin in (-1.0, 0.0, 1.0):
        expected = between.probability(np.array([margin]))[0]
        assert apply(calibration, margin, "trend") == pytest.approx(expected, abs=1e-3)
