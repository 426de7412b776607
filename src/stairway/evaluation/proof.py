"""What speaks for a model, and against it: one value that can be read, hashed and attached.

A proof is made when a candidate is judged and sealed beside the model, so that the model's
identity covers it. Whoever lets a model climb reads it again: its hash must be the one that
was registered, it must speak of that model, and every gate that binds must have passed in
it. The number of trials is not believed: what follows from it is worked out anew with the
count of the registry (:func:`deflated_at`).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.errors import StairwayError
from stairway.base.hashing import digest
from stairway.base.verdict import Pass, Refuse, Verdict, all_of, inconclusive, passed, refuse
from stairway.evaluation.battery.study import BatteryReport
from stairway.evaluation.proof_of_returns import ReturnsProof
from stairway.evaluation.sceptic.answer import of
from stairway.evaluation.significance.deflated import (
    Deflated,
    Trials,
    chance_variance,
    deflated_of,
)
from stairway.evaluation.significance.psr import Psr, probabilistic_sharpe
from stairway.models.manifest import GateEvidence

DEFLATED = "deflated_sharpe"
"""Name of the gate whose answer depends on how many were tried."""

SCHEMA_VERSION = 1


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What the count of tries is held against: the record that a gate judged.

    Attributes
    ----------
    n_bars, periods_per_year, level
        Returns after costs, how many of them make a year, and the confidence needed.
    psr
        Their ratio and its shape; ``None`` where there is none.
    """

    n_bars: int
    periods_per_year: float
    level: float
    psr: Psr | None = None


def account_of(returns: FloatArray, periods_per_year: float, level: float) -> Account:
    """Measure the returns of an account, costs paid.

    Parameters
    ----------
    returns : (n_bars,) float64
        One for each bar of the evidence; where one is not finite there is no ratio.

    Examples
    --------
    >>> account_of(np.zeros(20), 252.0, 0.95)
    Account(n_bars=20, periods_per_year=252.0, level=0.95, psr=None)
    """
    known = bool(np.isfinite(returns).all())
    psr = probabilistic_sharpe(returns, 0.0) if known else None
    return Account(
        n_bars=int(returns.size),
        periods_per_year=periods_per_year,
        level=level,
        psr=psr if isinstance(psr, Psr) else None,
    )


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found out about one candidate.

    Attributes
    ----------
    schema_version
        Of this writing.
    model, schema_hash, data_fingerprint, code_fingerprint
        What it speaks of, as the passport has it.
    trials
        How many were tried when it was made, itself included.
    causality, battery
        Could the features see the future? Could this be earned without an edge?
    evidence
        Every gate's verdict, and single measurements as ``measured.*``.
    account
        What the deflated Sharpe ratio is worked out anew from.
    shown
        Figures and answers of a sceptic, from ``chance`` to ``costs``, over the bars that
        all candidates of the training have in common; ``None`` where nothing was measured.
    """

    schema_version: int
    model: str
    schema_hash: str
    data_fingerprint: str
    code_fingerprint: str
    trials: int
    causality: Verdict
    battery: BatteryReport | None
    evidence: tuple[GateEvidence, ...]
    account: Account
    shown: ReturnsProof | None = None


def to_bytes(proof: Proof) -> bytes:
    """Write a proof in the one way it can be written."""
    return msgspec.json.encode(proof, order="sorted")


def hash_of(proof: Proof) -> str:
    """Name a proof by its content: SHA-256 of its canonical writing."""
    return digest(to_bytes(proof))


def from_bytes(content: bytes) -> Proof | Refuse:
    """Read a proof strictly: this version, every field sound, the canonical writing.

    Examples
    --------
    >>> from_bytes(b"{}").findings[0].code
    'proof.unreadable'
    """
    try:
        proof = msgspec.json.decode(content, type=Proof)
    except (ValueError, StairwayError, RecursionError) as error:
        return refuse("proof.unreadable", f"the proof cannot be read: {error}")
    if proof.schema_version != SCHEMA_VERSION:
        detail = "the proof is of another version of Stairway: train the model again"
        return refuse("proof.version", detail, proof.schema_version, SCHEMA_VERSION)
    if to_bytes(proof) != content:
        return refuse("proof.unreadable", "the proof is not in its canonical writing")
    return proof


def deflated_at(account: Account, trials: int, apart: float) -> Verdict:
    """Judge an account by the best that so many tries show by luck.

    Parameters
    ----------
    trials
        As the registry counts them at the moment of asking, whatever the proof was made with.
    apart
        Variance of the ratios per bar of those tries that are known, 0 where none are. They
        are taken to lie as far apart as those of tries without skill, at least.

    Examples
    --------
    >>> empty = Account(n_bars=20, periods_per_year=252.0, level=0.95)
    >>> deflated_at(empty, 3, 0.0).findings[0].code
    'evidence.deflated_sharpe'
    """
    if account.psr is None:
        detail = "no Sharpe ratio that could be held against that of so many tries"
        return inconclusive("evidence.deflated_sharpe", detail, n=account.n_bars)
    shape = account.psr.shape
    known = Trials(trials, apart)
    luck = max(known.sharpe_variance, chance_variance(shape.n_bars))
    found = deflated_of(shape, Trials(trials, luck))
    if not isinstance(found, Deflated):
        return refuse("evidence.deflated_sharpe", f"not defined: {found.reason}")
    year = account.periods_per_year**0.5
    detail = (
        f"annual Sharpe {shape.per_bar * year:.2f}; the best of {trials} without skill shows "
        f"{found.psr.benchmark_per_bar * year:.2f} by luck; more than that with a "
        f"probability {of(found.probability)}, and {account.level:g} is needed"
    )
    finding = ("evidence.deflated_sharpe", detail, found.probability, account.level, trials)
    return passed(*finding) if found.probability >= account.level else refuse(*finding)


def recounted(proof: Proof, trials: int) -> tuple[GateEvidence, ...]:
    """Return the evidence with the answers that depend on the count given anew."""
    return deflated_anew(proof.evidence, _deflated(proof, trials))


def deflated_anew(
    evidence: Iterable[GateEvidence], verdict: Verdict
) -> tuple[GateEvidence, ...]:
    """Return evidence with another answer to how many were tried."""
    again = GateEvidence(DEFLATED, verdict)
    return tuple(again if item.gate == DEFLATED else item for item in evidence)


def apart(shown: ReturnsProof | None) -> float:
    """Say how far apart the ratios of the tries lie that were shown: their variance per bar."""
    return 0.0 if shown is None else shown.figures.trials.sharpe_variance


def _deflated(proof: Proof, trials: int) -> Verdict:
    return deflated_at(proof.account, trials, apart(proof.shown))


def judged(proof: Proof, gates: Iterable[str], trials: int) -> Verdict:
    """Say whether the gates that bind passed in a proof, with the registry's count.

    Parameters
    ----------
    gates
        Names of those that bind. One that is not in the proof is inconclusive, and so is
        naming none.
    trials
        The registry's count, which is at least what the proof was made with.

    Returns
    -------
    Verdict
        One finding that names what did not pass.
    """
    if trials < proof.trials:
        detail = f"the proof counts {proof.trials} trials, the registry only {trials}"
        return refuse("proof.trials", detail, trials, proof.trials)
    said = {item.gate: item.verdict for item in proof.evidence}
    said[DEFLATED] = _deflated(proof, trials)
    asked = {gate: said.get(gate, _unseen(gate)) for gate in gates}
    missing = [gate for gate, verdict in asked.items() if not isinstance(verdict, Pass)]
    together = all_of(asked.values())
    detail = f"not passed in the proof: {', '.join(missing) or 'no gate binds'}"
    match together:
        case Pass():
            return passed("proof.passed", f"passed in the proof: {', '.join(asked)}", n=trials)
        case Refuse():
            return refuse("proof.refused", detail)
        case _:
            return inconclusive("proof.inconclusive", detail)


def _unseen(gate: str) -> Verdict:
    return inconclusive("gate.unseen", f"no evidence of {gate}")
