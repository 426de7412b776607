"""Leaks that hide in holes, infinities and high levels, for the catalogue of :mod:`.leaks`.

A column may stand so high that the size of its values hides what moves in them, or tell the
future by where it says nothing at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import FloatArray


def ahead(x: FloatArray) -> FloatArray:
    """Return the move from each row to the next, 0 at the last."""
    return np.append(np.diff(x), 0.0)


def hole_ahead(x: FloatArray) -> FloatArray:
    """Leave a hole where the next bar rises, and an honest number elsewhere."""
    return np.where(ahead(x) > 0.0, np.nan, x)


def infinite_ahead(x: FloatArray) -> FloatArray:
    """Divide by what the next bar loses, and by 0 where it rises."""
    with np.errstate(divide="ignore"):
        return 1.0 / np.maximum(-ahead(x), 0.0)


def level_mixed(x: FloatArray) -> FloatArray:
    """Mix a little of the next move with this one, on a high level."""
    return 1e6 + np.diff(x, prepend=x[0]) + 1e-4 * ahead(x)


def stamped(bars: Mapping[str, NDArray[Any]]) -> FloatArray:
    """Say the row's time a tenth of a second late where the next bar rises."""
    return bars["time_ns"] + 1e8 * np.sign(ahead(bars["close"]))


def running_total(bars: Mapping[str, NDArray[Any]]) -> FloatArray:
    """Sum the volume of all bars so far, by the sign of their moves."""
    moves = np.diff(bars["close"], prepend=bars["close"][0])
    return np.cumsum(1e6 + np.sign(moves) * bars["volume"])
