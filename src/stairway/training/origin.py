"""Where the models of one training run come from: what their passports have in common."""

from __future__ import annotations

from dataclasses import dataclass

from stairway.base.units import UtcNs
from stairway.base.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Origin:
    """What a model's passport says that its own training does not find out.

    Attributes
    ----------
    causality
        The prover's verdict on the pipeline that made the features.
    last_data_ns
        Close time of the last bar.
    schema_hash, data_fingerprint, code_fingerprint
        Identity of features, bars, and code.
    libraries
        Versions.
    trials
        Candidates that this run tries, this one included.
    seed
        Of trees and parity rows.
    """

    causality: Verdict
    last_data_ns: UtcNs
    schema_hash: str
    data_fingerprint: str
    code_fingerprint: str
    libraries: dict[str, str]
    trials: int
    seed: int
