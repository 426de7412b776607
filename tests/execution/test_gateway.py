"""Nothing leaves unrecorded or twice, and a closed door lets only cancels through."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stairway.base.errors import InvariantError
from stairway.execution.facts import CommandSent, VenueSaid
from stairway.execution.gateway import (
    Gate,
    Gateway,
    GatewayRules,
    frozen_symbols,
    heard,
    plan,
    release,
    tighten,
)
from stairway.execution.orders import (
    Accepted,
    Amend,
    Amended,
    AmendRejected,
    Cancel,
    Canceled,
    CancelRejected,
    Filled,
    Leg,
    OrderKind,
    Rejected,
    Submit,
)
from stairway.execution.unknown import Proof, overdue, proven, recall, recovered

SECOND = 1_000_000_000
RULES = GatewayRules(
    answer_max_ns=2 * SECOND,
    settle_ns=30 * SECOND,
    retry_base_ns=SECOND,
    retry_max_ns=8 * SECOND,
    max_sends=3,
    remember_ns=3_600 * SECOND,
)


def submit(order_id: str, leg: Leg = Leg.ENTRY, lots: int = 5, symbol: str = "AAA") -> Submit:
    entry = leg is Leg.ENTRY
    return Submit(
        order_id,
        symbol,
        leg,
        OrderKind.MARKET if entry else OrderKind.STOP,
        1 if entry else -1,
        lots,
        None if entry else 95,
        not entry,
    )


def send(gateway: Gateway, *commands, now: int = 1):
    """Plan, record and release: the whole way out."""
    out = plan(gateway, "capital", commands, 0, now)
    done = release(out.gateway, out.record, now)
    return done.gateway, done.commands, (*out.events, *done.events)


def fresh() -> Gateway:
    return Gateway(RULES, seed=7)


def test_nothing_leaves_before_it_is_recorded() -> None:
    out = plan(fresh(), "capital", [submit("a")], 3, 1)
    (fact,) = out.record
    assert (fact.index, fact.book, fact.command) == (3, "capital", submit("a"))
    early = release(out.gateway, [], 1)
    assert early.commands == ()
    done = release(early.gateway, [fact], 2)
    assert done.commands == (submit("a"),)
    assert release(done.gateway, [fact], 3).commands == (), "and it leaves once"


def test_the_same_order_planned_again_is_no_second_order() -> None:
    gateway, _, _ = send(fresh(), submit("a"))
    again = plan(gateway, "capital", [submit("a")], 0, 2)
    assert (again.record, again.events) == ((), ())


def test_an_id_stays_taken_after_its_order_closed() -> None:
    """Binance: an id is unique among open orders only, so our ledger must know."""
    gateway, _, _ = send(fresh(), submit("a"))
    gateway = heard(gateway, Filled("a", "x", 2, 5, 100, 0))
    assert gateway.lines == {}
    assert plan(gateway, "capital", [submit("a")], 0, 3).record == ()


def test_an_id_with_another_content_is_our_own_mistake() -> None:
    gateway, _, _ = send(fresh(), submit("a"))
    with pytest.raises(InvariantError, match="another content"):
        plan(gateway, "capital", [submit("a", lots=6)], 0, 2)


@pytest.mark.parametrize(
    ("command", "answer"), [(Amend("x", 1, None), AmendRejected), (Cancel("x"), CancelRejected)]
)
def test_what_was_never_sent_cannot_be_changed(command, answer) -> None:
    gateway, commands, (event,) = send(fresh(), command)
    assert commands == ()
    assert isinstance(event, answer)
    assert gateway.lines == {}


@pytest.mark.parametrize(
    "event",
    [
        Accepted("a", 2),
        Filled("a", "x", 2, 2, 100, 0),
        Rejected("a", 2, "no"),
        Canceled("a", 2),
    ],
)
def test_any_word_of_the_venue_answers_the_order(event) -> None:
    gateway, _, _ = send(fresh(), submit("a"))
    gateway = heard(gateway, event)
    assert overdue(gateway, 100 * SECOND)[1] == ()
    assert frozen_symbols(overdue(gateway, 100 * SECOND)[0]) == frozenset()


def test_an_order_that_filled_up_while_growing_is_kept() -> None:
    gateway, _, _ = send(fresh(), submit("a", Leg.STOP, 2))
    gateway, _, _ = send(heard(gateway, Accepted("a", 2)), Amend("a", 5, 95))
    gateway = heard(gateway, Filled("a", "x", 3, 5, 95, 0))
    assert "a" in gateway.lines
    gateway = heard(gateway, Amended("a", 4, 5, 95))
    assert "a" not in gateway.lines


def test_a_repeated_execution_counts_once() -> None:
    gateway, _, _ = send(fresh(), submit("a"))
    for _ in range(3):
        gateway = heard(gateway, Filled("a", "x", 2, 2, 100, 0))
    assert gateway.lines["a"].filled == 2


def test_news_of_somebody_elses_order_changes_nothing() -> None:
    gateway, _, _ = send(fresh(), submit("a"))
    assert heard(gateway, Canceled("b", 2)) is gateway


# -- the door --------------------------------------------------------------------------


def test_reducing_lets_exits_through_and_no_entry() -> None:
    gateway = tighten(fresh(), Gate.REDUCING)
    gateway, commands, events = send(gateway, submit("a"), submit("b", Leg.STOP))
    assert [c.order_id for c in commands] == ["b"]
    assert isinstance(events[0], Rejected)
    _, commands, _ = send(gateway, Amend("b", 9, 95))
    assert commands == (Amend("b", 9, 95),)


def test_halted_lets_cancels_and_smaller_sizes_through_and_nothing_else() -> None:
    gateway, _, _ = send(fresh(), submit("a", Leg.STOP, 5))
    gateway = tighten(heard(gateway, Accepted("a", 2)), Gate.HALTED)
    gateway, commands, events = send(
        gateway,
        submit("b", Leg.FLATTEN),
        Amend("a", 6, 95),
        Amend("a", 4, 95),
        Cancel("a"),
    )
    assert commands == (Amend("a", 4, 95), Cancel("a"))
    assert [type(e) for e in events] == [Rejected, AmendRejected]


def test_what_was_planned_before_the_halt_stays_behind() -> None:
    gateway, _, _ = send(fresh(), submit("s", Leg.STOP, 5))
    gateway = heard(gateway, Accepted("s", 2))
    out = plan(gateway, "capital", [submit("a"), Amend("s", 9, 95), Cancel("s")], 0, 3)
    halted = tighten(out.gateway, Gate.HALTED)
    done = release(halted, out.record, 4)
    assert done.commands == (Cancel("s"),)
    assert [type(e) for e in done.events] == [Rejected, AmendRejected]
    _, commands, _ = send(done.gateway, Amend("s", 8, 95))
    assert commands == (), "the amend that stayed behind does not widen the next"


@given(st.lists(st.sampled_from(Gate), max_size=6))
def test_the_door_only_ever_closes(gates) -> None:
    order = list(Gate)
    gateway = fresh()
    for gate in gates:
        before = order.index(gateway.gate)
        gateway = tighten(gateway, gate)
        assert order.index(gateway.gate) >= before
    assert gateway.gate is max([Gate.ACTIVE, *gates], key=order.index)


# -- orders without an answer ----------------------------------------------------------


def unanswered(leg: Leg = Leg.STOP):
    gateway, _, _ = send(fresh(), submit("a", leg))
    gateway, queries = overdue(gateway, 1 + 2 * SECOND + 1)
    return gateway, queries


def test_an_order_without_an_answer_is_asked_about_and_freezes_its_symbol() -> None:
    gateway, _, _ = send(fresh(), submit("a"))
    assert overdue(gateway, 1 + 2 * SECOND)[1] == (), "exactly the bound is allowed"
    gateway, (query,) = overdue(gateway, 1 + 2 * SECOND + 1)
    assert (query.order_id, query.symbol) == ("a", "AAA")
    assert frozen_symbols(gateway) == {"AAA"}
    _, commands, _ = send(
        gateway, submit("b"), submit("c", symbol="BBB"), submit("d", Leg.STOP), Cancel("a")
    )
    assert [c.order_id for c in commands] == ["c", "d", "a"], "only entries there are frozen"


def test_questions_are_spaced_out_and_bounded() -> None:
    gateway, _ = unanswered()
    asked = []
    for step in range(600):
        now = 4 * SECOND + step * SECOND // 4
        gateway, queries = overdue(gateway, now)
        asked.extend(now for _ in queries)
    gaps = [b - a for a, b in pairwise(asked)]
    assert all(gap <= RULES.retry_max_ns + SECOND // 4 for gap in gaps)
    assert min(gaps) >= RULES.retry_base_ns // 2
    assert gaps[-1] >= RULES.retry_max_ns // 2, "they grow"


def test_absence_is_believed_only_once_the_order_can_no_longer_turn_up() -> None:
    gateway, _ = unanswered()
    early = proven(gateway, Proof("a", present=False, looked_ns=1 + 30 * SECOND), 9)
    assert (early.record, early.events) == ((), ())
    assert frozen_symbols(early.gateway) == {"AAA"}
    late = proven(gateway, Proof("a", present=False, looked_ns=1 + 30 * SECOND + 1), 9)
    (fact,) = late.record
    assert fact.command == submit("a", Leg.STOP), "the same order, under the same id"
    assert frozen_symbols(late.gateway) == frozenset()
    assert release(late.gateway, late.record, 99).commands == (submit("a", Leg.STOP),)


def test_an_entry_that_never_arrived_is_not_sent_late() -> None:
    gateway, _ = unanswered(Leg.ENTRY)
    out = proven(gateway, Proof("a", present=False, looked_ns=100 * SECOND), 9)
    assert out.record == ()
    assert isinstance(out.events[0], Rejected)
    assert plan(out.gateway, "capital", [submit("a")], 0, 5).record == ()


def test_an_order_is_sent_a_bounded_number_of_times() -> None:
    gateway, _ = unanswered()
    now, sends = 0, 1
    while True:
        now += 100 * SECOND
        gateway, _ = overdue(gateway, now)
        out = proven(gateway, Proof("a", present=False, looked_ns=now), 9)
        if out.events:
            break
        done = release(out.gateway, out.record, now)
        gateway, sends = done.gateway, sends + len(done.commands)
    assert sends == RULES.max_sends
    assert "3 times" in out.events[0].why


def test_an_order_that_is_absent_and_unwanted_is_given_up() -> None:
    gateway, _ = unanswered()
    gateway, _, _ = send(gateway, Cancel("a"))
    out = proven(gateway, Proof("a", present=False, looked_ns=100 * SECOND), 9)
    assert (out.record, out.events[0].why) == ((), "cancelled before it arrived")


def test_a_halt_stops_the_second_sending_too() -> None:
    gateway, _ = unanswered()
    out = proven(
        tighten(gateway, Gate.HALTED), Proof("a", present=False, looked_ns=100 * SECOND), 9
    )
    assert out.record == ()
    assert isinstance(out.events[0], Rejected)


def test_an_order_that_is_there_is_not_sent_again() -> None:
    gateway, _ = unanswered()
    out = proven(gateway, Proof("a", present=True, looked_ns=5 * SECOND), 9)
    assert out.record == ()
    assert out.events == (Accepted("a", 5 * SECOND),)
    assert frozen_symbols(out.gateway) == frozenset()


def test_an_unanswered_change_of_an_order_that_is_there_is_sent_again() -> None:
    gateway, _, _ = send(fresh(), submit("a", Leg.STOP))
    gateway, _, _ = send(heard(gateway, Accepted("a", 2)), Amend("a", 9, 95), now=3)
    gateway, (query,) = overdue(gateway, 10 * SECOND)
    out = proven(gateway, Proof(query.order_id, present=True, looked_ns=11 * SECOND), 9)
    assert out.events == ()
    again = release(out.gateway, out.record, 12 * SECOND)
    assert again.commands == (Amend("a", 9, 95),)
    settled = heard(again.gateway, Amended("a", 13 * SECOND, 9, 95))
    assert overdue(settled, 99 * SECOND)[1] == ()


def test_a_proof_that_nobody_asked_for_changes_nothing() -> None:
    gateway, _, _ = send(fresh(), submit("a"))
    assert proven(gateway, Proof("a", present=False, looked_ns=10**15), 0).gateway is gateway
    assert proven(gateway, Proof("b", present=False, looked_ns=10**15), 0).gateway is gateway


def test_old_ids_are_forgotten_in_the_end() -> None:
    gateway, _, _ = send(fresh(), submit("a"))
    gateway = heard(gateway, Canceled("a", 5))
    assert "a" in overdue(gateway, 5 + RULES.remember_ns)[0].spent
    assert "a" not in overdue(gateway, 6 + RULES.remember_ns)[0].spent


# -- crash and come back ---------------------------------------------------------------


def test_after_a_crash_everything_unanswered_is_unknown() -> None:
    out = plan(fresh(), "capital", [submit("a"), submit("b", Leg.STOP, symbol="BBB")], 0, 1)
    facts = [*out.record, VenueSaid(0, "capital", Accepted("b", 2))]
    gateway = fresh()
    for fact in facts:
        gateway = recall(gateway, fact, 50 * SECOND)
    gateway = recovered(gateway)
    assert frozen_symbols(gateway) == {"AAA"}, "recorded may or may not have left"
    assert release(gateway, out.record, 51 * SECOND).commands == ()
    early = proven(gateway, Proof("a", present=False, looked_ns=60 * SECOND), 1)
    assert early.events == (), "the wait starts anew at the start"


class Wire(RuleBasedStateMachine):
    """I15, I16: a venue that loses messages both ways, a halt, and crashes at any point."""

    def __init__(self) -> None:
        super().__init__()
        self.gateway = fresh()
        self.log: list = []
        self.unwritten: list = []
        self.arrived: dict[str, int] = {}
        self.left: list = []
        self.now = 1
        self.count = 0
        self.halted = False

    @rule(leg=st.sampled_from(Leg))
    def we_want_an_order(self, leg) -> None:
        self.count += 1
        self.wants(submit(f"o{self.count}", leg))

    @precondition(lambda self: self.gateway.lines)
    @rule(data=st.data(), lots=st.integers(1, 9), cancel=st.booleans())
    def we_want_a_change(self, data, lots, cancel) -> None:
        order_id = data.draw(st.sampled_from(sorted(self.gateway.lines)))
        self.wants(Cancel(order_id) if cancel else Amend(order_id, lots, 95))

    def wants(self, command) -> None:
        out = plan(self.gateway, "capital", [command], 0, self.now)
        self.gateway = out.gateway
        self.unwritten.extend(out.record)

    @rule(arrives=st.booleans())
    def the_record_is_written_and_commands_leave(self, arrives) -> None:
        self.log.extend(self.unwritten)
        recorded, self.unwritten = self.unwritten, []
        done = release(self.gateway, recorded, self.now)
        self.gateway = done.gateway
        for command in done.commands:
            written = [f.command for f in self.log if isinstance(f, CommandSent)]
            assert command in written, "it left unrecorded"
            self.check_halt(command)
            if arrives and isinstance(command, Submit):
                before = self.arrived.setdefault(command.order_id, 0)
                self.arrived[command.order_id] = before + 1

    def check_halt(self, command) -> None:
        if self.halted:
            assert not isinstance(command, Submit), "I16: created after the halt"

    @precondition(lambda self: self.arrived)
    @rule(data=st.data())
    def the_venue_answers(self, data) -> None:
        order_id = data.draw(st.sampled_from(sorted(self.arrived)))
        event = Accepted(order_id, self.now)
        self.log.append(VenueSaid(0, "capital", event))
        self.gateway = heard(self.gateway, event)

    @rule(seconds=st.integers(1, 60))
    def time_passes_and_the_venue_is_asked(self, seconds) -> None:
        self.now += seconds * SECOND
        self.gateway, queries = overdue(self.gateway, self.now)
        for query in queries:
            present = query.order_id in self.arrived
            out = proven(
                self.gateway, Proof(query.order_id, present=present, looked_ns=self.now), 0
            )
            self.gateway = out.gateway
            self.unwritten.extend(out.record)

    @rule()
    def we_halt(self) -> None:
        self.halted = True
        self.gateway = tighten(self.gateway, Gate.HALTED)

    @rule()
    def we_crash_and_come_back(self) -> None:
        self.unwritten = []
        gateway = tighten(fresh(), Gate.HALTED) if self.halted else fresh()
        for fact in self.log:
            gateway = recall(gateway, fact, self.now)
        self.gateway = recovered(gateway)

    @invariant()
    def no_order_arrives_twice(self) -> None:
        assert all(n == 1 for n in self.arrived.values()), "I15: the order is doubled"


TestWire = Wire.TestCase
TestWire.settings = settings(max_examples=100, stateful_step_count=30)
