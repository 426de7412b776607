"""The clamp: the only place an order can be born.

Execution accepts :class:`ClampedOrder` and nothing else, so there is no path to the
market that skips this module. ``tests/architecture`` proves that nobody else calls
the constructor.
"""

from __future__ import annotations

import msgspec

from stairway.base.units import Lots, Ticks


class Rung(msgspec.Struct, frozen=True):
    """One step of the sizing ladder: its name, and the magnitude after it.

    ``value`` is in leverage (notional over equity) up to the last rung, which is lots.
    ``bound`` is True where this step made the magnitude smaller.
    """

    name: str
    value: float
    bound: bool


class ClampedOrder(msgspec.Struct, frozen=True, tag="risk.clamped"):
    """An order within limits. Made by :func:`clamp` only.

    Attributes
    ----------
    side
        +1 long, -1 short.
    reference_ticks
        Price that the size was computed from: the close of the decision bar.
    stop_ticks, target_ticks
        *Distances* of the exits from the weighted entry, positive.
    ladder
        The whole audit, in order; ``binding`` names the cap that bound, or "none".
    """

    symbol: str
    side: int
    lots: Lots
    reference_ticks: Ticks
    stop_ticks: Ticks
    target_ticks: Ticks
    ladder: tuple[Rung, ...]
    binding: str
