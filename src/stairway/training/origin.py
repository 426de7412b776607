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
    battery
        The leak battery's verdict on features, labels, splits and fits together.
    last_data_ns
        Close time of the last bar.
    schema_hash, data_fingerprint, code_fingerprint
        Identity of features, bars, and code.
    libraries
        Versions.
    trials
        All that this training tries, this one included: each family once, and each cycle of
        each seed of a policy that practised before.
    seed
        Of trees and parity rows.
    """

    causality: Verdict
    battery: Verdict
    last_data_ns: UtcNs
    schema_hash: str
    data_fingerprint: str
    code_fingerprint: str
    libraries: dict[str, str]
    trials: int
    seed: int
