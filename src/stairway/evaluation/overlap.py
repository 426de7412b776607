"""How many independent outcomes overlapping labels are worth.

A label that looks ten bars ahead shares nine of them with its neighbour. Counting both
as evidence would make every interval three times too narrow, so samples are weighed by
the average share of each bar that is theirs alone (AFML, chapter 4).
"""

from __future__ import annotations

import numpy as np

from stairway.base.arrays import BoolArray, FloatArray, IntArray
from stairway.base.errors import DataError

_DENSE = 8
"""Bars for each label up to which it is quicker to visit all of them than to sort."""


def uniqueness(start: IntArray, end: IntArray, used: BoolArray) -> FloatArray:
    """Mean of ``1 / labels alive`` over the bars of each label, for one instrument.

    Parameters
    ----------
    start, end : (n,) int64
        Label spans ``[start, end)``, in bars.
    used : (n,) bool
        Which labels count. The others get weight 0 and take nothing from their neighbours.

    Returns
    -------
    (n,) float64
        In (0, 1] where used, 0 elsewhere.

    Raises
    ------
    DataError
        If a used label is empty or starts before the first bar.

    Notes
    -----
    The cost does not grow with the distance between labels: where they lie far apart, bars
    at which none starts or ends are left out.

    Examples
    --------
    Two labels share one of their two bars; the third stands alone.

    >>> start, end = np.array([0, 1, 5]), np.array([2, 3, 6])
    >>> uniqueness(start, end, np.array([True, True, True]))
    array([0.75, 0.75, 1.  ])
    >>> uniqueness(start, end, np.array([True, False, True]))
    array([1., 0., 1.])
    """
    weight = np.zeros(start.size)
    first, last = start[used], end[used]
    if first.size == 0:
        return weight
    if not (first.min() >= 0 and bool(np.all(last > first))):
        msg = "a label must span at least one bar, [start, end) with 0 <= start < end"
        raise DataError(msg)
    edges, born, dead = _edges(first, last)
    step = np.zeros(edges.size)
    np.add.at(step, born, 1.0)
    np.add.at(step, dead, -1.0)
    # Adding and taking away whole numbers is exact, so bars without labels count exactly 0.
    alive = np.cumsum(step)[:-1]
    share = np.divide(np.diff(edges), alive, out=np.zeros_like(alive), where=alive > 0.0)
    upto = np.concatenate([[0.0], np.cumsum(share)])
    weight[used] = (upto[dead] - upto[born]) / (last - first)
    return weight


def _edges(first: IntArray, last: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Bars to visit, in order, and the places of starts and ends among them."""
    furthest = int(last.max())
    if furthest <= _DENSE * first.size:
        return np.arange(furthest + 1), first, last
    edges, place = np.unique(np.concatenate([first, last]), return_inverse=True)
    return edges, place[: first.size], place[first.size :]
