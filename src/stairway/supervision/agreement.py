"""Whether members agree as much as healthy ones do, and how often they pull apart.

Agreement is the mean, over events on which two members or more voted, of the share of votes
for the commonest action. Disagreement is hard where one member says BUY and another SELL.
Members that always agree are one member; members that fight cancel each other out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import chain

import numpy as np

from stairway.base.verdict import Verdict, inconclusive, passed, refuse
from stairway.models.prediction import Action
from stairway.supervision.event_rate import Events
from stairway.supervision.quality_gate import Sample

HEALTHY_PCT = (55, 80)
"""Least and most agreement of healthy members; both belong to it."""

HARD_PCT = 20
"""Hard disagreement must stay below this share of events."""

MEMBERS_TO_AGREE = 2
"""A single member has nobody to agree with."""


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
    counted = {
        (int(m), int(v)): int(votes[m, v])
        for m, v in zip(members, most, strict=True)
        if m >= MEMBERS_TO_AGREE
    }
    return _agreed(counted, hard, min_events)


def agreement_of(windows: Iterable[Sequence[Sample]], min_events: int) -> Agreement:
    """Return how far members agree, from the last answers of each.

    An event is an instant and an instrument. Answers that broke the contract are no votes.

    Examples
    --------
    >>> from stairway.base.units import UtcNs
    >>> buys = [Sample(UtcNs(1), "BTC", Action.BUY, 600_000)]
    >>> agreement_of([buys, buys], min_events=1).share
    Fraction(1, 1)
    """
    votes: defaultdict[tuple[int, str], Counter[Action]] = defaultdict(Counter)
    for sample in chain.from_iterable(windows):
        if sample.confidence_ppm is not None:
            votes[sample.as_of_ns, sample.symbol][sample.action] += 1
    several = [vote for vote in votes.values() if vote.total() >= MEMBERS_TO_AGREE]
    counted = Counter((vote.total(), max(vote.values())) for vote in several)
    hard = sum(Action.BUY in vote and Action.SELL in vote for vote in several)
    return _agreed(counted, hard, min_events)


def _agreed(counted: Mapping[tuple[int, int], int], hard: int, min_events: int) -> Agreement:
    """Put together events by members that voted and votes for the commonest action."""
    n = sum(counted.values())
    share = sum((Fraction(v, m) * k for (m, v), k in counted.items()), Fraction(0))
    mean = share / n if n else None
    go, why = _say(n, mean, hard, min_events)
    return Agreement(n, mean, hard, go, why)


def judge_agreement(found: Agreement | None) -> Verdict:
    """Hold the word itself as a gate, for a policy that requires GO.

    NO-GO refuses, WAIT cannot tell, and neither can a single member (``None``): nobody is
    there to agree with.

    Examples
    --------
    >>> judge_agreement(agreement(Events(), min_events=200)).findings[0].code
    'gate.agreement'
    """
    if found is None:
        detail = "a single member answered, and the policy requires that members agree"
        return inconclusive("gate.agreement", detail, 1, MEMBERS_TO_AGREE, 0)
    share = float(found.share or 0)
    least = HEALTHY_PCT[0] / 100
    match found.go:
        case Go.GO:
            return passed("gate.agreement", found.why, share, least, found.events)
        case Go.WAIT:
            return inconclusive("gate.agreement", found.why, share, least, found.events)
        case Go.NO_GO:
            hard = found.hard / found.events
            return refuse("gate.disagreement", found.why, hard, HARD_PCT / 100, found.events)


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
