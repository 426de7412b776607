"""What was read of one chunk, for as long as it is counted: to show a person what is at fault.

Few answers of many are shown, and which is known only once they are counted. So nothing is
quoted before it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stairway.base.arrays import IntArray
from stairway.supervision.ports import Chunk

_LONGEST = 40

Values = Callable[[], Sequence[Any]]


class Page:
    """One chunk of records, and what stands in it where a confidence or a time should.

    Parameters
    ----------
    start
        Number of its first record in the stream, from 0.

    Examples
    --------
    >>> page = Page(10)
    >>> page.quote_confidence(np.array([11, 12]), lambda: ["n/a", None])
    >>> page.confidence(11), page.confidence(12), page.where(12)
    ('n/a', None, 'record 13')
    """

    def __init__(self, start: int = 0, chunk: Chunk | None = None) -> None:
        self._start, self._chunk = start, chunk
        self._confidences: list[tuple[IntArray, Values]] = []
        self._times: list[tuple[IntArray, Values]] = []

    def quote_confidence(self, place: IntArray, values: Values) -> None:
        """Remember where confidences stand that are no numbers: (n,) places, n values."""
        self._confidences.append((place, values))

    def quote_time(self, place: IntArray, values: Values) -> None:
        """Remember where times stand that are not understood."""
        self._times.append((place, values))

    def where(self, place: int) -> str:
        """Say how a person finds a record of this chunk, by its number in the stream."""
        at, chunk = place - self._start, self._chunk
        return chunk.place(at) if chunk and 0 <= at < len(chunk) else f"record {place + 1}"

    def confidence(self, place: int) -> str | None:
        """Quote what stands in a record for a confidence and is none; ``None`` for nothing."""
        return _quoted(self._confidences, place)

    def time(self, place: int) -> str | None:
        """Quote what stands in a record for a time and is none; ``None`` for nothing."""
        return _quoted(self._times, place)


def _quoted(parts: Sequence[tuple[IntArray, Values]], place: int) -> str | None:
    for places, values in parts:
        for row in np.flatnonzero(places == place).tolist():
            value = values()[row]
            said = "" if value is None else str(value).strip()
            if said:
                return said[:_LONGEST]
    return None
