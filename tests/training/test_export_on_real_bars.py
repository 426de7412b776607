"""Parity where it counts: on the features of twenty years of real bars.

Numbers drawn from a generator do not lie where real ones lie (returns of 1e-4, ties,
indices in the thousands), and thresholds fall between real ones.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import lightgbm as lgb
import msgspec
import numpy as np
import pytest
import xgboost as xgb

from stairway.adapters.artifacts.directory import new_key, open_sealed, public_bytes, seal
from stairway.adapters.runtimes.forest import load
from stairway.adapters.sources import sample
from stairway.features import engine
from stairway.features.spec import Clock, FeatureRules, schema_hash
from stairway.market.align import align
from stairway.market.calendar import SessionRules
from stairway.market.quality import BarRules
from stairway.models.baseline import BaselineRules, confidence
from stairway.models.bodies.forest import ForestBody
from stairway.models.calibration import apply
from stairway.models.calibration_fit import CalibrationRules, CurveFamily, fit
from stairway.models.manifest import Family
from stairway.models.sealed import Bundle, SealedModel
from stairway.testing.models import toy_passport
from stairway.training.export import (
    from_lightgbm,
    from_xgboost,
    lightgbm_margins,
    xgboost_margins,
)
from stairway.training.parity_rows import parity_of

FEATURES = FeatureRules(
    momentum_short_bars=5,
    momentum_long_bars=60,
    volatility_short_bars=10,
    volatility_long_bars=60,
    rsi_bars=14,
    ema_bars=20,
    volume_bars=60,
    clock=Clock.YEAR,
    session_seconds=86_400,
    count_session_gaps=True,
)
BARS = BarRules(bad_rows="refuse", max_dropped_frac=0.0, max_jump_frac=0.5, min_bars=1000)
SESSION = {
    "kind": "daily",
    "tz": "America/New_York",
    "close": "16:00",
    "early_close_days": [],
    "early_by_minutes": 0,
    "overnight": "hold",
    "flat_by_close": False,
    "lead_out_bars": 1,
    "bar_seconds": 86_400,
    "bars_per_session": 1,
    "periods_per_year": 252.0,
}
CALIBRATION = CalibrationRules(
    min_samples=50,
    shrink_samples=500.0,
    isotonic_min_samples=5000,
    prior_samples=20.0,
    probability_floor=0.01,
    curve=CurveFamily.PLATT,
)


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    bars, _ = align(sample.read(sample.Config()), BARS, msgspec.convert(SESSION, SessionRules))
    table = engine.batch(bars, FEATURES).reshape(-1, 12)
    whole = table[np.isfinite(table).all(axis=1)]
    assert whole.shape[0] > 9000
    return whole


@pytest.fixture(scope="module")
def outcomes(rows: np.ndarray) -> np.ndarray:
    later = np.roll(rows[:, 0], -2)  # the same instrument's next return
    return (later > 0).astype(np.int64)


@pytest.fixture(scope="module")
def light(rows: np.ndarray, outcomes: np.ndarray) -> lgb.Booster:
    params = {"objective": "binary", "num_leaves": 31, "num_threads": 1, "verbose": -1}
    return lgb.train(params, lgb.Dataset(rows, outcomes), 60)


@pytest.fixture(scope="module")
def extreme(rows: np.ndarray, outcomes: np.ndarray) -> xgb.Booster:
    params = {"objective": "binary:logistic", "max_depth": 5, "nthread": 1}
    return xgb.train(params, xgb.DMatrix(rows, outcomes), 60)


def test_lightgbm_is_matched_to_the_last_bit_on_every_real_row(
    rows: np.ndarray, light: lgb.Booster
) -> None:
    own = from_lightgbm(light).margins(rows)
    np.testing.assert_array_equal(own, lightgbm_margins(light, rows))
    assert own.std() > 0.1


def test_xgboost_is_matched_within_its_own_precision_on_every_real_row(
    rows: np.ndarray, extreme: xgb.Booster
) -> None:
    own = from_xgboost(extreme).margins(rows)
    assert np.abs(own - xgboost_margins(extreme, rows)).max() < 1e-5
    assert own.std() > 0.1


@pytest.mark.parametrize("family", [Family.LIGHTGBM, Family.XGBOOST])
def test_a_model_trained_on_real_bars_answers_from_its_sealed_folder(
    family: Family,
    rows: np.ndarray,
    outcomes: np.ndarray,
    light: lgb.Booster,
    extreme: xgb.Booster,
    tmp_path: Path,
) -> None:
    forest, library = {
        Family.LIGHTGBM: (from_lightgbm(light), partial(lightgbm_margins, light)),
        Family.XGBOOST: (from_xgboost(extreme), partial(xgboost_margins, extreme)),
    }[family]
    regimes = np.where(rows[:, 5] > 1.5, "crisis", "range")
    calibration = fit(forest.margins(rows), outcomes, regimes, None, CALIBRATION)
    passport = msgspec.structs.replace(
        toy_passport(family.value, schema_hash(FEATURES)), family=family
    )
    parity = parity_of(rows, library, np.random.default_rng(7))
    key = new_key()
    digest = seal(tmp_path, Bundle(passport, ForestBody(forest, calibration, parity)), key)
    opened = open_sealed(tmp_path, digest, public_bytes(key))
    assert isinstance(opened, SealedModel)
    runtime = load(opened)
    for row, regime in zip(rows[::97], regimes[::97].tolist(), strict=True):
        raw, confidence = runtime.predict(row, regime)
        assert raw == pytest.approx(library(row[None])[0], abs=1e-5)
        assert confidence == apply(calibration, raw, regime)


def test_the_baseline_has_an_opinion_on_real_bars_and_not_always_the_same_one(
    rows: np.ndarray,
) -> None:
    rules = BaselineRules(max_edge=0.1, scale_sigmas=2.0)
    answers = np.array([confidence(rules, row) for row in rows])
    assert np.all((answers > 0.4) & (answers < 0.6))
    assert answers.std() > 0.05
    assert 0.2 < np.mean(answers > 0.5) < 0.8
    assert np.unique(answers).size > 0.9 * answers.size
