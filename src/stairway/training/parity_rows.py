"""Rows that a sealed forest is asked again wherever it is opened, and its library's answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.errors import DataError
from stairway.models.parity import MIN_ROWS, Parity

HOLE_SHARE = 0.25
"""Share of the values that are taken away in the holed half of the parity rows."""


def parity_of(
    rows: FloatArray, margins_of: Callable[[FloatArray], FloatArray], rng: np.random.Generator
) -> Parity:
    """Draw 256 rows, punch holes into half of them, and ask the library for their margins.

    Parameters
    ----------
    rows : (n, n_features) float64
        Rows the model was trained on; those with a hole of their own are passed over.
    margins_of
        The library's own answer, such as ``partial(lightgbm_margins, booster)``.

    Raises
    ------
    DataError
        If no row is whole.

    Examples
    --------
    >>> rng = np.random.Generator(np.random.PCG64(7))
    >>> parity = parity_of(np.ones((3, 2)), lambda rows: np.zeros(len(rows)), rng)
    >>> parity.rows.shape, int(np.isnan(parity.rows).any(axis=1).sum())
    ((256, 2), 128)
    """
    whole = rows[np.isfinite(rows).all(axis=1)]
    if whole.shape[0] == 0:
        msg = "no row without a hole was given; parity rows are drawn from whole ones"
        raise DataError(msg)
    drawn = whole[rng.choice(whole.shape[0], MIN_ROWS, replace=whole.shape[0] < MIN_ROWS)]
    half, width = MIN_ROWS // 2, whole.shape[1]
    holes = rng.random((half, width)) < HOLE_SHARE
    holes[np.arange(half), rng.integers(0, width, half)] = True
    drawn[:half][holes] = np.nan
    return Parity(drawn, margins_of(drawn))
