"""What a bar leaves on record is read back as it was written."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.units import Micros
from stairway.base.verdict import refuse
from stairway.risk.clamp import ClampedOrder, clamp
from stairway.testing import risk
from stairway.testing.bars import random_walk
from stairway.testing.trading import no_wish, wish_for
from stairway.trader.facts import Decided, Marked

BAR = random_walk(3, seed=1).at(2)
MICROS = st.integers(-(2**62), 2**62)


def read_back(fact: Decided | Marked) -> Decided | Marked:
    encoded = msgspec.msgpack.encode(fact)
    return msgspec.msgpack.decode(encoded, type=Decided | Marked)


def test_an_order_a_refusal_and_nothing_are_three_different_outcomes() -> None:
    order = clamp(*risk.some_case())
    assert isinstance(order, ClampedOrder)
    intents = (wish_for("ALPHA", BAR), no_wish("BETA", BAR))
    for outcome in (order, refuse("risk.halted", "halted"), None):
        fact = Decided(2, BAR.time_ns, "capital", intents, (outcome, None))
        again = read_back(fact)
        assert again == fact
        assert isinstance(again, Decided)
        assert type(again.outcomes[0]) is type(outcome)


@given(MICROS, st.tuples(MICROS, MICROS), st.tuples(MICROS, MICROS))
def test_money_is_read_back_to_the_last_micro(
    equity: int, held: tuple[int, int], pnl: tuple[int, int]
) -> None:
    fact = Marked(7, "capital", Micros(equity), held, pnl)
    assert read_back(fact) == fact


def test_the_tags_are_the_names_of_the_streams() -> None:
    assert msgspec.structs.fields(Decided)
    assert Decided.__struct_config__.tag == "trade.intent"
    assert Marked.__struct_config__.tag == "book.marked"
