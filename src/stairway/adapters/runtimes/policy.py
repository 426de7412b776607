"""A trained policy, answered by our own forward pass over verified layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.config import Config as BaseConfig
from stairway.base.errors import InvariantError
from stairway.models.actor import Actor, believe
from stairway.models.bodies.policy import PolicyBody
from stairway.models.calibration import Calibration, apply
from stairway.models.observation import FEATURES
from stairway.models.policy import NO_BELIEF
from stairway.models.ports import ModelCard, PairRuntime
from stairway.models.sealed import SealedModel


class Config(BaseConfig, frozen=True, kw_only=True):
    """A policy has nothing to set: what it looks through is sealed with it."""


@dataclass(frozen=True, slots=True, eq=False)
class PolicyRuntime:
    """One sealed policy and its calibration, ready to answer."""

    card: ModelCard
    actor: Actor
    calibration: Calibration

    def predict_pair(
        self, rows: FloatArray, regime: str
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return (raw, probability) of each; all NaN for a hole or rows of another shape."""
        if rows.shape != (2, FEATURES):
            return NO_BELIEF, NO_BELIEF
        first, second = believe(self.actor, rows)
        return (
            (first.raw, apply(self.calibration, first.raw, regime)),
            (second.raw, apply(self.calibration, second.raw, regime)),
        )


def load(sealed: SealedModel) -> PairRuntime:
    """Make a runtime of a policy whose bytes were checked.

    The kernels are called once here, so that compiling them never delays a decision.

    Raises
    ------
    InvariantError
        If the model is no policy.
    """
    passport, body = sealed.manifest.passport, sealed.body
    if not isinstance(body, PolicyBody):
        msg = f"{passport.model} is a {passport.family}, which is no policy"
        raise InvariantError(msg)
    card = ModelCard(
        passport.model, sealed.manifest.version, sealed.digest, passport.schema_hash
    )
    runtime = PolicyRuntime(card, body.actor, body.calibration)
    runtime.predict_pair(np.zeros((2, FEATURES)), "range")
    return runtime
