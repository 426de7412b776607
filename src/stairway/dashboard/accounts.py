"""What each book made, beside holding both instruments and doing nothing.

Money moves between the capital and its canaries. Worth is therefore linked from bar to
bar over what a book had *after* such a move, so that being given money is no profit and
giving it back no loss. Real money is the capital and all canaries together.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray, IntArray
from stairway.base.units import MICROS_PER_UNIT
from stairway.dashboard.views import RunView
from stairway.dashboard.words import book_label

CAPITAL = "capital"
TWIN = "twin:baseline"
HOLD = "buy and hold (no costs)"
_CANARY = "canary:"


@dataclass(frozen=True, slots=True)
class Worth:
    """What a dollar became.

    Attributes
    ----------
    index : (n,) int64
        Bars.
    worth : (n,) float64
        Of a dollar that the book was opened with.
    """

    index: IntArray
    worth: FloatArray

    @property
    def total_return(self) -> float:
        """Last worth less one; 0 for a book that never was marked."""
        return float(self.worth[-1] - 1.0) if self.worth.size else 0.0

    @property
    def drawdown(self) -> FloatArray:
        """Fall from the peak so far, from -1 to 0; the start is a peak."""
        return self.worth / np.maximum(np.maximum.accumulate(self.worth), 1.0) - 1.0

    @property
    def max_drawdown(self) -> float:
        """Deepest fall, from -1 to 0."""
        return float(self.drawdown.min()) if self.worth.size else 0.0


class Account(msgspec.Struct, frozen=True):
    """One book over the climb, after costs.

    Attributes
    ----------
    book
        Its name on record. ``capital`` stands for all real money, canaries included.
    label
        As people call it.
    first_index, last_index
        Bars between which it was open.
    total_return, max_drawdown
        Fractions.
    trades
        Closed positions.
    """

    book: str
    label: str
    first_index: int
    last_index: int
    total_return: float
    max_drawdown: float
    trades: int


def accounts(seen: RunView) -> tuple[Account, ...]:
    """List real money, the baseline's twin, buying and holding, and every other book."""
    others = [book for book in seen.marks if book not in {CAPITAL, TWIN}]
    rows = [_account(seen, CAPITAL, real_money(seen)), _account(seen, TWIN, of(seen, TWIN))]
    rows.append(_account(seen, HOLD, buy_and_hold(seen)))
    rows.extend(_account(seen, book, of(seen, book)) for book in others)
    return tuple(rows)


def buy_and_hold(seen: RunView) -> Worth:
    """Put half into each instrument at the first close of the climb; no costs counted."""
    close = seen.close[seen.first_index :]
    index = np.arange(seen.first_index, seen.first_index + len(close))
    return Worth(index, (close / close[:1]).mean(axis=1))


def real_money(seen: RunView) -> Worth:
    """Add capital and canaries, over what the capital began with."""
    equity = {m.index: float(m.equity_micros) for m in seen.marks.get(CAPITAL, ())}
    for book in seen.marks:
        if book.startswith(_CANARY):
            for index, micros in _equity(seen, book):
                if index in equity:
                    equity[index] += micros
    index = np.array(sorted(equity), np.int64)
    total = np.array([equity[i] for i in index.tolist()], np.float64)
    return Worth(index, total / _start_micros(seen))


def of(seen: RunView, book: str) -> Worth:
    """Link the worth of one book over the money that came and went."""
    given: dict[int, float] = defaultdict(float)
    for flow in seen.funded:
        if book in {flow.source, flow.target}:
            given[flow.index] += flow.micros if flow.target == book else -flow.micros
    flows = sorted(given.items())
    had = 0.0 if book.startswith(_CANARY) else _start_micros(seen)
    index: list[int] = []
    linked: list[float] = []
    worth, due = 1.0, 0
    for at, micros in _equity(seen, book):
        while due < len(flows) and flows[due][0] < at:
            had, due = had + flows[due][1], due + 1
        worth *= micros / had if had > 0.0 else 1.0
        had = micros
        index.append(at)
        linked.append(worth)
    return Worth(np.array(index, np.int64), np.array(linked, np.float64))


def _equity(seen: RunView, book: str) -> list[tuple[int, float]]:
    """List equity at each close; money that goes home is what a book was worth last."""
    marked = {m.index: float(m.equity_micros) for m in seen.marks.get(book, ())}
    for flow in seen.funded:
        if flow.source == book and flow.target == CAPITAL and flow.index not in marked:
            marked[flow.index] = float(flow.micros)
    return sorted(marked.items())


def _start_micros(seen: RunView) -> float:
    settings: dict[str, Any] = seen.started.settings
    return float(settings["account"]["equity_usd"]) * MICROS_PER_UNIT


def _account(seen: RunView, book: str, worth: Worth) -> Account:
    mine = {book} if book != CAPITAL else {b for b in seen.marks if _is_real(b)}
    has_any = bool(worth.index.size)
    return Account(
        book=book,
        label=book_label(book, seen.names),
        first_index=int(worth.index[0]) if has_any else seen.first_index,
        last_index=int(worth.index[-1]) if has_any else seen.first_index,
        total_return=worth.total_return,
        max_drawdown=worth.max_drawdown,
        trades=sum(trade.book in mine for trade in seen.trades),
    )


def _is_real(book: str) -> bool:
    return book == CAPITAL or book.startswith(_CANARY)
