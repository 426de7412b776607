"""Who says the same again: one memory for a whole stream."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stairway.supervision.answers import Answers
from stairway.supervision.repeats.kernels import Said, find_repeats, nothing_said

WINDOW = 2**20
"""Answers with an id among which a repeat is always seen; among twice as many, at times.

One exception: where an id had another answer before, and that first one is forgotten, the other
one counts once more if it is sent again. ``mark`` has said 5 of it by then.
"""

Take = NDArray[np.uint8]


class Repeats:
    """What was said lately, to know it again. One for a whole stream, both sides of a cutover.

    Examples
    --------
    >>> from stairway.supervision.answers import columns
    >>> chunk = columns(time_ns=[1, 1, 1], event=[7, 7, 7], model=[0] * 3, symbol=[0] * 3,
    ...                 action=[2, 2, 0], confidence=[0.6, 0.6, 0.6])
    >>> Repeats().mark(chunk).tolist()
    [1, 2, 5]
    """

    def __init__(self, window: int = WINDOW) -> None:
        self._seen = nothing_said(window)

    def mark(self, answers: Answers) -> Take:
        """Return 1 for each row that is new and 2 for one that repeats, and remember them.

        A new one that contradicts one before is 3 where both have no id and are of the same
        instant and instrument, and 5 where both have the same id. Odd ones count.
        """
        take = np.empty(len(answers), np.uint8)
        said = Said(
            answers.event, answers.model, answers.stage, answers.time_ns, answers.symbol,
            answers.action, answers.confidence.view(np.uint64), answers.dated,
        )  # fmt: skip
        find_repeats(said, self._seen, take)
        return take
