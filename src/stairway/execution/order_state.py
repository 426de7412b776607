"""One order as far as we know it.

What we know comes in pieces, late, twice and out of order, so the rules are few:

1. Fills add up, whatever state the order is thought to be in. They are the only evidence
   of a trade, and a fill after a cancel is a fill.
2. A closed order stays closed. FILLED is reached from anywhere and never left.
3. A cancel is done when the venue says so, and not when it was asked for.
4. While a larger size is on its way, an order that filled up to its old size is *not*
   closed: to replace it would put two orders in the market for one position.
5. Quantities that the venue confirms are totals, so an old answer that comes late is
   known by its time and dropped.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias, assert_never

import msgspec
from msgspec.structs import replace

from stairway.base.units import Lots, Micros, Ticks, UtcNs
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


class OrderState(StrEnum):
    """Where an order stands with the venue."""

    SENT = "sent"
    WORKING = "working"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"


_LIVE = frozenset({OrderState.SENT, OrderState.WORKING})

Reply: TypeAlias = Accepted | Rejected | Amended | AmendRejected | Canceled | CancelRejected


class Order(msgspec.Struct, frozen=True):
    """An order that was sent, and what has been heard of it since.

    Attributes
    ----------
    lots, price_ticks
        Total quantity and price that the venue confirmed last; as sent, before that.
    most
        The largest total ever asked for. Fills beyond it are the venue's error.
    filled, notional, fees
        Sums over distinct executions: lots, ticks x lots, micros.
    amend
        The change that is on its way. There is never more than one.
    canceling
        A cancel is on its way.
    refused
        The last amend or cancel was refused: wait for a tick or a fill before the next.
    amended_ns
        Venue time of the last answer to an amend.
    refusal
        The last refused amend or cancel, to know a repeat of it.
    """

    order_id: str
    leg: Leg
    kind: OrderKind
    side: int
    lots: Lots
    price_ticks: Ticks | None
    most: Lots
    sent_ns: UtcNs
    state: OrderState = OrderState.SENT
    filled: Lots = Lots(0)
    notional: int = 0
    fees: Micros = Micros(0)
    amend: Amend | None = None
    canceling: bool = False
    refused: bool = False
    amended_ns: UtcNs = UtcNs(0)
    refusal: AmendRejected | CancelRejected | None = None

    @property
    def is_live(self) -> bool:
        """True while it may still fill as far as the venue told us."""
        return self.state in _LIVE

    @property
    def leaves(self) -> Lots:
        """What it may still fill."""
        return Lots(max(self.lots - self.filled, 0)) if self.is_live else Lots(0)

    @property
    def confirmed_leaves(self) -> Lots:
        """What the venue has confirmed that it holds."""
        return self.leaves if self.state is OrderState.WORKING else Lots(0)


def sent(command: Submit, now_ns: UtcNs) -> Order:
    """Return the record of a new order on its way."""
    return Order(
        order_id=command.order_id,
        leg=command.leg,
        kind=command.kind,
        side=command.side,
        lots=command.lots,
        price_ticks=command.price_ticks,
        most=command.lots,
        sent_ns=now_ns,
    )


def amending(order: Order, command: Amend) -> Order:
    """Record that ``command`` is on its way."""
    return replace(order, amend=command, most=Lots(max(order.most, command.lots)))


def fill(order: Order, event: Filled) -> Order:
    """Book one execution. The caller has made sure that it is new."""
    return _closed_if_full(
        replace(
            order,
            state=OrderState.WORKING if order.state is OrderState.SENT else order.state,
            filled=Lots(order.filled + event.lots),
            notional=order.notional + event.lots * event.price_ticks,
            fees=Micros(order.fees + event.fee_micros),
            refused=False,
        )
    )


def hear(order: Order, event: Reply) -> Order:
    """Take in what the venue said; return ``order`` itself where that is nothing new.

    Examples
    --------
    >>> order = sent(Submit("a", "SPY", Leg.STOP, OrderKind.STOP, -1, 5, 95, True), 0)
    >>> order.confirmed_leaves, hear(order, Accepted("a", 1)).confirmed_leaves
    (0, 5)
    """
    match event:
        case Accepted():
            after = _accepted(order)
        case Rejected():
            after = _over(order, OrderState.REJECTED)
        case Canceled():
            after = _over(order, OrderState.CANCELED)
        case Amended():
            after = _amended(order, event)
        case AmendRejected():
            after = _amend_refused(order, event)
        case CancelRejected():
            after = _cancel_refused(order, event)
        case _:
            assert_never(event)
    return after if order.is_live else order


def _accepted(order: Order) -> Order:
    if order.state is OrderState.WORKING:
        return order
    return replace(order, state=OrderState.WORKING)


def _amended(order: Order, event: Amended) -> Order:
    asked = order.amend
    answers = asked is not None and (asked.lots, asked.price_ticks) == (
        event.lots,
        event.price_ticks,
    )
    stale = event.time_ns < order.amended_ns if answers else event.time_ns <= order.amended_ns
    if stale:
        return order
    # An answer to something else is the venue's word all the same; ours is still on its way.
    return _closed_if_full(
        replace(
            order,
            state=OrderState.WORKING,
            lots=event.lots,
            price_ticks=event.price_ticks,
            most=Lots(max(order.most, event.lots)),
            amend=None if answers else asked,
            amended_ns=event.time_ns,
        )
    )


def _amend_refused(order: Order, event: AmendRejected) -> Order:
    if order.amend is None or event == order.refusal or event.time_ns < order.amended_ns:
        return order
    return _closed_if_full(
        replace(order, amend=None, refused=True, amended_ns=event.time_ns, refusal=event)
    )


def _cancel_refused(order: Order, event: CancelRejected) -> Order:
    if event == order.refusal:
        return order
    return replace(order, canceling=False, refused=True, refusal=event)


def _over(order: Order, state: OrderState) -> Order:
    return _closed_if_full(
        replace(order, state=state, amend=None, canceling=False, refused=False)
    )


def _closed_if_full(order: Order) -> Order:
    growing = order.amend is not None and order.amend.lots > order.lots
    if order.state is OrderState.FILLED or order.filled < order.lots or growing:
        return order
    return replace(order, state=OrderState.FILLED, amend=None, canceling=False, refused=False)
