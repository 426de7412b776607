"""The map that never falls and lies nearest to what was seen, exactly and fast."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.errors import DataError
from stairway.models.kernels import pooled, tied


class Steps(NamedTuple):
    """An isotonic fit, at the distinct values of its variable.

    Attributes
    ----------
    x : (m,) float64
        Strictly increasing.
    level : (m,) float64
        Never falling.
    weight : (m,) float64
        Sum of the weights at each ``x``.
    """

    x: FloatArray
    level: FloatArray
    weight: FloatArray


def isotonic(x: FloatArray, y: FloatArray, weights: FloatArray | None = None) -> Steps:
    """Fit by weighted least squares under the condition that a higher ``x`` is never lower.

    The same as scikit-learn's ``IsotonicRegression``; a table of its own answers at every
    distinct ``x``, and ``numpy.interp`` between them.

    Parameters
    ----------
    x, y : (n,) float64
        Finite, in any order; equal ``x`` are one point.
    weights : (n,) float64
        Above 0; ``None`` counts each point once.

    Raises
    ------
    DataError
        If the columns differ in length, are empty, hold NaN or infinity, or a weight is
        not above 0.

    Examples
    --------
    >>> isotonic(np.array([3.0, 1.0, 2.0, 4.0]), np.array([2.0, 1.0, 3.0, 4.0])).level.tolist()
    [1.0, 2.5, 2.5, 4.0]
    """
    mass = np.ones_like(x) if weights is None else weights
    if not (x.ndim == 1 and x.size > 0 and x.shape == y.shape == mass.shape):
        msg = (
            "an isotonic fit needs columns of one length that are not empty; "
            f"got x {x.shape}, y {y.shape}, weights {mass.shape}"
        )
        raise DataError(msg)
    sound = np.isfinite(x) & np.isfinite(y) & np.isfinite(mass) & (mass > 0.0)
    if not bool(sound.all()):
        row = int(np.flatnonzero(~sound)[0])
        msg = (
            "an isotonic fit needs finite values and weights above 0, but row "
            f"{row} is x {x[row]}, y {y[row]}, weight {mass[row]}; leave such rows out"
        )
        raise DataError(msg)
    at, mean, total = tied(x, y, mass, np.argsort(x, kind="stable"))
    return Steps(at, pooled(mean, total), total)
