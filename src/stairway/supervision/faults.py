"""Answers at fault, kept as they were said, so that a person can look at them."""

from __future__ import annotations

from dataclasses import dataclass

from stairway.supervision.answers import Stage


@dataclass(frozen=True, slots=True)
class Example:
    """One answer at fault, as it was said.

    Attributes
    ----------
    fault
        A name of :data:`~stairway.supervision.counts.FAULTS`.
    place
        Number of the record in its source, from 0; -1 where that is not known.
    action
        Code, as in :mod:`~stairway.supervision.answers`.
    confidence
        As said; NaN where missing.
    """

    fault: str
    model: str
    stage: Stage
    place: int
    time_ns: int
    action: int
    confidence: float
