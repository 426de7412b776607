"""Never unguarded for long, never loosened, and one exit at a time where it must be so."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from stairway.execution.bracket import on, open_bracket
from stairway.execution.orders import (
    Accepted,
    Amend,
    Amended,
    Cancel,
    Canceled,
    Filled,
    Leg,
    OrderKind,
    Submit,
)
from stairway.execution.rules import VenueMode
from stairway.execution.state import ExitCause, ExitNow, Tick
from stairway.testing.brackets import some_opening, some_order, some_rules

SECOND = 1_000_000_000


def test_a_position_whose_stop_is_never_confirmed_is_flattened(desk) -> None:
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 5, 1_000)
    assert not d.tick(SECOND), "exactly the bound is allowed"
    d.tick(1)
    assert d.bracket.exit is ExitCause.HALT
    assert d.bracket.findings[0].code == "execution.naked"
    assert d.bracket.findings[0].value == SECOND + 1
    flatten = next(c for c in d.asked if isinstance(c, Submit))
    assert (flatten.leg, flatten.kind, flatten.lots) == (Leg.FLATTEN, OrderKind.MARKET, 5)


def test_part_of_a_stop_is_no_stop(desk) -> None:
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 4, 1_000)
    d.answer()
    d.trade(Leg.ENTRY, 1, 1_000)
    d.tick(SECOND + 1)
    assert d.bracket.exit is ExitCause.HALT


def test_a_confirmation_in_time_stops_the_clock_and_the_time_is_kept(desk) -> None:
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 5, 1_000)
    d.tick(SECOND // 2)
    d.answer([c for c in d.bracket.exits for c in [Amend(c.order_id, 5, c.price_ticks)]])
    assert d.bracket.naked_since_ns is None
    assert SECOND // 2 < d.bracket.naked_ns < SECOND
    d.tick(10 * SECOND)
    assert d.bracket.exit is None


def test_news_that_comes_late_does_not_turn_the_clock_back(desk) -> None:
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 5, 1_000)
    d.tick(SECOND // 2)
    now = d.bracket.now_ns
    d.tell(Tick(now - 10))
    d.tell(Accepted(d.id_of(Leg.TARGET), 3))
    assert d.bracket.now_ns == now


@given(
    latency=st.integers(0, 3 * SECOND),
    step=st.integers(1, SECOND // 2),
    pieces=st.lists(st.integers(1, 3), min_size=1, max_size=4),
)
def test_naked_time_is_bounded_whatever_the_latency(latency, step, pieces) -> None:
    """I14: with ticks every ``step``, the deadline fires within one of them."""
    bracket, _ = open_bracket(some_order(lots=sum(pieces)), some_opening(), some_rules())
    now, due = 10_000, []
    for k, lots in enumerate(pieces):
        due.append(
            (now + k * 1_000, Filled(bracket.entry.order_id, f"x{k}", 0, lots, 1_000, 0))
        )
    guarded_at = now
    for _ in range(200):
        due.sort(key=lambda item: item[0])
        while due and due[0][0] <= now:
            at, event = due.pop(0)
            bracket, commands = on(bracket, type(event)(**_fields(event) | {"time_ns": at}))
            due.extend(_answers(commands, at + latency))
            due.sort(key=lambda item: item[0])
        bracket, commands = on(bracket, Tick(now))
        due.extend(_answers(commands, now + latency))
        if bracket.protected_lots >= bracket.held_lots or bracket.exit is not None:
            guarded_at = now
        assert now - guarded_at <= SECOND + step, "naked, and nothing done about it"
        now += step
        if now > 10 * SECOND:
            break
    if latency <= SECOND // 4:
        assert bracket.exit is None


def _fields(event) -> dict:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def _answers(commands, at: int) -> list:
    answers = []
    for command in commands:
        match command:
            case Submit(order_id):
                answers.append((at, Accepted(order_id, at)))
            case Amend(order_id, lots, price):
                answers.append((at, Amended(order_id, at, lots, price)))
            case Cancel(order_id):
                answers.append((at, Canceled(order_id, at)))
    return answers


# -- prices ----------------------------------------------------------------------------


def test_while_the_entry_fills_the_stop_follows_it_down_and_up(desk) -> None:
    d = desk(lots=9)
    for price, stop in ((1_000, 990), (994, 987), (1_030, 998)):
        d.trade(Leg.ENTRY, 2, price)
        d.answer()
        assert d.rests(Leg.STOP)[1] == stop


def test_the_fill_that_completes_the_entry_moves_the_stop_like_any_other(desk) -> None:
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 2, 1_000)
    d.answer()
    assert d.rests(Leg.STOP) == (2, 990)
    d.trade(Leg.ENTRY, 3, 990)
    d.answer()
    assert d.rests(Leg.STOP) == (5, 984), "the stop that was sized, not a tighter one"


def test_a_stop_that_was_right_but_not_yet_sent_is_not_loosened_either(desk) -> None:
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 4, 1_000)
    children = d.asked
    d.tell(Canceled(d.id_of(Leg.ENTRY), d.later()))
    d.trade(Leg.ENTRY, 1, 900)
    d.answer(children)
    assert d.rests(Leg.STOP) == (5, 990)


def test_once_the_entry_is_complete_a_stop_is_never_loosened(desk) -> None:
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 4, 1_000)
    d.answer()
    d.tell(Canceled(d.id_of(Leg.ENTRY), d.later()))
    d.trade(Leg.ENTRY, 1, 900)  # late, and worse: the average moves down
    d.answer()
    assert d.rests(Leg.STOP) == (5, 990)


def test_a_stop_may_still_be_tightened_after_the_entry(desk) -> None:
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 4, 1_000)
    d.answer()
    d.tell(Canceled(d.id_of(Leg.ENTRY), d.later()))
    d.trade(Leg.ENTRY, 1, 1_050)
    d.answer()
    assert d.rests(Leg.STOP) == (5, 1_000)


def a_swap(d, into: int) -> int:
    """Let one lot leave and one come in while an amend is under way: only the price moves."""
    d.trade(Leg.ENTRY, 2, 1_000)
    asked = d.asked
    d.trade(Leg.TARGET, 1, 1_012)
    d.trade(Leg.ENTRY, 1, into)
    before = d.bracket.find(d.id_of(Leg.STOP)).amend.price_ticks
    d.answer(asked)
    return before


@pytest.mark.parametrize(("band", "price"), [(0, 978), (1, 978), (2, 980), (5, 980)])
def test_within_the_band_a_resting_exit_is_left_alone(desk, band, price) -> None:
    d = desk(lots=9, stop_ticks=20, cancel_entry_on_exit=False, reprice_band_ticks=band)
    d.trade(Leg.ENTRY, 4, 1_000)
    d.answer()
    assert a_swap(d, 986) == 980
    assert d.rests(Leg.STOP) == (6, price)


def test_the_band_never_leaves_a_stop_on_the_wrong_side(desk) -> None:
    d = desk(lots=9, stop_ticks=2, cancel_entry_on_exit=False, reprice_band_ticks=5)
    d.trade(Leg.ENTRY, 2, 1_000)
    d.answer()
    assert a_swap(d, 985) == 998  # the entry is 997 now, below the stop
    assert d.rests(Leg.STOP) == (4, 995)


def test_the_band_never_lets_more_be_at_risk_than_was_sized(desk) -> None:
    d = desk(lots=5, stop_ticks=10, cancel_entry_on_exit=False, reprice_band_ticks=5)
    d.trade(Leg.ENTRY, 2, 1_000)
    d.answer()
    assert a_swap(d, 1_010) == 990  # five lots at 1,002: left at 990 they would risk 60 of 50
    assert d.rests(Leg.STOP) == (4, 992)


# -- one exit at a time ----------------------------------------------------------------


def test_where_only_one_exit_may_rest_it_is_the_stop(desk) -> None:
    d = desk(lots=5, venue_mode=VenueMode.ONE_EXIT)
    d.trade(Leg.ENTRY, 5, 1_000)
    (stop,) = d.asked
    assert stop.leg is Leg.STOP
    assert not stop.reduce_only


@pytest.mark.parametrize("side", [1, -1])
def test_the_target_is_taken_once_the_stop_is_surely_gone(desk, side) -> None:
    d = desk(lots=5, side=side, venue_mode=VenueMode.ONE_EXIT)
    d.trade(Leg.ENTRY, 5, 1_000)
    d.answer()
    assert d.tick(10, 1_000 + side * 11) == ()
    assert d.tick(10, 1_000 + side * 12) == (Cancel(d.id_of(Leg.STOP)),)
    d.tell(Canceled(d.id_of(Leg.STOP), d.later()))
    (taking,) = d.asked
    assert (taking.leg, taking.kind, taking.lots) == (Leg.TARGET, OrderKind.MARKET, 5)
    d.answer()
    d.trade(Leg.TARGET, 5, 1_000 + side * 12)
    assert d.bracket.is_done


def test_a_stop_that_fills_while_it_is_taken_back_leaves_nothing_to_take(desk) -> None:
    d = desk(lots=5, venue_mode=VenueMode.ONE_EXIT)
    d.trade(Leg.ENTRY, 5, 1_000)
    d.answer()
    d.tick(10, 1_012)
    d.trade(Leg.STOP, 3, 990)
    d.tell(Canceled(d.id_of(Leg.STOP), d.later()))
    assert [c.lots for c in d.asked] == [2]


def test_leaving_waits_for_the_stop_where_only_one_exit_may_work(desk) -> None:
    d = desk(lots=5, venue_mode=VenueMode.ONE_EXIT)
    d.trade(Leg.ENTRY, 5, 1_000)
    d.answer()
    d.tell(ExitNow(ExitCause.HORIZON, d.later()))
    assert d.asked == (Cancel(d.id_of(Leg.STOP)),)
    d.answer()
    assert d.bracket.live(Leg.FLATTEN).leaves == 5


def test_a_price_is_no_trigger_where_the_target_rests_by_itself(desk) -> None:
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 5, 1_000)
    d.answer()
    assert d.tick(10, 2_000) == ()
    assert not d.bracket.taking


# -- whatever the order ----------------------------------------------------------------


@given(
    pieces=st.lists(
        st.tuples(st.integers(1, 4), st.integers(990, 1_010)), min_size=1, max_size=5
    ),
    side=st.sampled_from([1, -1]),
    data=st.data(),
)
def test_the_same_fills_in_any_order_end_under_the_same_exits(pieces, side, data) -> None:
    """I7: with an obliging venue, what rests depends on what filled and on nothing else."""
    lots = sum(n for n, _ in pieces)
    start, _ = open_bracket(some_order(lots, side), some_opening(), some_rules())
    fills = [
        Filled(start.entry.order_id, f"x{k}", 2_000 + k, n, price, 0)
        for k, (n, price) in enumerate(pieces)
    ]
    ends = set()
    for way in (fills, data.draw(st.permutations(fills))):
        ends.add(_resting(start, way, patient=data.draw(st.booleans())))
    assert len(ends) == 1
    ((stop, target, held),) = ends
    assert stop[0] == target[0] == held == lots


def _resting(bracket, fills, *, patient: bool):
    """Tell ``fills``; the venue answers after each, or only after the last."""
    waiting, now = [], 10_000
    for k, fill in enumerate(fills):
        bracket, commands = on(bracket, fill)
        waiting.extend(commands)
        while waiting and (patient or k == len(fills) - 1):
            now += 1
            ((_, answer),) = _answers([waiting.pop(0)], now)
            bracket, commands = on(bracket, answer)
            waiting.extend(commands)
    stop, target = bracket.live(Leg.STOP), bracket.live(Leg.TARGET)
    exits = [(o.leaves, o.price_ticks) for o in (stop, target)]
    return (*exits, bracket.held_lots)
