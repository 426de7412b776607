"""Proofs to test the stairs with."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from stairway.base.verdict import Verdict, passed
from stairway.evaluation.evidence import EVIDENCE_GATES
from stairway.evaluation.proof import SCHEMA_VERSION, Account, Proof, to_bytes
from stairway.evaluation.significance.psr import Psr, Shape
from stairway.models.manifest import GateEvidence
from stairway.models.sealed import Bundle

_YEAR = 252.0


def account(per_bar: float = 0.2, n_bars: int = 1_000) -> Account:
    """Return an account of normal returns with this Sharpe ratio per bar.

    Examples
    --------
    >>> account().psr.shape.per_bar
    0.2
    """
    shape = Shape(n_bars=n_bars, per_bar=per_bar, skew=0.0, kurtosis=3.0)
    psr = Psr(shape, 0.0, 1.0)
    return Account(n_bars=n_bars, periods_per_year=_YEAR, level=0.95, psr=psr)


def proof_of(
    model: str,
    said: Mapping[str, Verdict] | None = None,
    trials: int = 1,
    traded: Account | None = None,
) -> Proof:
    """Return a proof in which every gate passed, but for what is ``said``.

    Examples
    --------
    >>> proof_of("lightgbm").evidence[0].gate
    'causality'
    """
    good = {gate: passed(f"test.{gate}", "as given") for gate in EVIDENCE_GATES}
    gates = good | dict(said or {})
    return Proof(
        schema_version=SCHEMA_VERSION,
        model=model,
        schema_hash="",
        data_fingerprint="",
        code_fingerprint="",
        trials=trials,
        causality=gates["causality"],
        battery=None,
        evidence=tuple(GateEvidence(gate, verdict) for gate, verdict in gates.items()),
        account=traded or account(),
    )


def proved(bundle: Bundle) -> Bundle:
    """Return a bundle whose gates all passed, with the proof that says so.

    Examples
    --------
    >>> from stairway.testing.models import toy_bundle
    >>> proved(toy_bundle()).proof is None
    False
    """
    proof = proof_of(bundle.passport.model, trials=bundle.passport.trials)
    said = msgspec.structs.replace(bundle.passport, evidence=proof.evidence)
    return Bundle(said, bundle.body, to_bytes(proof))
