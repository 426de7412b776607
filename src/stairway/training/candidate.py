"""How a candidate is made, and how its evidence is made beside it.

1. Walk forward: margins and calibrated probabilities of bars that no fit had seen.
2. Gates on those: skill of the probabilities, Sharpe ratio of an account trading them.
3. Last fit on all rows that end early enough; calibration on all margins out of fold.
4. Bundle: a body (forest, calibration, parity rows), and a passport with every verdict.

A refused candidate is bundled all the same. What it is refused for is the most important
thing to know about it, and a record without refusals would prove nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from stairway.base.arrays import BoolArray, FloatArray, IntArray
from stairway.base.config import Config
from stairway.base.errors import InvariantError
from stairway.base.verdict import Verdict, all_of, inconclusive
from stairway.evaluation import metrics
from stairway.evaluation.evidence import (
    EVIDENCE_GATES,
    EvidenceRules,
    after_cost_sharpe,
    decide,
    measures,
)
from stairway.evaluation.metrics import Reliability, reliability
from stairway.evaluation.moments import Undefined
from stairway.evaluation.proof import DEFLATED, Account, account_of, deflated_at
from stairway.evaluation.sharpe import Sharpe, sharpe
from stairway.evaluation.skill import Forecasts, Skill, brier_skill, independent_samples
from stairway.evaluation.splits import SplitRules
from stairway.features.spec import FEATURE_NAMES
from stairway.models.bodies.forest import ForestBody
from stairway.models.calibration import REGIMES, Calibration
from stairway.models.calibration_fit import CalibrationRules
from stairway.models.families import Body
from stairway.models.manifest import Family, GateEvidence, Passport
from stairway.models.sealed import Bundle
from stairway.training.boosting import BoostingRules
from stairway.training.oof import (
    Answers,
    Material,
    OutOfFold,
    Progress,
    answers,
    calibration_of,
    forecasts,
    walk_forward,
)
from stairway.training.origin import Origin
from stairway.training.parity_rows import parity_of
from stairway.training.trading import Backtest
from stairway.training.trees import fit

BINDING_GATES = EVIDENCE_GATES
"""Gates that a candidate must pass to become a shadow. The others are on record only."""

_CLIP = 1e-6
_EVEN = 0.5


class JudgeRules(Config, frozen=True, kw_only=True):
    """Sections of the policy that say how any candidate is judged."""

    splits: SplitRules
    calibration: CalibrationRules
    evidence: EvidenceRules


class CandidateRules(JudgeRules, frozen=True, kw_only=True):
    """Sections that say how trees are made, beside those that say how they are judged."""

    boosting: BoostingRules


class Craft(Protocol):
    """How the models of one family are made; how they are judged is the same for all."""

    @property
    def family(self) -> Family:
        """What kind of model it makes. Its name is the slot that the model fills."""
        ...

    def learn(self, bars: IntArray) -> Answers:
        """Make a model of the bars at the given places, and of no others."""
        ...

    def body(self, bars: IntArray, calibration: Calibration) -> Body:
        """Make the model that is sealed, with vectors by which it can be known again."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Boosted trees, fitted on labelled rows."""

    family: Family
    material: Material
    boosting: BoostingRules
    seed: int

    def learn(self, bars: IntArray) -> Answers:
        """Grow trees, and answer by our own walk over them."""
        sample = self.material.sample(bars)
        return partial(answers, fit(self.family, sample, self.boosting, self.seed).forest)

    def body(self, bars: IntArray, calibration: Calibration) -> ForestBody:
        """Grow trees, and keep what their library says of rows with and without holes."""
        sample = self.material.sample(bars)
        fitted = fit(self.family, sample, self.boosting, self.seed)
        rng = np.random.Generator(np.random.PCG64(self.seed))
        parity = parity_of(sample.rows, fitted.reference, rng)
        return ForestBody(fitted.forest, calibration, parity)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that may be sealed, and the record that speaks for or against it.

    Attributes
    ----------
    bundle
        For the artifact store.
    verdict
        All binding gates together.
    oof
        Margins and probabilities out of fold.
    returns : (n,) float64
        Of the account that traded them; NaN before the evidence begins.
    reliability
        Diagram of the probabilities, by regime, and ``all``.
    said
        The probabilities beside what came.
    account
        What the deflated Sharpe ratio is worked out anew from.
    """

    bundle: Bundle
    verdict: Verdict
    oof: OutOfFold
    returns: FloatArray
    reliability: dict[str, Reliability]
    said: Forecasts
    account: Account


def make_candidate(
    family: Family,
    material: Material,
    rules: CandidateRules,
    origin: Origin,
    backtest: Backtest,
    progress: Progress,
) -> Candidate:
    """Train one candidate and judge it.

    Raises
    ------
    TooLittleError
        If there is too little to learn from, or to judge by.
    """
    return judged(
        Trees(family, material, rules.boosting, origin.seed),
        material,
        rules,
        origin,
        backtest,
        progress,
    )


def judged(
    craft: Craft,
    material: Material,
    rules: JudgeRules,
    origin: Origin,
    backtest: Backtest,
    progress: Progress,
) -> Candidate:
    """Make one candidate by whatever craft, and judge it as every other.

    Raises
    ------
    TooLittleError
        If there is too little to learn from, or to judge by.
    """
    oof = walk_forward(material, rules.splits, craft.learn, rules.calibration, progress)
    said = forecasts(material, oof.confidence)
    progress("back-test", 0, 1)
    returns = _returns(backtest, oof)
    progress("back-test", 1, 1)
    account = account_of(
        returns[oof.first_bar :], backtest.periods_per_year, rules.evidence.level
    )
    evidence = _evidence(origin, said, returns[oof.first_bar :], account, rules.evidence)
    last_rows = material.split(rules.splits).final_rows()
    calibration = calibration_of(material, oof.margin, last_rows, rules.calibration)
    figures = _figures(said, returns[oof.first_bar :], backtest, rules.evidence)
    return Candidate(
        bundle=Bundle(
            _passport(craft.family, origin, evidence, figures),
            craft.body(last_rows, calibration),
        ),
        verdict=binding_verdict(evidence),
        oof=oof,
        returns=returns,
        reliability=diagrams(said, rules.evidence),
        said=said,
        account=account,
    )


def binding_verdict(evidence: tuple[GateEvidence, ...]) -> Verdict:
    """Combine the gates that bind; one that is missing leaves it inconclusive.

    Examples
    --------
    >>> from stairway.base.verdict import passed
    >>> binding_verdict((GateEvidence("causality", passed("x", "y")),)).findings[0].detail
    'no evidence of calibration_skill'
    """
    by_gate = {item.gate: item.verdict for item in evidence}
    unseen = {
        gate: inconclusive("gate.unseen", f"no evidence of {gate}") for gate in BINDING_GATES
    }
    return all_of((unseen | by_gate)[gate] for gate in BINDING_GATES)


def diagrams(said: Forecasts, rules: EvidenceRules) -> dict[str, Reliability]:
    """Reliability diagrams of all scored forecasts and of each regime that has any."""
    found: dict[str, Reliability] = {}
    for name in ("all", *REGIMES):
        every = np.ones(said.regime.size, np.bool_)
        rows: BoolArray = every if name == "all" else said.regime == name
        judged = said.scored & rows[:, None]
        n = int(judged.sum())
        if n > 0:
            outcome = said.outcome[judged].astype(np.float64)
            worth = min(max(independent_samples(said, judged), 1.0) / n, 1.0)
            found[name] = reliability(
                said.confidence[judged], outcome, rules.reliability_bins, worth, rules.level
            )
    return found


def _returns(backtest: Backtest, oof: OutOfFold) -> FloatArray:
    returns = np.array(backtest.returns_of(oof.confidence), np.float64)
    if returns.shape != oof.confidence.shape[:1]:
        msg = f"the back-test gave {returns.shape} returns for {oof.confidence.shape[0]} bars"
        raise InvariantError(msg)
    returns[: oof.first_bar] = np.nan
    return returns


def _evidence(
    origin: Origin,
    said: Forecasts,
    returns: FloatArray,
    account: Account,
    rules: EvidenceRules,
) -> tuple[GateEvidence, ...]:
    measured = measures(said, rules)
    periods_per_year = account.periods_per_year
    return (
        GateEvidence("causality", origin.causality),
        GateEvidence("calibration_skill", decide(measured, rules)),
        GateEvidence("after_cost_sharpe", after_cost_sharpe(returns, periods_per_year, rules)),
        GateEvidence("leak_battery", origin.battery),
        GateEvidence(DEFLATED, deflated_at(account, origin.trials, 0.0)),
        *(GateEvidence(f"measured.{name}", verdict) for name, verdict in measured.items()),
    )


def _figures(
    said: Forecasts, returns: FloatArray, backtest: Backtest, rules: EvidenceRules
) -> dict[str, float]:
    """Figures for the passport; what is not finite is left out, since it says nothing."""
    figures: dict[str, float | None] = {"forecasts": float(said.scored.sum())}
    every = np.ones(said.regime.size, np.bool_)
    skill = brier_skill(said, every, rules.climatology_prior_n, rules.level)
    if isinstance(skill, Skill):
        outcome = said.outcome[said.scored].astype(np.float64)
        confidence = said.confidence[said.scored]
        worth = min(skill.n_independent / skill.n, 1.0)
        figures |= {
            "independent_forecasts": skill.n_independent,
            "brier": skill.brier,
            "brier_climatology": skill.brier_climatology,
            "brier_skill": skill.skill,
            "brier_skill_low": skill.low,
            "brier_skill_high": skill.high,
            "log_loss": metrics.log_loss(confidence, outcome, _CLIP)[0],
            "hit_frac": float(np.mean(np.equal(confidence > _EVEN, outcome > 0.0))),
            "confidence_std": float(np.std(confidence)),
        }
        z = metrics.spiegelhalter_z(confidence, outcome)
        if not isinstance(z, Undefined):
            figures["spiegelhalter_z"] = z * math.sqrt(worth)
        diagram = diagrams(said, rules)["all"]
        figures |= {
            "ece": diagram.ece,
            "ece_corrected": diagram.ece_corrected,
            "ece_bound": diagram.ece_bound,
        }
    found = sharpe(returns, backtest.periods_per_year, rules.level)
    if isinstance(found, Sharpe):
        figures |= {
            "sharpe": found.annual,
            "sharpe_low": found.low,
            "sharpe_high": found.high,
            "sharpe_iid": found.annual_iid,
            "return_frac": metrics.total_return(returns),
            "max_drawdown_frac": metrics.max_drawdown(returns),
        }
    return {
        name: value
        for name, value in figures.items()
        if value is not None and math.isfinite(value)
    }


def _passport(
    family: Family,
    origin: Origin,
    evidence: tuple[GateEvidence, ...],
    figures: dict[str, float],
) -> Passport:
    return Passport(
        model=family.value,
        family=family,
        last_data_ns=origin.last_data_ns,
        feature_names=FEATURE_NAMES,
        schema_hash=origin.schema_hash,
        data_fingerprint=origin.data_fingerprint,
        code_fingerprint=origin.code_fingerprint,
        libraries=origin.libraries,
        trials=origin.trials,
        metrics=figures,
        evidence=evidence,
    )
