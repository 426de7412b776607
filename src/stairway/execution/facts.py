"""What execution puts on record."""

from __future__ import annotations

import msgspec

from stairway.base.units import Lots, Micros, UtcNs
from stairway.decision.intent import Route, Vote
from stairway.execution.orders import Command, VenueEvent


class CommandSent(msgspec.Struct, frozen=True, tag="order.sent"):
    """Recorded, and committed to disk, before the command leaves.

    ``index`` is the bar at whose close, or during which, it was decided.
    """

    index: int
    book: str
    command: Command


class VenueSaid(msgspec.Struct, frozen=True, tag="order.event"):
    """What the venue answered, and during which bar it was heard."""

    index: int
    book: str
    event: VenueEvent


class TradeClosed(msgspec.Struct, frozen=True, tag="trade.closed"):
    """One position, from first entry fill to flat. One position is one outcome.

    Attributes
    ----------
    trade_id
        Id of the bracket; the key for counting it once.
    book
        ``capital``, ``shadow:<digest>``, ``canary:<digest>``, ``twin:...``.
    model
        Slot of the first vote, or the route's name: who was in charge at entry.
    votes
        Everybody the outcome is credited to, as they stood at entry.
    side, lots, entry_usd, exit_usd
        Quantity that was open, and fill-weighted prices.
    pnl_micros
        Net of fees.
    risk_micros
        Money between entry and first stop, for ``lots``. Always positive.
    r_multiple
        ``pnl_micros / risk_micros``.
    pnl_frac
        Profit over the money put in at entry.
    exit
        ``stop``, ``target``, ``horizon``, ``session``, ``halt``, ``rollback``.
    """

    trade_id: str
    book: str
    symbol: str
    model: str
    route: Route
    votes: tuple[Vote, ...]
    side: int
    lots: Lots
    opened_ns: UtcNs
    closed_ns: UtcNs
    entry_usd: float
    exit_usd: float
    pnl_micros: Micros
    fees_micros: Micros
    risk_micros: Micros
    r_multiple: float
    pnl_frac: float
    exit: str
