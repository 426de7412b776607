"""Resamples of rows and halves of a history, by the thousand, compiled."""

from __future__ import annotations

import math

import numpy as np

from stairway.base.arrays import FloatArray, IntArray
from stairway.compiled import njit

_CONSTANT = 1e-12


@njit(cache=True, nogil=True)
def stationary_rows(n: int, block_rows: float, rng: np.random.Generator) -> IntArray:
    """Draw n rows in blocks that wrap round: a stationary resample (Politis and Romano 1994).

    Blocks start anywhere and have geometric lengths of mean ``block_rows``.
    """
    rows = np.empty(n, np.int64)
    filled = 0
    while filled < n:
        start = int(rng.integers(0, n))
        length = min(rng.geometric(1.0 / block_rows), n - filled)
        for step in range(length):
            rows[filled + step] = (start + step) % n
        filled += length
    return rows


@njit(cache=True, nogil=True)
def stationary_means(
    sums: FloatArray, block_rows: float, n_resamples: int, rng: np.random.Generator
) -> FloatArray:
    """Column means of stationary resamples, without visiting the rows within a block.

    Parameters
    ----------
    sums : (n + 1, k) float64
        Running sums of the columns from a row of zeros on: a block is a difference of two.

    Returns
    -------
    (n_resamples, k) float64
    """
    n: int = sums.shape[0] - 1
    k: int = sums.shape[1]
    means = np.zeros((n_resamples, k))
    for resample in range(n_resamples):
        filled = 0
        while filled < n:
            start = int(rng.integers(0, n))
            length = min(rng.geometric(1.0 / block_rows), n - filled)
            end = start + length
            for column in range(k):
                if end <= n:
                    means[resample, column] += sums[end, column] - sums[start, column]
                else:
                    around = sums[n, column] - sums[start, column] + sums[end - n, column]
                    means[resample, column] += around
            filled += length
        for column in range(k):
            means[resample, column] /= n
    return means


@njit(cache=True, nogil=True)
def _half_sharpes(
    blocks: IntArray, rows: FloatArray, means: FloatArray, squares: FloatArray, out: FloatArray
) -> int:
    """Sharpe ratio of each configuration over some blocks; the first that has none, or -1.

    Blocks are joined by their means and squares about them, so that nothing cancels.
    """
    k = out.size
    mean, spread = np.zeros(k), np.zeros(k)
    n = 0.0
    for block in blocks:
        n += rows[block]
        for j in range(k):
            mean[j] += rows[block] * means[block, j]
    for j in range(k):
        mean[j] /= n
    for block in blocks:
        for j in range(k):
            away = means[block, j] - mean[j]
            spread[j] += squares[block, j] + rows[block] * away * away
    for j in range(k):
        deviation = math.sqrt(spread[j] / (n - 1.0))
        largest = abs(mean[j]) + deviation * math.sqrt(n)
        if not deviation > _CONSTANT * largest:
            return j
        out[j] = mean[j] / deviation
    return -1


@njit(cache=True, nogil=True)
def judge_halves(
    chosen: IntArray, rows: FloatArray, means: FloatArray, squares: FloatArray
) -> tuple[FloatArray, int, int]:
    """Say how the best of one half does in the other, for every split into halves.

    Parameters
    ----------
    chosen : (n_splits, S / 2) int64
        Blocks of the half to choose in, in lexicographic order: a split and the one as far
        from the other end of the list have each other's halves.
    rows : (S,) float64
        Rows of each block.
    means, squares : (S, k) float64
        Mean of each block, and squares about it.

    Returns
    -------
    (n_splits, 3) float64, int, int
        Ratio of the best where it was chosen and where it was not, and twice its rank among
        all there (equal ones share theirs); then the split and the configuration that have
        no ratio, or -1 and -1.
    """
    n_splits, k = chosen.shape[0], means.shape[1]
    found = np.empty((n_splits, 3))
    inside, outside = np.empty(k), np.empty(k)
    for split in range(n_splits):
        bad = _half_sharpes(chosen[split], rows, means, squares, inside)
        if bad < 0:
            bad = _half_sharpes(chosen[n_splits - 1 - split], rows, means, squares, outside)
        if bad >= 0:
            return found, split, bad
        best = np.argmax(inside)
        twice = 1.0
        for j in range(k):
            twice += 2.0 * (outside[j] < outside[best]) + 1.0 * (outside[j] == outside[best])
        found[split, 0] = inside[best]
        found[split, 1] = outside[best]
        found[split, 2] = twice
    return found, -1, -1
