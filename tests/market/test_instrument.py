"""Prices become whole ticks, and money whole micros."""

from __future__ import annotations

from pathlib import PurePosixPath

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import ConfigError, DataError
from stairway.market.instrument import Instrument, require_symbol

SHARE = Instrument(symbol="SPY", tick_usd=0.01, lot_units=1.0)


@given(st.integers(1, 10**8))
def test_a_price_on_the_grid_is_exactly_its_ticks(ticks: int) -> None:
    assert SHARE.ticks(SHARE.usd(ticks)) == ticks


@given(st.floats(0.01, 1e6))
def test_the_nearest_tick_is_at_most_half_a_tick_away(price_usd: float) -> None:
    assert abs(SHARE.usd(SHARE.ticks(price_usd)) - price_usd) <= 0.005 * (1 + 1e-6)


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_price_has_no_ticks(price: float) -> None:
    with pytest.raises(DataError, match="SPY: a price must be finite and positive"):
        SHARE.ticks(price)


@pytest.mark.parametrize(
    ("tick_usd", "lot_units", "micros"),
    [(0.01, 1.0, 10_000), (0.01, 0.001, 10), (0.25, 50.0, 12_500_000)],
)
def test_a_tick_of_a_lot_is_whole_micros(
    tick_usd: float, lot_units: float, micros: int
) -> None:
    instrument = Instrument(symbol="X", tick_usd=tick_usd, lot_units=lot_units)
    assert instrument.micros_per_tick_lot == micros


@pytest.mark.parametrize(
    ("tick_usd", "lot_units"), [(0.001, 0.0001), (0.0001, 0.015), (1e-9, 1e-9)]
)
def test_a_tick_of_a_lot_that_is_no_whole_micro_is_refused(
    tick_usd: float, lot_units: float
) -> None:
    with pytest.raises(ConfigError, match="not a whole number"):
        Instrument(symbol="X", tick_usd=tick_usd, lot_units=lot_units)


@pytest.mark.parametrize("tick_usd", [0.0, -0.01, float("nan")])
def test_a_tick_must_be_above_zero(tick_usd: float) -> None:
    with pytest.raises(msgspec.ValidationError):
        Instrument(symbol="X", tick_usd=tick_usd, lot_units=1.0)


@pytest.mark.parametrize(
    ("tick_usd", "lot_units"),
    [(float("inf"), 1.0), (0.01, float("inf")), (1.1e9, 1.0), (0.01, 1.1e9)],
)
def test_an_absurd_step_is_refused(tick_usd: float, lot_units: float) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"<= 1000000000\.0"):
        Instrument(symbol="X", tick_usd=tick_usd, lot_units=lot_units)


@pytest.mark.parametrize(
    "symbol",
    ["A", "7203", "BRK.B", "ES=F", "EUR/USD", "BTC-USD", "SP_500", "A^B", "x" * 32, "A."],
)
def test_a_symbol_as_venues_write_it_is_taken(symbol: str) -> None:
    assert Instrument(symbol=symbol, tick_usd=0.01, lot_units=1.0).symbol == symbol


ODD = [
    "", " ", "A B", "A\n", "\nA", "A\x00", "A\x1b[31m", "A\u202eB", "é", "\u0391", "A\u200b",
    "x" * 33, ".", "..", "../etc", "/etc/passwd", "a/../b", "a/./b", "a//b", "a/", "^GSPC",
    "-rf", "a\\b", "a:b", "$HOME", "a;b", "a'b", '"',
]  # fmt: skip


@pytest.mark.parametrize("symbol", ODD)
def test_an_odd_symbol_is_refused_in_one_printable_sentence(symbol: str) -> None:
    with pytest.raises(ConfigError, match="choose another name") as caught:
        Instrument(symbol=symbol, tick_usd=0.01, lot_units=1.0)
    assert str(caught.value).isprintable()


@given(st.text())
def test_a_symbol_that_is_taken_can_be_shown_and_is_no_path(symbol: str) -> None:
    said = ""
    try:
        require_symbol(symbol)
    except ConfigError as error:
        said = str(error)
    assert said.isprintable()
    if said:
        return
    assert 1 <= len(symbol) <= 32
    assert symbol.isascii()
    assert symbol.isprintable()
    assert PurePosixPath(symbol).parts == tuple(symbol.split("/"))
    assert ".." not in PurePosixPath(symbol).parts


@pytest.mark.parametrize("lot_units", [0.0, -1.0, float("nan")])
def test_a_lot_must_be_above_zero(lot_units: float) -> None:
    with pytest.raises(msgspec.ValidationError):
        Instrument(symbol="X", tick_usd=0.01, lot_units=lot_units)


@given(st.floats(1e-9, 0.00499))
def test_a_price_of_less_than_half_a_tick_is_no_price(price_usd: float) -> None:
    with pytest.raises(DataError, match=r"is less than half a tick of 0.01 USD"):
        SHARE.ticks(price_usd)


@given(st.floats(0.01, 1e6), st.floats(0.01, 1e6))
def test_a_higher_price_never_has_fewer_ticks(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert SHARE.ticks(low) <= SHARE.ticks(high)


@given(st.integers(1, 10**7), st.integers(1, 10**5), st.integers(1, 10**5))
def test_money_adds_up_over_lots(ticks: int, some: int, more: int) -> None:
    scale = SHARE.micros_per_tick_lot
    assert ticks * (some + more) * scale == ticks * some * scale + ticks * more * scale
    assert isinstance(ticks * some * scale, int)


def test_an_unknown_key_of_an_instrument_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `lots`"):
        msgspec.convert({"symbol": "X", "tick_usd": 0.01, "lots": 1.0}, Instrument)


def test_an_instrument_is_read_back_as_it_was_written() -> None:
    assert msgspec.json.decode(msgspec.json.encode(SHARE), type=Instrument) == SHARE
