"""What is traded, and in which smallest steps.

Prices become integer ticks and quantities integer lots as soon as an order is thought
of, so money adds up to the last micro.
"""

from __future__ import annotations

import math
import re
from typing import Annotated

from msgspec import Meta

from stairway.base.config import Config
from stairway.base.errors import ConfigError, DataError
from stairway.base.units import MICROS_PER_UNIT, Ticks

_EXACT = 1e-6
_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9./^=_-]{0,31}")
_OF_A_PATH = frozenset({"", ".", ".."})

Step = Annotated[float, Meta(gt=0.0, le=1e9)]


class Instrument(Config, frozen=True, kw_only=True):
    """One traded thing.

    Attributes
    ----------
    symbol
        Its name, as the source gives it: 1 to 32 letters, digits and ``. / ^ = _ -``, the
        first a letter or digit. It is shown, logged and compared, so nothing in it may pass
        for something else.
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
    tick_usd: Step
    lot_units: Step

    def __post_init__(self) -> None:
        super().__post_init__()
        require_symbol(self.symbol)
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


def require_symbol(symbol: str) -> None:
    """Refuse a name that is empty, holds odd characters, or looks like a path.

    Raises
    ------
    ConfigError
        If it does.

    Examples
    --------
    >>> require_symbol("BRK.B")
    >>> require_symbol("../etc")
    Traceback (most recent call last):
    ...
    stairway.base.errors.ConfigError: symbol '../etc' cannot be used; it must be 1 to 32 ...
    """
    if _SYMBOL.fullmatch(symbol) and _OF_A_PATH.isdisjoint(symbol.split("/")):
        return
    msg = (
        f"symbol {symbol[:40]!r} cannot be used; it must be 1 to 32 letters, digits and "
        ". / ^ = _ -, begin with a letter or digit, and not be a path: choose another name"
    )
    raise ConfigError(msg)


def _is_whole(micros: float) -> bool:
    return abs(micros - round(micros)) < _EXACT and round(micros) >= 1
