"""An exported forest answers as the library that trained it, to the last bit it can."""

from __future__ import annotations

import math
from functools import partial

import lightgbm as lgb
import numpy as np
import pytest
import xgboost as xgb
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from stairway.base.errors import ConfigError
from stairway.base.verdict import Pass
from stairway.models.forest import Forest, from_bytes, to_bytes, validate
from stairway.models.parity import replay
from stairway.training.export import (
    _base_margin,
    _last_below,
    from_lightgbm,
    from_xgboost,
    lightgbm_margins,
    xgboost_margins,
)
from stairway.training.parity_rows import parity_of

WIDTH = 12
TOLERANCE = 1e-5


def table(n: int, seed: int, holes: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, WIDTH)) * np.logspace(-4, 2, WIDTH)
    rows[:, 3] = np.round(rows[:, 3] * 500) / 500  # a feature with ties and zeros
    rows[rng.random(rows.shape) < holes] = np.nan
    return rows


def outcomes(rows: np.ndarray) -> np.ndarray:
    whole = np.nan_to_num(rows / np.logspace(-4, 2, WIDTH))
    noise = np.random.default_rng(99).standard_normal(len(rows))
    return (whole[:, 0] + whole[:, 1] * whole[:, 2] + noise > 0).astype(np.int64)


def light(holes: float = 0.0, rounds: int = 40, **params: object) -> lgb.Booster:
    rows = table(2000, 1, holes)
    settings_ = {"objective": "binary", "num_leaves": 15, "num_threads": 1, "verbose": -1}
    data = lgb.Dataset(rows, outcomes(rows), free_raw_data=False)
    return lgb.train({**settings_, **params}, data, rounds)


def extreme(holes: float = 0.0, rounds: int = 40, **params: object) -> xgb.Booster:
    rows = table(2000, 1, holes)
    settings_ = {"objective": "binary:logistic", "max_depth": 4, "nthread": 1, "seed": 1}
    return xgb.train({**settings_, **params}, xgb.DMatrix(rows, outcomes(rows)), rounds)


LIGHT = {holes: light(holes) for holes in (0.0, 0.1)}
EXTREME = {holes: extreme(holes) for holes in (0.0, 0.1)}


@pytest.fixture(params=[0.0, 0.1], ids=["trained whole", "trained with holes"])
def trained_with(request: pytest.FixtureRequest) -> float:
    return request.param


@pytest.fixture(params=[0.0, 0.2], ids=["asked whole", "asked with holes"])
def asked(request: pytest.FixtureRequest) -> np.ndarray:
    return table(3000, 2, request.param)


# --- parity


def test_lightgbm_margins_are_equal_to_the_last_bit(
    trained_with: float, asked: np.ndarray
) -> None:
    booster = LIGHT[trained_with]
    forest = from_lightgbm(booster)
    np.testing.assert_array_equal(forest.margins(asked), lightgbm_margins(booster, asked))


def test_xgboost_margins_lie_within_a_hundred_thousandth(
    trained_with: float, asked: np.ndarray
) -> None:
    booster = EXTREME[trained_with]
    forest = from_xgboost(booster)
    apart = np.abs(forest.margins(asked) - xgboost_margins(booster, asked))
    assert apart.max() < TOLERANCE


def test_xgboost_parity_holds_through_its_own_matrix_too(trained_with: float) -> None:
    rows, booster = table(1000, 3, 0.1), EXTREME[trained_with]
    oracle = booster.predict(xgb.DMatrix(rows), output_margin=True)
    assert np.abs(from_xgboost(booster).margins(rows) - oracle).max() < TOLERANCE


def test_rows_that_lie_on_a_threshold_fall_on_the_same_side() -> None:
    for forest, oracle, tolerance in (
        (from_lightgbm(LIGHT[0.0]), partial(lightgbm_margins, LIGHT[0.0]), 0.0),
        (from_xgboost(EXTREME[0.0]), partial(xgboost_margins, EXTREME[0.0]), TOLERANCE),
    ):
        rows = np.repeat(table(1, 5), 3 * forest.number.size, axis=0)
        inner = np.flatnonzero(forest.branch[:, 0] >= 0)
        for k, node in enumerate(inner):
            at, feature = forest.number[node], forest.branch[node, 0]
            near = (np.nextafter(at, -np.inf), at, np.nextafter(at, np.inf))
            rows[3 * k : 3 * k + 3, feature] = near
        assert np.abs(forest.margins(rows) - oracle(rows)).max() <= tolerance


@settings(max_examples=60)
@given(
    arrays(
        np.float64,
        (5, WIDTH),
        elements=st.floats(-1e30, 1e30) | st.just(np.nan) | st.just(0.0) | st.just(-0.0),
    )
)
def test_any_row_a_market_could_send_is_answered_alike(rows: np.ndarray) -> None:
    light_forest, extreme_forest = from_lightgbm(LIGHT[0.1]), from_xgboost(EXTREME[0.1])
    np.testing.assert_array_equal(
        light_forest.margins(rows), lightgbm_margins(LIGHT[0.1], rows)
    )
    apart = np.abs(extreme_forest.margins(rows) - xgboost_margins(EXTREME[0.1], rows))
    assert apart.max() < TOLERANCE


@pytest.mark.parametrize(
    "params",
    [
        {"boosting": "goss"},
        {"bagging_fraction": 0.5, "bagging_freq": 1},
        {"use_missing": False},
        {"max_bin": 15},
        {"boost_from_average": False},
    ],
)
def test_other_ways_to_train_lightgbm_export_alike(params: dict[str, object]) -> None:
    booster, rows = light(0.1, 15, **params), table(500, 4, 0.1)
    np.testing.assert_array_equal(
        from_lightgbm(booster).margins(rows), lightgbm_margins(booster, rows)
    )


@pytest.mark.parametrize(
    "params",
    [
        {"tree_method": "exact"},
        {"tree_method": "hist", "grow_policy": "lossguide", "max_leaves": 9},
        {"gamma": 3.0, "tree_method": "exact"},  # prunes: leaves dead nodes in the dump
        {"base_score": 0.2},
        {"num_parallel_tree": 2, "subsample": 0.5},
    ],
)
def test_other_ways_to_train_xgboost_export_alike(params: dict[str, object]) -> None:
    booster, rows = extreme(0.1, 15, **params), table(500, 4, 0.1)
    apart = np.abs(from_xgboost(booster).margins(rows) - xgboost_margins(booster, rows))
    assert apart.max() < TOLERANCE


def test_early_stopping_exports_the_trees_that_predict_uses() -> None:
    rows, held = table(400, 1), table(400, 8)
    data = lgb.Dataset(rows, outcomes(rows))
    noise = np.random.default_rng(0).integers(0, 2, 400)
    booster = lgb.train(
        {"objective": "binary", "num_threads": 1, "verbose": -1, "num_leaves": 4},
        data,
        60,
        valid_sets=[lgb.Dataset(held, noise, reference=data)],
        callbacks=[lgb.early_stopping(3, verbose=False)],
    )
    forest = from_lightgbm(booster)
    assert forest.roots.size == booster.best_iteration < 60
    np.testing.assert_array_equal(forest.margins(held), lightgbm_margins(booster, held))


def test_a_model_that_learnt_nothing_is_a_single_leaf() -> None:
    rows = np.ones((100, WIDTH))
    data = lgb.Dataset(rows, np.array([0, 1] * 50))
    booster = lgb.train({"objective": "binary", "verbose": -1, "num_threads": 1}, data, 3)
    forest = from_lightgbm(booster)
    np.testing.assert_array_equal(forest.margins(rows), lightgbm_margins(booster, rows))


# --- the exported form


@pytest.mark.parametrize("forest", [from_lightgbm(LIGHT[0.1]), from_xgboost(EXTREME[0.1])])
def test_an_exported_forest_is_sound_and_survives_sealing(forest: Forest) -> None:
    assert isinstance(validate(forest, WIDTH), Pass)
    read = from_bytes(to_bytes(forest), WIDTH)
    assert isinstance(read, Forest)
    rows = table(100, 6, 0.1)
    np.testing.assert_array_equal(read.margins(rows), forest.margins(rows))


def test_the_same_training_gives_the_same_bytes() -> None:
    assert to_bytes(from_lightgbm(light(rounds=5))) == to_bytes(from_lightgbm(light(rounds=5)))
    assert to_bytes(from_xgboost(extreme(rounds=5))) == to_bytes(
        from_xgboost(extreme(rounds=5))
    )


# --- thresholds and bases


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-36, -1e-36, 1.1e-35, -1.1e-35, 5e-324])
def test_values_next_to_zero_are_read_as_lightgbm_reads_them(value: float) -> None:
    rows = table(1500, 1)
    rows[:, 0] = np.sign(np.round(rows[:, 0] * 1e4))  # splits fall on either side of zero
    target = (rows[:, 0] + np.random.default_rng(0).standard_normal(1500) > 0).astype(int)
    params = {"objective": "binary", "verbose": -1, "num_threads": 1, "zero_as_missing": False}
    booster = lgb.train(params, lgb.Dataset(rows, target), 10)
    rows[:, 0] = value
    forest = from_lightgbm(booster)
    inner = forest.branch[:, 0] == 0
    assert np.any(np.abs(forest.number[inner]) < 2e-35)
    np.testing.assert_array_equal(forest.margins(rows), lightgbm_margins(booster, rows))


@given(
    st.floats(width=32, allow_nan=False, min_value=-(2.0**126), max_value=2.0**126),
    st.floats(allow_nan=False, min_value=-1e38, max_value=1e38),
)
def test_a_threshold_sends_left_exactly_what_rounding_sends_left(
    condition: float, value: float
) -> None:
    bound = _last_below(condition)
    near = (value, condition, bound, math.nextafter(bound, math.inf))
    for v in near:
        assert (v <= bound) == (np.float32(v) < np.float32(condition))


@pytest.mark.parametrize(
    ("text", "probability"), [("5E-1", 0.5), ("[4.42E-1]", 0.442), ("[2E-1]", 0.2)]
)
def test_a_base_score_is_read_in_both_of_its_writings(text: str, probability: float) -> None:
    expected = math.log(probability / (1 - probability))
    assert _base_margin(text) == pytest.approx(expected, abs=1e-12)


# --- what a forest cannot say


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, "averaged"),
        ({"linear_tree": True}, "linear leaves"),
        ({"zero_as_missing": True}, "zero_as_missing"),
        ({"objective": "multiclass", "num_class": 3}, "several classes"),
    ],
)
def test_what_lightgbm_can_and_a_forest_cannot_is_refused_by_name(
    params: dict[str, object], message: str
) -> None:
    rows = table(2000, 1)
    rows[:, 3] = np.random.default_rng(0).integers(0, 7, 2000)
    target = (rows[:, 3] % 2 == 0).astype(int)
    base = {"objective": "binary", "num_leaves": 15, "num_threads": 1, "verbose": -1}
    data = lgb.Dataset(rows, target, params={"verbose": -1, **params})
    booster = lgb.train({**base, **params}, data, 5)
    with pytest.raises(ConfigError, match=message):
        from_lightgbm(booster)


def test_lightgbm_categories_are_refused() -> None:
    rows = np.abs(np.round(table(2000, 1) * 3)) % 5
    target = np.isin(rows[:, 11], (1, 3)).astype(int)
    data = lgb.Dataset(rows, target, categorical_feature=[11])
    booster = lgb.train({"objective": "binary", "verbose": -1, "num_threads": 1}, data, 3)
    with pytest.raises(ConfigError, match="categorical"):
        from_lightgbm(booster)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"booster": "dart"}, "booster dart"),
        ({"objective": "reg:squarederror"}, "reg:squarederror"),
        ({"objective": "multi:softprob", "num_class": 2}, "multi:softprob"),
    ],
)
def test_what_xgboost_can_and_a_forest_cannot_is_refused_by_name(
    params: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        from_xgboost(extreme(rounds=3, **params))


def test_an_xgboost_model_without_trees_is_refused() -> None:
    params = {"booster": "gblinear", "objective": "binary:logistic", "nthread": 1}
    rows = table(200, 1)
    booster = xgb.train(params, xgb.DMatrix(rows, outcomes(rows)), 2)
    with pytest.raises(ConfigError, match="booster gblinear"):
        from_xgboost(booster)


def test_xgboost_categories_are_refused() -> None:
    rows = np.abs(np.round(table(2000, 1) * 3)) % 5
    kinds = ["c"] * WIDTH
    target = np.isin(rows[:, 11], (1, 3)).astype(int)
    matrix = xgb.DMatrix(rows, target, feature_types=kinds, enable_categorical=True)
    booster = xgb.train(
        {"objective": "binary:logistic", "max_cat_to_onehot": 1, "nthread": 1}, matrix, 3
    )
    with pytest.raises(ConfigError, match="categorical"):
        from_xgboost(booster)


def test_the_error_says_what_to_use_instead() -> None:
    with pytest.raises(ConfigError, match=r"cannot be sealed exactly; use booster = gbtree"):
        from_xgboost(extreme(rounds=2, booster="dart"))


# --- parity vectors


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_parity_vectors_replay_on_the_forest_that_was_exported() -> None:
    light_parity = parity_of(table(900, 1), partial(lightgbm_margins, LIGHT[0.1]), rng())
    assert isinstance(replay(from_lightgbm(LIGHT[0.1]).margins, light_parity, 0.0), Pass)
    extreme_parity = parity_of(table(900, 1), partial(xgboost_margins, EXTREME[0.1]), rng())
    assert isinstance(
        replay(from_xgboost(EXTREME[0.1]).margins, extreme_parity, TOLERANCE), Pass
    )


def test_parity_vectors_tell_two_models_apart() -> None:
    parity = parity_of(table(900, 1), partial(lightgbm_margins, LIGHT[0.1]), rng())
    other = from_lightgbm(light(rounds=41))
    assert not isinstance(replay(other.margins, parity, TOLERANCE), Pass)
