"""Members that agree too much, too little or fight are told apart, exactly at the bounds."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.base.units import UtcNs
from stairway.models.prediction import Action
from stairway.supervision.agreement import Go, agreement, agreement_of, judge_agreement
from stairway.supervision.quality_gate import Sample
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


@pytest.mark.parametrize(
    ("events", "kind", "code"),
    [
        (voted((ALL, 50), (TWO, 150)), Pass, "gate.agreement"),
        (voted((ALL, 161), (FIGHT, 39)), Inconclusive, "gate.agreement"),
        (voted((ALL, 199)), Inconclusive, "gate.agreement"),
        (voted((TWO, 160), (FIGHT, 40)), Refuse, "gate.disagreement"),
        (Events(), Inconclusive, "gate.agreement"),
    ],
)
def test_where_go_is_required_only_go_passes(events: Events, kind: type, code: str) -> None:
    verdict = judge_agreement(agreement(events, min_events=200))
    assert type(verdict) is kind
    assert [one.code for one in verdict.findings] == [code]


def test_a_single_member_cannot_agree() -> None:
    assert isinstance(judge_agreement(None), Inconclusive)


def windows(*events: tuple[tuple[int, ...], int]) -> list[list[Sample]]:
    """The same votes as the windows of three members."""
    votes = [one for one, times in events for _ in range(times)]
    said = (Action.SELL, Action.HOLD, Action.BUY)
    return [
        [
            Sample(UtcNs(i), "BTC", said[v[m]], 500_000)
            for i, v in enumerate(votes)
            if m < len(v)
        ]
        for m in range(3)
    ]


@pytest.mark.parametrize(
    "events",
    [((ALL, 50), (TWO, 150)), ((TWO, 160), (FIGHT, 40)), (((BUY,), 7), ((BUY, HOLD), 9)), ()],
)
def test_the_last_answers_of_members_are_judged_as_a_stream_of_them(events) -> None:
    assert agreement_of(windows(*events), 10) == agreement(
        voted(*events) if events else Events(), 10
    )


def test_an_answer_that_broke_the_contract_is_no_vote() -> None:
    one, two, three = windows((FIGHT, 20))
    broken = [sample._replace(confidence_ppm=None) for sample in three]
    assert agreement_of([one, two, broken], 1).hard == 0
    assert agreement_of([one, two, three], 1).hard == 20
