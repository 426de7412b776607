"""Answers that are dated after now: the clock of a bot goes wrong, or its records do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from stairway.base.units import NS_PER_HOUR
from stairway.supervision.answers import Answers, Names, Stage
from stairway.supervision.pages import Page
from stairway.supervision.repeated import Take

TOLERANCE_NS = NS_PER_HOUR // 60
"""By how much another clock may go before ours."""


@dataclass(frozen=True, slots=True)
class Future:
    """Answers that are dated after now: how many, and the first of them."""

    count: int
    model: str
    at_ns: int
    place: str


class Late:
    """Counts the answers of a stream that are dated more than a minute after now.

    Repeats are not counted, nor is a raw score beside the answer that was made of it.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._counts = Counter[tuple[str, Stage]]()
        self._first: Future | None = None

    def add(self, answers: Answers, take: Take, page: Page, now_ns: int) -> None:
        """Count a chunk. ``take`` is odd where an answer counts; ``page`` is where it lies."""
        rows = np.flatnonzero(answers.time_ns > now_ns + TOLERANCE_NS)
        rows = rows[take[rows] & 1 == 1]
        if not len(rows):
            return
        names, late = self._names.models.names, answers.where(rows)
        stages: list[int] = late.stage.tolist()
        codes: list[int] = late.model.tolist()
        self._counts.update(
            (names[model], Stage(stage)) for model, stage in zip(codes, stages, strict=True)
        )
        if self._first is None:
            place = page.where(int(late.place[0]))
            self._first = Future(0, names[codes[0]], int(late.time_ns[0]), place)

    def found(self, answering: Collection[tuple[str, Stage]]) -> Future | None:
        """Return how many there were of those who answered, and the first."""
        first, count = self._first, sum(self._counts[who] for who in answering)
        return first and Future(count, first.model, first.at_ns, first.place)
