from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.app.facts import Funded
from stairway.base.units import Micros
from stairway.dashboard import accounts
from stairway.dashboard.accounts import Worth
from stairway.dashboard.views import RunView
from stairway.trader.facts import Marked

CANARY = "canary:" + "a" * 64


def worth(*values: float) -> Worth:
    return Worth(np.arange(len(values)), np.array(values))


def test_real_money_comes_first_then_the_twin_then_holding(story: RunView) -> None:
    books = [one.book for one in accounts.accounts(story)]

    assert books[:3] == ["capital", "twin:baseline", "buy and hold (no costs)"]
    assert len(books) == len(set(books)) == 5


def test_money_lent_to_a_canary_is_no_loss_of_real_money(teller: Any) -> None:
    teller.marks("capital", [1.0, 1.0]).fund(21, "capital", CANARY, 0.01)
    teller.mark("capital", 22, 0.99).mark(CANARY, 22, 0.01)

    assert accounts.real_money(teller.view()).worth.tolist() == pytest.approx([1.0, 1.0, 1.0])


def test_what_a_canary_makes_is_real_money(teller: Any) -> None:
    teller.mark("capital", 20, 1.0).fund(20, "capital", CANARY, 0.1)
    teller.mark("capital", 21, 0.9).mark(CANARY, 21, 0.2)

    assert accounts.real_money(teller.view()).total_return == pytest.approx(0.1)


def test_money_on_its_way_home_is_counted_once(teller: Any) -> None:
    teller.mark("capital", 20, 1.0).fund(20, "capital", CANARY, 0.01)
    teller.mark("capital", 21, 0.99).mark(CANARY, 21, 0.01)
    # Flat and frozen, so it is not marked at 22, where its money goes home.
    teller.mark("capital", 22, 0.99).fund(22, CANARY, "capital", 0.012)
    teller.mark("capital", 23, 1.002)

    real = accounts.real_money(teller.view())

    assert real.worth.tolist() == pytest.approx([1.0, 1.0, 1.002, 1.002])


def test_being_given_money_is_no_profit_of_a_canary(teller: Any) -> None:
    teller.fund(20, "capital", CANARY, 0.01).marks(CANARY, [0.011, 0.0099], 21)
    teller.fund(22, "capital", CANARY, 0.05).mark(CANARY, 23, 0.0599)

    made = accounts.of(teller.view(), CANARY)

    assert made.worth.tolist() == pytest.approx([1.1, 0.99, 0.99])


def test_a_canary_that_comes_back_goes_on_from_where_it_was(teller: Any) -> None:
    teller.fund(20, "capital", CANARY, 0.01).mark(CANARY, 21, 0.02)
    teller.fund(21, CANARY, "capital", 0.02).fund(30, "capital", CANARY, 0.01)
    teller.mark(CANARY, 31, 0.005)

    made = accounts.of(teller.view(), CANARY)

    assert made.worth.tolist() == pytest.approx([2.0, 1.0])
    assert made.index.tolist() == [21, 31]


def test_the_first_bar_of_a_virtual_book_counts(teller: Any, digests: Any) -> None:
    book = f"shadow:{digests[0]}"

    made = accounts.of(teller.marks(book, [0.9, 0.99], 21).view(), book)

    assert made.worth.tolist() == pytest.approx([0.9, 0.99])
    assert made.max_drawdown == pytest.approx(-0.1)


def test_holding_puts_half_into_each_and_starts_at_one(story: RunView) -> None:
    held = accounts.buy_and_hold(story)
    close = story.close[story.first_index :]

    assert held.worth[0] == 1.0
    assert held.worth[-1] == pytest.approx(np.mean(close[-1] / close[0]))
    assert held.index.tolist() == list(range(20, 80))


def test_a_book_that_was_never_marked_made_nothing(teller: Any) -> None:
    made = accounts.of(teller.view(), "twin:baseline")

    assert made.total_return == 0.0
    assert made.max_drawdown == 0.0


def test_trades_of_real_money_are_those_of_capital_and_canaries(teller: Any) -> None:
    teller.mark("capital", 20, 1.0).mark("twin:baseline", 20, 1.0).mark(CANARY, 21, 0.01)
    teller.trade("capital", 1.0).trade(CANARY, 1.0).trade("twin:baseline", 1.0)

    found = {one.book: one.trades for one in accounts.accounts(teller.view())}

    assert found == {"capital": 2, "twin:baseline": 1, "buy and hold (no costs)": 0, CANARY: 1}


def test_an_account_says_when_its_book_was_open(teller: Any) -> None:
    teller.marks("capital", [1.0] * 5).marks("twin:baseline", [1.0] * 5).marks(
        CANARY, [1.0], 23
    )

    last = accounts.accounts(teller.view())[-1]

    assert (last.first_index, last.last_index) == (23, 23)
    assert last.label == "model aaaaaaaa, canary"


@given(st.lists(st.floats(min_value=0.1, max_value=10.0), min_size=1, max_size=40))
def test_a_drawdown_is_a_fall_from_the_highest_worth_so_far(values: list[float]) -> None:
    fall = worth(*values).drawdown

    slow = [v / max(1.0, *values[: k + 1]) - 1.0 for k, v in enumerate(values)]
    assert fall.tolist() == pytest.approx(slow)
    assert -1.0 <= worth(*values).max_drawdown <= 0.0


@given(
    st.lists(st.floats(min_value=-0.5, max_value=0.5), min_size=1, max_size=20),
    st.lists(st.floats(min_value=0.001, max_value=0.02), min_size=20, max_size=20),
)
def test_however_money_comes_and_goes_the_linked_worth_is_the_product_of_returns(
    returns: list[float], flows: list[float]
) -> None:
    marks: list[Marked] = []
    funded: list[Funded] = []
    had = 0
    for k, made in enumerate(returns):
        given_ = round(flows[k] * 1e12)
        funded.append(Funded(k, "capital", CANARY, given_))
        had = round((had + given_) * (1.0 + made))
        marks.append(Marked(k + 1, CANARY, Micros(had), (0, 0), (0, 0)))

    seen = SimpleNamespace(funded=funded, marks={CANARY: marks})
    found = accounts.of(seen, CANARY)  # type: ignore[arg-type]

    assert found.worth[-1] == pytest.approx(
        float(np.prod([1.0 + r for r in returns])), rel=1e-6
    )
