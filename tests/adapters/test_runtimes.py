"""Every file in adapters/runtimes meets the runtime contract, or CI fails."""

from __future__ import annotations

import math
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from stairway.adapters import runtimes
from stairway.adapters.artifacts.directory import new_key, open_sealed, public_bytes, seal
from stairway.adapters.runtimes import forest as forest_runtime
from stairway.base.units import UtcNs
from stairway.features.spec import FEATURE_NAMES
from stairway.models.ask import Question, ask
from stairway.models.calibration import REGIMES, apply
from stairway.models.ports import ModelRuntime
from stairway.models.prediction import Exclusion, ExclusionCode, Prediction
from stairway.models.sealed import SealedModel, pack, unpack
from stairway.testing.models import toy_bundle
from stairway.testing.runtime import RuntimeContract

NAMES = sorted(m.name for m in pkgutil.iter_modules(runtimes.__path__))
ROWS = np.random.default_rng(1).standard_normal((200, len(FEATURE_NAMES)))


def sealed_model(seed: int = 7) -> SealedModel:
    packed = pack(toy_bundle(seed))
    opened = unpack(packed.manifest, packed.blobs)
    assert isinstance(opened, SealedModel)
    return opened


class TestRuntimes(RuntimeContract):
    @pytest.fixture(params=NAMES)
    def runtime(self, request: pytest.FixtureRequest) -> ModelRuntime:
        plugin = import_module(f"stairway.adapters.runtimes.{request.param}")
        plugin.Config()
        return plugin.load(sealed_model())

    @pytest.fixture
    def rows(self) -> np.ndarray:
        return ROWS[:50]


def test_there_is_a_runtime_to_test() -> None:
    assert "forest" in NAMES


def test_a_forest_answers_with_its_margin_and_the_calibrated_probability() -> None:
    sealed = sealed_model()
    runtime = forest_runtime.load(sealed)
    for row in ROWS:
        for regime in REGIMES:
            raw, confidence = runtime.predict(row, regime)
            assert raw == sealed.forest.margin(row)
            assert confidence == apply(sealed.calibration, raw, regime)


def test_the_card_names_the_sealed_artifact() -> None:
    sealed = sealed_model()
    card = forest_runtime.load(sealed).card
    assert card.digest == sealed.digest
    assert card.version == sealed.manifest.version == "v20180102_000000"
    assert card.model == "lightgbm"
    assert card.schema_hash == sealed.manifest.passport.schema_hash


def test_an_unknown_regime_has_no_probability() -> None:
    raw, confidence = forest_runtime.load(sealed_model()).predict(ROWS[0], "calm")
    assert math.isfinite(raw)
    assert math.isnan(confidence)


def test_asked_through_the_contract_an_unknown_regime_excludes() -> None:
    question = Question("SPX", UtcNs(0), "calm", 0.02)
    answer = ask(forest_runtime.load(sealed_model()), ROWS[0], question)
    assert isinstance(answer, Exclusion)
    assert answer.code is ExclusionCode.NOT_FINITE


def test_a_missing_value_is_not_traded_on_though_the_trees_could_answer() -> None:
    sealed = sealed_model()
    row = ROWS[0].copy()
    row[3] = np.nan
    assert math.isfinite(sealed.forest.margin(row))
    assert math.isnan(forest_runtime.load(sealed).predict(row, "trend")[0])


def test_a_row_that_lies_scattered_in_memory_is_answered_alike() -> None:
    runtime = forest_runtime.load(sealed_model())
    wide = np.repeat(ROWS, 2, axis=1)
    for row, scattered in zip(ROWS[:20], wide[:20, ::2], strict=True):
        assert runtime.predict(scattered, "range") == runtime.predict(row, "range")


def test_from_disk_to_answer_nothing_changes(tmp_path: Path) -> None:
    key = new_key()
    digest = seal(tmp_path, toy_bundle(), key)
    opened = open_sealed(tmp_path, digest, public_bytes(key))
    assert isinstance(opened, SealedModel)
    fresh, loaded = forest_runtime.load(sealed_model()), forest_runtime.load(opened)
    question = Question("SPX", UtcNs(1), "crisis", 0.02)
    answers = [ask(loaded, row, question) for row in ROWS]
    assert answers == [ask(fresh, row, question) for row in ROWS]
    assert all(isinstance(answer, Prediction) for answer in answers)


LIVE = """
import sys
from pathlib import Path
import numpy as np
from stairway.adapters.artifacts.directory import open_sealed
from stairway.adapters.runtimes.forest import load
opened = open_sealed(Path(sys.argv[1]), sys.argv[2], bytes.fromhex(sys.argv[3]))
print(load(opened).predict(np.zeros(12), "trend")[1] > 0)
heavy = {"torch", "lightgbm", "xgboost", "sklearn", "pandas", "gymnasium", "pickle5", "arch"}
print(sorted(heavy & set(sys.modules)))
"""


def test_a_model_is_opened_and_answers_without_any_training_library(tmp_path: Path) -> None:
    key = new_key()
    digest = seal(tmp_path, toy_bundle(), key)
    trusted = public_bytes(key).hex()
    done = subprocess.run(
        [sys.executable, "-c", LIVE, str(tmp_path), digest, trusted],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n")[:2] == ["True", "[]"]
