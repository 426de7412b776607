"""Bounds, and records that are known to have an edge or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from stairway.evaluation.evidence import Check, EvidenceRules
from stairway.evaluation.sceptic.record import Record
from stairway.evaluation.sceptic.rules import ProofRules


@pytest.fixture
def evidence() -> EvidenceRules:
    return EvidenceRules(
        binding=(Check.SKILL_POOLED,),
        level=0.95,
        min_independent=100,
        min_independent_regime=50,
        climatology_prior_n=20.0,
        brier_bound=0.2,
        too_good_skill=0.9,
        sharpe_floor=0.0,
        min_sharpe_bars=250,
        reliability_bins=10,
    )


@pytest.fixture
def proof() -> ProofRules:
    return ProofRules(
        resamples=199,
        resample_rows=20_000,
        pbo_blocks=8,
        max_pbo=0.2,
        clip=1e-6,
        max_usual_move_frac=0.2,
        max_annual_volatility_frac=10.0,
    )


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
