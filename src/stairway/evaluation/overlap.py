"""How many independent outcomes overlapping labels are worth.

A label that looks ten bars ahead shares nine of them with its neighbour. Counting both
as evidence would make every interval three times too narrow, so samples are weighed by
the average share of each bar that is theirs alone (AFML, chapter 4).
"""

from __future__ import annotations

import numpy as np

from stairway.base.arrays import BoolArray, FloatArray, IntArray
from stairway.base.errors import DataError


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
    step = np.zeros(int(last.max()) + 1)
    np.add.at(step, first, 1.0)
    np.add.at(step, last, -1.0)
    # Adding and taking away whole numbers is exact, so a bar without labels counts exactly 0.
    alive = np.cumsum(step)
    share = np.divide(1.0, alive, out=np.zeros_like(alive), where=alive > 0.0)
    upto = np.concatenate([[0.0], np.cumsum(share)])
    weight[used] = (upto[last] - upto[first]) / (last - first)
    return weight
