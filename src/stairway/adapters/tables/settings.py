"""What a user says about two tables of bars: where they lie and what is in them.

Nothing about a file is guessed. A naive stamp means nothing without its time zone, and a
bar stamped with its open is known one bar later than it says; both are asked for.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from stairway.base.config import Config
from stairway.base.errors import ConfigError
from stairway.market.calendar import SECONDS_PER_DAY, ClockTime, clock_seconds, zone
from stairway.market.instrument import Instrument, Step, require_symbol

_NS_PER = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}


class Columns(Config, frozen=True, kw_only=True):
    """Names of the columns in the files, for those that are called otherwise."""

    time: str = "time"
    open: str = "open"
    high: str = "high"
    low: str = "low"
    close: str = "close"
    volume: str = "volume"

    @property
    def prices_and_volume(self) -> dict[str, str]:
        """Our name to the file's name, of the five columns of numbers."""
        names = ("open", "high", "low", "close", "volume")
        return {name: getattr(self, name) for name in names}


class File(Config, frozen=True, kw_only=True):
    """One instrument's table.

    Attributes
    ----------
    path
        Where it lies; relative to the directory of the call.
    symbol, tick_usd, lot_units
        As in ``market.instrument.Instrument``.
    """

    path: str
    symbol: str
    tick_usd: Step
    lot_units: Step

    def __post_init__(self) -> None:
        super().__post_init__()
        require_symbol(self.symbol)

    @property
    def instrument(self) -> Instrument:
        """What the rows are prices of."""
        return Instrument(symbol=self.symbol, tick_usd=self.tick_usd, lot_units=self.lot_units)


class TableConfig(Config, frozen=True, kw_only=True):
    """Settings under ``[source]`` of a source that reads two tables.

    Attributes
    ----------
    files
        First and second instrument.
    columns
        Column map; names that are not given are ``time``, ``open``, ``high``, ``low``,
        ``close``, ``volume``.
    tz
        Time zone of stamps that carry none.
    stamp
        Whether a stamp is the instant at which its bar opens or closes.
    bar_seconds
        Spacing of the bars.
    epoch
        Unit of stamps that are numbers since 1970 UTC; left out where they are text.
    day_close
        Local time at which a bar that is stamped with a day alone was complete. Without
        it such a bar counts as complete at the end of that day.
    time_format
        Layout of stamps that are neither ISO 8601 nor numbers, such as
        ``"%d.%m.%Y %H:%M"``.
    """

    files: tuple[File, File]
    tz: str
    stamp: Literal["open", "close"]
    bar_seconds: Annotated[int, Meta(ge=1, le=31_622_400)]
    columns: Columns = Columns()
    epoch: Literal["s", "ms", "us", "ns"] | None = None
    day_close: ClockTime | None = None
    time_format: Annotated[str, Meta(min_length=2)] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        zone(self.tz)
        if self.epoch is not None and self.time_format is not None:
            msg = "[source] epoch is for numbers and time_format for text; give one of them"
            raise ConfigError(msg)
        if self.day_close is not None and self.bar_seconds != SECONDS_PER_DAY:
            msg = (
                "[source] day_close is for daily bars, and bar_seconds is "
                f"{self.bar_seconds}; leave it out, or set bar_seconds = {SECONDS_PER_DAY}"
            )
            raise ConfigError(msg)

    @property
    def ns_per_unit(self) -> int | None:
        """Nanoseconds in one unit of ``epoch``."""
        return None if self.epoch is None else _NS_PER[self.epoch]

    @property
    def day_close_seconds(self) -> int | None:
        """Seconds from local midnight to ``day_close``."""
        return None if self.day_close is None else clock_seconds(self.day_close)
