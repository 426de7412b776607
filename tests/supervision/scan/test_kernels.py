"""Plain JSON is walked over as everybody reads it, and a number is the nearest double."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.supervision.scan.kernels import number, past_value


def letters(text: str):
    return np.frombuffer(bytearray(text.encode()), np.uint8)


@settings(max_examples=500)
@given(
    st.floats(0, 1).map(repr)
    | st.floats(1e-9, 1e9).map(repr)
    | st.tuples(st.integers(0, 10**19), st.integers(0, 27)).map("%de-%d".__mod__)
    | st.tuples(st.integers(0, 99), st.integers(0, 10**17)).map("%d.%d".__mod__)
)
def test_a_number_is_read_to_the_nearest_double(text) -> None:
    said = number(letters(text), 0, len(text))
    if said.at >= 0:
        assert (said.at, said.value) == (len(text), float(text))


@given(st.integers(2**53, 2**54 - 1), st.integers(1, 3))
def test_a_tie_goes_to_even(odd, tens) -> None:
    text = f"{(2 * odd + 1) * 5**tens}e-{tens}"
    assert number(letters(text), 0, len(text)).value == float(text)


@pytest.mark.parametrize("text", ["01", "-", "1.", ".5", "1e", "+1", "00.5", "1e999", "9" * 20])
def test_what_is_no_plain_number_is_not_read(text) -> None:
    assert number(letters(text), 0, len(text)).at != len(text)


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.sampled_from([0.5, -0.25, 1e5, 1e-7]) | st.text('ab\n"\\ ', max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
)  # fmt: skip


@settings(max_examples=200)
@given(NESTED, st.data())
def test_a_value_is_passed_if_and_only_if_it_is_well_formed(value, data) -> None:
    text = json.dumps(
        value, separators=data.draw(st.sampled_from([(",", ":"), (" , ", " : ")]))
    )
    assert past_value(letters(text), 0, len(text)) == len(text)
    at = data.draw(st.integers(0, len(text) - 1))
    broken = (
        text[:at]
        + data.draw(st.sampled_from(["", ",", "]", "}", '"', "x", ":"]))
        + text[at + 1 :]
    )
    behind = past_value(letters(broken), 0, len(broken)) if broken else -1
    if behind >= 0 and not broken[behind:].strip():
        json.loads(broken)
