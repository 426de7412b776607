"""Bars of two instruments on one time axis.

A bar is known at its *close* time and not a nanosecond before; ``time_ns`` is that
instant. Whatever trades on a bar trades at the next one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from stairway.base.arrays import BoolArray, FloatArray, IntArray
from stairway.base.hashing import array_hash
from stairway.base.units import UtcNs
from stairway.market.instrument import Instrument


class Bar(msgspec.Struct, frozen=True, array_like=True):
    """Open, high, low, close in USD, and volume in units, of one instrument."""

    open: float
    high: float
    low: float
    close: float
    volume: float


class PairBar(msgspec.Struct, frozen=True, tag="market.bar"):
    """One instant of the pair: what was observed when the bar closed.

    Attributes
    ----------
    index
        Position in the run's series, from 0.
    time_ns
        Close time.
    session
        Number of the trading session, from 0.
    last_of_session
        True where, by the calendar, no later bar of this session will come.
    bars
        First and second instrument.
    """

    index: int
    time_ns: UtcNs
    session: int
    last_of_session: bool
    bars: tuple[Bar, Bar]


@dataclass(frozen=True, slots=True)
class PairBars:
    """A series of aligned bars, as columns.

    Attributes
    ----------
    instruments
        First and second.
    time_ns : (n,) int64
        Close times, strictly increasing.
    session : (n,) int64
        Session numbers, non-decreasing from 0.
    last_of_session : (n,) bool
    open, high, low, close, volume : (n, 2) float64
        One column per instrument; finite, positive prices.
    """

    instruments: tuple[Instrument, Instrument]
    time_ns: IntArray
    session: IntArray
    last_of_session: BoolArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    def __len__(self) -> int:
        return int(self.time_ns.size)

    @property
    def symbols(self) -> tuple[str, str]:
        """Names of both instruments."""
        return self.instruments[0].symbol, self.instruments[1].symbol

    @property
    def fingerprint(self) -> str:
        """Hash of everything in the series."""
        return array_hash(
            self.time_ns,
            self.session,
            self.last_of_session,
            self.open,
            self.high,
            self.low,
            self.close,
            self.volume,
        )

    def at(self, index: int) -> PairBar:
        """Return bar ``index`` as a record."""
        return PairBar(
            index=index,
            time_ns=UtcNs(int(self.time_ns[index])),
            session=int(self.session[index]),
            last_of_session=bool(self.last_of_session[index]),
            bars=(self._bar(index, 0), self._bar(index, 1)),
        )

    def __iter__(self) -> Iterator[PairBar]:
        return (self.at(i) for i in range(len(self)))

    def part(self, start: int, stop: int) -> PairBars:
        """Rows ``[start, stop)``, renumbered from 0; sessions keep their numbers."""
        rows = slice(start, stop)
        return PairBars(
            self.instruments,
            self.time_ns[rows],
            self.session[rows],
            self.last_of_session[rows],
            self.open[rows],
            self.high[rows],
            self.low[rows],
            self.close[rows],
            self.volume[rows],
        )

    def _bar(self, i: int, k: int) -> Bar:
        return Bar(
            float(self.open[i, k]),
            float(self.high[i, k]),
            float(self.low[i, k]),
            float(self.close[i, k]),
            float(self.volume[i, k]),
        )
