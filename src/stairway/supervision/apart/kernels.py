"""Compiled distances between two samples, for every way to part their answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import FloatArray, IntArray
from stairway.compiled import njit


@njit(cache=True, nogil=True)
def distances(
    is_first: NDArray[np.bool_], ends: IntArray, steps: FloatArray, one: float, other: float
) -> FloatArray:
    """Return how far two samples lie apart, for every way to part them.

    Parameters
    ----------
    is_first : (n, n_answers) bool
        Which answers are of the first sample, in ascending order of confidence.
    ends : (n_values,) int64
        The last answer of each different confidence.
    steps : (n_values,) float64
        From each confidence to the next.
    one, other
        Weight of an answer of the first sample, and of one of the second.

    Returns
    -------
    distances : (n, 3) float64
        Largest distance of the distribution functions; twice the integral of its square;
        and the size of Cliff's delta.
    """
    found = np.zeros((len(is_first), 3))
    for row in range(len(is_first)):
        gap, at, below, ahead = 0.0, 0, 0, 0
        for v in range(len(ends)):
            start, before = at, below
            while at <= ends[v]:
                gap += one if is_first[row, at] else -other
                below += is_first[row, at]
                at += 1
            # Of the first sample: those below this value twice, and those at it once.
            ahead += (at - start - below + before) * (below + before)
            found[row, 0] = max(found[row, 0], abs(gap))
            found[row, 1] += 2.0 * gap * gap * steps[v]
        found[row, 2] = abs(ahead * one * other - 1.0)
    return found
