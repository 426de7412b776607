"""What a model would have said of bars that it had not seen: margins out of fold.

1. For each test block of the walk-forward, fit on the purged rows before it.
2. Ask what was fitted (by the very code that will trade) for the margins of the block.
3. From the second block on, make a calibration of the earlier blocks' margins, purged
   alike, and turn the block's margins into probabilities with it.

So no probability here has seen its own outcome, neither through the trees nor through
the calibration. That makes them evidence. The first block has margins only: it is what
the first calibration is made of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from stairway.base.arrays import FloatArray, IntArray
from stairway.base.errors import DataError
from stairway.evaluation.skill import Forecasts
from stairway.evaluation.splits import SplitRules, rows_before
from stairway.models import calibration_fit
from stairway.models.calibration import Calibration, apply_many
from stairway.models.calibration_fit import CalibrationRules
from stairway.models.forest import Forest
from stairway.training.material import Material

Progress: TypeAlias = Callable[[str, int, int], None]
"""Told (what is being done, steps done, steps in all)."""


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Answers about bars that were not trained on.

    Attributes
    ----------
    margin : (n, 2) float64
        NaN where no block tested the bar or its features were not known.
    confidence : (n, 2) float64
        Calibrated on earlier blocks; NaN in the first block and wherever the margin is.
    first_bar
        Where the second block begins: evidence is complete from here on.
    """

    margin: FloatArray
    confidence: FloatArray
    first_bar: int


Answers: TypeAlias = Callable[[FloatArray], FloatArray]
"""From (n, 2, n_features) rows to their (n, 2) margins; NaN where there is none."""

Learn: TypeAlias = Callable[[IntArray], Answers]
"""Learns from the bars at the given places, and from no others."""


def walk_forward(
    material: Material,
    rules: SplitRules,
    learn: Learn,
    calibrate: CalibrationRules,
    progress: Progress,
) -> OutOfFold:
    """Walk forward: learn, answer, calibrate.

    Parameters
    ----------
    learn
        Makes a model of the bars before a block.
    calibrate
        How probabilities are made of margins.
    progress
        Told before the first block and after each.

    Raises
    ------
    DataError
        If there are fewer than two blocks.
    TooLittleError
        If a block has too little to learn from, or to be calibrated with.
    """
    splitter = material.split(rules)
    blocks = splitter.blocks()
    if len(blocks) < 2:  # noqa: PLR2004 - one to calibrate on, one to judge
        msg = f"splits.n_blocks is {len(blocks)}; evidence needs at least 2 blocks"
        raise DataError(msg)
    margin = np.full((len(material), 2), np.nan)
    confidence = margin.copy()
    progress("walk-forward", 0, len(blocks))
    for done, (train, test) in enumerate(splitter.split()):
        margin[test] = learn(train)(material.features[test])
        if done > 0:
            earlier = rows_before(int(test[0]), splitter.end, splitter.left_out_rows)
            known = calibration_of(material, margin, earlier, calibrate)
            confidence[test] = probabilities(known, margin[test], material.regime[test])
        progress("walk-forward", done + 1, len(blocks))
    return OutOfFold(margin, confidence, int(blocks[1][0]))


def answers(forest: Forest, features: FloatArray) -> FloatArray:
    """Margins of (n, 2, n_features) rows, (n, 2); NaN where a row is not whole.

    Examples
    --------
    >>> from stairway.models.forest import stump
    >>> rows = np.array([[[0.0], [1.0]], [[np.nan], [1.0]]])
    >>> answers(stump(0, 0.5, -1.0, 2.0), rows)
    array([[-1.,  2.],
           [nan,  2.]])
    """
    n = features.shape[0]
    rows = np.ascontiguousarray(features.reshape(n * 2, -1))
    whole = np.isfinite(rows).all(axis=1)
    return np.where(whole, forest.margins(rows), np.nan).reshape(n, 2)


def calibration_of(
    material: Material, margin: FloatArray, bars: IntArray, rules: CalibrationRules
) -> Calibration:
    """Calibration made of the out-of-fold margins at the given bars.

    Raises
    ------
    TooLittleError
        If they are too few.
    """
    used = material.used(bars) & np.isfinite(margin)
    regime = np.repeat(material.regime[:, None], 2, axis=1)
    return calibration_fit.fit(
        margin[used],
        material.labels.outcome[used],
        regime[used],
        material.weights(used)[used],
        rules,
    )


def probabilities(
    calibration: Calibration, margin: FloatArray, regime: np.ndarray
) -> FloatArray:
    """Calibrated (n, 2) probabilities of (n, 2) margins, each in its bar's regime."""
    labels: list[str] = np.repeat(regime, 2).tolist()
    return apply_many(calibration, margin.ravel(), labels).reshape(margin.shape)


def forecasts(material: Material, confidence: FloatArray) -> Forecasts:
    """Put probabilities beside what came, for the gates."""
    labels = material.labels
    return Forecasts(confidence, labels.outcome, labels.start, labels.end, material.regime)
