"""After the venue has spoken: what a book holds, and what its bracket wants next.

Pure. Cash follows the bracket's own account of its executions, so a fill that arrives
twice moves money once.
"""

from __future__ import annotations

from collections.abc import Sequence

from stairway.base.errors import InvariantError
from stairway.execution.bracket import on, trade_closed
from stairway.execution.facts import TradeClosed
from stairway.execution.orders import Command, Filled, VenueEvent
from stairway.execution.state import Bracket, Tick
from stairway.market.instrument import Instrument
from stairway.trader.book import Book, booked, counted, with_bracket


def settle(
    book: Book, event: VenueEvent, instruments: Sequence[Instrument]
) -> tuple[Book, tuple[Command, ...], TradeClosed | None]:
    """Take in what the venue said about one order of ``book``.

    Returns
    -------
    The next book, the commands that restore protection, and the trade if it is over now.

    Raises
    ------
    InvariantError
        If no bracket of the book ever sent that order.
    """
    k, bracket = _owner(book, event.order_id)
    was_done = bracket.is_done
    after, commands = on(bracket, event)
    if isinstance(event, Filled) and len(after.executions) > len(bracket.executions):
        order = after.find(event.order_id)
        if order is None:
            msg = f"{book.name}: {event.order_id} vanished from its bracket"
            raise InvariantError(msg)
        book = booked(book, event, k, order.side, instruments[k])
    book = counted(with_bracket(book, k, after), len(commands))
    trade = trade_closed(after) if after.is_done and not was_done else None
    return book, commands, trade


def elapse(book: Book, tick: Tick) -> tuple[Book, tuple[Command, ...]]:
    """Let time pass: a position that stayed unprotected for too long is flattened."""
    sent: list[Command] = []
    for k, bracket in enumerate(book.brackets):
        if bracket is not None and not bracket.is_done:
            after, commands = on(bracket, tick)
            book = counted(with_bracket(book, k, after), len(commands))
            sent.extend(commands)
    return book, tuple(sent)


def _owner(book: Book, order_id: str) -> tuple[int, Bracket]:
    for k, bracket in enumerate(book.brackets):
        if bracket is not None and bracket.find(order_id) is not None:
            return k, bracket
    msg = f"{book.name}: the venue speaks of order {order_id}, which no open bracket sent"
    raise InvariantError(msg)
