"""Money in a book adds up to the last micro, whatever happens to it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import pytest

from stairway.app import rules, settings
from stairway.base.errors import DataError
from stairway.base.units import Lots, Micros, Ticks, UtcNs
from stairway.base.verdict import Finding
from stairway.execution.bracket import on, open_bracket
from stairway.execution.orders import Accepted, Canceled, Filled
from stairway.execution.state import Bracket, Opening
from stairway.market.bars import Bar, PairBar
from stairway.market.instrument import Instrument
from stairway.decision.intent import Route
from stairway.risk.account import gross_micros, symbol_micros
from stairway.risk.clamp import clamp
from stairway.testing import risk
from stairway.trader.act import TraderRules
from stairway.trader.book import (
    Book,
    begun,
    booked,
    counted,
    exposed,
    funded,
    mark,
    open_book,
    renewed,
    with_bracket,
)

START = Micros(10**12)
PAIR = (
    Instrument(symbol="A", tick_usd=0.01, lot_units=10.0),
    Instrument(symbol="B", tick_usd=0.25, lot_units=1.0),
)
MONEY = st.integers(-(10**12), 10**12).map(Micros)
RULES = rules.trader_rules(settings.load("daily"), PAIR)
FILLS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from([-1, 1]),
        st.integers(1, 10**5),
        st.integers(1, 10**6),
        st.integers(0, 10**9),
    ),
    max_size=30,
)


def close_at(first: float, second: float, session: int = 0, index: int = 0) -> PairBar:
    bars = tuple(Bar(p, p, p, p, 1e6) for p in (first, second))
    return PairBar(
        index, UtcNs(index + 1), session, last_of_session=False, bars=(bars[0], bars[1])
    )


def bracket_of(by: TraderRules, book: str = "capital") -> Bracket:
    """A bracket around 156 lots of A that were sent and not filled yet."""
    order = clamp(*risk.some_case())
    assert not hasattr(order, "findings")
    opening = Opening(f"{book}/0", book, Route.BASELINE, (), UtcNs(0), 10, 100_000, 0.01)
    bracket, _ = open_bracket(order, opening, by.execution)
    return on(bracket, Accepted(bracket.entry.order_id, UtcNs(1)))[0]


def entry_fill(bracket: Bracket, lots: int, ticks: int = 10_000, name: str = "e") -> Filled:
    order_id = bracket.entry.order_id
    return Filled(order_id, name, UtcNs(2), Lots(lots), Ticks(ticks), Micros(7))


@given(FILLS, st.integers(1, 10**6), st.integers(1, 10**6))
def test_equity_is_the_start_and_what_trades_made_less_fees(
    fills: list[tuple[int, int, int, int, int]], last_a: int, last_b: int
) -> None:
    book, fees = open_book("capital", START, 0), 0
    spent, lots_held = [0, 0], [0, 0]
    for n, (k, side, lots, ticks, fee) in enumerate(fills):
        fill = Filled("o", f"e{n}", UtcNs(n), Lots(lots), Ticks(ticks), Micros(fee))
        book = booked(book, fill, k, side, PAIR[k])
        spent[k] += side * lots * ticks * PAIR[k].micros_per_tick_lot
        lots_held[k] += side * lots
        fees += fee
    book, fact = mark(book, close_at(last_a * 0.01, last_b * 0.25), PAIR)
    worth = [
        lots_held[k] * last * PAIR[k].micros_per_tick_lot
        for k, last in enumerate((last_a, last_b))
    ]
    assert book.held == tuple(lots_held) == fact.held
    assert book.cash_micros == START - sum(spent) - fees
    assert fact.equity_micros == START - sum(spent) + sum(worth) - fees
    assert fact.equity_micros == START + sum(fact.pnl_micros)
    assert book.account.equity_micros == fact.equity_micros


@given(FILLS, st.lists(MONEY, max_size=5))
def test_money_that_is_put_in_is_no_profit(
    fills: list[tuple[int, int, int, int, int]], moves: list[Micros]
) -> None:
    plain = moved = open_book("capital", START, 0)
    for n, (k, side, lots, ticks, fee) in enumerate(fills):
        fill = Filled("o", f"e{n}", UtcNs(n), Lots(lots), Ticks(ticks), Micros(fee))
        plain, moved = (booked(b, fill, k, side, PAIR[k]) for b in (plain, moved))
    for money in moves:
        moved = funded(moved, money)
    _, fact = mark(plain, close_at(100.0, 40.0), PAIR)
    _, other = mark(moved, close_at(100.0, 40.0), PAIR)
    assert other.pnl_micros == fact.pnl_micros
    assert other.equity_micros == fact.equity_micros + sum(moves)


@given(MONEY)
def test_moving_money_changes_no_loss_of_the_day_and_no_drawdown(money: Micros) -> None:
    book = open_book("capital", START, 0)
    book = booked(
        book, Filled("o", "e", UtcNs(1), Lots(10), Ticks(10_000), Micros(0)), 0, 1, PAIR[0]
    )
    book, _ = mark(book, close_at(90.0, 40.0), PAIR)
    after = funded(book, money).account
    before = book.account
    assert before.day_start_micros - before.equity_micros > 0
    assert (
        after.day_start_micros - after.equity_micros
        == before.day_start_micros - before.equity_micros
    )
    assert after.peak_micros - after.equity_micros == before.peak_micros - before.equity_micros


def test_a_new_session_starts_a_new_day_and_the_same_one_does_not() -> None:
    book = open_book("capital", START, 0)
    book = booked(
        book, Filled("o", "e", UtcNs(1), Lots(10), Ticks(10_000), Micros(0)), 0, 1, PAIR[0]
    )
    book, _ = mark(book, close_at(90.0, 40.0, session=0), PAIR)
    assert book.account.day_start_micros == START
    down = book.account.equity_micros
    book, _ = mark(book, close_at(80.0, 40.0, session=1), PAIR)
    assert book.account.day_start_micros == down
    assert book.account.peak_micros == START
    assert book.session == 1


def test_message_counts_begin_anew_with_each_bar_and_ratios_with_each_session() -> None:
    book = counted(open_book("capital", START, 0), 3, parents=1)
    assert (book.account.messages, book.account.parents, book.account.children) == (3, 1, 3)
    book, _ = mark(book, close_at(1.0, 1.0, session=0), PAIR)
    # At the close, when entries are decided, what the bar has sent still counts.
    assert (book.account.messages, book.account.parents, book.account.children) == (3, 1, 3)
    assert begun(book).account.messages == 0
    book, _ = mark(begun(book), close_at(1.0, 1.0, session=1), PAIR)
    assert (book.account.parents, book.account.children) == (0, 0)


def test_an_entry_that_may_still_fill_is_exposure_and_risk(daily: TraderRules) -> None:
    bracket = bracket_of(daily)
    book = with_bracket(open_book("capital", START, 0), 0, bracket)
    book, _ = mark(book, close_at(100.0, 40.0), PAIR)
    lots, stop = bracket.order.lots, bracket.order.stop_ticks
    assert symbol_micros(book.account, "A") == lots * 10_000 * 100_000
    assert book.account.heat_micros == lots * stop * 100_000
    assert book.account.open_orders == 1
    assert not book.is_flat


@given(st.integers(1, 155))
def test_what_is_held_and_what_may_still_fill_are_counted_once_each(lots: int) -> None:
    bracket = bracket_of(RULES)
    fill = entry_fill(bracket, lots)
    book = open_book("capital", START, 0)
    book = booked(with_bracket(book, 0, on(bracket, fill)[0]), fill, 0, 1, PAIR[0])
    book, _ = mark(book, close_at(100.0, 40.0), PAIR)
    whole = bracket.order.lots * 10_000 * 100_000
    assert gross_micros(book.account) == whole
    assert book.account.heat_micros == bracket.order.lots * bracket.order.stop_ticks * 100_000


def test_a_bracket_that_is_over_is_neither_exposure_nor_risk(daily: TraderRules) -> None:
    bracket = bracket_of(daily)
    bracket, _ = on(bracket, Canceled(bracket.entry.order_id, UtcNs(3)))
    assert bracket.is_done
    book, _ = mark(
        with_bracket(open_book("c", START, 0), 0, bracket), close_at(100.0, 40.0), PAIR
    )
    assert book.is_flat
    assert gross_micros(book.account) == book.account.heat_micros == 0
    assert book.account.open_orders == 0


@pytest.mark.parametrize(
    ("code", "halts"),
    [
        ("execution.stop_rejected", False),
        ("execution.target_rejected", False),
        ("execution.conflicting_fill", True),
        ("execution.over_exit", True),
        ("execution.unprotected", True),
    ],
)
def test_what_the_venue_would_not_hold_is_over_but_a_contradiction_stays(
    daily: TraderRules, code: str, *, halts: bool
) -> None:
    bracket = replace(bracket_of(daily), findings=(Finding(code, "it happened"),))
    book = exposed(with_bracket(open_book("capital", START, 0), 1, bracket), PAIR)
    assert book.account.halted is halts


def test_a_renewed_book_forgets_its_peak_but_not_what_it_holds_nor_that_it_halted(
    daily: TraderRules,
) -> None:
    finding = Finding("execution.over_exit", "more was sold than held")
    bracket = replace(bracket_of(daily), findings=(finding,))
    fill = entry_fill(bracket, 100)
    book = booked(
        with_bracket(open_book("canary:d", START, 0), 0, on(bracket, fill)[0]),
        fill,
        0,
        1,
        PAIR[0],
    )
    book, _ = mark(book, close_at(90.0, 40.0), PAIR)
    again = renewed(replace(book, entries_frozen=True))
    account = again.account
    assert not again.entries_frozen
    assert account.equity_micros == account.peak_micros == account.day_start_micros
    assert account.equity_micros == book.account.equity_micros == again.start_micros
    assert account.held_micros == book.account.held_micros
    assert account.heat_micros == book.account.heat_micros > 0
    assert account.halted


def test_a_flat_book_is_renewed_at_what_it_has_in_cash() -> None:
    book = funded(open_book("canary:d", Micros(0), 0), Micros(5_000))
    assert renewed(book).account.peak_micros == 5_000
    assert renewed(funded(book, Micros(-5_000))).account.equity_micros == 0


def test_a_held_lot_or_a_working_order_is_not_flat(daily: TraderRules) -> None:
    empty = open_book("capital", START, 0)
    assert empty.is_flat
    assert not replace(empty, held=(0, -1)).is_flat
    assert not with_bracket(empty, 1, bracket_of(daily)).is_flat


def test_a_bracket_lands_in_its_own_place(daily: TraderRules) -> None:
    bracket = bracket_of(daily)
    assert with_bracket(open_book("c", START, 0), 0, bracket).brackets == (bracket, None)
    assert with_bracket(open_book("c", START, 0), 1, bracket).brackets == (None, bracket)


def test_a_close_that_is_no_price_marks_nothing() -> None:
    with pytest.raises(DataError, match="finite and positive"):
        mark(open_book("capital", START, 0), close_at(float("nan"), 40.0), PAIR)


def test_a_book_is_a_value() -> None:
    book = open_book("capital", START, 0)
    assert (
        booked(book, Filled("o", "e", UtcNs(1), Lots(1), Ticks(1), Micros(1)), 0, 1, PAIR[0])
        != book
    )
    assert book == Book(
        "capital", START, START, (0, 0), (0, 0), (None, None), (-1, -1), 0, book.account, 0
    )
