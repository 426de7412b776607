"""A hole in the data is named, never averaged away."""

from __future__ import annotations

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.errors import DataError
from stairway.base.numbers import numbers, one_row

__all__ = ["numbers", "one_row", "require_finite"]


def require_finite(values: FloatArray, what: str) -> None:
    """Refuse NaN and infinity, naming the first row (and column) that has one.

    Parameters
    ----------
    values : (n,) or (n, k) float64
    what
        Plural noun for the message.

    Raises
    ------
    DataError
        If a value is not finite.

    Examples
    --------
    >>> require_finite(np.array([[0.1, 0.2], [0.3, np.nan]]), "losses")
    Traceback (most recent call last):
    ...
    stairway.base.errors.DataError: losses must be finite, but row 1, column 1 is nan
    """
    finite = np.isfinite(values)
    if not bool(finite.all()):
        place = np.argwhere(~finite)[0].tolist()
        where = ", column ".join(str(index) for index in place)
        msg = f"{what} must be finite, but row {where} is {values[tuple(place)]}"
        raise DataError(msg)
