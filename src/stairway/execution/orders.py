"""Orders, what may be asked of a venue, and what a venue may say.

Quantities are lots, prices ticks, fees micros: integers all. A buy is side +1, a sell
side -1.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import msgspec

from stairway.base.units import Lots, Micros, Ticks, UtcNs


class Leg(StrEnum):
    """Which part of a bracket an order belongs to."""

    ENTRY = "entry"
    STOP = "stop"
    TARGET = "target"
    FLATTEN = "flatten"


class OrderKind(StrEnum):
    """How an order wants to be filled."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"


class Submit(msgspec.Struct, frozen=True, tag="order.submit"):
    """Send a new order. ``price_ticks`` is the limit or trigger; ``None`` for market."""

    order_id: str
    symbol: str
    leg: Leg
    kind: OrderKind
    side: int
    lots: Lots
    price_ticks: Ticks | None
    reduce_only: bool


class Amend(msgspec.Struct, frozen=True, tag="order.amend"):
    """Change *total* quantity (filled included) and price of a resting order."""

    order_id: str
    lots: Lots
    price_ticks: Ticks | None


class Cancel(msgspec.Struct, frozen=True, tag="order.cancel"):
    """Take a resting order back. Not final until the venue says so."""

    order_id: str


Command: TypeAlias = Submit | Amend | Cancel


class Accepted(msgspec.Struct, frozen=True, tag="order.accepted"):
    """The venue holds the order."""

    order_id: str
    time_ns: UtcNs


class Rejected(msgspec.Struct, frozen=True, tag="order.rejected"):
    """The venue will not hold the order."""

    order_id: str
    time_ns: UtcNs
    why: str


class Amended(msgspec.Struct, frozen=True, tag="order.amended"):
    """The venue now holds this total quantity and price."""

    order_id: str
    time_ns: UtcNs
    lots: Lots
    price_ticks: Ticks | None


class AmendRejected(msgspec.Struct, frozen=True, tag="order.amend_rejected"):
    """The order rests as it was, or is gone."""

    order_id: str
    time_ns: UtcNs
    why: str


class Canceled(msgspec.Struct, frozen=True, tag="order.canceled"):
    """The order no longer rests. Late fills may still arrive and are booked."""

    order_id: str
    time_ns: UtcNs


class CancelRejected(msgspec.Struct, frozen=True, tag="order.cancel_rejected"):
    """The cancel came too late or for an unknown order."""

    order_id: str
    time_ns: UtcNs
    why: str


class Filled(msgspec.Struct, frozen=True, tag="order.filled"):
    """Part or all of an order traded. ``exec_id`` is unique; a repeat is no second fill."""

    order_id: str
    exec_id: str
    time_ns: UtcNs
    lots: Lots
    price_ticks: Ticks
    fee_micros: Micros


VenueEvent: TypeAlias = (
    Accepted | Rejected | Amended | AmendRejected | Canceled | CancelRejected | Filled
)
