"""What a bracket is: an entry, two ways out, and everything heard about them.

One truth, from which all else follows: ``E`` is the sum of distinct entry executions,
``X`` the net sum of distinct exit executions over all legs, and what is held is
``E - X``. Orders are means to that end and never the record of it.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec.structs import replace

from stairway.base.units import Micros, Ticks, UtcNs
from stairway.base.verdict import Finding
from stairway.decision.intent import Route, Vote
from stairway.execution.order_state import Order
from stairway.execution.orders import Filled, Leg
from stairway.execution.prices import Held
from stairway.execution.rules import ExecutionRules
from stairway.risk.clamp import ClampedOrder


class ExitCause(StrEnum):
    """Why a position ended. The first two are the legs, the others are decided."""

    STOP = "stop"
    TARGET = "target"
    HORIZON = "horizon"
    SESSION = "session"
    HALT = "halt"
    ROLLBACK = "rollback"


class Tick(msgspec.Struct, frozen=True, tag="clock.tick"):
    """Time has passed.

    ``last_ticks`` is the last traded price, where known: with a venue that lets one exit
    rest at a time it is what triggers the target.
    """

    now_ns: UtcNs
    last_ticks: Ticks | None = None


class ExitNow(msgspec.Struct, frozen=True, tag="exit.now"):
    """Get out: take back everything that rests, and flatten what is held."""

    reason: ExitCause
    now_ns: UtcNs


class Opening(msgspec.Struct, frozen=True):
    """Everything about a trade that the clamp does not say.

    Attributes
    ----------
    bracket_id
        Unique for ever: order ids and the trade's id come from it.
    book
        Account it belongs to.
    opened_ns
        Close of the decision bar.
    horizon_bars
        Bars after which the trader lets go; kept here for the record.
    micros_per_tick_lot, tick_usd
        The instrument's money scales.
    """

    bracket_id: str
    book: str
    route: Route
    votes: tuple[Vote, ...]
    opened_ns: UtcNs
    horizon_bars: int
    micros_per_tick_lot: int
    tick_usd: float


class Bracket(msgspec.Struct, frozen=True):
    """A bracket in flight.

    Attributes
    ----------
    orders
        Every order ever sent, in order of sending. Late fills find theirs here.
    executions
        Every distinct execution, in order of (time, id): arrival leaves no trace.
    quarantine
        Executions that contradict what is known. Kept, and not booked.
    findings
        What went wrong, each code once. Not empty means halted.
    exit
        Why everything is being taken back, once that was decided.
    taking
        Only where one exit rests at a time: the target was reached, and the stop is
        being taken back for it.
    stop_floor
        Tightest stop that was right since the entry was complete; None before. What the
        stop is never loosened beyond.
    naked_since_ns, naked_ns
        Since when less than the position is under a confirmed stop, and for how long in
        total before that.
    submits
        Exits sent since the last fill or tick.
    """

    order: ClampedOrder
    opening: Opening
    rules: ExecutionRules
    orders: tuple[Order, ...]
    now_ns: UtcNs
    executions: tuple[Filled, ...] = ()
    quarantine: tuple[Filled, ...] = ()
    findings: tuple[Finding, ...] = ()
    exit: ExitCause | None = None
    taking: bool = False
    stop_floor: Ticks | None = None
    naked_since_ns: UtcNs | None = None
    naked_ns: int = 0
    submits: int = 0

    @property
    def halted(self) -> bool:
        """True once anything happened that a healthy venue does not do."""
        return bool(self.findings)

    @property
    def entry(self) -> Order:
        """The one order that opens."""
        return self.orders[0]

    @property
    def exits(self) -> tuple[Order, ...]:
        """Every order that closes."""
        return self.orders[1:]

    @property
    def held_lots(self) -> int:
        """What is open, in the direction of the trade; negative if more left than came."""
        return self.entry.filled - self.exited_lots

    @property
    def exited_lots(self) -> int:
        """What has left, net of anything bought back."""
        return sum(-self.order.side * o.side * o.filled for o in self.exits)

    @property
    def entered(self) -> Held:
        """What came in. Its ``lots`` are zero before the first fill."""
        return Held(self.order.side, self.entry.filled, self.entry.notional)

    @property
    def has_live_order(self) -> bool:
        """True while anything may still fill as far as the venue told us."""
        return any(o.is_live for o in self.orders)

    @property
    def is_dust(self) -> bool:
        """True where what is held is too little for the venue to take."""
        return not self.entry.is_live and 0 < abs(self.held_lots) < self.rules.min_order_lots

    @property
    def is_done(self) -> bool:
        """True once flat, or dust, and no order is live. Late fills may still reopen it."""
        return not self.has_live_order and (self.held_lots == 0 or self.is_dust)

    @property
    def protected_lots(self) -> int:
        """What rests under a stop that the venue has confirmed."""
        return sum(o.confirmed_leaves for o in self.exits if o.leg is Leg.STOP)

    @property
    def fees_micros(self) -> Micros:
        """All fees so far."""
        return Micros(sum(o.fees for o in self.orders))

    @property
    def cash_micros(self) -> Micros:
        """Money that came in less money that went out, after fees."""
        flow = sum(-o.side * o.notional for o in self.orders)
        return Micros(flow * self.opening.micros_per_tick_lot - self.fees_micros)

    def worth_micros(self, mark_ticks: Ticks) -> Micros:
        """Profit so far if what is held were worth ``mark_ticks``, fees included."""
        held = self.order.side * self.held_lots * mark_ticks
        return Micros(self.cash_micros + held * self.opening.micros_per_tick_lot)

    def live(self, leg: Leg) -> Order | None:
        """Return the live order of ``leg``, if there is one."""
        for order in reversed(self.orders):
            if order.leg is leg and order.is_live:
                return order
        return None

    def find(self, order_id: str) -> Order | None:
        """Return the order with this id, live or not."""
        for order in self.orders:
            if order.order_id == order_id:
                return order
        return None


def with_order(bracket: Bracket, order: Order) -> Bracket:
    """Put the new version of ``order`` in the place of the old one, or at the end."""
    orders = tuple(order if o.order_id == order.order_id else o for o in bracket.orders)
    if bracket.find(order.order_id) is None:
        orders = (*orders, order)
    return replace(bracket, orders=orders)


def with_finding(bracket: Bracket, finding: Finding) -> Bracket:
    """Halt because of ``finding``. Each code is kept once, as first met."""
    if any(f.code == finding.code for f in bracket.findings):
        return bracket
    return replace(bracket, findings=(*bracket.findings, finding))
