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
from stairway.market.bars import PairBars

LEAKING = "momentum_short"
"""The feature whose place is taken."""


def leaking_columns(bars: PairBars, rules: PipelineRules) -> Mapping[str, FloatArray]:
    """Columns of the honest pipeline, one per instrument replaced by its next return.

    The last bar has no next one and holds NaN.
    """
    ahead = np.full(bars.close.shape, np.nan)
    ahead[:-1] = np.diff(np.log(bars.close), axis=0)
    named = dict(columns(bars, rules))
    for k, symbol in enumerate(bars.symbols):
        named[f"{symbol}.{LEAKING}"] = ahead[:, k]
    return named
