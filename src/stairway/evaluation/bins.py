"""Five sums for each bin of forecasts, from which every measure over bins is made.

A bin is a row: how many forecasts, and the sums of forecast, forecast squared, outcome, and
forecast times outcome. Rows add up, so a table can be made at once or one by one.
"""

from __future__ import annotations

import numpy as np

from stairway.base.arrays import FloatArray, IntArray

N, P, PP, Y, PY = 0, 1, 2, 3, 4
"""Columns of a table."""


def by_value(confidence: FloatArray, outcome: FloatArray) -> FloatArray:
    """One bin for each distinct forecast: nothing is lost.

    Examples
    --------
    >>> by_value(np.array([0.5, 0.25, 0.5]), np.array([1.0, 0.0, 0.0])).tolist()
    [[1.0, 0.25, 0.0625, 0.0, 0.0], [2.0, 1.0, 0.5, 1.0, 0.5]]
    """
    values, place = np.unique(confidence, return_inverse=True)
    return _sums(place, confidence, outcome, values.size)


def by_mass(confidence: FloatArray, outcome: FloatArray, n_bins: int) -> FloatArray:
    """Bins of equally many forecasts; equal ones are never parted, so there may be fewer.

    Examples
    --------
    >>> by_mass(np.repeat([0.3, 0.7], [90, 10]), np.zeros(100), 10)[:, N].tolist()
    [90.0, 10.0]
    """
    ranked = np.sort(confidence)
    wanted = np.linspace(0, ranked.size, min(n_bins, ranked.size) + 1).astype(np.int64)[1:-1]
    edges = np.unique(ranked[wanted])
    edges = edges[edges > ranked[0]]
    place = np.searchsorted(edges, confidence, side="right")
    return _sums(place, confidence, outcome, edges.size + 1)


def by_width(confidence: FloatArray, outcome: FloatArray, n_bins: int) -> FloatArray:
    """Bins of equal width over [0, 1], closed below; 1 itself is in the last. Some are empty.

    Examples
    --------
    >>> by_width(np.array([0.0, 0.5, 1.0]), np.zeros(3), 2)[:, N].tolist()
    [1.0, 2.0]
    """
    place = np.minimum((confidence * n_bins).astype(np.int64), n_bins - 1)
    return _sums(place, confidence, outcome, n_bins)


def place_of(confidence: float, n_bins: int) -> int:
    """Bin of :func:`by_width` that a forecast falls into.

    Examples
    --------
    >>> place_of(0.29, 100), place_of(1.0, 10)
    (28, 9)
    """
    return min(int(confidence * n_bins), n_bins - 1)


def _sums(place: IntArray, p: FloatArray, y: FloatArray, n_bins: int) -> FloatArray:
    columns = (np.ones_like(p), p, p * p, y, p * y)
    table = [np.bincount(place, column, n_bins) for column in columns]
    return np.column_stack(table).astype(np.float64)
