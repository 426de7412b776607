"""A venue that trades against recorded bars, the same way every time.

It knows time only as bars: :meth:`Venue.open` trades at the open, :meth:`Venue.range`
inside the bar. What is decided at a close trades at the next open, never at the price
that was seen. All events of a bar carry its close time.

Inside one bar, which of stop and target came first is not known: the stop is taken. A
target that was sent after the bar's range had been looked at waits for the next bar; a
stop does not.

Chance is keyed on the seed, the account and the place of an order (:class:`Luck`), so its
luck does not depend on how many other books or runs there are, nor on which version of a
model sent it. One venue is one account: reduce-only is judged against its own position.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import assert_never

import msgspec
from msgspec.structs import replace

from stairway.base.errors import InvariantError
from stairway.base.units import Lots, Ticks, UtcNs
from stairway.execution.costs import CostRules, fee_micros
from stairway.execution.orders import (
    Accepted,
    Amend,
    Amended,
    AmendRejected,
    Cancel,
    Canceled,
    CancelRejected,
    Command,
    Filled,
    OrderKind,
    Rejected,
    Submit,
    VenueEvent,
)
from stairway.market.bars import PairBar
from stairway.market.instrument import Instrument
from stairway.simulation.fills import (
    Luck,
    PaperRules,
    Tape,
    cut_short,
    fillable,
    is_gap,
    limit_is_reached,
    limit_opens_beyond,
    limit_price,
    stop_trades_at,
    taking_price,
    tape,
)


class Resting(msgspec.Struct, frozen=True):
    """An order that the venue holds.

    Attributes
    ----------
    place
        What its luck is keyed on: instrument, leg, bar at which it came, and how many like
        it came before it at that bar.
    from_bar
        First bar whose range may fill it, if it is a limit.
    traded_bar
        Last bar that it traded in: one fill a bar.
    triggered
        A stop that went off, and takes at the next open what it could not take at once.
    """

    asked: Submit
    place: str
    lots: Lots
    price_ticks: Ticks | None
    from_bar: int
    filled: Lots = Lots(0)
    traded_bar: int = -1
    triggered: bool = False

    @property
    def takes(self) -> bool:
        """True where it trades at the next open at whatever price."""
        return self.asked.kind is OrderKind.MARKET or self.triggered


class VenueState(msgspec.Struct, frozen=True):
    """Everything a venue remembers, as a value."""

    orders: tuple[Resting, ...] = ()
    closed: tuple[str, ...] = ()
    positions: tuple[tuple[str, int], ...] = ()
    events: tuple[VenueEvent, ...] = ()
    now_ns: UtcNs = UtcNs(0)
    bar: int = -1
    ranged: bool = False
    stopped: tuple[str, ...] = ()
    came: tuple[tuple[str, int], ...] = ()


class Venue:
    """One account at a simulated venue.

    Parameters
    ----------
    instruments
        In the order of the bars' columns.
    luck
        Seed of the run and name of the account.
    state
        What an earlier one of the same account remembered (:attr:`state`).

    Examples
    --------
    A working order is answered at once, and trades when a bar comes; see
    ``tests/simulation/test_venue.py`` for whole stories.

    >>> from stairway.execution.orders import Leg
    >>> spy = Instrument(symbol="SPY", tick_usd=0.01, lot_units=1.0)
    >>> qqq = Instrument(symbol="QQQ", tick_usd=0.01, lot_units=1.0)
    >>> free = CostRules(
    ...     fee_bps=0.0, half_spread_bps=0.0, impact_coef_bps=0.0, max_participation_frac=1.0
    ... )
    >>> kind = PaperRules(partial_fill_prob=0.0, reject_prob=0.0, limit_through_ticks=0)
    >>> venue = Venue((spy, qqq), free, kind, Luck(seed=7, account="capital"))
    >>> venue.submit(
    ...     Submit("a", "SPY", Leg.ENTRY, OrderKind.MARKET, 1, Lots(5), None, False)
    ... )
    >>> [type(event).__name__ for event in venue.drain()]
    ['Accepted']
    """

    def __init__(
        self,
        instruments: tuple[Instrument, Instrument],
        costs: CostRules,
        paper: PaperRules,
        luck: Luck,
        state: VenueState | None = None,
    ) -> None:
        before = state or VenueState()
        self._instruments = {i.symbol: (k, i) for k, i in enumerate(instruments)}
        self._costs = costs
        self._paper = paper
        self._luck = luck
        self._orders = {o.asked.order_id: o for o in before.orders}
        self._closed = dict.fromkeys(before.closed)
        self._positions = dict.fromkeys(self._instruments, 0) | dict(before.positions)
        self._events = list(before.events)
        self._now_ns = before.now_ns
        self._bar = before.bar
        self._ranged = before.ranged
        self._stopped = set(before.stopped)
        self._came = Counter(dict(before.came))

    @property
    def state(self) -> VenueState:
        """Everything it remembers; a venue made from it goes on as this one would."""
        return VenueState(
            orders=tuple(self._orders.values()),
            closed=tuple(self._closed),
            positions=tuple(self._positions.items()),
            events=tuple(self._events),
            now_ns=self._now_ns,
            bar=self._bar,
            ranged=self._ranged,
            stopped=tuple(sorted(self._stopped)),
            came=tuple(self._came.items()),
        )

    @property
    def positions(self) -> dict[str, int]:
        """Lots held by symbol, signed."""
        return dict(self._positions)

    # -- asked by us -------------------------------------------------------------------

    def submit(self, command: Command) -> None:
        """Answer at once; trade later. A new order sent twice acts once."""
        match command:
            case Submit():
                self._accept(command)
            case Amend():
                self._amend(command)
            case Cancel(order_id):
                if order_id in self._orders:
                    self._close(order_id)
                else:
                    why = "the order is closed or was never here"
                    self._say(CancelRejected(order_id, self._now_ns, why))
            case _:
                assert_never(command)

    def drain(self) -> Iterator[VenueEvent]:
        """Yield what happened since the last call."""
        events, self._events = self._events, []
        return iter(events)

    # -- brought by the market ---------------------------------------------------------

    def open(self, bar: PairBar) -> None:
        """Trade at the open: stops that the bar opened beyond, takers, then limits.

        Raises
        ------
        InvariantError
            If the bar is not later than the one before.
        """
        if not bar.index > self._bar:
            msg = f"bar {bar.index} came after bar {self._bar}; a venue never goes back"
            raise InvariantError(msg)
        self._bar, self._now_ns = bar.index, bar.time_ns
        self._ranged = False
        self._stopped.clear()
        self._came.clear()
        tapes = self._tapes(bar)
        for order in self._of(OrderKind.STOP):
            at = tapes[order.asked.symbol]
            if not order.triggered and is_gap(order.asked.side, _price(order), at):
                self._trigger(order, at.open, at)
        for order in tuple(self._orders.values()):
            at = tapes[order.asked.symbol]
            if order.takes:
                self._take(order, at.open, at)
        for order in self._of(OrderKind.LIMIT):
            self._maybe_take_limit(order, tapes[order.asked.symbol])

    def range(self, bar: PairBar) -> None:
        """Trade inside the bar: stops first. May be called until nothing more happens.

        Raises
        ------
        InvariantError
            If this bar has not been opened.
        """
        if bar.index != self._bar:
            msg = f"bar {bar.index} has not been opened; the venue is at bar {self._bar}"
            raise InvariantError(msg)
        tapes = self._tapes(bar)
        for order in self._of(OrderKind.STOP):
            at = tapes[order.asked.symbol]
            price = stop_trades_at(order.asked.side, _price(order), at)
            if price is not None and not order.triggered:
                self._trigger(order, price, at)
        for order in self._of(OrderKind.LIMIT):
            self._maybe_make(order, tapes[order.asked.symbol])
        self._ranged = True

    # -- how -----------------------------------------------------------------------

    def _accept(self, asked: Submit) -> None:
        order_id = asked.order_id
        if order_id in self._orders or order_id in self._closed:
            return
        place = self._place(asked)
        why = self._refusal(asked, place)
        if why:
            self._closed[order_id] = None
            self._say(Rejected(order_id, self._now_ns, why))
            return
        from_bar = self._bar + 1 if self._ranged else self._bar
        self._orders[order_id] = Resting(asked, place, asked.lots, asked.price_ticks, from_bar)
        self._say(Accepted(order_id, self._now_ns))

    def _place(self, asked: Submit) -> str:
        """Give a new order its place among those of its kind at this bar."""
        kind = f"{asked.symbol}/{asked.leg}"
        ordinal = self._came[kind]
        self._came[kind] += 1
        return f"{kind}/{self._bar}/{ordinal}"

    def _refusal(self, asked: Submit, place: str) -> str:
        if asked.symbol not in self._instruments:
            return f"{asked.symbol} is not traded here"
        if asked.side not in {-1, 1} or asked.lots < 1:
            return f"side {asked.side}, {asked.lots} lots: not an order"
        if (asked.price_ticks is None) is not (asked.kind is OrderKind.MARKET):
            return f"a {asked.kind} order with price {asked.price_ticks}"
        if asked.reduce_only and self._reducible(asked) < 1:
            return "there is nothing to reduce"
        if self._luck.draw(place, self._bar, "reject") < self._paper.reject_prob:
            return "refused by draw"
        return ""

    def _amend(self, command: Amend) -> None:
        order = self._orders.get(command.order_id)
        if order is None:
            why = "the order is closed or was never here"
            self._say(AmendRejected(command.order_id, self._now_ns, why))
            return
        if (command.price_ticks is None) is not (order.price_ticks is None):
            why = f"a {order.asked.kind} order with price {command.price_ticks}"
            self._say(AmendRejected(command.order_id, self._now_ns, why))
            return
        if command.lots <= order.filled:
            self._close(command.order_id)
            return
        moved = self._ranged and command.price_ticks != order.price_ticks
        self._orders[command.order_id] = replace(
            order,
            lots=command.lots,
            price_ticks=command.price_ticks,
            from_bar=self._bar + 1 if moved else order.from_bar,
        )
        self._say(Amended(command.order_id, self._now_ns, command.lots, command.price_ticks))

    def _trigger(self, order: Resting, price: float, at: Tape) -> None:
        self._stopped.add(order.asked.symbol)
        order = replace(order, triggered=True)
        self._orders[order.asked.order_id] = order
        self._take(order, price, at)

    def _take(self, order: Resting, price: float, at: Tape) -> None:
        lots = self._lots_now(order, at)
        if lots:
            self._trade(
                order, lots, taking_price(order.asked.side, price, lots, at, self._costs)
            )

    def _maybe_take_limit(self, order: Resting, at: Tape) -> None:
        """Trade a limit at the open, as a taker that names its worst price."""
        limit, side = _price(order), order.asked.side
        if limit_opens_beyond(side, limit, at, self._paper.limit_through_ticks):
            lots = self._lots_now(order, at)
            if lots:
                taken = taking_price(side, at.open, lots, at, self._costs)
                self._trade(order, lots, limit_price(side, limit, taken))

    def _maybe_make(self, order: Resting, at: Tape) -> None:
        symbol, side, limit = order.asked.symbol, order.asked.side, _price(order)
        waits = order.from_bar > self._bar or symbol in self._stopped
        through = self._paper.limit_through_ticks
        if not waits and limit_is_reached(side, limit, at, through):
            lots = self._lots_now(order, at)
            if lots:
                self._trade(order, lots, limit)

    def _lots_now(self, order: Resting, at: Tape) -> Lots:
        """Lots that trade now; an order with nothing left to reduce is closed instead."""
        if order.traded_bar == self._bar:
            return Lots(0)
        wanted = Lots(order.lots - order.filled)
        if order.asked.reduce_only:
            wanted = Lots(min(wanted, self._reducible(order.asked)))
            if wanted < 1:
                self._close(order.asked.order_id)
                return Lots(0)
        lots = fillable(wanted, at, self._costs.max_participation_frac)
        prob = self._paper.partial_fill_prob
        return cut_short(lots, prob, self._luck, order.place, self._bar)

    def _trade(self, order: Resting, lots: Lots, price: Ticks) -> None:
        asked = order.asked
        _, instrument = self._instruments[asked.symbol]
        notional = price * lots * instrument.micros_per_tick_lot
        self._positions[asked.symbol] += asked.side * lots
        exec_id = f"{asked.order_id}.{self._bar}"
        fee = fee_micros(notional, self._costs.fee_bps)
        self._say(Filled(asked.order_id, exec_id, self._now_ns, lots, price, fee))
        filled = Lots(order.filled + lots)
        if filled >= order.lots:
            del self._orders[asked.order_id]
            self._closed[asked.order_id] = None
        else:
            traded = replace(order, filled=filled, traded_bar=self._bar)
            self._orders[asked.order_id] = traded

    def _reducible(self, asked: Submit) -> int:
        return max(0, -asked.side * self._positions[asked.symbol])

    def _close(self, order_id: str) -> None:
        del self._orders[order_id]
        self._closed[order_id] = None
        self._say(Canceled(order_id, self._now_ns))

    def _of(self, kind: OrderKind) -> tuple[Resting, ...]:
        return tuple(o for o in self._orders.values() if o.asked.kind is kind)

    def _tapes(self, bar: PairBar) -> dict[str, Tape]:
        return {s: tape(bar.bars[k], i) for s, (k, i) in self._instruments.items()}

    def _say(self, event: VenueEvent) -> None:
        self._events.append(event)


def _price(order: Resting) -> Ticks:
    if order.price_ticks is None:
        msg = f"{order.asked.order_id} is a {order.asked.kind} order without a price"
        raise InvariantError(msg)
    return order.price_ticks
