"""Where the exits of a position belong, in whole ticks.

Exits hang at fixed distances from the fill-weighted entry, which is a fraction of a tick
and is kept as one: (sum of price x lots, sum of lots). Rounding to a tick is always
towards the entry, on both sides: a stop rounded away from it would risk more than was
sized, and a target rounded away would be reached less often than the model was told.

Longs and shorts are one formula: prices are multiplied by the side, so that "up" means
"in favour", and multiplied back at the end.
"""

from __future__ import annotations

import msgspec

from stairway.base.units import Lots, Ticks


class Held(msgspec.Struct, frozen=True):
    """What was entered, and at what price: ``notional / lots`` is the weighted entry.

    Attributes
    ----------
    side
        +1 long, -1 short.
    lots
        Sum over distinct entry executions, at least 1.
    notional
        Sum of price x lots over the same, in ticks x lots.
    """

    side: int
    lots: Lots
    notional: int


def stop_price(held: Held, distance: Ticks) -> Ticks:
    """Tick of the stop: at most ``distance`` against the weighted entry.

    Examples
    --------
    >>> stop_price(Held(side=1, lots=3, notional=301), Ticks(10))  # entry 100 1/3
    91
    >>> stop_price(Held(side=-1, lots=3, notional=301), Ticks(10))
    110
    """
    toward_entry = -((-held.side * held.notional) // held.lots)  # the ceiling
    return _tradable(held.side * (toward_entry - distance))


def target_price(held: Held, distance: Ticks) -> Ticks:
    """Tick of the target: at most ``distance`` in favour of the weighted entry.

    Examples
    --------
    >>> target_price(Held(side=1, lots=3, notional=301), Ticks(10))
    110
    >>> target_price(Held(side=-1, lots=3, notional=301), Ticks(10))
    91
    """
    toward_entry = (held.side * held.notional) // held.lots
    return _tradable(held.side * (toward_entry + distance))


def risk_at(held: Held, stop_ticks: Ticks) -> int:
    """Money lost if everything entered leaves at ``stop_ticks``, in ticks x lots.

    Examples
    --------
    >>> risk_at(Held(side=1, lots=3, notional=301), Ticks(91))
    28
    """
    return held.side * (held.notional - held.lots * stop_ticks)


def tighter(side: int, one: Ticks, other: Ticks) -> Ticks:
    """Of two stops, the one that loses less.

    Examples
    --------
    >>> tighter(1, Ticks(95), Ticks(96)), tighter(-1, Ticks(105), Ticks(106))
    (96, 105)
    """
    return max(one, other) if side > 0 else min(one, other)


def _tradable(ticks: int) -> Ticks:
    """No venue takes a price of zero or less: the nearest that it takes is one tick."""
    return Ticks(max(ticks, 1))
