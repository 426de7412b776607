"""Order ids are computed, fit every venue, and are never the same for two purposes."""

from __future__ import annotations

import re

from hypothesis import given, strategies as st

from stairway.execution.client_id import MAX_CHARS, order_id
from stairway.execution.orders import Leg

names = st.text(min_size=0, max_size=40)
legs = st.sampled_from(Leg)
revisions = st.integers(0, 10_000)


@given(names, legs, revisions)
def test_an_id_fits_every_venue(name: str, leg: Leg, revision: int) -> None:
    assert re.fullmatch("[A-Z2-7]+", order_id(name, leg, revision))
    assert len(order_id(name, leg, revision)) <= MAX_CHARS


@given(names, legs, revisions)
def test_the_same_purpose_always_gets_the_same_id(name: str, leg: Leg, revision: int) -> None:
    assert order_id(name, leg, revision) == order_id(name, leg, revision)


@given(st.tuples(names, legs, revisions), st.tuples(names, legs, revisions))
def test_two_purposes_never_share_an_id(one, other) -> None:
    assert (order_id(*one) == order_id(*other)) == (one == other)


def test_a_name_cannot_borrow_the_leg_of_another() -> None:
    assert order_id("b:stop", Leg.STOP, 1) != order_id("b", Leg.STOP, 1)
    assert order_id("1:b", Leg.STOP, 0) != order_id("b", Leg.STOP, 0)
