"""Columns of answers are of one length and of known names, and codes only grow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import DataError, InvariantError
from stairway.supervision.answers import ACTIONS, BUY, HOLD, SELL, Codes, columns, from_margin
from stairway.testing.answers import lively


@given(st.lists(st.text(max_size=3), max_size=30))
def test_a_code_leads_back_to_its_name(names: list[str]) -> None:
    codes = Codes("symbols", most=30)
    assert [codes.names[c] for c in codes.codes(names)] == names
    assert len(codes) == len(set(names))


def test_more_models_than_anybody_has_are_a_wrong_field() -> None:
    codes = Codes("models", most=2)
    codes.codes(["a", "b", "a"])
    with pytest.raises(DataError, match="more than 2 models"):
        codes.code("c")


def test_free_text_reasons_become_others_and_never_an_error() -> None:
    codes = Codes("reasons", most=2, rest="others")
    assert codes.codes(["a", "b", "c", "d", "a"]).tolist() == [0, 1, 2, 2, 0]
    assert codes.names == ["a", "b", "others"]


def test_codes_of_actions_are_places_in_their_order() -> None:
    assert [ACTIONS[code] for code in (SELL, HOLD, BUY)] == ["SELL", "HOLD", "BUY"]


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(InvariantError, match="of one length"):
        columns(time_ns=[1, 2], model=[0], symbol=[0], action=[2], confidence=[0.5])


def test_a_column_nobody_knows_is_refused() -> None:
    with pytest.raises(InvariantError, match="'colour'"):
        columns(**lively(1, np.random.default_rng(1)), colour=[1, 2, 3])


def test_rows_are_taken_by_mask_or_slice_with_all_their_columns() -> None:
    chunk = columns(**lively(4, np.random.default_rng(1)))
    some = chunk.where(chunk.model == 1)
    assert some.event.tolist() == [1, 2, 3, 4]
    assert len(chunk.where(slice(2, 5))) == 3


@given(st.floats())
def test_a_margin_becomes_a_probability_and_nothing_stays_nothing(margin: float) -> None:
    (squashed,) = from_margin(np.array([margin]))
    assert np.isnan(squashed) if np.isnan(margin) else 0 <= squashed <= 1
