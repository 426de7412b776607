"""What a bar leaves on record."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from stairway.base.units import Micros, UtcNs
from stairway.base.verdict import Refuse
from stairway.decision.intent import Intent
from stairway.risk.clamp import ClampedOrder

Outcome: TypeAlias = ClampedOrder | Refuse | None
"""What became of a wish: an order, a refusal, or nothing was wished for."""


class Decided(msgspec.Struct, frozen=True, tag="trade.intent"):
    """What one book wanted at one close, and what it was allowed, per instrument."""

    index: int
    time_ns: UtcNs
    book: str
    intents: tuple[Intent, ...]
    outcomes: tuple[Outcome, ...]


class Marked(msgspec.Struct, frozen=True, tag="book.marked"):
    """What one book was worth at one close, net of all costs so far.

    ``held`` is in signed lots per instrument, ``pnl_micros`` profit per instrument since
    the book was opened.
    """

    index: int
    book: str
    equity_micros: Micros
    held: tuple[int, ...]
    pnl_micros: tuple[int, ...]
