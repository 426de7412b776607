"""The map that never falls and lies nearest to what was seen, exactly and fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import FloatArray
from stairway.base.errors import DataError
from stairway.base.numbers import one_row
from stairway.models.kernels import pooled, tied

Numbers: TypeAlias = NDArray[Any] | Sequence[float]
"""A row of numbers of any kind."""


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


def isotonic(x: Numbers, y: Numbers, weights: Numbers | None = None) -> Steps:
    """Fit by weighted least squares under the condition that a higher ``x`` is never lower.

    The same as scikit-learn's ``IsotonicRegression``; a table of its own answers at every
    distinct ``x``, and ``numpy.interp`` between them.

    Parameters
    ----------
    x, y : (n,) numbers
        Finite, in any order; equal ``x`` are one point. Lists and columns of tables will do.
    weights : (n,) numbers
        Above 0; ``None`` counts each point once.

    Raises
    ------
    DataError
        If the columns differ in length, are empty or no row of numbers, hold NaN or
        infinity, or a weight is not above 0.

    Examples
    --------
    >>> isotonic(np.array([3.0, 1.0, 2.0, 4.0]), np.array([2.0, 1.0, 3.0, 4.0])).level.tolist()
    [1.0, 2.5, 2.5, 4.0]
    """
    x, y = one_row(x, "x"), one_row(y, "y")
    mass = np.ones_like(x) if weights is None else one_row(weights, "weights")
    if not (x.size > 0 and x.shape == y.shape == mass.shape):
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
