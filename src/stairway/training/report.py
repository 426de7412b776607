"""What a training run found out, as the trader's process and the report read it.

Imports no training library: reading what was found takes a core install only.
"""

from __future__ import annotations

import msgspec

from stairway.base.verdict import Verdict
from stairway.evaluation.battery.study import BatteryReport
from stairway.evaluation.metrics import Reliability
from stairway.models.manifest import GateEvidence


class CandidateReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One candidate, sealed or not.

    Attributes
    ----------
    model
        Slot name, such as ``"lightgbm"``; ``"leaking"`` for the one that a drill offers.
    digest, version
        Of the sealed artifact; ``None`` where the candidate was refused before
        training, or there was too little to make or judge it.
    verdict
        All binding gates together.
    evidence
        Every gate's verdict, and single measurements as ``measured.*``.
    metrics
        Figures of the bars out of fold, by name.
    reliability
        Reliability diagrams, by regime and ``all``.
    oof
        File with the predictions out of fold, relative to the run's folder.
    proof
        Hash of the proof that is sealed with the model, as ``proof.json``.
    """

    model: str
    digest: str | None
    version: str | None
    verdict: Verdict
    evidence: tuple[GateEvidence, ...]
    metrics: dict[str, float]
    reliability: dict[str, Reliability]
    oof: str | None
    proof: str | None


class TrainingReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``training.json``.

    Attributes
    ----------
    n_bars
        Bars that training saw: the first so many.
    data_fingerprint, code_fingerprint, schema_hash
        Identity of those bars, of the code, and of the features.
    causality
        The prover's verdict on the honest pipeline.
    candidates
        In the order in which they were asked for.
    baseline
        Digest of the sealed rule; ``None`` where the prover stopped the training.
    battery
        What the leak battery found, once for all candidates; ``None`` as above.
    """

    n_bars: int
    data_fingerprint: str
    code_fingerprint: str
    schema_hash: str
    causality: Verdict
    candidates: tuple[CandidateReport, ...]
    baseline: str | None
    battery: BatteryReport | None = None
