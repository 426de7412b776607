"""Are the probabilities honest, and do they tell anything? Over all bars and by regime."""

from __future__ import annotations

import msgspec
import numpy as np

from stairway.base.arrays import BoolArray
from stairway.base.verdict import Finding, Inconclusive, Verdict, inconclusive, passed
from stairway.evaluation.beside import short, told_apart
from stairway.evaluation.calibration import MeasureRules, Measures, measure
from stairway.evaluation.evidence import ALL, EvidenceRules, decide, measures, own_regimes
from stairway.evaluation.moments import Undefined
from stairway.evaluation.sceptic.answer import (
    UNJUDGED,
    Question,
    against,
    held_against,
    unasked,
    unmeasured,
)
from stairway.evaluation.sceptic.rules import ProofRules
from stairway.evaluation.skill import Forecasts, Skill, brier_skill, independent_samples
from stairway.models.calibration import REGIMES

BLANK = "rows without a regime"


class Honesty(msgspec.Struct, frozen=True):
    """Forecasts of one regime, or of all.

    Attributes
    ----------
    regime
        Its name, or ``all``.
    measures, skill
        What was measured; ``None`` where too little is there.
    missing
        What is missing for them, else empty.
    """

    regime: str
    measures: Measures | None
    skill: Skill | None
    missing: str


def honest(
    forecasts: Forecasts | None, evidence: EvidenceRules, proof: ProofRules
) -> tuple[tuple[Honesty, ...], dict[str, Verdict]]:
    """Measure forecasts over all bars and within each regime, and judge them.

    Returns
    -------
    tuple, dict
        ``skill`` is what the policy binds. ``reliability`` asks whether things happen as
        often as was said, over all bars; ``spiegelhalter`` the same without bins, over all
        bars and within each regime, the level parted among them. ``unjudged.R`` names a
        regime R that holds too few, or the rows that name none where others do, and is open
        where these hold, together, more of the forecasts than the rules bear.
    """
    if forecasts is None:
        return (), {"probabilities": unasked(Question.HONEST)}
    measured = {
        name: _measured(name, forecasts, evidence, proof) for name in _regimes(forecasts)
    }
    pooled = measured[ALL]
    shown = tuple(
        _honesty(name, found, forecasts, evidence) for name, found in measured.items()
    )
    checks = {"skill": decide(measures(forecasts, evidence), evidence)}
    if isinstance(pooled, Inconclusive):
        return shown, checks | {"reliability": pooled}
    checks["reliability"] = _reliable(pooled)
    judged = [one for one in shown if one.measures is not None]
    for one in judged:
        name = "spiegelhalter" if one.regime == ALL else f"spiegelhalter.{one.regime}"
        checks[name] = _calibrated(one, (1.0 - evidence.level) / len(judged))
    return shown, checks | _unjudged(shown, forecasts, proof)


def _unjudged(
    shown: tuple[Honesty, ...], forecasts: Forecasts, proof: ProofRules
) -> dict[str, Verdict]:
    """Name each regime of which too little is there, and how much all of them are."""
    every = int(forecasts.scored.sum())
    held = {
        one.regime: int((forecasts.scored & _rows(one.regime, forecasts)[:, None]).sum())
        for one in shown
        if one.measures is None and one.regime != ALL
    }
    missing = {one.regime: one.missing for one in shown}
    blank = int((forecasts.scored & _rows("", forecasts)[:, None]).sum())
    if 0 < blank < every:
        held[BLANK], missing[BLANK] = blank, "their regime is not named, and others' are"
    frac, bound = sum(held.values()) / max(every, 1), proof.max_unjudged_frac
    hold, may = told_apart(100.0 * frac, 100.0 * bound, 1)
    beside = (
        f"regimes that cannot be judged hold {hold} % of the forecasts, and "
        f"{short(may)} % may go unjudged"
    )
    say = passed if frac <= bound else inconclusive
    return {
        f"unjudged.{regime}": say(
            UNJUDGED,
            f"in {regime}: not judged, {missing[regime]}; {beside}",
            frac,
            bound,
            n,
        )
        for regime, n in held.items()
    }


def _regimes(forecasts: Forecasts) -> tuple[str, ...]:
    """All of them first, then ours in their order, then those of somebody else."""
    there = set(forecasts.regime[forecasts.scored.any(axis=1)].tolist())
    return (ALL, *(name for name in REGIMES if name in there), *own_regimes(forecasts))


def _rows(regime: str, forecasts: Forecasts) -> BoolArray:
    every = np.ones(forecasts.regime.size, np.bool_)
    return every if regime == ALL else forecasts.regime == regime


def _honesty(
    regime: str, found: Measures | Inconclusive, forecasts: Forecasts, evidence: EvidenceRules
) -> Honesty:
    skill = brier_skill(
        forecasts, _rows(regime, forecasts), evidence.climatology_prior_n, evidence.level
    )
    few = isinstance(found, Inconclusive)
    return Honesty(
        regime=regime,
        measures=None if few else found,
        skill=skill if isinstance(skill, Skill) and not few else None,
        missing=found.findings[0].detail if few else "",
    )


def _measured(
    regime: str, forecasts: Forecasts, evidence: EvidenceRules, proof: ProofRules
) -> Measures | Inconclusive:
    judged = forecasts.scored & _rows(regime, forecasts)[:, None]
    few = evidence.min_independent if regime == ALL else evidence.min_independent_regime
    rules = MeasureRules(
        min_samples=max(few, 2),
        n_bins=evidence.reliability_bins,
        eps=proof.clip,
        level=evidence.level,
    )
    n = int(judged.sum())
    if n == 0:
        return unasked(Question.HONEST)
    worth = min(max(independent_samples(forecasts, judged), 1.0) / n, 1.0)
    outcome = forecasts.outcome[judged].astype(np.float64)
    return measure(forecasts.confidence[judged], outcome, rules, worth)


def _reliable(found: Measures) -> Verdict:
    diagram = found.reliability
    lies, under = told_apart(diagram.ece, diagram.ece_bound, 4)
    more = f"{diagram.ece_corrected:.4f} more" if diagram.ece_corrected > 0.0 else "no more"
    said = Finding(
        "proof.reliability",
        f"what was said lies {lies} from how often it came ({more} than chance makes of an "
        f"honest forecaster, who stays under {under})",
        diagram.ece,
        diagram.ece_bound,
        int(found.n_independent),
    )
    return held_against(diagram.ece <= diagram.ece_bound, said)


def _calibrated(one: Honesty, allowed: float) -> Verdict:
    where = "over all bars" if one.regime == ALL else f"in {one.regime}"
    found = one.measures
    if found is None:
        return unasked(Question.HONEST)
    code, p = "proof.spiegelhalter", found.spiegelhalter_p
    if isinstance(p, Undefined):
        return unmeasured(code, p)
    strays, under = against(p, allowed)
    said = Finding(
        code,
        f"{where}: an honest forecaster strays as far with a probability {strays}; under "
        f"{under} it is not chance",
        p,
        allowed,
        int(found.n_independent),
    )
    return held_against(p >= allowed, said)
