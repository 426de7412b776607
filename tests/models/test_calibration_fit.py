"""Fitted maps agree with independent oracles, and stay modest where samples are few."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from stairway.base.errors import DataError, TooLittleError
from stairway.base.verdict import Pass
from stairway.models.calibration import (
    MAX_KNOTS,
    REGIMES,
    CalibrationForm,
    apply,
    apply_many,
    validate,
)
from stairway.models.calibration_curves import Logistic, platt
from stairway.models.calibration_fit import (
    KNOTS,
    CalibrationRules,
    CurveFamily,
    fit,
)

RULES = CalibrationRules(
    min_samples=20,
    shrink_samples=200.0,
    isotonic_min_samples=5000,
    prior_samples=20.0,
    probability_floor=0.01,
    curve=CurveFamily.PLATT,
)


def sigmoid(x: np.ndarray | float) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-np.asarray(x)))


def sample(
    n: int, seed: int = 0, slope: float = 0.5, level: float = 0.1
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    margins = rng.standard_normal(n)
    outcomes = (rng.random(n) < sigmoid(slope * margins + level)).astype(np.int64)
    return margins, outcomes


def smoothed_loss(at: np.ndarray, m: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    ups, downs = float(w @ y), float(w @ (1 - y))
    target = np.where(y == 1, (ups + 1) / (ups + 2), 1 / (downs + 2))
    logit = at[0] * m + at[1]
    return float(w @ (np.logaddexp(0, logit) - target * logit))


# --- the logistic map


@pytest.mark.parametrize("seed", range(4))
def test_platt_finds_the_minimum_that_a_general_optimiser_finds(seed: int) -> None:
    margins, outcomes = sample(300, seed, slope=1.0)
    weights = np.random.default_rng(seed + 100).uniform(0.1, 1.0, 300)
    found = platt(margins, outcomes.astype(float), weights)
    oracle = minimize(smoothed_loss, np.zeros(2), (margins, outcomes, weights), tol=1e-12)
    assert found == pytest.approx(tuple(oracle.x), abs=1e-5)


def test_platt_agrees_with_unpenalised_logistic_regression_on_large_samples() -> None:
    margins, outcomes = sample(50_000, slope=0.7)
    found = platt(margins, outcomes.astype(float), np.ones(margins.size))
    oracle = LogisticRegression(C=1e9).fit(margins[:, None], outcomes)
    assert found.slope == pytest.approx(oracle.coef_[0, 0], rel=1e-3)
    assert found.intercept == pytest.approx(oracle.intercept_[0], abs=1e-3)


@given(
    st.floats(0.01, 100),
    st.floats(-50, 50),
)
@settings(max_examples=25)
def test_platt_does_not_care_about_the_unit_of_the_margin(scale: float, shift: float) -> None:
    margins, outcomes = sample(200, slope=1.0)
    y, w = outcomes.astype(float), np.ones(200)
    one, two = platt(margins, y, w), platt(margins * scale + shift, y, w)
    assert two.slope * scale == pytest.approx(one.slope, rel=1e-6)
    assert two.slope * shift + two.intercept == pytest.approx(one.intercept, abs=1e-6)


def test_classes_that_do_not_overlap_still_have_a_finite_map() -> None:
    margins = np.concatenate([np.linspace(-2, -1, 30), np.linspace(1, 2, 30)])
    found = platt(margins, (margins > 0).astype(float), np.ones(60))
    assert 0.0 < found.slope < math.inf
    assert sigmoid(found.slope * 2.0 + found.intercept) < 1.0


def test_a_model_that_is_wrong_more_often_than_right_is_not_turned_over() -> None:
    margins, outcomes = sample(2000, slope=-0.8)
    found = platt(margins, outcomes.astype(float), np.ones(2000))
    assert found.slope == 0.0
    assert sigmoid(found.intercept) == pytest.approx(outcomes.mean(), abs=1e-3)


@pytest.mark.parametrize("value", [0.0, 3.0, -1e9])
def test_a_constant_margin_gets_the_base_rate(value: float) -> None:
    y = np.array([1.0, 0.0, 0.0, 0.0] * 50)
    found = platt(np.full(200, value), y, np.ones(200))
    assert found.slope == 0.0
    assert sigmoid(found.intercept) == pytest.approx(0.25, abs=0.01)


def test_a_weight_of_two_counts_as_two_samples() -> None:
    margins, outcomes = sample(100, slope=1.0)
    y = outcomes.astype(float)
    twice = platt(np.tile(margins, 2), np.tile(y, 2), np.ones(200))
    assert platt(margins, y, np.full(100, 2.0)) == pytest.approx(twice, abs=1e-8)


# --- isotonic


def test_a_large_sample_gets_an_isotonic_map_close_to_the_truth() -> None:
    rng = np.random.default_rng(1)
    margins = rng.standard_normal(20_000)
    truth = np.clip(0.5 + 0.1 * np.sign(margins) * np.sqrt(np.abs(margins)), 0.05, 0.95)
    outcomes = (rng.random(20_000) < truth).astype(np.int64)
    calibration = fit(margins, outcomes, ["range"] * 20_000, None, RULES)
    assert calibration.maps["range"].form is CalibrationForm.ISOTONIC
    answers = apply_many(calibration, margins, ["range"] * 20_000)
    assert np.sqrt(np.mean((answers - truth) ** 2)) < 0.02


def test_an_isotonic_map_follows_scikit_learns_in_the_middle() -> None:
    margins, outcomes = sample(8000, seed=5)
    calibration = fit(margins, outcomes, ["trend"] * 8000, None, RULES)
    oracle = IsotonicRegression().fit(margins, outcomes)
    middle = np.linspace(-1.5, 1.5, 50)
    answers = apply_many(calibration, middle, ["trend"] * 50)
    apart = np.abs(answers - oracle.predict(middle))
    assert apart.mean() < 0.015
    assert apart.max() < 0.06


def test_an_isotonic_map_is_never_certain_where_bare_isotonic_is() -> None:
    margins = np.linspace(-1, 1, 6000)
    outcomes = (margins > 0).astype(np.int64)
    bare = IsotonicRegression().fit(margins, outcomes).predict(margins)
    assert {bare.min(), bare.max()} == {0.0, 1.0}
    table = fit(margins, outcomes, ["range"] * 6000, None, RULES).maps["range"]
    assert table.form is CalibrationForm.ISOTONIC
    assert 0.01 <= min(table.y) < 0.02
    assert 0.98 < max(table.y) <= 0.99


def test_more_prior_samples_pull_small_blocks_harder_to_the_base_rate() -> None:
    margins, outcomes = sample(6000, seed=2)
    tables = [
        fit(
            margins,
            outcomes,
            ["range"] * 6000,
            None,
            msgspec.structs.replace(RULES, prior_samples=prior),
        ).maps["range"]
        for prior in (0.01, 500.0)
    ]
    widths = [table.y[-1] - table.y[0] for table in tables]
    assert widths[1] < widths[0]


def test_without_any_relation_an_isotonic_map_is_nearly_flat() -> None:
    rng = np.random.default_rng(4)
    margins, outcomes = rng.standard_normal(20_000), rng.integers(0, 2, 20_000)
    calibration = fit(margins, outcomes, ["range"] * 20_000, None, RULES)
    answers = apply_many(calibration, margins, ["range"] * 20_000)
    assert answers.std() < 0.02


def test_a_relation_that_only_falls_gives_one_value() -> None:
    margins = np.linspace(-1, 1, 6000)
    outcomes = (margins < 0).astype(np.int64)
    table = fit(margins, outcomes, ["range"] * 6000, None, RULES).maps["range"]
    assert table.form is CalibrationForm.ISOTONIC
    assert table.y == (table.y[0], table.y[0])
    assert table.y[0] == pytest.approx(0.5, abs=0.01)


def test_a_table_stays_short_however_many_samples_there_are() -> None:
    margins = np.linspace(0.0, 1.0, 60_000)
    outcomes = (np.random.default_rng(0).random(60_000) < margins).astype(np.int64)
    rules = msgspec.structs.replace(RULES, prior_samples=1e-9)
    table = fit(margins, outcomes, ["range"] * 60_000, None, rules).maps["range"]
    assert len(table.x) <= MAX_KNOTS


# --- regimes


def test_each_regime_declares_its_form_and_its_samples() -> None:
    margins, outcomes = sample(7000)
    regimes = np.array(["range"] * 6000 + ["trend"] * 1000)
    maps = fit(margins, outcomes, regimes, None, RULES).maps
    assert [(maps[r].form, maps[r].n) for r in ("range", "trend", "crisis")] == [
        (CalibrationForm.ISOTONIC, 6000),
        (CalibrationForm.SHRUNK_PLATT, 1000),
        (CalibrationForm.PLATT, 0),
    ]


def test_a_regime_never_seen_gets_the_pooled_map() -> None:
    margins, outcomes = sample(1000)
    calibration = fit(margins, outcomes, ["range"] * 1000, None, RULES)
    pooled = platt(margins, outcomes.astype(float), np.ones(1000))
    for margin in (-1.0, 0.0, 1.0):
        expected = sigmoid(pooled.slope * margin + pooled.intercept)
        assert apply(calibration, margin, "crisis") == pytest.approx(expected, abs=1e-4)


def test_few_samples_are_drawn_to_the_pooled_map_and_many_are_not() -> None:
    rng = np.random.default_rng(9)
    pooled_margins, pooled_outcomes = sample(4000, slope=0.2, level=0.0)
    answers = []
    for n in (10, 4000):
        margins = rng.standard_normal(n)
        outcomes = (rng.random(n) < sigmoid(2.0 * margins)).astype(np.int64)
        calibration = fit(
            np.concatenate([pooled_margins, margins]),
            np.concatenate([pooled_outcomes, outcomes]),
            ["range"] * 4000 + ["trend"] * n,
            None,
            RULES,
        )
        answers.append(apply(calibration, 1.0, "trend"))
    assert answers[0] == pytest.approx(sigmoid(0.2), abs=0.05)
    assert answers[1] == pytest.approx(sigmoid(2.0), abs=0.05)


def test_a_regime_as_large_as_the_shrinkage_lies_half_way_in_log_odds() -> None:
    m, y = sample(400, slope=1.5)
    regimes = np.array(["trend"] * 200 + ["range"] * 200)
    calibration = fit(m, y, regimes, None, RULES)
    own = platt(m[:200], y[:200].astype(float), np.ones(200))
    pooled = platt(m, y.astype(float), np.ones(400))
    half = (own.slope + pooled.slope) / 2 * 0.5 + (own.intercept + pooled.intercept) / 2
    assert apply(calibration, 0.5, "trend") == pytest.approx(sigmoid(half), abs=1e-4)


def test_a_regime_with_one_outcome_only_is_not_certain_of_it() -> None:
    margins, outcomes = sample(500)
    margins, outcomes = np.append(margins, [0.1] * 8), np.append(outcomes, [1] * 8)
    calibration = fit(margins, outcomes, ["range"] * 500 + ["crisis"] * 8, None, RULES)
    assert calibration.maps["crisis"].form is CalibrationForm.SHRUNK_PLATT
    assert 0.5 < apply(calibration, 0.1, "crisis") < 0.65


def test_overlapping_labels_count_for_less() -> None:
    margins, outcomes = sample(6000)
    full = fit(margins, outcomes, ["range"] * 6000, None, RULES).maps["range"]
    tenth = fit(margins, outcomes, ["range"] * 6000, np.full(6000, 0.1), RULES).maps["range"]
    assert (full.form, tenth.form) == (CalibrationForm.ISOTONIC, CalibrationForm.SHRUNK_PLATT)
    assert (tenth.n, tenth.n_effective) == (6000, pytest.approx(600.0))


def test_weights_never_make_more_samples_than_there_are() -> None:
    margins, outcomes = sample(100)
    rounded = np.full(100, 1.0 + 1e-12)
    table = fit(margins, outcomes, ["range"] * 100, rounded, RULES).maps["range"]
    assert table.n_effective <= 100.0


# --- every fit is sound


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, list[str], np.ndarray | None]:
    n = draw(st.integers(20, 120))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["smooth", "ties", "constant", "huge", "tiny"]))
    margins = {
        "smooth": rng.standard_normal(n),
        "ties": rng.integers(-1, 2, n).astype(float),
        "constant": np.full(n, 0.3),
        "huge": rng.standard_normal(n) * 1e6,
        "tiny": rng.standard_normal(n) * 1e-12,
    }[kind]
    outcomes = rng.integers(0, 2, n)
    outcomes[:2] = (0, 1)
    regimes = rng.choice(REGIMES, n).tolist()
    weights = draw(st.sampled_from([None, np.ones(n), rng.uniform(0.9, 1.0, n)]))
    return margins, outcomes, regimes, weights


@settings(max_examples=80)
@given(problems(), st.integers(2, 200), st.floats(0.001, 0.2))
def test_every_fit_is_a_sound_calibration_inside_its_floor(
    problem: tuple[np.ndarray, np.ndarray, list[str], np.ndarray | None],
    isotonic_min_samples: int,
    floor: float,
) -> None:
    rules = CalibrationRules(
        min_samples=10,
        shrink_samples=50.0,
        isotonic_min_samples=isotonic_min_samples,
        prior_samples=1.0,
        probability_floor=floor,
        curve=CurveFamily.PLATT,
    )
    calibration = fit(*problem, rules)
    assert isinstance(validate(calibration), Pass)
    for table in calibration.maps.values():
        assert floor <= min(table.y)
        assert max(table.y) <= 1.0 - floor
        assert sum(calibration.maps[r].n for r in REGIMES) == len(problem[0])


def test_the_same_samples_in_another_order_give_the_same_map() -> None:
    margins, outcomes = sample(400)
    order = np.random.default_rng(0).permutation(400)
    one = fit(margins, outcomes, ["range"] * 400, None, RULES).maps["range"]
    two = fit(margins[order], outcomes[order], ["range"] * 400, None, RULES).maps["range"]
    np.testing.assert_allclose(one.y, two.y, atol=1e-9)


def test_a_logistic_table_stays_within_a_ten_thousandth_of_its_formula() -> None:
    margins, outcomes = sample(3000, slope=1.2)
    rules = msgspec.structs.replace(RULES, probability_floor=1e-4)
    calibration = fit(margins, outcomes, ["range"] * 3000, None, rules)
    exact: Logistic = platt(margins, outcomes.astype(float), np.ones(3000))
    between = np.linspace(margins.min(), margins.max(), 5 * KNOTS)
    formula = sigmoid(exact.slope * between + exact.intercept)
    answers = apply_many(calibration, between, ["range"] * between.size)
    assert np.abs(answers - formula).max() < 1e-4


def test_calibrated_probabilities_come_true_as_often_as_they_say() -> None:
    margins, outcomes = sample(40_000, slope=0.3)
    train, test = slice(0, 20_000), slice(20_000, None)
    calibration = fit(margins[train] * 3, outcomes[train], ["range"] * 20_000, None, RULES)
    answers = apply_many(calibration, margins[test] * 3, ["range"] * 20_000)
    for low in np.arange(0.4, 0.65, 0.05):
        inside = (answers >= low) & (answers < low + 0.05)
        if inside.sum() > 500:
            assert outcomes[test][inside].mean() == pytest.approx(low + 0.025, abs=0.04)


# --- what cannot be fitted


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outcomes": np.ones(50, np.int64)}, "both outcomes"),
        ({"outcomes": np.zeros(50, np.int64)}, "both outcomes"),
        ({"outcomes": np.array([-1] + [0, 1] * 24 + [1])}, "unlabelled"),
        ({"margins": np.append(np.zeros(49), np.nan)}, "finite"),
        ({"margins": np.append(np.zeros(49), np.inf)}, "finite"),
        ({"margins": np.zeros(49)}, "49 values each"),
        ({"regimes": ["range"] * 49}, "50 values each"),
        ({"regimes": ["range"] * 49 + ["calm"]}, "'calm'"),
        ({"weights": np.zeros(50)}, r"weight 0 is 0\.0; it must lie in \(0, 1\]"),
        ({"weights": np.append(np.ones(49), np.nan)}, "weight 49 is nan; it must lie in"),
        ({"weights": np.append(np.ones(49), -1.0)}, r"weight 49 is -1\.0; it must lie in"),
        ({"weights": np.full(50, 2.0)}, r"weight 0 is 2\.0; it must lie in"),
        ({"weights": np.full(50, 0.1)}, "20 independent samples"),
    ],
)
def test_samples_that_cannot_be_fitted_are_an_error_that_says_why(
    change: dict[str, object], message: str
) -> None:
    given_ = {
        "margins": np.linspace(-1, 1, 50),
        "outcomes": np.array([0, 1] * 25),
        "regimes": ["range"] * 50,
        "weights": None,
        **change,
    }
    with pytest.raises(DataError, match=message):
        fit(**given_, rules=RULES)


def test_what_was_given_and_what_ended_up_are_counted_alike() -> None:
    """A hundred labels that overlap are few samples, and no more of them can have ended up."""
    outcomes = np.array([1, 1, 1, 0] * 25)
    with pytest.raises(TooLittleError, match=r"given are 19, of which 14 ended up") as few:
        fit(np.linspace(-1, 1, 100), outcomes, ["range"] * 100, np.full(100, 0.199), RULES)
    assert (few.value.given, few.value.needed) == (pytest.approx(19.9), RULES.min_samples)


@pytest.mark.parametrize(("outcome", "ups"), [(0, 0), (1, 60)])
def test_one_outcome_alone_is_too_little_however_much_there_is(outcome: int, ups: int) -> None:
    with pytest.raises(TooLittleError, match=f"given are 60, of which {ups} ended up"):
        fit(np.linspace(-1, 1, 60), np.full(60, outcome), ["range"] * 60, None, RULES)


def test_no_samples_at_all_are_an_error() -> None:
    with pytest.raises(TooLittleError, match="given are 0, of which 0"):
        fit(np.empty(0), np.empty(0, np.int64), [], None, RULES)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("min_samples", 1),
        ("shrink_samples", 0.0),
        ("isotonic_min_samples", 0),
        ("prior_samples", -1.0),
        ("probability_floor", 0.0),
        ("probability_floor", 0.5),
        ("probability_floor", math.nan),
    ],
)
def test_rules_that_make_no_sense_cannot_be_written_down(field: str, value: float) -> None:
    with pytest.raises(msgspec.ValidationError):
        CalibrationRules(**{**msgspec.structs.asdict(RULES), field: value})


def test_lists_and_numbers_of_another_byte_order_are_fitted_alike() -> None:
    margins, outcomes = sample(200)
    weights = np.full(200, 0.5)
    regimes = ["trend"] * 200
    plain = fit(margins, outcomes, np.array(regimes), weights, RULES)
    assert fit(margins.tolist(), outcomes.tolist(), regimes, weights.tolist(), RULES) == plain
    swapped = margins.astype(">f8"), outcomes.astype(">i4"), regimes, weights.astype(">f4")
    assert fit(*swapped, RULES) == plain
    with pytest.raises(DataError, match="margins must be numbers"):
        fit(["a"] * 200, outcomes, regimes, None, RULES)  # type: ignore[list-item]
