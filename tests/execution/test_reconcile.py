"""Both sides are brought together by what happened, never by what must have happened."""

from __future__ import annotations

from hypothesis import given, strategies as st

from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.execution.bracket import on, open_bracket
from stairway.execution.orders import Accepted, Amended, Cancel, Canceled, Filled, Leg
from stairway.execution.reconcile import (
    Freeze,
    Hear,
    TakeBack,
    VenueOrder,
    VenueReport,
    ours,
    reconcile,
)
from stairway.testing.brackets import some_opening, some_order, some_rules

LATER = 10**12


def a_bracket(held: int = 3, lots: int = 5, side: int = 1):
    """An entry of which ``held`` filled, under two confirmed exits."""
    bracket, _ = open_bracket(some_order(lots, side), some_opening(), some_rules())
    bracket, _ = on(bracket, Accepted(bracket.entry.order_id, 2_000))
    if held:
        fill = Filled(bracket.entry.order_id, "x1", 2_001, held, 1_000, 0)
        bracket, commands = on(bracket, fill)
        for k, command in enumerate(commands):
            bracket, _ = on(bracket, Accepted(command.order_id, 2_002 + k))
    return bracket


def mirror(bracket, executions=None, positions=None, orders=None) -> VenueReport:
    """Describe a venue that agrees with ``bracket``, but for what is given."""
    shown = tuple(
        VenueOrder(o.order_id, "AAA", o.lots, o.filled, o.price_ticks)
        for o in bracket.orders
        if o.is_live
    )
    return VenueReport(
        taken_ns=LATER,
        orders=shown if orders is None else orders,
        executions=bracket.executions if executions is None else executions,
        positions=(
            {"AAA": bracket.order.side * bracket.held_lots} if positions is None else positions
        ),
    )


def applied(bracket, actions):
    for action in actions:
        if isinstance(action, Hear):
            bracket, _ = on(bracket, action.event)
    return bracket


@given(st.integers(0, 5), st.sampled_from([1, -1]))
def test_two_sides_that_agree_pass(held, side) -> None:
    bracket = a_bracket(held, side=side)
    result = reconcile(ours([bracket]), mirror(bracket), 0)
    assert result.actions == ()
    assert isinstance(result.verdict, Pass)


def test_a_fill_that_we_missed_is_booked_with_the_venues_own_id_and_price() -> None:
    bracket = a_bracket(held=3)
    missed = Filled(bracket.entry.order_id, "x2", 3_000, 2, 1_007, 9)
    entry = bracket.entry.order_id
    orders = tuple(o for o in mirror(bracket).orders if o.order_id != entry)
    venue = mirror(bracket, (*bracket.executions, missed), {"AAA": 5}, orders)
    result = reconcile(ours([bracket]), venue, 0)
    assert result.actions == (Hear(missed),)
    assert isinstance(result.verdict, Inconclusive)
    again = applied(bracket, result.actions)
    assert again.held_lots == 5
    assert isinstance(reconcile(ours([again]), venue, 0).verdict, Pass)


def test_a_position_that_no_execution_explains_is_not_explained_away() -> None:
    bracket = a_bracket(held=3)
    result = reconcile(ours([bracket]), mirror(bracket, positions={"AAA": 4}), 0)
    (freeze,) = result.actions
    assert isinstance(freeze, Freeze)
    assert (freeze.symbol, freeze.finding.value, freeze.finding.bound) == ("AAA", 4, 3)
    assert isinstance(result.verdict, Refuse)


@given(st.integers(-9, 9), st.lists(st.integers(1, 3), max_size=3), st.integers(0, 5))
def test_no_fill_is_ever_invented(position, missed, held) -> None:
    bracket = a_bracket(held)
    fills = tuple(
        Filled(bracket.entry.order_id, f"y{k}", 3_000 + k, lots, 1_001, 0)
        for k, lots in enumerate(missed)
    )
    venue = mirror(bracket, (*bracket.executions, *fills), {"AAA": position})
    result = reconcile(ours([bracket]), venue, 0)
    booked = [a.event for a in result.actions if isinstance(a, Hear)]
    assert [e for e in booked if isinstance(e, Filled)] == list(fills)
    explained = held + sum(missed)
    assert isinstance(result.verdict, Refuse) == (explained != position)


def test_an_order_on_its_way_is_waited_for() -> None:
    bracket, _ = open_bracket(some_order(), some_opening(), some_rules())
    venue = VenueReport(bracket.entry.sent_ns + 30, (), (), {})
    result = reconcile(ours([bracket]), venue, settle_ns=30)
    assert result.actions == ()
    assert isinstance(result.verdict, Inconclusive)


def test_an_order_that_can_no_longer_turn_up_is_gone() -> None:
    bracket, _ = open_bracket(some_order(), some_opening(), some_rules())
    venue = VenueReport(bracket.entry.sent_ns + 31, (), (), {})
    result = reconcile(ours([bracket]), venue, settle_ns=30)
    assert result.actions == (Hear(Canceled(bracket.entry.order_id, venue.taken_ns)),)
    after = applied(bracket, result.actions)
    assert after.is_done
    assert isinstance(reconcile(ours([after]), venue, 30).verdict, Pass)


def test_a_stop_that_is_gone_is_put_back_by_the_bracket() -> None:
    bracket = a_bracket(held=5)
    stop = bracket.live(Leg.STOP).order_id
    orders = tuple(o for o in mirror(bracket).orders if o.order_id != stop)
    result = reconcile(ours([bracket]), mirror(bracket, orders=orders), 0)
    (hear,) = result.actions
    _, commands = on(bracket, hear.event)
    assert [(c.leg, c.lots) for c in commands] == [(Leg.STOP, 5)]


def test_an_order_that_should_be_gone_is_taken_back() -> None:
    bracket = a_bracket(held=5)
    stop = bracket.live(Leg.STOP)
    bracket, _ = on(bracket, Canceled(stop.order_id, 9_000))
    stray = VenueOrder(stop.order_id, "AAA", 5, 0, stop.price_ticks)
    venue = mirror(bracket, orders=(*mirror(bracket).orders, stray))
    result = reconcile(ours([bracket]), venue, LATER)
    assert TakeBack(Cancel(stop.order_id)) in result.actions


def test_an_order_of_another_size_than_we_think_is_heard() -> None:
    bracket = a_bracket(held=5)
    stop = bracket.live(Leg.STOP).order_id
    orders = tuple(
        VenueOrder(o.order_id, "AAA", 2, 0, o.price_ticks) if o.order_id == stop else o
        for o in mirror(bracket).orders
    )
    result = reconcile(ours([bracket]), mirror(bracket, orders=orders), 0)
    (hear,) = result.actions
    assert isinstance(hear.event, Amended)
    after, commands = on(bracket, hear.event)
    assert after.protected_lots == 2
    assert commands[0].lots == 5, "and put right at once"


def test_what_is_not_ours_is_left_alone_and_freezes() -> None:
    bracket = a_bracket(held=5)
    foreign = VenueOrder("nobody", "AAA", 2, 0, 900)
    venue = mirror(bracket, orders=(*mirror(bracket).orders, foreign))
    result = reconcile(ours([bracket]), venue, 0)
    assert [a.finding.code for a in result.actions] == ["reconcile.foreign_order"]
    theirs = Filled("nobody", "z", 5, 1, 1, 0)
    venue = mirror(bracket, executions=(*bracket.executions, theirs))
    codes = [a.finding.code for a in reconcile(ours([bracket]), venue, 0).actions]
    assert codes == ["reconcile.foreign_execution"]


def test_an_execution_with_two_contents_freezes_its_symbol() -> None:
    bracket = a_bracket(held=3)
    changed = Filled(bracket.entry.order_id, "x1", 2_001, 3, 1_001, 0)
    result = reconcile(ours([bracket]), mirror(bracket, executions=(changed,)), 0)
    assert [(a.symbol, a.finding.code) for a in result.actions] == [
        ("AAA", "reconcile.conflict")
    ]
    assert isinstance(result.verdict, Refuse)


def test_an_execution_that_only_we_remember_is_no_difference() -> None:
    bracket = a_bracket(held=3)
    result = reconcile(ours([bracket]), mirror(bracket, executions=()), 0)
    assert isinstance(result.verdict, Pass)
