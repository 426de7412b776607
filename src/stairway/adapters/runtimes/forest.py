"""Boosted trees, answered by our own compiled walk over a verified forest."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.config import Config as BaseConfig
from stairway.base.errors import InvariantError
from stairway.models.bodies.forest import ForestBody
from stairway.models.calibration import Calibration, apply
from stairway.models.forest import Forest
from stairway.models.ports import ModelCard, ModelRuntime
from stairway.models.sealed import SealedModel


class Config(BaseConfig, frozen=True, kw_only=True):
    """A forest has nothing to set."""


@dataclass(frozen=True, slots=True, eq=False)
class ForestRuntime:
    """One sealed forest and its calibration, ready to answer."""

    card: ModelCard
    forest: Forest
    calibration: Calibration
    n_features: int

    def predict(self, row: FloatArray, regime: str) -> tuple[float, float]:
        """Return (margin, probability); both NaN for a row with a hole or of another width."""
        if row.shape != (self.n_features,):
            return math.nan, math.nan
        margin = self.forest.whole_margin(row)
        return margin, apply(self.calibration, margin, regime)


def load(sealed: SealedModel) -> ModelRuntime:
    """Make a runtime of a model whose bytes were checked.

    The kernel is called once here, so that compiling it never delays a decision.

    Raises
    ------
    InvariantError
        If the model is not made of trees.
    """
    passport, body = sealed.manifest.passport, sealed.body
    if not isinstance(body, ForestBody):
        msg = f"{passport.model} is a {passport.family}, which has no trees to walk"
        raise InvariantError(msg)
    card = ModelCard(
        passport.model, sealed.manifest.version, sealed.digest, passport.schema_hash
    )
    n_features = len(passport.feature_names)
    runtime = ForestRuntime(card, body.forest, body.calibration, n_features)
    runtime.predict(np.zeros(n_features), "range")
    return runtime
