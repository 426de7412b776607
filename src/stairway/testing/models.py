"""Small models that need no training: for tests of whatever stands around a model.

They are sound in every way that sealing asks for and know nothing about markets.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from stairway.base.units import NS_PER_DAY, UtcNs
from stairway.base.verdict import passed
from stairway.features.spec import FEATURE_NAMES
from stairway.models.calibration import REGIMES, Calibration, CalibrationForm, RegimeMap
from stairway.models.forest import Forest
from stairway.models.parity import MIN_ROWS
from stairway.models.sealed import Bundle, Family, GateEvidence, Passport
from stairway.training.export import Split, grow, parity_of

Tree: TypeAlias = "Split[Tree] | float"
TREES = 5
DEPTH = 3
LAST_DATA_NS = UtcNs(17_533 * NS_PER_DAY)


def toy_tree(rng: np.random.Generator, n_features: int, depth: int) -> Tree:
    """Grow a full random tree as nested splits; leaves lie in [-1, 1)."""
    if depth == 0:
        return float(rng.uniform(-1.0, 1.0))
    return Split(
        feature=int(rng.integers(n_features)),
        threshold=float(rng.standard_normal()),
        missing_left=bool(rng.integers(2)),
        left=toy_tree(rng, n_features, depth - 1),
        right=toy_tree(rng, n_features, depth - 1),
    )


def toy_forest(seed: int = 7, n_features: int = len(FEATURE_NAMES)) -> Forest:
    """Return five random trees of depth three.

    Examples
    --------
    >>> toy_forest(seed=1).roots.tolist()
    [0, 15, 30, 45, 60]
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    trees = [toy_tree(rng, n_features, DEPTH) for _ in range(TREES)]
    return grow(trees, lambda node: node, base=0.125)


def toy_calibration() -> Calibration:
    """Return straight maps, a little different in each regime.

    Examples
    --------
    >>> from stairway.models.calibration import apply
    >>> [round(apply(toy_calibration(), 5.0, regime), 2) for regime in ("range", "trend")]
    [0.68, 0.69]
    """
    return Calibration(
        {
            regime: RegimeMap(
                form=CalibrationForm.SHRUNK_PLATT,
                n=600,
                n_effective=120.0,
                x=(-5.0, 0.0, 5.0),
                y=(0.32 - 0.01 * i, 0.5, 0.68 + 0.01 * i),
            )
            for i, regime in enumerate(REGIMES)
        }
    )


def toy_passport(model: str = "lightgbm", schema_hash: str = "5" * 64) -> Passport:
    """Return the passport of a model that passed one gate.

    Examples
    --------
    >>> toy_passport().evidence[0].gate
    'causality'
    """
    return Passport(
        model=model,
        family=Family.LIGHTGBM,
        last_data_ns=LAST_DATA_NS,
        feature_names=FEATURE_NAMES,
        schema_hash=schema_hash,
        data_fingerprint="d" * 64,
        code_fingerprint="c" * 64,
        libraries={"numpy": np.__version__},
        trials=1,
        metrics={"brier": 0.25},
        evidence=(GateEvidence("causality", passed("causality.clean", "nothing moved")),),
    )


def toy_bundle(seed: int = 7, passport: Passport | None = None) -> Bundle:
    """Return everything that can be sealed; each seed is another model.

    Examples
    --------
    >>> from stairway.models.sealed import pack
    >>> pack(toy_bundle(1)).digest == pack(toy_bundle(2)).digest
    False
    """
    forest = toy_forest(seed)
    rng = np.random.Generator(np.random.PCG64(seed))
    rows = rng.standard_normal((MIN_ROWS, len(FEATURE_NAMES)))
    parity = parity_of(rows, forest.margins, rng)
    return Bundle(passport or toy_passport(), forest, toy_calibration(), parity)
