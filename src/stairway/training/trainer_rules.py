"""The sections of a policy that training reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from stairway.base.config import Config
from stairway.base.errors import ConfigError
from stairway.evaluation.evidence import EvidenceRules
from stairway.evaluation.sceptic.rules import ProofRules
from stairway.evaluation.splits import SplitRules
from stairway.features.causality import ProverRules
from stairway.features.labels import LabelRules
from stairway.features.regime import RegimeRules
from stairway.features.spec import FeatureRules
from stairway.models.baseline import BaselineRules
from stairway.models.calibration_fit import CalibrationRules
from stairway.training.boosting import BoostingRules
from stairway.training.rebuild_rules import RebuildRules


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
    proof: ProofRules
    battery: RebuildRules
    baseline: BaselineRules


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
