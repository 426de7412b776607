"""Units as types.

Money that can be lost is counted in integers (ticks, lots, micros), so equality is exact
and a position that should be flat is flat. Numbers that are only estimated are floats
and carry their unit in the name: ``spread_bps``, ``horizon_bars``, ``max_loss_usd``.
"""

from __future__ import annotations

from typing import NewType

UtcNs = NewType("UtcNs", int)
"""Nanoseconds since 1970-01-01T00:00:00Z."""

Ticks = NewType("Ticks", int)
"""A price, in multiples of the instrument's tick size."""

Lots = NewType("Lots", int)
"""A quantity, in multiples of the instrument's lot size. Never negative."""

Micros = NewType("Micros", int)
"""Money, in millionths of the account's currency. Signed."""

NS_PER_SECOND = 1_000_000_000
NS_PER_HOUR = 3_600 * NS_PER_SECOND
NS_PER_DAY = 24 * NS_PER_HOUR
MICROS_PER_UNIT = 1_000_000
