"""The ledger of a bracket is the sum of distinct executions, whatever way they came."""

from __future__ import annotations

from fractions import Fraction

import msgspec
from hypothesis import given, strategies as st

from stairway.base.hashing import content_hash
from stairway.base.verdict import Finding
from stairway.execution.bracket import on, open_bracket
from stairway.execution.orders import Accepted, Filled, Leg
from stairway.execution.state import Bracket, with_finding
from stairway.testing.brackets import some_opening, some_order, some_rules

pieces = st.lists(
    st.tuples(st.integers(1, 9), st.integers(900, 1_100), st.integers(0, 99)),
    min_size=1,
    max_size=7,
)
sides = st.sampled_from([1, -1])


def opened(side: int, lots: int) -> Bracket:
    return open_bracket(some_order(lots, side), some_opening(), some_rules())[0]


def entries(bracket: Bracket, executions) -> list[Filled]:
    entry = bracket.entry.order_id
    return [
        Filled(entry, f"x{k}", 2_000 + k, lots, price, fee)
        for k, (lots, price, fee) in enumerate(executions)
    ]


def told(bracket: Bracket, events) -> Bracket:
    for event in events:
        bracket, _ = on(bracket, event)
    return bracket


@given(sides, pieces, st.data())
def test_the_weighted_entry_is_exact_under_any_order_and_repetition(side, given_, data) -> None:
    start = opened(side, 100)
    fills = entries(start, given_)
    way = data.draw(st.permutations(fills + data.draw(st.lists(st.sampled_from(fills)))))
    held = told(start, way).entered
    lots = sum(f.lots for f in fills)
    assert held.lots == lots
    exact = sum((Fraction(f.lots * f.price_ticks) for f in fills), Fraction(0)) / lots
    assert Fraction(held.notional, held.lots) == exact


@given(sides, pieces, st.data())
def test_any_order_of_the_same_fills_is_the_same_ledger(side, given_, data) -> None:
    start = opened(side, 100)
    fills = entries(start, given_)
    one = told(start, fills)
    other = told(start, data.draw(st.permutations(fills)))
    assert one.executions == other.executions
    assert one.entry == other.entry
    assert (one.cash_micros, one.fees_micros) == (other.cash_micros, other.fees_micros)


@given(sides, pieces, pieces, st.integers(900, 1_100))
def test_realised_and_unrealised_profit_are_the_change_of_cash(side, ins, outs, mark) -> None:
    start = opened(side, 100)
    bracket = told(start, entries(start, ins))
    stop = bracket.live(Leg.STOP).order_id
    exits = [
        Filled(stop, f"y{k}", 3_000 + k, lots, price, fee)
        for k, (lots, price, fee) in enumerate(outs)
    ]
    bracket = told(bracket, [Accepted(stop, 2_500), *exits])
    entry = Fraction(bracket.entered.notional, bracket.entered.lots)
    realised = sum(side * e.lots * (e.price_ticks - entry) for e in exits)
    unrealised = side * bracket.held_lots * (mark - entry)
    fees = sum(fee for _, _, fee in (*ins, *outs))
    assert (realised + unrealised) * 10_000 - fees == bracket.worth_micros(mark)


@given(sides, pieces)
def test_a_bracket_survives_the_disk_bit_for_bit(side, given_) -> None:
    start = opened(side, 100)
    bracket = told(start, entries(start, given_))
    raw = msgspec.msgpack.encode(bracket)
    back = msgspec.msgpack.decode(raw, type=Bracket)
    assert back == bracket
    assert content_hash(back) == content_hash(bracket)


def test_a_finding_is_kept_once_as_first_met() -> None:
    bracket = with_finding(opened(1, 5), Finding("a.b", "first"))
    bracket = with_finding(bracket, Finding("a.b", "again"))
    assert [f.detail for f in bracket.findings] == ["first"]
    assert bracket.halted


def test_nothing_is_held_and_nothing_is_done_before_the_first_news() -> None:
    bracket = opened(1, 5)
    assert bracket.held_lots == 0
    assert not bracket.is_done
    assert not bracket.halted
    assert bracket.worth_micros(1_000) == 0
    assert bracket.find("nobody") is None
