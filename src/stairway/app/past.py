"""What the desk must look up again: which bar was when, in which weather, at what profit."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

from stairway.app.books import Books
from stairway.market.bars import PairBar
from stairway.trader.observe import Seen

_UNKNOWN = "range"


@dataclass(slots=True)
class Past:
    """Columns by bar, from the first bar of the climb."""

    _times_ns: list[int] = field(default_factory=list[int])
    _pnl_micros: list[dict[str, tuple[int, int]]] = field(
        default_factory=list[dict[str, tuple[int, int]]]
    )
    _regimes: list[str] = field(default_factory=list[str])

    @property
    def regime(self) -> str:
        """Label at the last close."""
        return self._regimes[-1] if self._regimes else _UNKNOWN

    def note(self, bar: PairBar, books: Books) -> None:
        """Remember what every book had made at this close."""
        self._times_ns.append(bar.time_ns)
        self._pnl_micros.append(
            {name: (books.pnl_micros(name, 0), books.pnl_micros(name, 1)) for name in books}
        )

    def weather(self, seen: Seen) -> None:
        """Remember the regime of this close."""
        self._regimes.append(seen.regime.label.value)

    def index_before(self, time_ns: int) -> int:
        """Bar whose close was the last strictly before ``time_ns``; -1 if there was none."""
        return bisect_left(self._times_ns, time_ns) - 1

    def regime_before(self, time_ns: int) -> str:
        """Regime at that close: what was known when a trade was decided."""
        at = self.index_before(time_ns)
        return self._regimes[at] if 0 <= at < len(self._regimes) else _UNKNOWN

    def pnl_micros(self, book: str, k: int, at: int) -> int:
        """Profit of ``book`` in instrument ``k`` at that close; 0 before it was opened."""
        if not 0 <= at < len(self._pnl_micros):
            return 0
        return self._pnl_micros[at].get(book, (0, 0))[k]
