"""Bounds, and records that are known to have an edge or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from stairway.evaluation.evidence import EvidenceRules
from stairway.evaluation.sceptic.record import Record
from stairway.evaluation.sceptic.rules import ProofRules
from stairway.testing.sceptic import evidence_rules, proof_rules


@pytest.fixture
def evidence() -> EvidenceRules:
    return evidence_rules(too_good_skill=0.9)


@pytest.fixture
def proof() -> ProofRules:
    return proof_rules(resamples=199, resample_rows=20_000)


@pytest.fixture
def record() -> Callable[..., Record]:
    """Columns of noise with a mean of their own, the first chosen."""

    def made(*means: float, n: int = 1_000, seed: int = 0, **more: Any) -> Record:
        rng = np.random.default_rng(seed)
        net = rng.normal(means, 0.01, (n, len(means)))
        known: dict[str, Any] = {
            "net": net,
            "names": tuple("abcdefghij"[: len(means)]),
            "chosen": 0,
            "n_trials": len(means),
            "periods_per_year": 252.0,
        }
        return Record(**(known | more))

    return made
