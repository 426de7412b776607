"""Put right whatever the last event put wrong.

No race is handled by name. After every event the same steps run on what is held now:

1. Judge: did more leave than came, did an order fill beyond what was asked?  -> halt
2. Watch the clock: held without a confirmed stop for too long?               -> leave
3. Say what should rest on each leg, from what is held alone.
4. Move each leg one step towards that, never with two changes on the way:
   nothing rests and something should -> submit; something rests and nothing should ->
   cancel; the size or price is wrong -> amend to the new *total*.

Targets are absolute, so an event that is lost, doubled or late can delay the right state
but cannot add up to a wrong one.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from stairway.base.units import Lots, Ticks, UtcNs
from stairway.base.verdict import Finding
from stairway.execution.client_id import order_id
from stairway.execution.order_state import Order, OrderState, amending, sent
from stairway.execution.orders import Amend, Cancel, Command, Leg, OrderKind, Submit
from stairway.execution.prices import risk_at, stop_price, target_price, tighter
from stairway.execution.rules import VenueMode
from stairway.execution.state import Bracket, ExitCause, with_finding, with_order

Step: TypeAlias = tuple[Bracket, tuple[Command, ...]]


class Want(msgspec.Struct, frozen=True):
    """What should rest on one leg. Zero lots: nothing."""

    leg: Leg
    kind: OrderKind
    side: int
    lots: Lots
    price_ticks: Ticks | None


def settle(bracket: Bracket) -> Step:
    """Return the bracket with its next commands recorded, and the commands."""
    bracket = _floored(_clocked(_judged(bracket)))
    bracket, commands = _entry(bracket)
    for want in _in_safe_order(bracket, _wants(bracket)):
        bracket, more = _leg(bracket, want)
        commands = (*commands, *more)
    return bracket, commands


# -- 1 judge ---------------------------------------------------------------------------


def _judged(bracket: Bracket) -> Bracket:
    held = bracket.held_lots
    if held < 0:
        over = Finding(
            "execution.over_exit", "more was sold out than was held", -float(held), 0.0
        )
        bracket = leaving(with_finding(bracket, over), ExitCause.HALT)
    for order in bracket.orders:
        if order.filled > order.most:
            detail = f"the {order.leg} order filled beyond what was asked"
            code = f"execution.{order.leg}_overfilled"
            over = Finding(code, detail, float(order.filled), float(order.most))
            bracket = leaving(with_finding(bracket, over), ExitCause.HALT)
    return bracket


def leaving(bracket: Bracket, cause: ExitCause) -> Bracket:
    """Decide to leave. The first cause stays; the way out is never rationed at its start."""
    return bracket if bracket.exit is not None else replace(bracket, exit=cause, submits=0)


# -- 2 watch the clock -----------------------------------------------------------------


def _clocked(bracket: Bracket) -> Bracket:
    held = bracket.held_lots
    since = bracket.naked_since_ns
    if held == 0 or bracket.is_dust or bracket.protected_lots >= abs(held):
        if since is None:
            return bracket
        naked_ns = bracket.naked_ns + bracket.now_ns - since
        return replace(bracket, naked_since_ns=None, naked_ns=naked_ns)
    if since is None:
        return replace(bracket, naked_since_ns=bracket.now_ns)
    naked = bracket.now_ns - since
    if bracket.exit is not None or naked <= bracket.rules.naked_max_ns:
        return bracket
    late = Finding(
        "execution.naked",
        "held without a confirmed stop for too long, ns",
        float(naked),
        float(bracket.rules.naked_max_ns),
    )
    return leaving(with_finding(bracket, late), ExitCause.HALT)


def _floored(bracket: Bracket) -> Bracket:
    """Once the entry is complete, keep the tightest stop that was ever right."""
    if bracket.entry.is_live or bracket.entered.lots == 0:
        return bracket
    stop = stop_price(bracket.entered, bracket.order.stop_ticks)
    if bracket.stop_floor is not None:
        stop = tighter(bracket.order.side, stop, bracket.stop_floor)
    return bracket if stop == bracket.stop_floor else replace(bracket, stop_floor=stop)


# -- 3 say what should rest ------------------------------------------------------------


def _wants(bracket: Bracket) -> tuple[Want, Want, Want]:
    held = bracket.held_lots
    side = bracket.order.side
    size = Lots(abs(held)) if abs(held) >= bracket.rules.min_order_lots else Lots(0)
    fleeing = held < 0 or bracket.exit is not None
    guarded = Lots(0) if fleeing or bracket.taking else size
    taken = Lots(0) if fleeing or not _target_wanted(bracket) else size
    stop, target = _exit_prices(bracket)
    kind = OrderKind.LIMIT if target is not None else OrderKind.MARKET
    return (
        Want(Leg.STOP, OrderKind.STOP, -side, guarded, stop),
        Want(Leg.TARGET, kind, -side, taken, target),
        Want(
            Leg.FLATTEN,
            OrderKind.MARKET,
            -side if held > 0 else side,
            size if fleeing else Lots(0),
            None,
        ),
    )


def _target_wanted(bracket: Bracket) -> bool:
    return bracket.taking or bracket.rules.venue_mode is VenueMode.REDUCE_ONLY


def _exit_prices(bracket: Bracket) -> tuple[Ticks | None, Ticks | None]:
    """Prices of stop and target; a target that is sent when reached goes at market."""
    held, order = bracket.entered, bracket.order
    if held.lots == 0:
        return None, None
    stop = bracket.stop_floor
    if stop is None:
        stop = stop_price(held, order.stop_ticks)
    if bracket.rules.venue_mode is VenueMode.ONE_EXIT:
        return stop, None
    return stop, target_price(held, order.target_ticks)


def _in_safe_order(bracket: Bracket, wants: tuple[Want, Want, Want]) -> tuple[Want, Want, Want]:
    """Stop first when the position grew, target first when it shrank."""
    stop, target, flatten = wants
    resting = bracket.live(Leg.STOP)
    shrinking = resting is not None and resting.leaves > stop.lots
    return (target, stop, flatten) if shrinking else (stop, target, flatten)


# -- 4 move one step -------------------------------------------------------------------


def _entry(bracket: Bracket) -> Step:
    entry = bracket.entry
    left_already = bracket.rules.cancel_entry_on_exit and any(o.filled for o in bracket.exits)
    unwanted = bracket.halted or bracket.exit is not None or left_already
    if not (unwanted and entry.is_live) or entry.canceling or entry.refused:
        return bracket, ()
    return _cancel(bracket, entry)


def _leg(bracket: Bracket, want: Want) -> Step:
    order = bracket.live(want.leg)
    if order is None:
        return _submit(bracket, want) if want.lots else (bracket, ())
    if order.canceling or order.refused:
        return bracket, ()
    if want.lots == 0 or order.side != want.side:
        return _cancel(bracket, order)
    if order.state is OrderState.SENT or order.amend is not None:
        return bracket, ()
    return _amend(bracket, order, want)


def _submit(bracket: Bracket, want: Want) -> Step:
    alone = bracket.rules.venue_mode is VenueMode.ONE_EXIT
    if bracket.submits >= bracket.rules.max_submits:
        return bracket, ()
    if alone and any(o.is_live for o in bracket.exits):
        return bracket, ()
    revision = sum(o.leg is want.leg for o in bracket.orders)
    command = Submit(
        order_id=order_id(bracket.opening.bracket_id, want.leg, revision),
        symbol=bracket.order.symbol,
        leg=want.leg,
        kind=want.kind,
        side=want.side,
        lots=want.lots,
        price_ticks=want.price_ticks,
        reduce_only=not alone,
    )
    bracket = with_order(bracket, sent(command, bracket.now_ns))
    bracket = replace(bracket, submits=bracket.submits + 1)
    return bracket, (command,)


def _amend(bracket: Bracket, order: Order, want: Want) -> Step:
    total = Lots(order.filled + want.lots)
    if total == order.lots and _near_enough(bracket, order, want):
        return bracket, ()
    command = Amend(order.order_id, total, want.price_ticks)
    bracket = with_order(bracket, amending(order, command))
    return bracket, (command,)


def _cancel(bracket: Bracket, order: Order) -> Step:
    return with_order(bracket, replace(order, canceling=True)), (Cancel(order.order_id),)


def _near_enough(bracket: Bracket, order: Order, want: Want) -> bool:
    if order.price_ticks is None or want.price_ticks is None:
        return order.price_ticks == want.price_ticks
    if order.price_ticks == want.price_ticks:
        return True
    if abs(order.price_ticks - want.price_ticks) > bracket.rules.reprice_band_ticks:
        return False
    sized = bracket.order.lots * bracket.order.stop_ticks
    # A stop that is left where it is must still lie against the entry, and within its risk.
    return want.leg is not Leg.STOP or 0 < risk_at(bracket.entered, order.price_ticks) <= sized


def later(one: UtcNs, other: UtcNs) -> UtcNs:
    """Return the later instant: known time never runs backwards."""
    return max(one, other)
