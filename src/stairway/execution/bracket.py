"""One entry protected by a stop and a target, sized by what is held.

A bracket is a value, and :func:`on` a pure function from (bracket, event) to (bracket,
commands). It performs no I/O and reads no clock: the same function runs in the simulator,
in replay, and live.

Fills come in pieces, late, twice, out of order and on both legs at once. Other engines
list those races and miss some; here every event goes three steps:

1. book it (:mod:`stairway.execution.order_state`), or show that it is nothing new;
2. recompute what is held from the distinct executions (:mod:`stairway.execution.state`);
3. settle: restore "what rests is what is held" (:mod:`stairway.execution.settle`).
"""

from __future__ import annotations

from bisect import insort
from typing import TypeAlias, assert_never

from msgspec.structs import replace

from stairway.base.errors import InvariantError
from stairway.base.units import Micros, Ticks
from stairway.base.verdict import Finding
from stairway.execution.client_id import order_id
from stairway.execution.facts import TradeClosed
from stairway.execution.order_state import OrderState, Reply, fill, hear, sent
from stairway.execution.orders import (
    Accepted,
    Amended,
    AmendRejected,
    Canceled,
    CancelRejected,
    Command,
    Filled,
    Leg,
    OrderKind,
    Rejected,
    Submit,
    VenueEvent,
)
from stairway.execution.prices import target_price
from stairway.execution.rules import ExecutionRules, VenueMode
from stairway.execution.settle import later, leaving, settle
from stairway.execution.state import (
    Bracket,
    ExitCause,
    ExitNow,
    Opening,
    Tick,
    with_finding,
    with_order,
)
from stairway.risk.clamp import ClampedOrder

BracketEvent: TypeAlias = VenueEvent | Tick | ExitNow


def open_bracket(
    order: ClampedOrder, opening: Opening, rules: ExecutionRules
) -> tuple[Bracket, tuple[Command, ...]]:
    """Start a trade: one market entry, and nothing else until it fills.

    Exits are sent when there is something to protect, at the size that is held; an exit
    that rests before its entry is a position of its own waiting to happen.

    Raises
    ------
    InvariantError
        If the order has no size, no side, or an exit on the wrong side of the entry.
    """
    if order.side not in {-1, 1} or min(order.lots, order.stop_ticks, order.target_ticks) < 1:
        msg = (
            f"bracket {opening.bracket_id}: side must be +1 or -1, lots and both exit "
            f"distances at least 1; got side {order.side}, {order.lots} lots, "
            f"stop {order.stop_ticks}, target {order.target_ticks} ticks"
        )
        raise InvariantError(msg)
    entry = Submit(
        order_id=order_id(opening.bracket_id, Leg.ENTRY, 0),
        symbol=order.symbol,
        leg=Leg.ENTRY,
        kind=OrderKind.MARKET,
        side=order.side,
        lots=order.lots,
        price_ticks=None,
        reduce_only=False,
    )
    bracket = Bracket(
        order=order,
        opening=opening,
        rules=rules,
        orders=(sent(entry, opening.opened_ns),),
        now_ns=opening.opened_ns,
    )
    return bracket, (entry,)


def on(bracket: Bracket, event: BracketEvent) -> tuple[Bracket, tuple[Command, ...]]:
    """Take in ``event``; return the next bracket and what must be done about it.

    An event that says nothing new returns ``bracket`` itself and no command.
    """
    match event:
        case Filled():
            after = _booked(bracket, event)
        case Tick():
            after = _ticked(bracket, event)
        case ExitNow():
            after = _told_to_leave(bracket, event)
        case Accepted() | Rejected() | Canceled():
            after = _heard(bracket, event)
        case Amended() | AmendRejected() | CancelRejected():
            after = _heard(bracket, event)
        case _:
            assert_never(event)
    return (bracket, ()) if after is bracket else settle(after)


def trade_closed(bracket: Bracket) -> TradeClosed | None:
    """Return the trade's outcome once it is flat and no order works; before that None.

    ``None`` too where the entry never filled: that is no trade. Dust is counted at its
    cost, so that only what left makes a profit or a loss.
    """
    entered = bracket.entered
    if entered.lots == 0 or not bracket.is_done:
        return None
    order, opening = bracket.order, bracket.opening
    scale = opening.micros_per_tick_lot
    dust_at_cost = bracket.held_lots * entered.notional // entered.lots
    pnl = Micros(bracket.cash_micros + order.side * dust_at_cost * scale)
    risk = Micros(entered.lots * order.stop_ticks * scale)
    fills = {o.order_id: o for o in bracket.orders}
    entries = [e for e in bracket.executions if fills[e.order_id].leg is Leg.ENTRY]
    return TradeClosed(
        trade_id=opening.bracket_id,
        book=opening.book,
        symbol=order.symbol,
        model=opening.votes[0].model if opening.votes else opening.route.value,
        route=opening.route,
        votes=opening.votes,
        side=order.side,
        lots=entered.lots,
        opened_ns=entries[0].time_ns,
        closed_ns=bracket.executions[-1].time_ns,
        entry_usd=entered.notional / entered.lots * opening.tick_usd,
        exit_usd=_exit_usd(bracket),
        pnl_micros=pnl,
        fees_micros=bracket.fees_micros,
        risk_micros=risk,
        r_multiple=pnl / risk,
        pnl_frac=pnl / (entered.notional * scale),
        exit=_cause(bracket).value,
    )


# -- what an event changes -------------------------------------------------------------


def _booked(bracket: Bracket, event: Filled) -> Bracket:
    known = next((e for e in bracket.executions if e.exec_id == event.exec_id), None)
    if known is not None and _content(known) == _content(event):
        return bracket
    order = bracket.find(event.order_id)
    if known is not None:
        why = Finding("execution.conflicting_fill", f"{event.exec_id} came with two contents")
        return _quarantined(bracket, event, why)
    if order is None:
        return _quarantined(bracket, event, _foreign(event.order_id))
    if event.lots < 1 or event.price_ticks < 1:
        why = Finding("execution.impossible_fill", "a fill needs at least one lot and one tick")
        return _quarantined(bracket, event, why)
    executions = list(bracket.executions)
    insort(executions, event, key=lambda e: (e.time_ns, e.exec_id))
    bracket = with_order(bracket, fill(order, event))
    return replace(
        bracket,
        executions=tuple(executions),
        now_ns=later(bracket.now_ns, event.time_ns),
        submits=0,
    )


def _heard(bracket: Bracket, event: Reply) -> Bracket:
    order = bracket.find(event.order_id)
    if order is None:
        return with_finding(bracket, _foreign(event.order_id))
    after = hear(order, event)
    if after is order:
        return bracket
    bracket = with_order(replace(bracket, now_ns=later(bracket.now_ns, event.time_ns)), after)
    if after.state is not OrderState.REJECTED or bracket.held_lots == 0:
        return bracket
    return _leg_rejected(bracket, order.leg, event)


def _leg_rejected(bracket: Bracket, leg: Leg, event: Reply) -> Bracket:
    """Leave at once: a position whose exit the venue will not hold has no exit."""
    if leg is Leg.ENTRY or (leg is not Leg.FLATTEN and bracket.exit is not None):
        return bracket
    why = event.why if isinstance(event, Rejected) else "refused"
    finding = Finding(f"execution.{leg}_rejected", f"the venue will not hold it: {why}")
    return leaving(with_finding(bracket, finding), ExitCause.HALT)


def _ticked(bracket: Bracket, event: Tick) -> Bracket:
    if event.now_ns < bracket.now_ns:
        return bracket
    orders = tuple(replace(o, refused=False) if o.refused else o for o in bracket.orders)
    return replace(
        bracket,
        orders=orders,
        now_ns=later(bracket.now_ns, event.now_ns),
        submits=0,
        taking=bracket.taking or _target_reached(bracket, event.last_ticks),
    )


def _told_to_leave(bracket: Bracket, event: ExitNow) -> Bracket:
    if bracket.exit is not None:
        return bracket
    now_ns = later(bracket.now_ns, event.now_ns)
    return leaving(replace(bracket, now_ns=now_ns), event.reason)


def _target_reached(bracket: Bracket, last_ticks: Ticks | None) -> bool:
    alone = bracket.rules.venue_mode is VenueMode.ONE_EXIT
    if not alone or last_ticks is None or bracket.held_lots <= 0:
        return False
    target = target_price(bracket.entered, bracket.order.target_ticks)
    return bracket.order.side * (last_ticks - target) >= 0


def _quarantined(bracket: Bracket, event: Filled, why: Finding) -> Bracket:
    if event in bracket.quarantine:
        return bracket
    return replace(with_finding(bracket, why), quarantine=(*bracket.quarantine, event))


def _foreign(foreign_id: str) -> Finding:
    return Finding("execution.foreign_order", f"the venue spoke of {foreign_id}, not ours")


def _content(event: Filled) -> tuple[str, int, int, int]:
    return event.order_id, event.lots, event.price_ticks, event.fee_micros


# -- what the record says --------------------------------------------------------------


def _cause(bracket: Bracket) -> ExitCause:
    """Who took the last of it: one of the legs, or the decision to leave."""
    legs = {o.order_id: o.leg for o in bracket.orders}
    exits = [legs[e.order_id] for e in bracket.executions if legs[e.order_id] is not Leg.ENTRY]
    last = exits[-1] if exits else Leg.FLATTEN
    match last:
        case Leg.STOP:
            return ExitCause.STOP
        case Leg.TARGET:
            return ExitCause.TARGET
        case Leg.FLATTEN | Leg.ENTRY:
            return bracket.exit or ExitCause.HALT
        case _:
            assert_never(last)


def _exit_usd(bracket: Bracket) -> float:
    """Net price of what left; what was bought back is taken out again."""
    side, left = bracket.order.side, bracket.exited_lots
    worth = sum(-side * o.side * o.notional for o in bracket.exits)
    return worth / left * bracket.opening.tick_usd if left else 0.0
