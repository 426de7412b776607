"""Events are told apart, timed and waited for; members are held against each other."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.supervision.answers import NO_TIME
from stairway.supervision.event_rate import LEAST_PER_MINUTE, Events, eta_ns, judge_rate
from stairway.testing.answers import tallied

MINUTE_NS = 60 * 10**9
HOUR_NS = 60 * MINUTE_NS


def at_minutes(minutes: Sequence[float]) -> Events:
    """One answer each, of one model about one instrument."""
    n = len(minutes)
    return tallied(
        {
            "time_ns": [round(m * MINUTE_NS) for m in minutes],
            "model": [0] * n,
            "symbol": [0] * n,
            "action": [2] * n,
            "confidence": [0.5] * n,
        }
    ).events


Said = tuple[int, int, int, int]

SAID = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 1), st.integers(0, 2)),
    max_size=40,
)
"""Time in hours, model, symbol and action."""


@given(SAID)
def test_events_and_votes_are_what_plain_python_counts(said: list[Said]) -> None:
    groups: list[list[Said]] = []
    for one in dict.fromkeys(said):  # the same said again, without an id, is a repeat
        last = groups[-1] if groups else []
        same = last and (last[0][0], last[0][2]) == (one[0], one[2])
        if same and all(other[1] != one[1] for other in last):
            last.append(one)
        else:
            groups.append([one])
    time, model, symbol, action = np.array(said, np.int64).reshape(-1, 4).T
    events = tallied(
        {
            "time_ns": time * HOUR_NS,
            "model": model,
            "symbol": symbol,
            "action": action,
            "confidence": np.full(len(said), 0.5),
        }
    ).events
    votes = np.zeros((65, 65), int)
    for group in groups:
        actions = [one[3] for one in group]
        votes[len(group), max(actions.count(a) for a in actions)] += 1
    hours = [sum(group[0][0] == hour for group in groups) for hour in range(24)]
    starts = [group[0][0] * HOUR_NS for group in groups]
    gaps = [b - a for a, b in itertools.pairwise(starts)]
    assert events.count == len(groups)
    assert events.votes[0].tolist() == votes.tolist()
    assert events.votes[1] == sum({0, 2} <= {one[3] for one in group} for group in groups)
    assert events.hours.tolist() == hours
    assert events.backwards == sum(gap < 0 for gap in gaps)
    assert events.largest_gap[0] == max([0, *gaps])
    assert (events.earliest_ns, events.latest_ns) == (
        min(starts, default=0),
        max(starts, default=0),
    )


def test_members_after_the_calibrated_stage_do_not_vote() -> None:
    events = tallied(
        {
            "time_ns": [1, 1, 1],
            "model": [0, 1, 3],
            "symbol": [0, 0, 0],
            "action": [2, 2, 0],
            "confidence": [0.5] * 3,
            "stage": [1, 1, 2],
        }
    ).events
    assert events.count == 1
    assert events.votes[0][2, 2] == 1
    assert events.votes[1] == 0


def test_an_answer_at_fault_has_no_vote_but_is_an_event() -> None:
    said = {"model": [0, 0, 0], "symbol": [0, 0, 0], "action": [2, 2, 2]}
    events = tallied(
        said | {"time_ns": [5, 9, NO_TIME], "confidence": [1.05, np.nan, 0.5]}
    ).events
    assert events.count == 2
    assert events.votes[0][0, 0] == 2


def test_regimes_are_counted_by_event() -> None:
    said = {"time_ns": [1, 2, 3], "model": [0] * 3, "symbol": [0] * 3, "action": [2] * 3}
    events = tallied(said | {"confidence": [0.5] * 3, "regime": [-1, 0, 0]}).events
    assert events.regimes[:3].tolist() == [1, 2, 0]


# -- how fast ------------------------------------------------------------------------------


@pytest.mark.parametrize(("every", "kind"), [(0.5, Pass), (0.499, Pass), (0.501, Refuse)])
def test_exactly_two_events_a_minute_are_enough(every: float, kind: type) -> None:
    assert isinstance(judge_rate(at_minutes(np.arange(100) * every)), kind)


@pytest.mark.parametrize("minutes", [[], [3.0], [3.0, 3.0]])
def test_a_rate_needs_time_between_events(minutes: list[float]) -> None:
    events = at_minutes(minutes)
    assert events.per_minute is None
    assert isinstance(judge_rate(events), Inconclusive)


def test_the_largest_gap_says_when_it_began() -> None:
    events = at_minutes([0, 1, 2, 60, 61])
    assert events.largest_gap == (58 * MINUTE_NS, 2 * MINUTE_NS)
    assert "58 minutes apart" in judge_rate(events).findings[0].detail


def test_the_rate_of_late_is_that_of_the_last_ten_minutes() -> None:
    busy_then_slow = [*np.arange(0, 100, 0.1), *np.arange(100, 120.6, 1)]
    assert at_minutes(busy_then_slow).lately == pytest.approx(1.1)
    assert at_minutes([*np.arange(0, 20), 500.5]).lately == pytest.approx(1 / 10.5)
    assert at_minutes(np.arange(0, 5, 0.5)).lately == at_minutes(np.arange(9)).lately * 2


def test_a_stream_that_slowed_down_is_slow_however_fast_it_was() -> None:
    hours = [*np.arange(0, 180, 0.05), *np.arange(180, 300, 5.0)]
    found = judge_rate(at_minutes(hours))
    assert isinstance(found, Refuse)
    assert found.findings[0].value == pytest.approx(0.3)
    assert found.findings[0].detail == "0.3 events a minute of late, 12.3 on the whole"


@pytest.mark.parametrize("every", [5, 15, 60, 240])
def test_who_answers_in_bursts_is_not_slow_between_two(every: int) -> None:
    bursts = [at + n / 1_000 for at in range(0, 1_000, every) for n in range(3 * every)]
    assert isinstance(judge_rate(at_minutes(bursts)), Pass)


@given(st.floats(0, 1), st.integers(30, 200))
def test_two_a_minute_are_two_a_minute_of_late_wherever_a_minute_begins(start, n) -> None:
    events = at_minutes(start + np.arange(n) * 0.5)
    assert events.lately == pytest.approx(2.0, rel=0.06)
    assert events.lately >= 2.0 - 1e-9


def test_waiting_is_told_in_time() -> None:
    assert eta_ns(41, 200, 3.0) == 53 * MINUTE_NS
    assert eta_ns(41, 200, None) is None
    assert eta_ns(41, 200, float("nan")) is None


def test_a_rate_of_late_that_is_a_hair_below_the_bound_refuses() -> None:
    """Half an hour of four a minute, and then twenty in ten minutes and a little more."""
    often = [m / 4 for m in range(120)]
    events = at_minutes([*often, *(30 + 10 * i / 19 for i in range(1, 20)), 40.01])
    verdict = judge_rate(events)
    lately = events.lately
    assert lately is not None
    assert LEAST_PER_MINUTE - 0.5 < lately < LEAST_PER_MINUTE
    assert isinstance(verdict, Refuse)
    assert verdict.findings[0].value == lately
