"""Whether members agree as much as healthy ones do, and how often they pull apart.

Agreement is the mean, over events on which two members or more voted, of the share of votes
for the commonest action. Disagreement is hard where one member says BUY and another SELL.
Members that always agree are one member; members that fight cancel each other out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import numpy as np

from stairway.supervision.event_rate import Events

HEALTHY_PCT = (55, 80)
"""Least and most agreement of healthy members; both belong to it."""

HARD_PCT = 20
"""Hard disagreement must stay below this share of events."""

_AT_LEAST_TWO = 2


class Go(StrEnum):
    """What follows from it."""

    GO = "GO"
    WAIT = "WAIT"
    NO_GO = "NO-GO"


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the members agree.

    Attributes
    ----------
    events
        Those on which two members or more voted.
    share
        Mean agreement, exact; ``None`` where there is no such event.
    hard
        Events with a BUY against a SELL.
    go, why
        The word, and one sentence.
    """

    events: int
    share: Fraction | None
    hard: int
    go: Go
    why: str


def agreement(events: Events, min_events: int) -> Agreement:
    """Return how far members agree, from counted events.

    Parameters
    ----------
    min_events
        Events without which nothing is said but WAIT.

    Examples
    --------
    >>> agreement(Events(), min_events=200).why
    '0 of 200 events on which two members or more voted'
    """
    votes, hard = events.votes
    members, most = np.nonzero(votes)
    counted = [
        (int(votes[m, v]), Fraction(int(v), int(m)))
        for m, v in zip(members, most, strict=True)
        if m >= _AT_LEAST_TWO
    ]
    n = sum(count for count, _ in counted)
    share = sum((count * of for count, of in counted), Fraction(0)) / n if n else None
    go, why = _say(n, share, hard, min_events)
    return Agreement(n, share, hard, go, why)


def _say(n: int, share: Fraction | None, hard: int, min_events: int) -> tuple[Go, str]:
    if share is None or n < min_events:
        return Go.WAIT, f"{n} of {min_events} events on which two members or more voted"
    if 100 * hard >= HARD_PCT * n:
        apart = f"{hard} of {n} events have a BUY against a SELL"
        return Go.NO_GO, f"{apart}; healthy is under {HARD_PCT} %"
    least, most = HEALTHY_PCT
    said = f"members agree on {float(100 * share):.1f} %; healthy is {least} to {most} %"
    if 100 * share > most:
        return Go.WAIT, f"{said}: they may all be one and the same"
    if 100 * share < least:
        return Go.WAIT, f"{said}: they hardly have an opinion together"
    return Go.GO, said
