"""Over which time answers stretch, so that no single stamp decides it.

Answers are counted by minute, of each model at each stage. From the 1st to the 99th
percentile, scaled up to the whole: answers that come evenly stretch from first to last
exactly, and one stamp that is years off adds nothing. Where there are more minutes than
:data:`MOST`, neighbours are joined, two and two, so that memory does not grow.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stairway.base.arrays import IntArray
from stairway.base.units import NS_PER_HOUR
from stairway.supervision.answers import MISSING, NO_TIME, UNKNOWN, Answers

MOST = 2**16
"""Minutes of all models that are told apart."""

_MINUTE_NS = NS_PER_HOUR // 60
_WHO = 1024
_MIDDLE = (50, 49)
_EDGE, _ALL = 99, 100
_NEAR = 2**20


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

    def add(self, answers: Answers, take: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> None:
        """Count the answers of a chunk that are new (``take`` is 1) and keep the contract."""
        said, action = answers.confidence, answers.action
        kept = (take == 1) & (said >= 0.0) & (said <= 1.0) & (answers.symbol >= 0)
        kept &= (action >= 0) & (action < min(UNKNOWN, MISSING)) & (answers.time_ns != NO_TIME)
        minute = answers.time_ns[kept] // (_MINUTE_NS * self._width)
        who = answers.model[kept].astype(np.int64) * 4 + answers.stage[kept]
        self._join(*_counted(minute, who))

    def merge(self, later: Extent) -> None:
        """Add what ``later`` counted."""
        while self._width < later._width:
            self._halve()
        often, keys = later._often, later._keys
        wider = self._width // later._width
        self._join(keys // _WHO // wider * _WHO + keys % _WHO, often)

    def span_ns(self, model: int, stage: int, first_ns: int, last_ns: int) -> int:
        """Return over which time one model answered; at most from first to last."""
        mine = self._keys % _WHO == 4 * model + stage
        bins, often = self._keys[mine] // _WHO, self._often[mine]
        if not len(bins):
            return 0
        width_ns, n = _MINUTE_NS * self._width, int(often.sum())
        up_to = np.cumsum(often)
        low, high = (int(bins[np.searchsorted(up_to, rank)]) for rank in _ranks(n))
        least = max(first_ns, low * width_ns)
        most = min(last_ns, (high + 1) * width_ns)
        above, below = _MIDDLE
        return min(last_ns - first_ns, (most - least) * above // below)

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
        self._join(keys // _WHO // 2 * _WHO + keys % _WHO, often)


def _counted(minute: IntArray, who: IntArray) -> tuple[IntArray, IntArray]:
    """Return the keys of a chunk and how often each is there, without sorting where near."""
    if not len(who):
        return who, who
    least, wide = int(minute.min()), int(who.max()) + 1
    if (int(minute.max()) - least + 1) * wide > _NEAR:
        return minute * _WHO + who, np.ones(len(who), np.int64)
    often = np.bincount((minute - least) * wide + who)
    found = np.flatnonzero(often)
    return (found // wide + least) * _WHO + found % wide, often[found].astype(np.int64)


def _ranks(n: int) -> Iterator[int]:
    yield -(-n // _ALL)
    yield -(-_EDGE * n // _ALL)
