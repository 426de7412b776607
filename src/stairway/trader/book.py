"""One account: its money, what it holds, and the brackets that guard it.

Money is integer micros from end to end: what comes in by fills goes out by fills, and
worth is cash plus what is held at the last close, to the last micro.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from stairway.base.units import Micros
from stairway.execution.orders import Filled
from stairway.execution.state import Bracket
from stairway.market.bars import PairBar
from stairway.market.instrument import Instrument
from stairway.risk.account import Account, marked, new_day, opened
from stairway.trader.facts import Marked


class Book(msgspec.Struct, frozen=True):
    """An account and everything open in it.

    Attributes
    ----------
    name
        ``capital``, ``shadow:<digest>``, ``canary:<digest>`` or ``twin:<digest>``.
    start_micros
        Money it was opened with.
    cash_micros
        Money now, fees taken off; negative while shorts are larger than it.
    flow_micros, held
        Per instrument: money that went in and came out, and signed lots.
    brackets
        Per instrument: the one that is open or was the last.
    opened_index
        Per instrument: bar at whose close the bracket was decided.
    brackets_opened
        How many so far; numbers their ids.
    account
        What the clamp is told. Marked at each close.
    session, mark_ticks
        Trading day and closes that it was last marked at.
    entries_frozen
        Nothing new is entered; what is open is led out.
    """

    name: str
    start_micros: Micros
    cash_micros: Micros
    flow_micros: tuple[int, int]
    held: tuple[int, int]
    brackets: tuple[Bracket | None, Bracket | None]
    opened_index: tuple[int, int]
    brackets_opened: int
    account: Account
    session: int
    mark_ticks: tuple[int, int] = (0, 0)
    entries_frozen: bool = False

    @property
    def is_flat(self) -> bool:
        """True when nothing is held and no bracket is open."""
        return self.held == (0, 0) and all(b is None or b.is_done for b in self.brackets)


def open_book(name: str, money: Micros, session: int) -> Book:
    """Open a book that holds nothing.

    Examples
    --------
    >>> open_book("capital", Micros(10**12), session=0).is_flat
    True
    """
    account = opened(money)
    return Book(name, money, money, (0, 0), (0, 0), (None, None), (-1, -1), 0, account, session)


def funded(book: Book, money: Micros) -> Book:
    """Put ``money`` in, or take it out where negative; its profit does not change.

    Examples
    --------
    >>> funded(open_book("capital", Micros(100), 0), Micros(-30)).cash_micros
    70
    """
    account = book.account
    moved = {
        name: Micros(getattr(account, name) + money)
        for name in ("equity_micros", "day_start_micros", "peak_micros")
    }
    return replace(
        book,
        start_micros=Micros(book.start_micros + money),
        cash_micros=Micros(book.cash_micros + money),
        account=replace(account, **moved),
    )


def renewed(book: Book) -> Book:
    """Let a frozen book trade again, its record of peaks and losses begun anew.

    What is held, what may still fill, and whether it is halted stay as they are.

    Examples
    --------
    >>> once = funded(open_book("canary:d", Micros(100), 0), Micros(-100))
    >>> renewed(funded(once, Micros(50))).account.peak_micros
    50
    """
    equity = Micros(book.cash_micros) if book.is_flat else book.account.equity_micros
    account = replace(
        book.account, equity_micros=equity, day_start_micros=equity, peak_micros=equity
    )
    return replace(book, start_micros=equity, account=account, entries_frozen=False)


def booked(book: Book, fill: Filled, k: int, side: int, instrument: Instrument) -> Book:
    """Book one execution of instrument ``k``. The caller has made sure that it is new.

    Examples
    --------
    >>> from stairway.base.units import Lots, Ticks, UtcNs
    >>> spy = Instrument(symbol="SPY", tick_usd=0.01, lot_units=1.0)
    >>> fill = Filled("o", "e", UtcNs(1), Lots(2), Ticks(100), Micros(5))
    >>> book = booked(open_book("capital", Micros(10**9), 0), fill, 0, 1, spy)
    >>> book.held, 10**9 - book.cash_micros
    ((2, 0), 2000005)
    """
    cost = side * fill.lots * fill.price_ticks * instrument.micros_per_tick_lot
    change = -(cost + fill.fee_micros)
    flow, held = list(book.flow_micros), list(book.held)
    flow[k] += change
    held[k] += side * fill.lots
    return replace(
        book,
        cash_micros=Micros(book.cash_micros + change),
        flow_micros=(flow[0], flow[1]),
        held=(held[0], held[1]),
    )


def with_bracket(book: Book, k: int, bracket: Bracket) -> Book:
    """Put the new version of instrument ``k``'s bracket in its place."""
    first, second = book.brackets
    return replace(book, brackets=(bracket, second) if k == 0 else (first, bracket))


def counted(book: Book, messages: int, parents: int = 0) -> Book:
    """Count what leaves for the venue, for the limits on message rate and order ratio."""
    account = book.account
    return replace(
        book,
        account=replace(
            account,
            messages=account.messages + messages,
            parents=account.parents + parents,
            children=account.children + messages,
        ),
    )


def begun(book: Book) -> Book:
    """Begin a bar: messages that the venue is sent from here on count against its window."""
    return replace(book, account=replace(book.account, messages=0))


def mark(book: Book, bar: PairBar, instruments: Sequence[Instrument]) -> tuple[Book, Marked]:
    """Measure the book at the close of ``bar``; a new session starts a new trading day."""
    ticks = tuple(one.ticks(bar.bars[k].close) for k, one in enumerate(instruments))
    worth = tuple(
        book.held[k] * ticks[k] * one.micros_per_tick_lot for k, one in enumerate(instruments)
    )
    equity = Micros(book.cash_micros + sum(worth))
    account = new_day(book.account) if bar.session != book.session else book.account
    account = marked(account, equity)
    book = replace(book, account=account, session=bar.session, mark_ticks=(ticks[0], ticks[1]))
    pnl = tuple(flow + value for flow, value in zip(book.flow_micros, worth, strict=True))
    return exposed(book, instruments), Marked(bar.index, book.name, equity, book.held, pnl)


def exposed(book: Book, instruments: Sequence[Instrument]) -> Book:
    """Tell the account what is held, what may still fill, and what is at risk."""
    held: dict[str, int] = {}
    working: dict[str, int] = {}
    heat = orders = 0
    for k, (one, bracket) in enumerate(zip(instruments, book.brackets, strict=True)):
        lot_micros = book.mark_ticks[k] * one.micros_per_tick_lot
        held[one.symbol] = book.held[k] * lot_micros
        if bracket is None or bracket.is_done:
            continue
        leaves = bracket.entry.leaves
        working[one.symbol] = bracket.order.side * leaves * lot_micros
        orders += leaves > 0
        at_risk = (abs(bracket.held_lots) + leaves) * bracket.order.stop_ticks
        heat += at_risk * one.micros_per_tick_lot
    account = replace(
        book.account,
        held_micros=held,
        working_micros=working,
        heat_micros=Micros(heat),
        open_orders=orders,
        halted=any(b is not None and _halts(b) for b in book.brackets),
    )
    return replace(book, account=account)


def _halts(bracket: Bracket) -> bool:
    """Whether what went wrong in a bracket forbids every new entry.

    An order that the venue would not hold was answered by getting out, and is over with
    that. Anything else (more sold than held, a fill with two contents, a position that
    stood unprotected) means that we or the venue cannot be believed: it stays.
    """
    return any(not finding.code.endswith("_rejected") for finding in bracket.findings)
