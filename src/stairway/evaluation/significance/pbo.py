"""Probability that choosing the best back-test chooses an overfitted one (Bailey et al.).

1. The bars are cut into S blocks, and every way to take half of them is a split: 12,870
   for sixteen blocks.
2. The configuration with the best Sharpe ratio in the half that was taken is looked up in
   the other half: its rank over (number of configurations + 1), and the logit of that.
3. PBO is the share of splits with a logit of at most 0: the best was no better than the
   median. Some count logits below 0 only; the two differ on the median itself, which an
   odd number of configurations has.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from stairway.base.arrays import FloatArray, IntArray
from stairway.base.errors import DataError
from stairway.evaluation.kernels import squares_about
from stairway.evaluation.moments import Undefined
from stairway.evaluation.significance.kernels import judge_halves
from stairway.evaluation.significance.sample import Unmeasured, table, too_few

_FEWEST_IN_HALF = 30
_FEWEST_IN_BLOCK = 2
_FEWEST_CONFIGURATIONS = 2
_MOST_BLOCKS = 20


@dataclass(frozen=True, slots=True)
class Overfitting:
    """How the best of one half does in the other.

    Attributes
    ----------
    n_configurations, n_rows
        What was judged.
    pbo
        Share of splits whose best is at most the median of the other half.
    pbo_below
        Share of splits whose best is below it: what some packages call PBO.
    loss_frac
        Share of splits whose best loses in the other half.
    logits : (n_splits,) float64
        Of the rank of the best in the other half; 0 is the median.
    inside, outside : (n_splits,) float64
        Sharpe ratio per bar of the best, where it was chosen and in the other half.
    """

    n_configurations: int
    n_rows: int
    pbo: float
    pbo_below: float
    loss_frac: float
    logits: FloatArray
    inside: FloatArray
    outside: FloatArray


def overfitting(returns: FloatArray, n_blocks: int) -> Overfitting | Unmeasured:
    """Judge a choice among configurations by all splits of their history into halves.

    Parameters
    ----------
    returns : (n_rows, n_configurations) float64
        After costs, of *every* configuration that was tried, at the same bars.
    n_blocks
        Even, from 2 to 20; 16 is usual. The first blocks are one row longer where the rows
        do not divide.

    Returns
    -------
    Overfitting, Undefined or Inconclusive
        Undefined where a configuration is constant over a half.

    Raises
    ------
    DataError
        If a return is not finite (the message names row and column), or the number of
        blocks is not allowed.

    Examples
    --------
    Sixteen configurations of noise: the best is chosen by luck, and falls anywhere.

    >>> noise = np.random.default_rng(0).standard_normal((480, 16))
    >>> found = overfitting(noise, 8)
    >>> found.logits.size, round(found.pbo, 2)
    (70, 0.41)

    One that is always the best is no accident.

    >>> overfitting(noise + 2.0 * (np.arange(16) == 3), 8).pbo
    0.0
    """
    returns = table(returns, "returns")
    if n_blocks % 2 or not 2 <= n_blocks <= _MOST_BLOCKS:  # noqa: PLR2004 - one half each
        msg = f"{n_blocks} blocks; an even number from 2 to {_MOST_BLOCKS} is allowed"
        raise DataError(msg)
    n_rows, n_configurations = returns.shape
    if n_configurations < _FEWEST_CONFIGURATIONS:
        return too_few("configurations", n_configurations, _FEWEST_CONFIGURATIONS)
    needed = max(2 * _FEWEST_IN_HALF, _FEWEST_IN_BLOCK * n_blocks)
    if n_rows < needed:
        return too_few("rows", n_rows, needed)
    return _judged(returns, n_blocks)


def _judged(returns: FloatArray, n_blocks: int) -> Overfitting | Undefined:
    chosen: IntArray = np.array(list(itertools.combinations(range(n_blocks), n_blocks // 2)))
    found, split, bad = judge_halves(chosen, *_blocks(returns, n_blocks))
    if split >= 0:
        return Undefined(
            f"configuration {bad} is constant over half of the blocks "
            f"(split {split} of {chosen.shape[0]}); leave it out or give more rows"
        )
    n_configurations = returns.shape[1]
    # Ranks are whole or half numbers: as integers, the median is met exactly.
    twice_rank: FloatArray = found[:, 2]
    twice_others: FloatArray = 2.0 * (n_configurations + 1) - twice_rank
    return Overfitting(
        n_configurations=n_configurations,
        n_rows=returns.shape[0],
        pbo=float(np.mean(twice_rank <= twice_others)),
        pbo_below=float(np.mean(twice_rank < twice_others)),
        loss_frac=float(np.mean(found[:, 1] < 0.0)),
        logits=np.log(twice_rank / twice_others),
        inside=found[:, 0].copy(),
        outside=found[:, 1].copy(),
    )


def _blocks(returns: FloatArray, n_blocks: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Rows, means and squares about them, of each block."""
    # One power of two for all: ratios stay, and squares of tiny returns keep their digits.
    largest = max(float(returns.max()), -float(returns.min()))
    power = -math.frexp(largest)[1]
    blocks = np.array_split(returns, n_blocks)
    rows = np.array([float(block.shape[0]) for block in blocks])
    means = np.empty((n_blocks, returns.shape[1]))
    squares = np.empty_like(means)
    for k, block in enumerate(blocks):
        # One block at a time: a second table beside a large one would not fit.
        columns = np.ascontiguousarray(np.ldexp(block, power).T)
        means[k] = columns.mean(axis=1)
        squares[k] = [squares_about(*one) for one in zip(columns, means[k], strict=True)]
    return rows, means, squares
