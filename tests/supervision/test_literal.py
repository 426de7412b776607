"""Python's own way of writing values is read, and nothing in it is run."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import DataError
from stairway.supervision.literal import read_literal

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(PLAIN)
def test_what_repr_wrote_is_what_is_read(value) -> None:
    assert read_literal(repr(value)) == value


def test_numbers_that_numpy_dressed_are_numbers() -> None:
    assert read_literal("{'a': np.float64(0.78), 'b': (np.int64(-3),)}") == {
        "a": 0.78,
        "b": [-3],
    }
    assert math.isnan(read_literal("nan"))


@pytest.mark.parametrize(
    "text",
    ["__import__('os').system('x')", "open('a')", "[1, 2", "{'a' 1}", "", "1 + 1", "[" * 40 + "]" * 40, "'a", "np.array(1)", "{[]: 1}"],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="no plain Python value"):
        read_literal(text)
