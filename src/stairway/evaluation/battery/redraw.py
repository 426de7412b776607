"""Whether a study redraws its market as it is asked to: nothing is shown on the same one.

1. Random signs are asked for. A position of 1 at every row earns from each move, so where
   the sign is -1 it must now lose what it earned, and earn what it lost. Sizes may change
   a little: a simple return is not the opposite of its opposite.
2. Some feature must notice.

A study that gives back the market it was given, whole or in what matters, would pass every
stage that compares two markets.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import FloatArray
from stairway.base.verdict import Verdict, inconclusive, passed
from stairway.evaluation.battery.study import Study

M = TypeVar("M")

_SHARE, _FEWEST_ROWS = 0.9, 30


def really_redrawn(study: Study[M], market: M, seed: int) -> Verdict:
    """Ask for random signs, and see whether moves and features have them.

    Examples
    --------
    >>> from stairway.testing.studies import garch_moves, study
    >>> type(really_redrawn(study(), garch_moves(400, seed=1), 1)).__name__
    'Pass'
    """
    n = study.labels(market).value.size
    rng = np.random.Generator(np.random.PCG64((seed, 3)))
    signs: NDArray[np.int8] = 1 - 2 * rng.integers(0, 2, n, dtype=np.int8)
    other = study.redrawn(market, signs)
    held = np.ones(n)
    before, after = study.profit(market, held.copy()), study.profit(other, held.copy())
    share, rows = max(_turned(before, after, signs, ahead) for ahead in (1, 0))
    if rows < _FEWEST_ROWS:
        detail = (
            f"a position of 1 at every row has a profit at {rows} of {_FEWEST_ROWS} rows "
            "needed to see whether the market was redrawn"
        )
        return inconclusive("leak.not_redrawn", detail, rows, _FEWEST_ROWS, rows)
    if not share >= _SHARE:
        detail = (
            "not shown: redrawn does not give each move its sign, so nothing was tried on "
            f"another market: {100.0 * share:.0f} % of the profits of a constant position have "
            f"the sign that was asked for, and {100.0 * _SHARE:.0f} % are needed"
        )
        return inconclusive("leak.not_redrawn", detail, share, _SHARE, rows)
    if np.array_equal(study.features(market), study.features(other), equal_nan=True):
        detail = (
            "not shown: no feature notices that the market was redrawn, so they are made of "
            "something that redrawn leaves as it is"
        )
        return inconclusive("leak.not_redrawn", detail, 0.0, None, rows)
    return passed("leak.redrawn", "moves and features follow the signs that were asked for")


def _turned(
    before: FloatArray, after: FloatArray, signs: NDArray[np.int8], ahead: int
) -> tuple[float, int]:
    """Share of profits that have turned with the sign of their row, or of the next; rows."""
    asked = np.append(signs[ahead:], np.ones(ahead, np.int8))
    was, now = np.sign(before), np.sign(after)
    # NaN is no sign, so it is not compared.
    rows = np.flatnonzero((np.abs(was) == 1.0) & (np.abs(now) == 1.0))
    if not rows.size:
        return 0.0, 0
    same = int(((was * asked)[rows] == now[rows]).sum())
    return same / rows.size, int(rows.size)
