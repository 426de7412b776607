"""What boosted trees may learn from, and how large they may grow.

Imports no training library: settings are read by processes that have none. The libraries
are called in :mod:`stairway.training.trees`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from msgspec import Meta

from stairway.base.arrays import FloatArray, IntArray
from stairway.base.config import Config
from stairway.base.errors import DataError, TooLittleError


class BoostingRules(Config, frozen=True, kw_only=True):
    """How large the trees grow (``[boosting]``), the same for every family.

    Attributes
    ----------
    rounds
        Trees.
    learning_rate
        Share of each tree that is believed.
    max_depth
        Questions from the root to a leaf.
    min_leaf_samples
        Independent samples in a leaf, at least.
    l2
        Ridge penalty on leaf values.
    row_frac, column_frac
        Share of rows, and of features, that each tree is shown.
    """

    rounds: Annotated[int, Meta(ge=1, le=2_000)]
    learning_rate: Annotated[float, Meta(gt=0.0, le=1.0)]
    max_depth: Annotated[int, Meta(ge=1, le=8)]
    min_leaf_samples: Annotated[float, Meta(ge=1.0, le=1e9)]
    l2: Annotated[float, Meta(ge=0.0, le=1e9)]
    row_frac: Annotated[float, Meta(gt=0.0, le=1.0)]
    column_frac: Annotated[float, Meta(gt=0.0, le=1.0)]


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows to learn from.

    Attributes
    ----------
    rows : (n, n_features) float64
        Finite.
    outcome : (n,) int64
        0 or 1, and both occur.
    weight : (n,) float64
        Uniqueness of the label, positive.
    """

    rows: FloatArray
    outcome: IntArray
    weight: FloatArray

    def __post_init__(self) -> None:
        n = self.rows.shape[0]
        if not (self.outcome.shape == (n,) and self.weight.shape == (n,)):
            given = f"{self.outcome.shape} and {self.weight.shape}"
            msg = f"{n} rows need as many outcomes and weights, got {given}"
            raise DataError(msg)
        if not (bool(np.isfinite(self.rows).all()) and bool(np.all(self.weight > 0.0))):
            msg = (
                "rows to learn from must be finite, with positive weight; leave the others out"
            )
            raise DataError(msg)
        if set(np.unique(self.outcome).tolist()) != {0, 1}:
            msg = f"{n} rows hold one outcome only; there is nothing to learn from them"
            raise TooLittleError(msg)
