"""Over which time answers stretch, so that no single stamp decides it.

Answers are counted by minute, of each model at each stage. From the 1st to the 99th
percentile, scaled up to the whole: answers that come evenly stretch from first to last
exactly, and one stamp that is years off adds nothing. Where there are more minutes than
:data:`MOST`, neighbours are joined, two and two, so that memory does not grow.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import IntArray
from stairway.base.units import NS_PER_HOUR
from stairway.supervision import kernels as k
from stairway.supervision.answers import Answers
from stairway.supervision.counts import rows_of

MOST = 2**16
"""Minutes of all models that are told apart."""

_MINUTE_NS = NS_PER_HOUR // 60
_MIDDLE = (50, 49)
_EDGE, _ALL = 99, 100
_NEAR = 8
"""Places for each key up to which counting in place is faster than sorting."""


class Extent:
    """Counts of answers by minute. ``add`` changes it in place; no cut of a stream does.

    Examples
    --------
    >>> from stairway.supervision.answers import columns
    >>> at = [*range(0, 1000 * 10**9, 10**9), 10**18]
    >>> chunk = columns(time_ns=at, model=[0] * 1001, symbol=[0] * 1001, action=[2] * 1001,
    ...                 confidence=[0.6] * 1001)
    >>> extent = Extent()
    >>> extent.add(chunk, np.ones(1001, np.uint8))
    >>> extent.span_ns(0, 1, 0, 10**18) / 60e9 < 18
    True
    """

    def __init__(self, most: int = MOST) -> None:
        self._most, self._width = most, 1
        self._keys: IntArray = np.zeros(0, np.int64)
        self._often: IntArray = np.zeros(0, np.int64)

    def add(self, answers: Answers, take: NDArray[np.uint8]) -> None:
        """Count the answers of a chunk that count (``take`` is odd) and keep the contract."""
        n = len(take)
        keys, often = np.empty(n, np.int64), np.empty(n, np.int64)
        runs = k.count_minutes(rows_of(answers, take), self._width, keys, often)
        self._join(*_counted(keys[:runs], often[:runs]))

    def span_ns(self, model: int, stage: int, first_ns: int, last_ns: int) -> int:
        """Return over which time one model answered; at most from first to last."""
        mine = self._keys % k.WHO == 4 * model + stage
        bins, often = self._keys[mine] // k.WHO, self._often[mine]
        if not len(bins):
            return 0
        width_ns, n = _MINUTE_NS * self._width, int(often.sum())
        up_to = np.cumsum(often)
        low, high = (int(bins[np.searchsorted(up_to, rank)]) for rank in _ranks(n))
        least = max(first_ns, low * width_ns)
        most = min(last_ns, (high + 1) * width_ns)
        above, below = _MIDDLE
        return min(last_ns - first_ns, (most - least) * above // below)

    @property
    def width(self) -> int:
        """Minutes that are joined to one."""
        return self._width

    def counted(self, width: int) -> tuple[IntArray, IntArray, IntArray]:
        """Return (n,) bins of ``width`` minutes, who answered in them, and how often.

        ``width`` is a multiple of this one's. Who answered is ``4 * model + stage``; the same
        one may stand at a bin more than once.
        """
        return (
            self._keys // k.WHO // (width // self._width),
            self._keys % k.WHO,
            self._often.copy(),
        )

    def _join(self, keys: IntArray, often: IntArray) -> None:
        found, where = np.unique(np.concatenate([self._keys, keys]), return_inverse=True)
        counts = np.bincount(where, np.concatenate([self._often, often]), len(found))
        self._keys, self._often = found, counts.astype(np.int64)
        while len(self._keys) > self._most:
            self._halve()

    def _halve(self) -> None:
        keys, often = self._keys, self._often
        self._keys, self._often = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._width *= 2
        self._join(keys // k.WHO // 2 * k.WHO + keys % k.WHO, often)


def _counted(keys: IntArray, often: IntArray) -> tuple[IntArray, IntArray]:
    """Return each key of a chunk once and how often it is there, unsorted only where far."""
    if not len(keys):
        return keys, often
    least = int(keys.min())
    if int(keys.max()) - least > _NEAR * len(keys):
        return keys, often
    counts = np.bincount(keys - least, often)
    found = np.flatnonzero(counts)
    return found + least, counts[found].astype(np.int64)


def _ranks(n: int) -> Iterator[int]:
    yield -(-n // _ALL)
    yield -(-_EDGE * n // _ALL)
