"""What the market step needs from outside: two tables of bars, as they were found.

A source is a module: ``adapters/sources/<kind>.py`` with a ``Config`` (its keys are the
keys of ``[source]``, without ``kind``) and ``read(config) -> RawPair``. What it returns is
*not* validated; ``market.align`` does that, so no source can forget to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from stairway.base.arrays import FloatArray, IntArray
from stairway.market.instrument import Instrument

NO_TIME = int(np.iinfo(np.int64).min)
"""Stands in ``RawBars.time_ns`` where a row's stamp could not be read."""


@dataclass(frozen=True, slots=True)
class RawBars:
    """One instrument's rows in the order of the source, good and bad.

    Attributes
    ----------
    instrument
        What the rows are prices of.
    time_ns : (n,) int64
        Instant at which the bar was complete, in UTC; ``NO_TIME`` where unreadable.
    open, high, low, close, volume : (n,) float64
        NaN where a cell is empty or no number.
    """

    instrument: Instrument
    time_ns: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    def __len__(self) -> int:
        return int(self.time_ns.size)


@dataclass(frozen=True, slots=True)
class RawPair:
    """Both instruments, each on its own clock."""

    first: RawBars
    second: RawBars


class Source(Protocol):
    """What a module in ``adapters/sources`` offers.

    Promises
    --------
    - ``Config`` derives from ``base.config.Config``.
    - ``read`` returns every row of the source, in the order found, changing no number.
    - Reading the same files twice gives equal arrays.
    - Whatever is wrong with a file or a setting is a ``ConfigError`` or a ``DataError``
      of one sentence, never another exception.
    """

    Config: type[Any]

    def read(self, config: Any) -> RawPair:
        """Read both tables."""
        ...
