"""After the venue has spoken: money moves once for each execution, and protection holds."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from stairway.app import rules as app_rules
from stairway.app import settings as policies
from stairway.base.errors import InvariantError
from stairway.base.units import Lots, Micros, Ticks, UtcNs
from stairway.execution.facts import TradeClosed
from stairway.execution.orders import (
    Accepted,
    Canceled,
    Command,
    Filled,
    Leg,
    Submit,
    VenueEvent,
)
from stairway.execution.state import Tick
from stairway.testing.bars import INSTRUMENTS, random_walk
from stairway.testing.trading import sight, wish_for
from stairway.trader.act import act
from stairway.trader.book import Book, mark, open_book
from stairway.trader.settle import elapse, settle

START = Micros(10**12)
SYMBOLS = [one.symbol for one in INSTRUMENTS]
BAR = random_walk(3, seed=1).at(2)
RULES = app_rules.trader_rules(policies.load("daily"), INSTRUMENTS)


def entered(side: int = 1) -> tuple[Book, tuple[str, str]]:
    """A book that has sent an entry in each instrument; and their order ids."""
    book, _ = mark(open_book("capital", START, BAR.session), BAR, INSTRUMENTS)
    wishes = (wish_for("ALPHA", BAR, side), wish_for("BETA", BAR, side))
    book, commands, _ = act(book, sight(BAR), wishes, RULES, BAR.time_ns)
    ids = [c.order_id for c in commands if isinstance(c, Submit)]
    assert len(ids) == 2
    return book, (ids[0], ids[1])


def fill(order_id: str, name: str, lots: int, ticks: int, fee: int = 5) -> Filled:
    return Filled(order_id, name, UtcNs(BAR.time_ns + 1), Lots(lots), Ticks(ticks), Micros(fee))


def hear(book: Book, *events: VenueEvent) -> tuple[Book, list[Command], list[TradeClosed]]:
    said, trades = [], []
    for event in events:
        book, commands, trade = settle(book, event, INSTRUMENTS)
        said.extend(commands)
        trades.extend([trade] if trade else [])
    return book, said, trades


def legs(commands: Sequence[Command]) -> dict[Leg, Submit]:
    return {c.leg: c for c in commands if isinstance(c, Submit)}


def test_an_entry_that_fills_is_paid_for_and_protected_at_once() -> None:
    book, (alpha, _) = entered()
    after, commands, trades = hear(book, fill(alpha, "x1", 10, 10_000))
    assert after.cash_micros == START - 10 * 10_000 * 10_000 - 5
    assert after.held == (10, 0)
    assert {leg: c.lots for leg, c in legs(commands).items()} == {Leg.STOP: 10, Leg.TARGET: 10}
    assert after.account.messages == book.account.messages + len(commands)
    assert trades == []


def test_a_short_brings_money_in() -> None:
    book, (_, beta) = entered(side=-1)
    after, _, _ = hear(book, fill(beta, "x1", 10, 4_000))
    assert after.cash_micros == START + 10 * 4_000 * 10_000 - 5
    assert after.held == (0, -10)


def test_a_fill_that_arrives_twice_moves_money_once() -> None:
    book, (alpha, _) = entered()
    event = fill(alpha, "x1", 10, 10_000)
    once, _, _ = hear(book, event)
    twice, commands, _ = hear(once, event)
    assert (twice.cash_micros, twice.held) == (once.cash_micros, once.held)
    assert commands == []


def test_a_fill_with_two_contents_moves_money_once_and_halts_the_book() -> None:
    book, (alpha, _) = entered()
    once, _, _ = hear(book, fill(alpha, "x1", 10, 10_000))
    other, _, _ = hear(once, fill(alpha, "x1", 20, 9_000))
    assert other.cash_micros == once.cash_micros
    bracket = other.brackets[0]
    assert bracket is not None
    assert bracket.quarantine
    marked, _ = mark(other, BAR, INSTRUMENTS)
    assert marked.account.halted


def test_a_round_trip_is_one_trade_whose_profit_is_the_cash_it_left() -> None:
    book, (alpha, _) = entered()
    book, commands, _ = hear(book, fill(alpha, "x1", 10, 10_000))
    stop, target = (legs(commands)[leg].order_id for leg in (Leg.STOP, Leg.TARGET))
    book, _, none = hear(book, Accepted(stop, BAR.time_ns), Accepted(target, BAR.time_ns))
    assert none == []
    book, _, early = hear(book, Canceled(alpha, BAR.time_ns), fill(target, "x2", 10, 10_500))
    book, _, late = hear(book, Canceled(stop, UtcNs(BAR.time_ns + 2)))
    (trade,) = [*early, *late]
    assert trade.pnl_micros == 10 * 500 * 10_000 - 10
    assert book.cash_micros - START == trade.pnl_micros
    assert book.held == (0, 0)
    assert trade.exit == "target"


def test_a_trade_is_told_once_even_if_the_venue_repeats_itself() -> None:
    book, (alpha, _) = entered()
    events: list[VenueEvent] = [fill(alpha, "x1", 10, 10_000), Canceled(alpha, BAR.time_ns)]
    book, commands, _ = hear(book, *events)
    stop, target = (legs(commands)[leg].order_id for leg in (Leg.STOP, Leg.TARGET))
    over = [fill(stop, "x2", 10, 9_900), Canceled(target, UtcNs(BAR.time_ns + 2))]
    book, _, first = hear(book, *over)
    _, _, again = hear(book, *over, *events)
    assert (len(first), len(again)) == (1, 0)


def test_an_order_that_no_bracket_sent_stops_everything() -> None:
    book, _ = entered()
    with pytest.raises(InvariantError, match="speaks of order nobody"):
        settle(book, Accepted("nobody", UtcNs(1)), INSTRUMENTS)


def test_a_position_that_stays_unprotected_is_flattened_and_the_messages_count() -> None:
    book, (alpha, _) = entered()
    book, _, _ = hear(book, fill(alpha, "x1", 10, 10_000))
    before = book.account.messages
    at = BAR.time_ns + 1 + 2 * RULES.execution.naked_max_ns
    book, commands = elapse(book, Tick(UtcNs(at)))
    assert legs(commands)[Leg.FLATTEN].lots == 10
    assert book.account.messages == before + len(commands) > before
    bracket = book.brackets[0]
    assert bracket is not None
    assert bracket.halted


def test_time_alone_asks_nothing_of_a_flat_book() -> None:
    book = open_book("capital", START, 0)
    assert elapse(book, Tick(UtcNs(10**18))) == (book, ())


def test_one_instrument_settles_without_touching_the_other() -> None:
    book, (alpha, beta) = entered()
    after, _, _ = hear(book, fill(beta, "x1", 3, 4_000))
    assert after.brackets[0] is book.brackets[0]
    assert after.flow_micros[0] == 0
    assert after.held == (0, 3)
    assert alpha != beta


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["fill", "accept", "cancel", "repeat"]),
        st.integers(0, 7),
        st.integers(0, 40),
        st.integers(0, 20_000),
        st.integers(0, 100),
    ),
    max_size=25,
)


@hypothesis_settings(max_examples=150)
@given(EVENTS, st.sampled_from([-1, 1]))
def test_no_sequence_of_events_makes_or_loses_a_micro(
    plan: list[tuple[str, int, int, int, int]], side: int
) -> None:
    """Equity is the start and what every distinct, possible execution came to."""
    book, ids = entered(side)
    known = {ids[0]: (0, side), ids[1]: (1, side)}
    heard: list[Filled] = []
    for n, (what, which, lots, ticks, fee) in enumerate(plan):
        order_id = tuple(known)[which % len(known)]
        event: VenueEvent = Accepted(order_id, UtcNs(BAR.time_ns + n))
        if what == "fill":
            event = fill(order_id, f"x{n}", lots, ticks, fee)
        elif what == "cancel":
            event = Canceled(order_id, UtcNs(BAR.time_ns + n))
        elif what == "repeat" and heard:
            event = heard[which % len(heard)]
        if isinstance(event, Filled) and event not in heard:
            heard.append(event)
        book, commands, _ = settle(book, event, INSTRUMENTS)
        sent = [c for c in commands if isinstance(c, Submit)]
        known |= {c.order_id: (SYMBOLS.index(c.symbol), c.side) for c in sent}
    booked = [f for f in heard if f.lots >= 1 and f.price_ticks >= 1]
    cash, held = int(START), [0, 0]
    for one in booked:
        k, way = known[one.order_id]
        cash -= way * one.lots * one.price_ticks * 10_000 + one.fee_micros
        held[k] += way * one.lots
    assert book.cash_micros == cash
    assert book.held == tuple(held)
    marked, fact = mark(book, BAR, INSTRUMENTS)
    unrealised = sum(h * t * 10_000 for h, t in zip(held, marked.mark_ticks, strict=True))
    assert fact.equity_micros == cash + unrealised == START + sum(fact.pnl_micros)
    brackets = [b for b in book.brackets if b is not None]
    assert [b.held_lots * b.order.side for b in brackets] == held
    worth = [b.worth_micros(Ticks(t)) for b, t in zip(brackets, marked.mark_ticks, strict=True)]
    assert list(fact.pnl_micros) == worth
