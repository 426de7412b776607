"""What we know of one order does not depend on how the news came."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, strategies as st

from stairway.execution.order_state import Order, OrderState, amending, fill, hear, sent
from stairway.execution.orders import (
    Accepted,
    Amend,
    Amended,
    AmendRejected,
    Canceled,
    CancelRejected,
    Filled,
    Leg,
    OrderKind,
    Rejected,
    Submit,
)


def stop(lots: int = 5) -> Order:
    return sent(Submit("a", "AAA", Leg.STOP, OrderKind.STOP, -1, lots, 95, reduce_only=True), 0)


def trade(lots: int, k: int = 1) -> Filled:
    return Filled("a", f"x{k}", 10 + k, lots, 95, 2)


def after(order: Order, *events) -> Order:
    for event in events:
        order = fill(order, event) if isinstance(event, Filled) else hear(order, event)
    return order


def test_an_order_protects_only_once_the_venue_has_confirmed_it() -> None:
    assert stop().leaves == 5
    assert stop().confirmed_leaves == 0
    assert after(stop(), Accepted("a", 1)).confirmed_leaves == 5


def test_a_fill_proves_that_the_venue_holds_the_order() -> None:
    order = after(stop(), trade(2))
    assert (order.state, order.confirmed_leaves) == (OrderState.WORKING, 3)


@pytest.mark.parametrize(
    "news",
    [
        (Accepted("a", 1), trade(2, 1), trade(3, 2)),
        (Accepted("a", 1), trade(2, 1), Canceled("a", 9)),
        (Rejected("a", 1, "no"), trade(1, 1), trade(4, 2)),
        (Accepted("a", 1), trade(1, 1), trade(1, 2), Canceled("a", 9)),
    ],
)
def test_any_order_of_the_same_news_ends_in_the_same_place(news) -> None:
    ends = {
        (o.state, o.filled, o.notional, o.fees, o.leaves)
        for o in (after(stop(), *way) for way in permutations(news))
    }
    assert len(ends) == 1


def test_a_closed_order_stays_closed_but_late_fills_are_booked() -> None:
    order = after(stop(), Accepted("a", 1), Canceled("a", 2), Accepted("a", 1))
    assert order.state is OrderState.CANCELED
    late = after(order, trade(2))
    assert (late.state, late.filled, late.leaves) == (OrderState.CANCELED, 2, 0)
    full = after(late, trade(3, 2))
    assert full.state is OrderState.FILLED


@pytest.mark.parametrize(
    "event",
    [
        Accepted("a", 99),
        Rejected("a", 99, "no"),
        Canceled("a", 99),
        Amended("a", 99, 9, 95),
        AmendRejected("a", 99, "no"),
        CancelRejected("a", 99, "no"),
    ],
)
def test_filled_is_never_left(event) -> None:
    order = after(stop(), Accepted("a", 1), trade(5))
    assert order.state is OrderState.FILLED
    assert hear(order, event) is order


def test_an_order_that_is_growing_is_not_closed_by_its_old_size() -> None:
    order = amending(after(stop(2), Accepted("a", 1)), Amend("a", 5, 95))
    order = after(order, trade(2))
    assert order.is_live, "a second stop beside it would sell twice"
    assert order.leaves == 0
    grown = after(order, Amended("a", 20, 5, 95))
    assert (grown.state, grown.leaves) == (OrderState.WORKING, 3)
    refused = after(order, AmendRejected("a", 20, "filled"))
    assert refused.state is OrderState.FILLED


def test_an_old_answer_that_comes_late_is_dropped() -> None:
    order = amending(after(stop(2), Accepted("a", 1)), Amend("a", 5, 95))
    order = after(order, Amended("a", 20, 5, 95))
    order = amending(order, Amend("a", 7, 95))
    again = after(order, Amended("a", 20, 5, 95))
    assert again is order
    assert again.amend is not None


def test_the_venues_own_word_is_taken_and_ours_stays_under_way() -> None:
    order = amending(after(stop(5), Accepted("a", 1)), Amend("a", 7, 95))
    order = after(order, Amended("a", 20, 3, 95))
    assert (order.lots, order.confirmed_leaves) == (3, 3)
    assert order.amend == Amend("a", 7, 95)


def test_a_refused_amend_leaves_the_order_as_it_was_and_waits() -> None:
    order = amending(after(stop(5), Accepted("a", 1)), Amend("a", 7, 95))
    order = after(order, AmendRejected("a", 20, "no"))
    assert (order.lots, order.amend, order.refused) == (5, None, True)
    assert not after(order, trade(1)).refused, "a fill is a new situation"


def test_a_repeated_refusal_does_not_strike_the_next_attempt() -> None:
    no = AmendRejected("a", 20, "no")
    order = after(amending(after(stop(5), Accepted("a", 1)), Amend("a", 7, 95)), no)
    order = amending(order, Amend("a", 7, 95))
    assert hear(order, no) is order


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6))
def test_sums_are_exact_whatever_the_pieces(pieces) -> None:
    order = after(stop(4), *(trade(n, k) for k, n in enumerate(pieces)))
    assert order.filled == sum(pieces)
    assert order.notional == 95 * sum(pieces)
    assert order.fees == 2 * len(pieces)
    assert (order.state is OrderState.FILLED) == (sum(pieces) >= 4)
