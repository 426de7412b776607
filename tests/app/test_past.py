"""What was known when a trade was decided is looked up strictly before it was filled."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.app.books import BASELINE_TWIN, CAPITAL, Books, Money
from stairway.app.past import Past
from stairway.base.units import Micros
from stairway.features.regime import RegimeLabel
from stairway.market.bars import PairBar
from stairway.testing.bars import random_walk
from stairway.testing.trading import CALM, sight
from stairway.trader.facts import Marked
from msgspec.structs import replace as changed

WALK = random_walk(12, seed=1)
LABELS = [RegimeLabel.RANGE, RegimeLabel.CRISIS, RegimeLabel.TREND]


def label(index: int) -> RegimeLabel:
    return LABELS[index % 3]


def past_of(n: int) -> tuple[Past, Books]:
    """A past in which the baseline's twin makes 10 x index in ALPHA, and -index in BETA."""
    past, books = Past(), Books(Money(Micros(10**12)), session=-1)
    for bar in WALK.part(0, n):
        made = (10 * bar.index, -bar.index)
        books.note(Marked(bar.index, BASELINE_TWIN, Micros(10**12), (0, 0), made))
        past.note(bar, books)
        past.weather(replace(sight(bar), regime=changed(CALM, label=label(bar.index))))
    return past, books


@given(st.integers(0, 11))
def test_a_fill_during_a_bar_was_decided_at_the_close_before(index: int) -> None:
    past, _ = past_of(12)
    filled_ns = WALK.at(index).time_ns
    assert past.index_before(filled_ns) == index - 1
    assert past.index_before(filled_ns - 1) == index - 1
    assert past.index_before(filled_ns + 1) == index


@given(st.integers(1, 11))
def test_the_regime_is_the_one_at_that_close(index: int) -> None:
    past, _ = past_of(12)
    assert past.regime_before(WALK.at(index).time_ns) == label(index - 1).value


def test_before_anything_was_seen_the_regime_is_range() -> None:
    assert Past().regime == "range"
    assert Past().regime_before(10**18) == "range"
    past, _ = past_of(3)
    assert past.regime_before(WALK.at(0).time_ns) == "range"


def test_the_present_regime_is_that_of_the_last_close() -> None:
    assert past_of(2)[0].regime == "crisis"
    assert past_of(3)[0].regime == "trend"


def test_a_trade_is_credited_before_the_weather_of_its_last_bar_is_known() -> None:
    past, books = past_of(5)
    bar: PairBar = WALK.at(5)
    past.note(bar, books)
    assert past.regime_before(bar.time_ns + 1) == "range", (
        "not known yet, so nothing is claimed"
    )
    assert past.regime_before(bar.time_ns) == label(4).value


@pytest.mark.parametrize("at", [0, 3, 11])
def test_profit_is_looked_up_by_book_instrument_and_bar(at: int) -> None:
    past, _ = past_of(12)
    assert past.pnl_micros(BASELINE_TWIN, 0, at) == 10 * at
    assert past.pnl_micros(BASELINE_TWIN, 1, at) == -at
    assert past.pnl_micros(CAPITAL, 0, at) == 0


@pytest.mark.parametrize("at", [-1, 12, 1_000])
def test_profit_before_the_first_bar_and_of_an_unknown_book_is_none(at: int) -> None:
    past, _ = past_of(12)
    assert past.pnl_micros(BASELINE_TWIN, 0, at) == 0
    assert past.pnl_micros("shadow:nobody", 0, 3) == 0
