"""How hard a sceptic asks in a test: usual bounds, any of which may be given another value."""

from __future__ import annotations

from typing import Any

from stairway.evaluation.evidence import Check, EvidenceRules
from stairway.evaluation.sceptic.rules import ProofRules


def proof_rules(**changes: float) -> ProofRules:
    """Return bounds of a proof that is soon done, with ``changes``.

    Raises
    ------
    msgspec.ValidationError
        If a change is out of its bounds, or there is no such rule.

    Examples
    --------
    >>> proof_rules(resamples=199).resamples
    199
    """
    rules: dict[str, Any] = {
        "resamples": 99,
        "resample_rows": 1_000,
        "pbo_blocks": 8,
        "max_pbo": 0.2,
        "clip": 1e-6,
        "max_usual_move_frac": 0.2,
        "max_annual_volatility_frac": 10.0,
        "max_unjudged_frac": 0.05,
    } | changes
    return ProofRules(**rules)


def evidence_rules(**changes: Any) -> EvidenceRules:
    """Return bounds of evidence of which skill alone binds, with ``changes``.

    Raises
    ------
    msgspec.ValidationError
        If a change is out of its bounds, or there is no such rule.

    Examples
    --------
    >>> evidence_rules(min_independent=50).min_independent
    50
    """
    rules: dict[str, Any] = {
        "binding": (Check.SKILL_POOLED,),
        "level": 0.95,
        "min_independent": 100,
        "min_independent_regime": 50,
        "climatology_prior_n": 20.0,
        "brier_bound": 0.2,
        "too_good_skill": 0.15,
        "sharpe_floor": 0.0,
        "too_good_sharpe": 50.0,
        "min_sharpe_bars": 250,
        "reliability_bins": 10,
    } | changes
    return EvidenceRules(**rules)
