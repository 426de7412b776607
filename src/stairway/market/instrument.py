"""What is traded, and in which smallest steps.

Prices become integer ticks and quantities integer lots as soon as an order is thought
of, so money adds up to the last micro.
"""

from __future__ import annotations

import math
from typing import Annotated

from msgspec import Meta

from stairway.base.config import Config
from stairway.base.errors import ConfigError, DataError
from stairway.base.units import MICROS_PER_UNIT, Ticks

_EXACT = 1e-6

Positive = Annotated[float, Meta(gt=0.0)]


class Instrument(Config, frozen=True, kw_only=True):
    """One traded thing.

    Attributes
    ----------
    symbol
        Its name, as the source gives it.
    tick_usd
        Smallest price step, in USD.
    lot_units
        Smallest quantity step, in units of the instrument (shares, index units).

    Examples
    --------
    >>> spy = Instrument(symbol="SPY", tick_usd=0.01, lot_units=1.0)
    >>> spy.ticks(250.131), spy.micros_per_tick_lot
    (25013, 10000)
    """

    symbol: str
    tick_usd: Positive
    lot_units: Positive

    def __post_init__(self) -> None:
        super().__post_init__()
        exact = self.tick_usd * self.lot_units * MICROS_PER_UNIT
        if not (math.isfinite(exact) and _is_whole(exact)):
            msg = (
                f"{self.symbol}: one tick of one lot is worth {exact} micro-USD, "
                "which is not a whole number of at least one; choose a larger tick or lot"
            )
            raise ConfigError(msg)

    @property
    def micros_per_tick_lot(self) -> int:
        """Worth of one tick on one lot, in micro-USD."""
        return round(self.tick_usd * self.lot_units * MICROS_PER_UNIT)

    def ticks(self, price_usd: float) -> Ticks:
        """Nearest whole tick.

        Raises
        ------
        DataError
            If the price is not finite and positive, or nearest to no tick at all.
        """
        if not (math.isfinite(price_usd) and price_usd > 0.0):
            msg = f"{self.symbol}: a price must be finite and positive, got {price_usd}"
            raise DataError(msg)
        ticks = round(price_usd / self.tick_usd)
        if ticks < 1:
            msg = f"{self.symbol}: {price_usd} is less than half a tick of {self.tick_usd} USD"
            raise DataError(msg)
        return Ticks(ticks)

    def usd(self, ticks: int) -> float:
        """Price of ``ticks``, in USD."""
        return ticks * self.tick_usd


def _is_whole(micros: float) -> bool:
    return abs(micros - round(micros)) < _EXACT and round(micros) >= 1
