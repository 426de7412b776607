"""Books are opened, frozen and ended as models climb; between them money only moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.app.books import BASELINE_TWIN, CAPITAL, Books, Money, book_name
from stairway.app.facts import Funded
from stairway.base.units import Lots, Micros, Ticks, UtcNs
from stairway.execution.orders import Filled
from stairway.lifecycle.registry import Entry, Registry
from stairway.lifecycle.stage import Stage
from stairway.market.bars import PairBar
from stairway.testing.bars import INSTRUMENTS, random_walk
from stairway.trader.book import Book, booked, mark, open_book
from stairway.trader.facts import Marked

START = Micros(10**12)
WALK = random_walk(40, seed=1)


class Notes:
    """What would have been put on record."""

    def __init__(self) -> None:
        self.facts: list[Funded] = []

    def publish(self, *facts: Funded) -> None:
        self.facts.extend(facts)


def registry(**stages: tuple[Stage, float]) -> Registry:
    entries = {
        digest: Entry("lightgbm", "v", digest, None, 1, stage, UtcNs(0), share=share)
        for digest, (stage, share) in stages.items()
    }
    return Registry(entries=entries)


def make(**stages: tuple[Stage, float]) -> tuple[Books, Notes]:
    books, notes = Books(Money(START), session=0), Notes()
    books.follow(registry(**stages), WALK.at(0), notes)
    return books, notes


def trade(book: Book, bar: PairBar, lots: int, side: int, ticks: int) -> Book:
    """Let something be filled and the book be marked; no bracket is needed for that."""
    fill = Filled("o", "e", UtcNs(1), Lots(lots), Ticks(ticks), Micros(3))
    book = booked(book, fill, 0, side, INSTRUMENTS[0])
    return mark(book, bar, INSTRUMENTS)[0]


def total(books: Books, bar: PairBar) -> int:
    """Worth of all real money at the close of ``bar``."""
    return sum(
        mark(b, bar, INSTRUMENTS)[1].equity_micros for n, b in books.items() if books.is_real(n)
    )


def test_a_run_begins_with_capital_and_the_baselines_twin() -> None:
    books = Books(Money(START), session=-1)
    assert set(books) == {CAPITAL, BASELINE_TWIN}
    assert all(b.cash_micros == START and b.is_flat for b in books.values())
    assert books.digest_of(CAPITAL) is None


@pytest.mark.parametrize(
    ("name", "real"),
    [
        (CAPITAL, True),
        ("canary:d", True),
        ("shadow:d", False),
        ("twin:d", False),
        (BASELINE_TWIN, False),
    ],
)
def test_only_capital_and_canaries_are_real_money(name: str, *, real: bool) -> None:
    assert Books.is_real(name) is real


@pytest.mark.parametrize(
    ("stage", "kind"),
    [(Stage.SHADOW, "shadow"), (Stage.CANARY, "canary"), (Stage.CHAMPION, "twin")],
)
def test_each_step_has_a_book_of_its_own(stage: Stage, kind: str) -> None:
    books, _ = make(d=(stage, 0.01))
    assert book_name(stage, "d") == f"{kind}:d"
    assert set(books) == {CAPITAL, BASELINE_TWIN, f"{kind}:d"}
    assert books.digest_of(f"{kind}:d") == "d"


def test_a_shadow_plays_with_as_much_as_the_capital_and_takes_none_of_it() -> None:
    books, notes = make(d=(Stage.SHADOW, 0.0))
    assert books["shadow:d"].cash_micros == START == books[CAPITAL].cash_micros
    assert notes.facts == []


def test_a_canary_gets_its_share_out_of_the_capital() -> None:
    books, notes = make(d=(Stage.CANARY, 0.01))
    assert books["canary:d"].cash_micros == START // 100
    assert books[CAPITAL].cash_micros == START - START // 100
    assert notes.facts == [Funded(0, CAPITAL, "canary:d", START // 100)]
    account = books["canary:d"].account
    assert (
        account.equity_micros == account.peak_micros == account.day_start_micros == START // 100
    )


def test_following_twice_moves_nothing_twice() -> None:
    books, notes = make(d=(Stage.CANARY, 0.01))
    before = dict(books)
    books.follow(registry(d=(Stage.CANARY, 0.01)), WALK.at(1), notes)
    assert dict(books) == before
    assert len(notes.facts) == 1


def test_a_canary_that_steps_down_is_frozen_and_its_money_goes_home() -> None:
    books, notes = make(d=(Stage.CANARY, 0.01))
    books.follow(registry(d=(Stage.SHADOW, 0.0)), WALK.at(1), notes)
    assert books["canary:d"].entries_frozen
    assert books["canary:d"].cash_micros == 0
    assert books[CAPITAL].cash_micros == START
    assert notes.facts[-1] == Funded(1, "canary:d", CAPITAL, START // 100)
    assert not books["shadow:d"].entries_frozen


def test_money_stays_as_long_as_something_is_held_with_it() -> None:
    books, notes = make(d=(Stage.CANARY, 0.01))
    books["canary:d"] = trade(books["canary:d"], WALK.at(1), 10, 1, 10_000)
    for index in (1, 2):
        books.follow(registry(d=(Stage.RETIRED, 0.0)), WALK.at(index), notes)
        assert len(notes.facts) == 1
    books["canary:d"] = trade(books["canary:d"], WALK.at(3), 10, -1, 9_000)
    left = books["canary:d"].cash_micros
    books.follow(registry(d=(Stage.RETIRED, 0.0)), WALK.at(3), notes)
    assert notes.facts[-1] == Funded(3, "canary:d", CAPITAL, left)
    assert books[CAPITAL].cash_micros == START - START // 100 + left


def test_a_canary_that_comes_back_starts_with_a_share_and_a_clean_record() -> None:
    books, notes = make(d=(Stage.CANARY, 0.01))
    books["canary:d"] = trade(books["canary:d"], WALK.at(1), 10, 1, 10_000)
    books["canary:d"] = trade(books["canary:d"], WALK.at(2), 10, -1, 9_000)
    books.follow(registry(d=(Stage.SHADOW, 0.0)), WALK.at(2), notes)
    books.follow(registry(d=(Stage.CANARY, 0.01)), WALK.at(3), notes)
    book = books["canary:d"]
    assert not book.entries_frozen
    share = round(0.01 * (START - START // 100 + notes.facts[1].micros))
    assert book.cash_micros == book.start_micros == book.account.peak_micros == share
    assert books.drawdown_frac("canary:d") == 0.0


def test_a_canary_that_comes_back_while_it_still_holds_has_one_share_and_not_two() -> None:
    books, notes = make(d=(Stage.CANARY, 0.01))
    books["canary:d"] = trade(books["canary:d"], WALK.at(1), 10, 1, 10_000)
    books.follow(registry(d=(Stage.SHADOW, 0.0)), WALK.at(1), notes)
    capital = books[CAPITAL].account.equity_micros
    books.follow(registry(d=(Stage.CANARY, 0.01)), WALK.at(1), notes)
    assert books["canary:d"].account.equity_micros == round(0.01 * capital)
    assert books["canary:d"].held == (10, 0)


@pytest.mark.parametrize("traded", [False, True])
def test_an_ended_canary_has_no_drawdown_to_be_blamed_for(*, traded: bool) -> None:
    books, notes = make(d=(Stage.CANARY, 0.01))
    if traded:
        books["canary:d"] = trade(books["canary:d"], WALK.at(1), 10, 1, 10_000)
        books["canary:d"] = trade(books["canary:d"], WALK.at(2), 10, -1, 9_000)
        assert books.drawdown_frac("canary:d") > 0.0
    books.follow(registry(d=(Stage.SHADOW, 0.0)), WALK.at(3), notes)
    assert books.drawdown_frac("canary:d") == 0.0


def test_drawdown_is_the_fall_from_the_peak() -> None:
    books, _ = make(d=(Stage.SHADOW, 0.0))
    book = books["shadow:d"]
    account = replace(book.account, peak_micros=Micros(100), equity_micros=Micros(75))
    books["shadow:d"] = replace(book, account=account)
    assert books.drawdown_frac("shadow:d") == 0.25


STAGES = st.sampled_from(
    [Stage.SHADOW, Stage.CANARY, Stage.CHAMPION, Stage.RETIRED, Stage.QUARANTINED]
)
STEPS = st.lists(
    st.tuples(
        STAGES,
        STAGES,
        st.integers(-20, 20),
        st.sampled_from(["capital", "canary:a", "canary:b"]),
    ),
    max_size=20,
)


@given(STEPS)
def test_whatever_climbs_and_trades_no_real_micro_is_made_or_lost(
    steps: list[tuple[Stage, Stage, int, str]],
) -> None:
    """Worth of all real books = the start + what was traded; moves change nothing."""
    books, notes = make()
    flat, paid = int(START), 0
    for n, (a, b, lots, name) in enumerate(steps):
        bar = WALK.at(n)
        if lots and name in books and not books[name].entries_frozen:
            side = 1 if lots > 0 else -1
            paid += side * abs(lots) * 10_000 * INSTRUMENTS[0].micros_per_tick_lot + 3
            books[name] = trade(books[name], bar, abs(lots), side, 10_000)
        for each in tuple(books):
            books[each] = mark(books[each], bar, INSTRUMENTS)[0]
        before = total(books, bar)
        books.follow(registry(a=(a, 0.01), b=(b, 0.01)), bar, notes)
        assert total(books, bar) == before
        cash = sum(book.cash_micros for each, book in books.items() if books.is_real(each))
        assert cash == flat - paid
    moved = [f.micros if f.target == CAPITAL else -f.micros for f in notes.facts]
    assert books[CAPITAL].start_micros == START + sum(moved)


def test_profit_is_that_of_the_last_mark() -> None:
    books, _ = make()
    assert books.pnl_micros(CAPITAL, 0) == 0
    books.note(Marked(1, CAPITAL, START, (1, 0), (5, -7)))
    assert (books.pnl_micros(CAPITAL, 0), books.pnl_micros(CAPITAL, 1)) == (5, -7)


def test_the_incumbent_is_the_champions_twin_or_the_baselines() -> None:
    books, _ = make(d=(Stage.CHAMPION, 0.05))
    champion = Entry("lightgbm", "v", "d", None, 1, Stage.CHAMPION, UtcNs(0))
    assert books.twin_of(champion) == "twin:d"
    assert books.twin_of(None) == BASELINE_TWIN
    assert books.twin_of(replace(champion, digest="new")) == BASELINE_TWIN


def test_a_book_is_never_thrown_away() -> None:
    books, notes = make(d=(Stage.SHADOW, 0.0))
    books["shadow:d"] = replace(books["shadow:d"], brackets_opened=9)
    books.follow(registry(d=(Stage.CANARY, 0.01)), WALK.at(1), notes)
    books.follow(registry(d=(Stage.SHADOW, 0.0)), WALK.at(2), notes)
    assert books["shadow:d"].brackets_opened == 9
    assert not books["shadow:d"].entries_frozen
    assert open_book("x", START, 0).brackets_opened == 0
