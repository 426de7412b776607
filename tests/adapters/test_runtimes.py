"""Every file in adapters/runtimes that answers about one row meets its contract.

Those that look at both instruments are in ``test_runtimes_policy.py``.
"""

from __future__ import annotations

import math
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from stairway.adapters.artifacts.directory import new_key, open_sealed, public_bytes, seal
from stairway.adapters.runtimes import forest as forest_runtime
from stairway.adapters.runtimes import rule as rule_runtime
from stairway.base.errors import InvariantError
from stairway.base.units import UtcNs
from stairway.features.spec import FEATURE_NAMES
from stairway.models.ask import Question, ask
from stairway.models.baseline import VOLATILITY, confidence, log_odds
from stairway.models.calibration import REGIMES, apply
from stairway.models.families import KINDS
from stairway.models.manifest import Passport
from stairway.models.ports import ModelRuntime
from stairway.models.prediction import Exclusion, ExclusionCode, Prediction
from stairway.models.sealed import SealedModel
from stairway.testing.models import toy_bundle, toy_passport, toy_rule, toy_sealed
from stairway.testing.runtime import RuntimeContract

TOYS = {"forest": toy_passport(), "rule": toy_rule()}
ROWS = np.random.default_rng(1).standard_normal((200, len(FEATURE_NAMES)))
ROWS[:, VOLATILITY] = 0.2 + np.abs(ROWS[:, VOLATILITY])


def sealed_model(seed: int = 7) -> SealedModel:
    return toy_sealed(seed)


class TestRuntimes(RuntimeContract):
    @pytest.fixture(params=TOYS)
    def runtime(self, request: pytest.FixtureRequest) -> ModelRuntime:
        passport = TOYS[request.param]
        assert KINDS[passport.family].runtime == request.param
        plugin = import_module(f"stairway.adapters.runtimes.{request.param}")
        plugin.Config()
        return plugin.load(toy_sealed(passport=passport))

    @pytest.fixture
    def rows(self) -> np.ndarray:
        return ROWS[:50]


@pytest.mark.parametrize(
    ("runtime", "passport", "said"),
    [
        (forest_runtime, toy_rule(), "baseline is a rule, which has no trees to walk"),
        (rule_runtime, toy_passport(), "lightgbm is a lightgbm, which is no rule"),
    ],
)
def test_a_runtime_takes_no_model_of_another_family(
    runtime: ModuleType, passport: Passport, said: str
) -> None:
    with pytest.raises(InvariantError, match=said):
        runtime.load(toy_sealed(passport=passport))


def test_a_rule_answers_with_its_formula_whatever_the_regime() -> None:
    sealed = toy_sealed(passport=toy_rule())
    runtime = rule_runtime.load(sealed)
    for row in ROWS:
        expected = confidence(sealed.body.rules, row)
        answers = {runtime.predict(row, regime) for regime in (*REGIMES, "calm")}
        assert answers == {(log_odds(expected), expected)}
    assert len({runtime.predict(row, "trend") for row in ROWS}) > 100


@pytest.mark.parametrize("volatility", [0.0, -0.1])
def test_a_rule_without_volatility_is_excluded(volatility: float) -> None:
    row = ROWS[0].copy()
    row[VOLATILITY] = volatility
    question = Question("SPX", UtcNs(0), "trend", 0.02)
    answer = ask(rule_runtime.load(toy_sealed(passport=toy_rule())), row, question)
    assert isinstance(answer, Exclusion)
    assert answer.code is ExclusionCode.NOT_FINITE


def test_the_card_of_a_rule_names_its_artifact_too() -> None:
    sealed = toy_sealed(passport=toy_rule())
    card = rule_runtime.load(sealed).card
    assert (card.model, card.digest) == ("baseline", sealed.digest)
    assert (card.version, card.schema_hash) == ("v20180102_000000", "5" * 64)


def test_a_forest_answers_with_its_margin_and_the_calibrated_probability() -> None:
    sealed = sealed_model()
    runtime = forest_runtime.load(sealed)
    for row in ROWS:
        for regime in REGIMES:
            raw, confidence = runtime.predict(row, regime)
            assert raw == sealed.body.forest.margin(row)
            assert confidence == apply(sealed.body.calibration, raw, regime)


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
    assert math.isfinite(sealed.body.forest.margin(row))
    assert math.isnan(forest_runtime.load(sealed).predict(row, "trend")[0])


def test_a_row_that_lies_scattered_in_memory_is_answered_alike() -> None:
    runtime = forest_runtime.load(sealed_model())
    wide = np.repeat(ROWS, 2, axis=1)
    for row, scattered in zip(ROWS[:20], wide[:20, ::2], strict=True):
        assert runtime.predict(scattered, "range") == runtime.predict(row, "range")


@pytest.mark.parametrize("name", TOYS)
def test_from_disk_to_answer_nothing_changes(name: str, tmp_path: Path) -> None:
    key, passport = new_key(), TOYS[name]
    digest = seal(tmp_path, toy_bundle(passport=passport), key)
    opened = open_sealed(tmp_path, digest, public_bytes(key))
    assert isinstance(opened, SealedModel)
    load = import_module(f"stairway.adapters.runtimes.{name}").load
    fresh, loaded = load(toy_sealed(passport=passport)), load(opened)
    question = Question("SPX", UtcNs(1), "crisis", 0.02)
    answers = [ask(loaded, row, question) for row in ROWS]
    assert answers == [ask(fresh, row, question) for row in ROWS]
    assert all(isinstance(answer, Prediction) for answer in answers)


LIVE = """
import sys
from pathlib import Path
import numpy as np
from stairway.adapters.artifacts.directory import open_sealed
from stairway.adapters.runtimes.{name} import load
opened = open_sealed(Path(sys.argv[1]), sys.argv[2], bytes.fromhex(sys.argv[3]))
print(load(opened).predict(np.ones(12), "trend")[1] > 0)
heavy = {{"torch", "lightgbm", "xgboost", "sklearn", "pandas", "gymnasium", "pickle5", "arch"}}
print(sorted(heavy & set(sys.modules)))
"""


@pytest.mark.parametrize("name", TOYS)
def test_a_model_is_opened_and_answers_without_any_training_library(
    name: str, tmp_path: Path
) -> None:
    key = new_key()
    digest = seal(tmp_path, toy_bundle(passport=TOYS[name]), key)
    trusted = public_bytes(key).hex()
    done = subprocess.run(
        [sys.executable, "-c", LIVE.format(name=name), str(tmp_path), digest, trusted],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n")[:2] == ["True", "[]"]
