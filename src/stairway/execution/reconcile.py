"""Our record against the venue's: what to do about each difference.

Runs at every start and reconnect, because start-up *is* recovery. Two rules:

- Nothing is invented. A fill is booked only with the venue's own execution id and price;
  a position that its executions do not explain freezes the symbol for a person to see.
- Nothing is concluded too early. An order that the venue does not show may be on its way
  for ``settle_ns``; until then the answer is inconclusive.

Applying the actions and running again gives a pass, or the same refusal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

from stairway.base.units import Lots, Ticks, UtcNs
from stairway.base.verdict import Finding, Inconclusive, Refuse, Verdict, passed
from stairway.execution.orders import Amended, Cancel, Canceled, Filled, VenueEvent
from stairway.execution.state import Bracket


class OurOrder(msgspec.Struct, frozen=True):
    """An order as we know it."""

    order_id: str
    symbol: str
    side: int
    lots: Lots
    filled: Lots
    price_ticks: Ticks | None
    sent_ns: UtcNs
    is_live: bool
    is_changing: bool


class Ours(msgspec.Struct, frozen=True):
    """Our side: every order we still keep, every execution booked, lots held by symbol."""

    orders: tuple[OurOrder, ...]
    executions: tuple[Filled, ...]
    positions: dict[str, int]


class VenueOrder(msgspec.Struct, frozen=True):
    """An open order as the venue shows it."""

    order_id: str
    symbol: str
    lots: Lots
    filled: Lots
    price_ticks: Ticks | None


class VenueReport(msgspec.Struct, frozen=True):
    """The venue's side at ``taken_ns``.

    Attributes
    ----------
    orders
        Those that are open.
    executions
        At least all since both sides last agreed.
    positions
        Lots held by symbol, signed.
    """

    taken_ns: UtcNs
    orders: tuple[VenueOrder, ...]
    executions: tuple[Filled, ...]
    positions: dict[str, int]


class Hear(msgspec.Struct, frozen=True, tag="reconcile.hear"):
    """Give this to the order's bracket: the venue's word, which we missed."""

    event: VenueEvent


class TakeBack(msgspec.Struct, frozen=True, tag="reconcile.take_back"):
    """Cancel an order of ours that should be gone and is not."""

    command: Cancel


class Freeze(msgspec.Struct, frozen=True, tag="reconcile.freeze"):
    """Open nothing on this symbol until a person has looked."""

    symbol: str
    finding: Finding


Action: TypeAlias = Hear | TakeBack | Freeze


class Reconciliation(msgspec.Struct, frozen=True):
    """What to do, and whether trading may go on.

    ``Pass``: both sides agree. ``Inconclusive``: apply the actions, or wait, and run
    again. ``Refuse``: something no action of ours explains.
    """

    actions: tuple[Action, ...]
    verdict: Verdict


def ours(brackets: Iterable[Bracket]) -> Ours:
    """Read our side from the brackets of one account."""
    orders: list[OurOrder] = []
    executions: list[Filled] = []
    positions: dict[str, int] = {}
    for bracket in brackets:
        symbol = bracket.order.symbol
        held = bracket.order.side * bracket.held_lots
        positions[symbol] = positions.get(symbol, 0) + held
        executions.extend(bracket.executions)
        orders.extend(
            OurOrder(
                order_id=o.order_id,
                symbol=symbol,
                side=o.side,
                lots=o.lots,
                filled=o.filled,
                price_ticks=o.price_ticks,
                sent_ns=o.sent_ns,
                is_live=o.is_live,
                is_changing=o.amend is not None or o.canceling,
            )
            for o in bracket.orders
        )
    return Ours(tuple(orders), tuple(executions), positions)


def reconcile(us: Ours, venue: VenueReport, settle_ns: int) -> Reconciliation:
    """Compare both sides.

    Parameters
    ----------
    settle_ns
        How long an order may be on its way before its absence means that it is gone.

    Examples
    --------
    >>> nothing = Ours((), (), {})
    >>> reconcile(nothing, VenueReport(1, (), (), {"SPY": 5}), 0).verdict.findings[0].code
    'reconcile.position'
    """
    fills = _missed_fills(us, venue)
    actions = (
        *fills,
        *_gone(us, venue, settle_ns),
        *_changed(us, venue),
        *_strays(us, venue),
        *_unexplained(us, venue, fills),
    )
    waiting = _waiting(us, venue, settle_ns)
    return Reconciliation(actions, _verdict(actions, waiting))


def _verdict(actions: Sequence[Action], waiting: int) -> Verdict:
    frozen = tuple(a.finding for a in actions if isinstance(a, Freeze))
    if frozen:
        return Refuse(frozen)
    if actions or waiting:
        detail = f"{len(actions)} differences to put right, {waiting} orders on their way"
        open_count = float(len(actions) + waiting)
        return Inconclusive((Finding("reconcile.differs", detail, open_count, 0.0),))
    return passed("reconcile.agrees", "orders, executions and positions are the same")


def _missed_fills(us: Ours, venue: VenueReport) -> tuple[Action, ...]:
    known = {e.exec_id: e for e in us.executions}
    symbols = {o.order_id: o.symbol for o in us.orders}
    actions: list[Action] = []
    for execution in venue.executions:
        mine = known.get(execution.exec_id)
        if mine is None and execution.order_id in symbols:
            actions.append(Hear(execution))
        elif mine is None:
            detail = f"execution {execution.exec_id} of an order that is not ours"
            actions.append(Freeze("*", Finding("reconcile.foreign_execution", detail)))
        elif _content(mine) != _content(execution):
            detail = f"execution {execution.exec_id} has another content at the venue"
            symbol = symbols.get(mine.order_id, "*")
            actions.append(Freeze(symbol, Finding("reconcile.conflict", detail)))
    return tuple(actions)


def _content(event: Filled) -> tuple[str, int, int, int]:
    return event.order_id, event.lots, event.price_ticks, event.fee_micros


def _gone(us: Ours, venue: VenueReport, settle_ns: int) -> tuple[Action, ...]:
    missing = _missing(us, venue)
    settled = (o for o in missing if venue.taken_ns - o.sent_ns > settle_ns)
    return tuple(Hear(Canceled(o.order_id, venue.taken_ns)) for o in settled)


def _waiting(us: Ours, venue: VenueReport, settle_ns: int) -> int:
    missing = _missing(us, venue)
    return sum(not venue.taken_ns - o.sent_ns > settle_ns for o in missing)


def _missing(us: Ours, venue: VenueReport) -> list[OurOrder]:
    """Return live orders of ours that the venue neither shows nor has filled."""
    shown = {o.order_id for o in venue.orders}
    return [
        o
        for o in us.orders
        if o.is_live and o.order_id not in shown and _filled_there(us, venue, o) < o.lots
    ]


def _filled_there(us: Ours, venue: VenueReport, order: OurOrder) -> int:
    """Lots of ``order`` traded by the executions of either side, each counted once."""
    lots = {
        e.exec_id: e.lots
        for e in (*us.executions, *venue.executions)
        if e.order_id == order.order_id
    }
    return sum(lots.values())


def _changed(us: Ours, venue: VenueReport) -> tuple[Action, ...]:
    mine = {o.order_id: o for o in us.orders}
    actions: list[Action] = []
    for order in venue.orders:
        known = mine.get(order.order_id)
        if known is None or not known.is_live or known.is_changing:
            continue
        if (known.lots, known.price_ticks) != (order.lots, order.price_ticks):
            word = Amended(order.order_id, venue.taken_ns, order.lots, order.price_ticks)
            actions.append(Hear(word))
    return tuple(actions)


def _strays(us: Ours, venue: VenueReport) -> tuple[Action, ...]:
    mine = {o.order_id: o for o in us.orders}
    actions: list[Action] = []
    for order in venue.orders:
        known = mine.get(order.order_id)
        if known is None:
            detail = f"order {order.order_id} rests at the venue and is not ours"
            actions.append(Freeze(order.symbol, Finding("reconcile.foreign_order", detail)))
        elif not known.is_live:
            actions.append(TakeBack(Cancel(order.order_id)))
    return tuple(actions)


def _unexplained(us: Ours, venue: VenueReport, fills: Sequence[Action]) -> tuple[Action, ...]:
    """Freeze symbols whose position differs by anything but the orders' own executions."""
    explained = dict(us.positions)
    orders = {o.order_id: o for o in us.orders}
    for action in fills:
        if isinstance(action, Hear) and isinstance(action.event, Filled):
            order, lots = orders[action.event.order_id], action.event.lots
            explained[order.symbol] = explained.get(order.symbol, 0) + order.side * lots
    actions: list[Action] = []
    for symbol in sorted(explained.keys() | venue.positions.keys()):
        here, there = explained.get(symbol, 0), venue.positions.get(symbol, 0)
        if here != there:
            finding = Finding(
                "reconcile.position",
                f"{symbol}: lots at the venue that no execution explains",
                float(there),
                float(here),
            )
            actions.append(Freeze(symbol, finding))
    return tuple(actions)
