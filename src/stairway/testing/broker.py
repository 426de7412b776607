"""The promises of :class:`stairway.execution.ports.Broker`, as tests.

Only what needs no market is asked here, so that any venue can be held to it: answers to
orders that rest far away from the price.
"""

from __future__ import annotations

from stairway.base.units import Lots, Ticks
from stairway.execution.orders import (
    Accepted,
    Amend,
    Amended,
    AmendRejected,
    Cancel,
    Canceled,
    CancelRejected,
    Leg,
    OrderKind,
    Rejected,
    Submit,
    VenueEvent,
)
from stairway.execution.ports import Broker


class BrokerContract:
    """Subclass, provide the fixtures ``broker`` and ``symbol``, and pytest does the rest.

    ``broker`` is fresh, holds nothing, and is not at a real venue; ``symbol`` is one that
    it trades.
    """

    def test_a_new_order_is_answered(self, broker: Broker, symbol: str) -> None:
        """The venue says that it holds the order."""
        broker.submit(resting("a", symbol))
        assert kinds(broker) == [Accepted]

    def test_the_same_order_sent_twice_acts_once(self, broker: Broker, symbol: str) -> None:
        """A retry with the same id is no second order."""
        broker.submit(resting("a", symbol))
        broker.submit(resting("a", symbol))
        assert kinds(broker) == [Accepted]

    def test_an_id_is_not_used_again_after_a_cancel(self, broker: Broker, symbol: str) -> None:
        """Also after the order is gone, a late retry does not revive it."""
        broker.submit(resting("a", symbol))
        broker.submit(Cancel("a"))
        broker.submit(resting("a", symbol))
        assert kinds(broker) == [Accepted, Canceled]

    def test_drain_yields_each_event_once(self, broker: Broker, symbol: str) -> None:
        """A second drain finds nothing new."""
        broker.submit(resting("a", symbol))
        assert kinds(broker) == [Accepted]
        assert kinds(broker) == []

    def test_events_come_in_the_order_of_the_commands(
        self, broker: Broker, symbol: str
    ) -> None:
        """What was asked first is answered first."""
        for order_id in ("b", "a", "c"):
            broker.submit(resting(order_id, symbol))
        assert [event.order_id for event in broker.drain()] == ["b", "a", "c"]

    def test_an_amend_confirms_the_total_that_was_asked(
        self, broker: Broker, symbol: str
    ) -> None:
        """The venue repeats the new total and price."""
        broker.submit(resting("a", symbol))
        broker.submit(Amend("a", Lots(5), Ticks(2)))
        answer = list(broker.drain())[-1]
        assert isinstance(answer, Amended)
        assert (answer.lots, answer.price_ticks) == (5, 2)

    def test_an_amend_to_nothing_is_a_cancel(self, broker: Broker, symbol: str) -> None:
        """An order with nothing left to fill is gone; it does not rest at zero."""
        broker.submit(resting("a", symbol))
        broker.submit(Amend("a", Lots(0), Ticks(2)))
        assert kinds(broker) == [Accepted, Canceled]

    def test_what_is_not_there_cannot_be_changed(self, broker: Broker) -> None:
        """An unknown order is refused by name, not invented."""
        broker.submit(Amend("nobody", Lots(5), Ticks(2)))
        broker.submit(Cancel("nobody"))
        assert kinds(broker) == [AmendRejected, CancelRejected]

    def test_a_closed_order_stays_closed(self, broker: Broker, symbol: str) -> None:
        """After its cancel, an order can be neither amended nor cancelled again."""
        broker.submit(resting("a", symbol))
        broker.submit(Cancel("a"))
        broker.submit(Cancel("a"))
        broker.submit(Amend("a", Lots(5), Ticks(2)))
        assert kinds(broker) == [Accepted, Canceled, CancelRejected, AmendRejected]

    def test_an_exit_of_nothing_is_refused(self, broker: Broker, symbol: str) -> None:
        """Reduce-only with nothing held would open a position."""
        broker.submit(resting("a", symbol, reduce_only=True))
        assert kinds(broker) == [Rejected]

    def test_an_unknown_symbol_is_refused(self, broker: Broker) -> None:
        """An order for something that is not traded here is answered, not raised."""
        broker.submit(resting("a", "NOT-A-SYMBOL"))
        assert kinds(broker) == [Rejected]


def resting(order_id: str, symbol: str, *, reduce_only: bool = False) -> Submit:
    """Build a small order to buy at one tick, which no market fills.

    Examples
    --------
    >>> resting("a", "SPY").price_ticks
    1
    """
    return Submit(
        order_id, symbol, Leg.TARGET, OrderKind.LIMIT, 1, Lots(3), Ticks(1), reduce_only
    )


def kinds(broker: Broker) -> list[type[VenueEvent]]:
    """Drain ``broker`` and return what kinds of events came."""
    return [type(event) for event in broker.drain()]
