"""A sealed policy answers about both instruments at once, and keeps the pair contract."""

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
from stairway.adapters.runtimes import policy as policy_runtime
from stairway.base.errors import InvariantError
from stairway.base.units import UtcNs
from stairway.models.actor import believe
from stairway.models.ask import Question, ask_pair
from stairway.models.bodies.policy import PolicyBody
from stairway.models.calibration import REGIMES, apply
from stairway.models.families import KINDS
from stairway.models.observation import FEATURES
from stairway.models.ports import ModelRuntime, PairRuntime
from stairway.models.prediction import Exclusion, Prediction
from stairway.models.sealed import SealedModel
from stairway.testing.models import toy_bundle, toy_passport, toy_policy, toy_sealed
from stairway.testing.runtime import PairRuntimeContract

ROWS = np.random.default_rng(1).standard_normal((60, 2, FEATURES))
ABOUT = (
    Question("NVDA", UtcNs(1), "trend", 0.02),
    Question("MSFT", UtcNs(1), "trend", 0.02),
)


def runtime_of(seed: int = 7) -> PairRuntime:
    return policy_runtime.load(toy_sealed(seed, toy_policy()))


class TestPolicyRuntime(PairRuntimeContract):
    @pytest.fixture
    def runtime(self) -> PairRuntime:
        policy_runtime.Config()
        return runtime_of()

    @pytest.fixture
    def rows(self) -> np.ndarray:
        return ROWS[:30]


def test_every_runtime_is_under_one_of_the_two_contracts() -> None:
    for name in (m.name for m in pkgutil.iter_modules(runtimes.__path__)):
        family = next(family for family, kind in KINDS.items() if kind.runtime == name)
        model = "baseline" if name == "rule" else "toy"
        sealed = toy_sealed(passport=toy_passport(model, family=family))
        loaded = import_module(f"stairway.adapters.runtimes.{name}").load(sealed)
        assert isinstance(loaded, PairRuntime) == (name == "policy")
        assert hasattr(loaded, "predict") == (name != "policy")


def test_it_answers_with_its_belief_and_the_calibrated_probability() -> None:
    sealed = toy_sealed(passport=toy_policy())
    body = sealed.body
    assert isinstance(body, PolicyBody)
    runtime = policy_runtime.load(sealed)
    for rows in ROWS:
        for regime in REGIMES:
            for said, belief in zip(
                runtime.predict_pair(rows, regime), believe(body.actor, rows), strict=True
            ):
                assert said == (belief.raw, apply(body.calibration, belief.raw, regime))


def test_the_card_names_the_sealed_artifact() -> None:
    sealed = toy_sealed(passport=toy_policy())
    card = policy_runtime.load(sealed).card
    assert card.digest == sealed.digest
    assert card.model == "policy"
    assert card.version == sealed.manifest.version
    assert card.schema_hash == sealed.manifest.passport.schema_hash


def test_an_unknown_regime_has_no_probability() -> None:
    for raw, confidence in runtime_of().predict_pair(ROWS[0], "calm"):
        assert math.isfinite(raw)
        assert math.isnan(confidence)


def test_what_is_no_policy_is_not_served_by_it() -> None:
    with pytest.raises(InvariantError, match="lightgbm is a lightgbm, which is no policy"):
        policy_runtime.load(toy_sealed())


def test_no_other_runtime_serves_a_policy() -> None:
    for name in {kind.runtime for kind in KINDS.values()} - {"policy"}:
        plugin = import_module(f"stairway.adapters.runtimes.{name}")
        with pytest.raises(InvariantError):
            plugin.load(toy_sealed(passport=toy_policy()))


def test_a_forest_is_no_pair_runtime() -> None:
    forest: ModelRuntime = import_module("stairway.adapters.runtimes.forest").load(toy_sealed())
    assert not isinstance(forest, PairRuntime)


def test_from_disk_to_answer_nothing_changes(tmp_path: Path) -> None:
    key = new_key()
    digest = seal(tmp_path, toy_bundle(7, toy_policy()), key)
    opened = open_sealed(tmp_path, digest, public_bytes(key))
    assert isinstance(opened, SealedModel)
    fresh, loaded = runtime_of(), policy_runtime.load(opened)
    for rows in ROWS:
        answers = ask_pair(loaded, rows, ABOUT)
        assert answers == ask_pair(fresh, rows, ABOUT)
        assert all(isinstance(answer, Prediction) for answer in answers)


def test_a_certain_policy_is_excluded_and_not_cut_to_a_number() -> None:
    class Certain:
        card = runtime_of().card

        def predict_pair(self, rows: np.ndarray, regime: str) -> object:
            del rows, regime
            return (math.inf, 1.0), (0.0, 0.5)

    first, second = ask_pair(Certain(), ROWS[0], ABOUT)
    assert isinstance(first, Exclusion)
    assert isinstance(second, Prediction)


LIVE = """
import sys
from pathlib import Path
import numpy as np
from stairway.adapters.artifacts.directory import open_sealed
from stairway.adapters.runtimes.policy import load
opened = open_sealed(Path(sys.argv[1]), sys.argv[2], bytes.fromhex(sys.argv[3]))
print(load(opened).predict_pair(np.zeros((2, 12)), "trend")[1][1] > 0)
heavy = {"torch", "stable_baselines3", "gymnasium", "onnx", "onnxruntime", "sklearn", "pandas"}
print(sorted(heavy & set(sys.modules)))
"""


def test_a_policy_is_opened_and_answers_without_its_trainer(tmp_path: Path) -> None:
    key = new_key()
    digest = seal(tmp_path, toy_bundle(7, toy_policy()), key)
    trusted = public_bytes(key).hex()
    done = subprocess.run(
        [sys.executable, "-c", LIVE, str(tmp_path), digest, trusted],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n")[:2] == ["True", "[]"]
