"""The four numbers of a reward: in one order everywhere, and never nonsense."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import InvariantError
from stairway.simulation.terms import BONUS, DOWNSIDE, SCALE, TERMS, TICKET, Terms, as_array

SOME = Terms(scale_bps=5.5, bonus=-0.25, ticket=0.75, downside=0.1)
FINITE = st.floats(-1e6, 1e6)


def test_a_kernel_finds_each_term_at_its_place() -> None:
    array = as_array(SOME)
    assert array.shape == (TERMS,)
    assert array[[SCALE, BONUS, TICKET, DOWNSIDE]].tolist() == [5.5, -0.25, 0.75, 0.1]


def test_the_array_is_the_callers_own() -> None:
    first = as_array(SOME)
    first[BONUS] = 9.0
    assert as_array(SOME)[BONUS] == -0.25


@given(st.floats(1e-3, 1e6), FINITE, FINITE, st.floats(0.0, 1e6))
def test_terms_come_back_from_a_record_as_they_were(
    scale: float, bonus: float, ticket: float, downside: float
) -> None:
    terms = Terms(scale, bonus, ticket, downside)
    assert msgspec.json.decode(msgspec.json.encode(terms), type=Terms) == terms
    assert as_array(terms).tolist() == [scale, bonus, ticket, downside]


@pytest.mark.parametrize("name", Terms.__struct_fields__)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_reward_is_made_with_a_number_that_is_none(name: str, value: float) -> None:
    with pytest.raises(InvariantError, match="no reward can be made"):
        msgspec.structs.replace(SOME, **{name: value})


@pytest.mark.parametrize(("name", "value"), [("scale_bps", 0.0), ("downside", -1e-9)])
def test_a_scale_of_nothing_and_a_prize_for_losing_are_refused(name: str, value: float) -> None:
    with pytest.raises(InvariantError, match="no reward can be made"):
        msgspec.structs.replace(SOME, **{name: value})


def test_bonus_and_ticket_may_have_either_sign() -> None:
    assert Terms(1.0, -2.0, -1.5, 0.0).bonus == -2.0
