"""What was known when: of each bar, and of the bars when a position is taken.

A position is taken at the close of its row, ``time_ns``, and its own bar may be known only
later, at ``available_ns``: whoever holds by such a bar has looked ahead. Bars go in the
order in which they were known; a *place* is a turn in that order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from stairway.base.arrays import IntArray
from stairway.features.series import Futures, Series


@dataclass(frozen=True, slots=True)
class Places:
    """Places of bars and of positions.

    Attributes
    ----------
    place : (n,) int64
        How many bars were known before each row's own.
    told : (n,) int64
        Place of the latest bar that was known at the close of each row; -1 where none was.
    starts : (k,) int64
        Places that part no two bars known at one instant, in order.
    late_ns : (n,) int64
        How long after its close the bar of each row was known.
    """

    place: IntArray
    told: IntArray
    starts: IntArray
    late_ns: IntArray

    def behind(self, at: int) -> int:
        """First cut behind a place that parts no two bars known at one instant; or the last."""
        turn = int(np.searchsorted(self.starts, at, side="right"))
        return int(self.starts[min(turn, self.starts.size - 1)])

    def late(self, rows: IntArray) -> IntArray:
        """Of some rows those whose own bar was not known at their close."""
        return rows[self.told[rows] < self.place[rows]]

    def how_late(self, row: int) -> str:
        """Say how long after its close the bar of a row was known."""
        return str(timedelta(seconds=int(self.late_ns[row]) / 1e9))


def places_of(market: Series, futures: Futures) -> Places:
    """Find the places in a market.

    Examples
    --------
    The second of three bars is known when the third closes.

    >>> bars = {"time_ns": np.array([1, 2, 3]), "available_ns": np.array([1, 3, 3])}
    >>> found = places_of(bars, Futures(bars))
    >>> found.place.tolist(), found.told.tolist(), found.starts.tolist()
    ([0, 1, 2], [0, 0, 2], [0, 1])
    >>> found.late(np.arange(3)).tolist()
    [1]
    """
    rows = range(futures.rows)
    place: IntArray = np.array([futures.place(row) for row in rows])
    starts: IntArray = np.array([cut for cut in rows if futures.snap(cut) == cut])
    if "time_ns" not in market:
        return Places(place, place, starts, np.zeros_like(place))
    closed_ns: IntArray = market["time_ns"]
    known_ns: IntArray = market.get("available_ns", closed_ns)
    told: IntArray = np.searchsorted(np.sort(known_ns), closed_ns, side="right") - 1
    return Places(place, told, starts, known_ns - closed_ns)
