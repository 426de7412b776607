"""What training bars teach: features, regimes and labels, computed once for everybody.

The functions are those that trade. Labels alone look ahead, and nothing is fed to a model
that the causality prover has not been shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.config import Config
from stairway.base.errors import ConfigError
from stairway.evaluation.evidence import EvidenceRules
from stairway.evaluation.splits import SplitRules
from stairway.features import engine
from stairway.features import regime as weather
from stairway.features.causality import ProverRules
from stairway.features.labels import LabelRules, triple_barrier
from stairway.features.regime import RegimeRules, Regimes
from stairway.features.spec import VOLATILITY_LONG, FeatureRules
from stairway.market.bars import PairBars
from stairway.models.baseline import BaselineRules
from stairway.models.calibration_fit import CalibrationRules
from stairway.training.boosting import BoostingRules
from stairway.training.oof import Material


class TrainerRules(Config, frozen=True, kw_only=True):
    """The sections of a policy that training reads."""

    features: FeatureRules
    regime: RegimeRules
    labels: LabelRules
    prover: ProverRules
    splits: SplitRules
    boosting: BoostingRules
    calibration: CalibrationRules
    evidence: EvidenceRules
    baseline: BaselineRules


@dataclass(frozen=True, slots=True)
class Lesson:
    """The training bars, and what may be known from them.

    Attributes
    ----------
    bars
        The first bars of the run, and no others.
    features : (n, 2, 12) float64
    regimes
        What the detector said at each close.
    """

    bars: PairBars
    features: FloatArray
    regimes: Regimes


def learn(bars: PairBars, rules: TrainerRules) -> Lesson:
    """Compute what may be known from bars, once for all candidates."""
    features = engine.batch(bars, rules.features)
    return Lesson(bars, features, weather.batch(bars, rules.regime))


def material_of(lesson: Lesson, rules: TrainerRules) -> Material:
    """Put labels beside what was known."""
    volatility = np.ascontiguousarray(lesson.features[:, :, VOLATILITY_LONG])
    labels = triple_barrier(lesson.bars, volatility, rules.labels)
    return Material(lesson.features, labels, np.array(lesson.regimes.labels, dtype=np.str_))


def rules_of(policy: Mapping[str, Any]) -> TrainerRules:
    """Read training's sections out of a whole policy.

    Raises
    ------
    ConfigError
        If one is missing, or says something that is not allowed.
    """
    wanted = TrainerRules.__struct_fields__
    missing = [name for name in wanted if name not in policy]
    if missing:
        msg = f"the policy has no [{missing[0]}] section; copy it from a shipped policy"
        raise ConfigError(msg)
    try:
        return msgspec.convert({name: policy[name] for name in wanted}, TrainerRules)
    except msgspec.ValidationError as error:
        msg = f"the policy cannot be used for training: {error}"
        raise ConfigError(msg) from error
