"""A trade belongs to those who were in charge when it was entered."""

from __future__ import annotations

import math

import pytest

from msgspec.structs import replace
from stairway.decision.intent import Vote
from stairway.supervision.credit import credited, readable_r
from stairway.testing.climbing import closed_trade

BOTH = (
    Vote("lightgbm", "d1", "champion", 0.6, 0.6),
    Vote("xgboost", "d2", "champion", 0.4, 0.55),
)


def trade(book: str):
    return replace(closed_trade("d1", 1.0, book=book), votes=BOTH)


def test_a_trade_of_the_capital_belongs_to_all_who_spoke_for_it() -> None:
    assert credited(trade("capital")) == BOTH


@pytest.mark.parametrize("kind", ["shadow", "canary"])
def test_a_trade_of_a_models_own_book_is_its_alone(kind: str) -> None:
    assert credited(trade(f"{kind}:d2")) == BOTH[1:]


@pytest.mark.parametrize(
    "book", ["twin:baseline", "twin:d1", "", "capital:d1", "other", "shadow"]
)
def test_any_other_book_is_nobodys_evidence(book: str) -> None:
    assert credited(trade(book)) == ()


def test_a_book_without_its_models_vote_credits_nobody() -> None:
    assert credited(trade("shadow:d9")) == ()


def test_the_stage_is_the_one_at_entry() -> None:
    assert credited(closed_trade("d1", 1.0, stage="canary"))[0].stage == "canary"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_trade_that_cannot_be_read_is_a_full_loss(bad: float) -> None:
    assert readable_r(bad) == -1.0


@pytest.mark.parametrize("r", [-3.0, -0.0, 0.0, 2.5])
def test_a_trade_that_can_be_read_is_what_it_is(r: float) -> None:
    assert readable_r(r) == r
