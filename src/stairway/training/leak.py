"""A pipeline that looks one bar ahead, on purpose.

It is what an off-by-one in a feature looks like: everything is honest but one column of
each instrument, which holds the return of the *next* bar under an innocent name. A drill
offers it as a candidate; the causality prover must refuse it by the name of the column
before anything is trained. No run without a drill ever calls this.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.features.pipeline import PipelineRules, columns
from stairway.features.spec import FEATURE_NAMES
from stairway.market.bars import PairBars

LEAKING = "momentum_short"
"""The feature whose place is taken."""


def leaking_columns(bars: PairBars, rules: PipelineRules) -> Mapping[str, FloatArray]:
    """Columns of the honest pipeline, one per instrument replaced by its next return.

    The last bar has no next one and holds NaN.
    """
    ahead = _next_returns(bars)
    named = dict(columns(bars, rules))
    for k, symbol in enumerate(bars.symbols):
        named[f"{symbol}.{LEAKING}"] = ahead[:, k]
    return named


def leaking_features(bars: PairBars, features: FloatArray) -> FloatArray:
    """Rows of features as a model would be fed them by the leaking pipeline.

    Parameters
    ----------
    features : (n, 2, 12) float64
        Honest ones.

    Examples
    --------
    >>> from stairway.testing.bars import random_walk
    >>> bars = random_walk(3, seed=7)
    >>> leaked = leaking_features(bars, np.zeros((3, 2, 12)))[:, 0, 1]
    >>> up = np.log(bars.close[1, 0] / bars.close[0, 0])
    >>> bool(np.isclose(leaked[0], up)), bool(np.isnan(leaked[2]))
    (True, True)
    """
    leaked = features.copy()
    leaked[:, :, FEATURE_NAMES.index(LEAKING)] = _next_returns(bars)
    return leaked


def _next_returns(bars: PairBars) -> FloatArray:
    ahead = np.full(bars.close.shape, np.nan)
    ahead[:-1] = np.diff(np.log(bars.close), axis=0)
    return ahead
