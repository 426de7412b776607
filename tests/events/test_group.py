from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stairway.base.errors import ConflictError
from stairway.events import group
from stairway.events.delivery import Delivery
from stairway.events.envelope import Envelope
from stairway.testing.groups import HOUR_NS, NOW_NS, group_rules

LEASE_NS = 1_000_000_000
RULES = group_rules(tries=3)


def event(position):
    return Envelope("fill", position, b"", f"{position:064x}", 0)


def one_held():
    state = group.ticked(group.new_group(RULES), RULES, NOW_NS)
    state, held = group.taken(state, RULES, "a", [event(1)])
    (token,) = held
    return state, Delivery(event(1), 1, token)


def looked(state, now_ns):
    state = group.ticked(state, RULES, now_ns)
    return group.taken_over(state, RULES, "b", 9)


def test_a_lease_lasts_as_long_as_promised_and_half_as_long_again():
    state, _ = one_held()
    step_ns, looks = LEASE_NS // 10, 0
    while True:
        looks += 1
        state, again, _ = looked(state, NOW_NS + looks * step_ns)
        if again:
            break
    assert looks * step_ns == LEASE_NS * 3 // 2


def test_an_event_comes_back_at_the_third_look_at_the_latest_however_rare_they_are():
    state, _ = one_held()
    found = []
    for n in (1, 2, 3):
        state, again, _ = looked(state, NOW_NS + n * 48 * HOUR_NS)
        found.append(len(again))
    assert found == [0, 0, 1]


@given(
    st.lists(st.integers(-HOUR_NS, LEASE_NS // 50), max_size=40),
    st.integers(0, 40),
    st.integers(0, 48 * HOUR_NS),
)
def test_no_lease_ends_early_whatever_the_clock_does_and_if_it_jumps_once(steps, at, jump_ns):
    state, now_ns, passed_ns = one_held()[0], NOW_NS, 0
    for n, step_ns in enumerate(steps):
        passed_ns += max(0, step_ns)
        now_ns += step_ns + (jump_ns if n == at else 0)
        state, again, _ = looked(state, now_ns)
        assert not again or passed_ns >= LEASE_NS


def test_a_clock_that_is_set_back_and_forth_by_an_hour_ends_no_lease():
    state, _ = one_held()
    for n in range(1, 40):
        state, again, _ = looked(state, NOW_NS - HOUR_NS * (n % 2))
        assert again == {}


@given(st.lists(st.integers(-(2**62), 2**62), max_size=30))
def test_own_time_never_goes_back_and_never_leaps(clocks):
    state, before_ns = group.new_group(RULES), 0
    for now_ns in clocks:
        state = group.ticked(state, RULES, now_ns)
        assert 0 <= state.own_ns - before_ns <= LEASE_NS // 2
        before_ns = state.own_ns


def test_an_acknowledgement_under_a_token_of_another_event_is_refused():
    state, held = one_held()
    forged = Delivery(event(2), 1, held.token)
    with pytest.raises(ConflictError, match="event 2 of 'fill' is no longer held under token"):
        group.acknowledged(state, [forged])
    assert group.acknowledged(state, [held]).held == {}


def test_nothing_new_is_handed_out_while_too_much_is_held():
    state = group.new_group(RULES)
    assert group.room(state) == group.MOST_HELD
    state, _ = group.taken(state, RULES, "a", [event(n) for n in range(1, 4_001)])
    assert group.room(state) == group.MOST_HELD - 4_000
    state, _ = group.taken(state, RULES, "a", [event(n) for n in range(4_001, 4_200)])
    assert group.room(state) == 0


def test_a_stream_that_begins_again_leaves_the_others_where_they_are():
    state = group.new_group(group_rules(streams=("fill", "timing")))
    timing = Envelope("timing", 1, b"", "a" * 64, 0)
    state, _ = group.taken(state, RULES, "a", [event(1), timing, event(2)])
    state = group.begun_again(state, "timing")
    assert group.needed(state) == {"fill": 1, "timing": 1}
    assert state.cursors["fill"].position == 2
    assert [one.stream for one in state.held.values()] == ["fill", "fill"]


class Consumers(RuleBasedStateMachine):
    """Whatever consumers do: each event is done once, dead, held, or still to come."""

    def __init__(self):
        super().__init__()
        self.state = group.new_group(RULES)
        self.now_ns, self.written = NOW_NS, 0
        self.out, self.done, self.dead, self.tokens = [], [], [], set()

    @rule(count=st.integers(1, 5))
    def write(self, count):
        self.written += count

    @rule(limit=st.integers(0, 6), step_ns=st.integers(-HOUR_NS, HOUR_NS))
    def take(self, limit, step_ns):
        self.now_ns += step_ns
        state = group.ticked(self.state, RULES, self.now_ns)
        state, again, letters = group.taken_over(state, RULES, "a", limit)
        after = state.cursors["fill"].position
        count = min(limit - len(again), self.written - after)
        new = [event(n) for n in range(after + 1, after + count + 1)]
        self.state, first = group.taken(state, RULES, "a", new)
        self.dead += [letter.position for letter in letters]
        assert len(again) + len(first) <= limit
        for token, one in (again | first).items():
            assert token not in self.tokens
            assert one.tries <= RULES.tries
            self.tokens.add(token)
            self.out.append(Delivery(event(one.position), one.tries, token))

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def ack(self, data):
        delivery = data.draw(st.sampled_from(self.out))
        newest = max(d.token for d in self.out if d.envelope == delivery.envelope)
        try:
            self.state = group.acknowledged(self.state, [delivery])
        except ConflictError:
            return
        assert delivery.token == newest
        self.done.append(delivery.envelope.position)

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def fail(self, data):
        delivery = data.draw(st.sampled_from(self.out))
        try:
            self.state, letters = group.given_back(
                self.state, RULES, delivery, "poison", self.now_ns
            )
        except ConflictError:
            return
        self.dead += [letter.position for letter in letters]

    @invariant()
    def nothing_is_lost_or_doubled(self):
        held = [one.position for one in self.state.held.values()]
        seen = sorted([*held, *self.done, *self.dead])
        assert seen == [*range(1, self.state.cursors["fill"].position + 1)]
        assert self.state.dead == len(self.dead)
        assert all(one.tries <= RULES.tries for one in self.state.held.values())


TestConsumers = Consumers.TestCase
