"""Members that agree too much, too little or fight are told apart, exactly at the bounds."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from stairway.supervision.agreement import Go, agreement
from stairway.supervision.event_rate import Events
from stairway.testing.answers import tallied

BUY, HOLD, SELL = 2, 1, 0
ALL, TWO = (BUY, BUY, BUY), (BUY, BUY, HOLD)
FIGHT = (BUY, BUY, SELL)


def voted(*events: tuple[tuple[int, ...], int]) -> Events:
    """So many events with such votes each."""
    votes = [one for one, times in events for _ in range(times)]
    n = len(votes)
    members = [len(one) for one in votes]
    return tallied(
        {
            "time_ns": np.repeat(np.arange(n), members),
            "model": np.concatenate([np.arange(m) for m in members]),
            "symbol": np.zeros(sum(members)),
            "action": np.concatenate(votes),
            "confidence": np.full(sum(members), 0.5),
        }
    ).events


@pytest.mark.parametrize(
    ("events", "go"),
    [
        (voted((ALL, 50), (TWO, 150)), Go.GO),
        (voted((ALL, 161), (FIGHT, 39)), Go.WAIT),
        (voted((TWO, 160), (FIGHT, 40)), Go.NO_GO),
        (voted((TWO, 161), (FIGHT, 39)), Go.GO),
        (voted((ALL, 80), (TWO, 120)), Go.GO),
        (voted((ALL, 81), (TWO, 119)), Go.WAIT),
        (voted(((BUY, HOLD), 180), ((BUY, BUY), 20)), Go.GO),
        (voted(((BUY, HOLD), 181), ((BUY, BUY), 19)), Go.WAIT),
        (voted((ALL, 199)), Go.WAIT),
        (voted(((BUY,), 500)), Go.WAIT),
    ],
)
def test_the_word_turns_exactly_at_the_bound(events: Events, go: Go) -> None:
    assert agreement(events, min_events=200).go is go


def test_agreement_is_the_mean_share_of_the_commonest_vote() -> None:
    found = agreement(voted((ALL, 1), (TWO, 2), ((BUY,), 7)), min_events=1)
    assert found.events == 3
    assert found.share == Fraction(7, 9)


def test_a_fight_is_said_before_anything_else() -> None:
    found = agreement(voted((FIGHT, 200)), min_events=200)
    assert found.go is Go.NO_GO
    assert found.why == "200 of 200 events have a BUY against a SELL; healthy is under 20 %"
