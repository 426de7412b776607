"""The static rule, answered by its formula: no library, no table, nothing to fail."""

from __future__ import annotations

from dataclasses import dataclass

from stairway.base.arrays import FloatArray
from stairway.base.config import Config as BaseConfig
from stairway.base.errors import InvariantError
from stairway.models.baseline import BaselineRules, confidence, log_odds
from stairway.models.bodies.rule import RuleBody
from stairway.models.ports import ModelCard, ModelRuntime
from stairway.models.sealed import SealedModel


class Config(BaseConfig, frozen=True, kw_only=True):
    """A rule has nothing to set: its numbers are sealed."""


@dataclass(frozen=True, slots=True)
class RuleRuntime:
    """One sealed rule, ready to answer."""

    card: ModelCard
    rules: BaselineRules

    def predict(self, row: FloatArray, regime: str) -> tuple[float, float]:
        """Return (log-odds, probability); NaN where a feature is missing or volatility is 0.

        The regime does not enter: sizing already halves what is staked in a crisis.
        """
        del regime
        probability = confidence(self.rules, row)
        return log_odds(probability), probability


def load(sealed: SealedModel) -> ModelRuntime:
    """Make a runtime of a rule whose bytes were checked.

    Raises
    ------
    InvariantError
        If the model is no rule.
    """
    passport, body = sealed.manifest.passport, sealed.body
    if not isinstance(body, RuleBody):
        msg = f"{passport.model} is a {passport.family}, which is no rule"
        raise InvariantError(msg)
    card = ModelCard(
        passport.model, sealed.manifest.version, sealed.digest, passport.schema_hash
    )
    return RuleRuntime(card, body.rules)
