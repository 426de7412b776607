"""Compiled loops of belief: what a forest says about a row, and maps that never fall.

Arrays and scalars in, a scalar or arrays out; no objects, no I/O. The arrays of a forest
must have passed :func:`stairway.models.forest.validate`: nothing is range-checked here,
because a check per node would cost more than the walk itself.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import FloatArray, IntArray
from stairway.compiled import njit

BranchArray: TypeAlias = NDArray[np.int32]
RootArray: TypeAlias = NDArray[np.int32]

FEATURE, LEFT, RIGHT, MISSING_LEFT = 0, 1, 2, 3
"""Columns of ``branch``. In a leaf the first three hold -1 and the last 0."""


@njit(cache=True)
def margin(
    row: FloatArray, branch: BranchArray, number: FloatArray, roots: RootArray, base: float
) -> float:
    """Sum, over all trees in order, of the leaf that ``row`` falls into.

    Trees are added one by one from ``base``, in the order of the library that grew them,
    so that not even the last bit differs from LightGBM.

    Parameters
    ----------
    row : (n_features,) float64
        NaN means missing and follows each node's own rule.
    branch : (n_nodes, 4) int32
        Feature, left child, right child, 1 where missing goes left.
    number : (n_nodes,) float64
        Threshold of a branch (values at most this go left), value of a leaf.
    roots : (n_trees,) int32
        Where each tree starts.
    base : float
        Margin before any tree.
    """
    total = base
    for root in roots:
        node = root
        while branch[node, FEATURE] >= 0:
            value = row[branch[node, FEATURE]]
            if math.isnan(value):
                goes_left = branch[node, MISSING_LEFT] == 1
            else:
                goes_left = value <= number[node]
            node = branch[node, LEFT] if goes_left else branch[node, RIGHT]
        total += number[node]
    return float(total)


@njit(cache=True)
def whole_margin(
    row: FloatArray, branch: BranchArray, number: FloatArray, roots: RootArray, base: float
) -> float:
    """Margin of a row without holes; NaN where any value is NaN or infinite.

    A forest can answer with holes in the row, but nobody may trade on such an answer.
    """
    for value in row:
        if not math.isfinite(value):
            return math.nan
    return float(margin(row, branch, number, roots, base))


@njit(cache=True)
def margins(
    rows: FloatArray, branch: BranchArray, number: FloatArray, roots: RootArray, base: float
) -> FloatArray:
    """Return :func:`margin` of each row of an (n, n_features) table, as (n,) float64."""
    out = np.empty(rows.shape[0], np.float64)
    for i in range(rows.shape[0]):
        out[i] = margin(rows[i], branch, number, roots, base)
    return out


@njit(cache=True, nogil=True)
def tied(
    x: FloatArray, y: FloatArray, weights: FloatArray, order: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Make one point of all points with the same ``x``.

    Parameters
    ----------
    x, y, weights : (n,) float64
        Finite; weights above 0.
    order : (n,) int64
        Rows by rising ``x``.

    Returns
    -------
    (m,) float64, (m,) float64, (m,) float64
        Distinct ``x`` in rising order, weighted mean of ``y`` and sum of weights at each.
    """
    at, mean, mass = np.empty(x.size), np.empty(x.size), np.empty(x.size)
    m = 0
    for row in order:
        if m > 0 and at[m - 1] == x[row]:
            mean[m - 1] += y[row] * weights[row]
            mass[m - 1] += weights[row]
        else:
            at[m], mean[m], mass[m] = x[row], y[row] * weights[row], weights[row]
            m += 1
    return at[:m].copy(), mean[:m] / mass[:m], mass[:m].copy()


@njit(cache=True, nogil=True)
def pooled(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Nearest non-decreasing sequence in weighted least squares (pool adjacent violators).

    Each value starts a block; a block that does not exceed the one before it is joined to
    it. A block is joined once, so the time is linear.

    Parameters
    ----------
    values, weights : (n,) float64
        Finite; weights above 0.

    Returns
    -------
    (n,) float64
    """
    mean, total, mass = np.empty(values.size), np.empty(values.size), np.empty(values.size)
    end = np.empty(values.size, np.int64)
    top = 0
    for i in range(values.size):
        level, summed, weight = values[i], values[i] * weights[i], weights[i]
        while top > 0 and mean[top - 1] >= level:
            top -= 1
            summed += total[top]
            weight += mass[top]
            level = summed / weight
        mean[top], total[top], mass[top], end[top] = level, summed, weight, i + 1
        top += 1
    out, begin = np.empty(values.size), 0
    for block in range(top):
        out[begin : end[block]] = mean[block]
        begin = end[block]
    return out
