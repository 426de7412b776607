from __future__ import annotations

from typing import Any

import pytest

from stairway.base.verdict import Finding, Refuse
from stairway.dashboard.clamp import limits
from stairway.dashboard.views import RunView

CANARY, SHADOW = "canary:" + "a" * 64, "shadow:" + "a" * 64


def refusal(code: str) -> Refuse:
    return Refuse((Finding(code, "why"),))


def test_real_and_virtual_books_are_counted_apart(teller: Any) -> None:
    for book in ("capital", CANARY, SHADOW, "twin:baseline"):
        teller.decide(book, refusal("risk.frozen_feed"))

    (one,) = limits(teller.view()).refused

    assert (one.real, one.virtual) == (2, 2)


def test_every_wish_is_counted_once(story: RunView, order: Any) -> None:
    found = limits(story)

    assert found.wishes == 3
    assert [one.code for one in found.orders] == [order.binding]
    assert found.orders[0].real == 2
    assert found.refused[0].virtual == 1


def test_shares_are_of_all_wishes_of_such_books(teller: Any, order: Any) -> None:
    teller.decide("capital", order).decide("capital", refusal("risk.frozen_feed"))
    teller.decide("capital", refusal("risk.frozen_feed")).decide(SHADOW, order)

    found = limits(teller.view())

    assert found.orders[0].real_frac == pytest.approx(1 / 3)
    assert found.orders[0].virtual_frac == 1.0
    assert found.refused[0].real_frac == pytest.approx(2 / 3)


def test_the_most_frequent_stands_first(teller: Any) -> None:
    for code in ("risk.gross", "risk.heat", "risk.heat"):
        teller.decide("capital", refusal(code))

    assert [one.code for one in limits(teller.view()).refused] == ["risk.heat", "risk.gross"]


def test_a_limit_has_a_meaning_and_an_unknown_one_its_code(teller: Any) -> None:
    teller.decide("capital", refusal("risk.heat")).decide("capital", refusal("risk.new"))

    meaning = {one.code: one.meaning for one in limits(teller.view()).refused}

    assert meaning == {"risk.heat": "too much at risk at once", "risk.new": "risk.new"}


def test_without_wishes_nothing_was_clamped(teller: Any) -> None:
    found = limits(teller.view())

    assert (found.wishes, found.orders, found.refused) == (0, (), ())
