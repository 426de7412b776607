"""Two numbers that differ are written so that they do."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stairway.app.validate.digits import exactly, told_both

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(finite)
def test_a_number_is_written_so_that_it_is_read_back(number: float) -> None:
    assert float(exactly(number)) == number


@pytest.mark.parametrize(
    ("number", "said"),
    [(2.0, "2"), (-0.25, "-0.25"), (1.0000001, "1.0000001"), (1e20, "1e+20")],
)
def test_a_plain_number_is_written_plainly(number: float, said: str) -> None:
    assert exactly(number) == said


def test_what_is_no_number_is_written_too() -> None:
    assert (exactly(math.nan), exactly(-math.inf)) == ("nan", "-inf")


@given(finite, st.integers(1, 9))
def test_neighbours_are_told_from_each_other(number: float, steps: int) -> None:
    other = number
    for _ in range(steps):
        other = math.nextafter(other, math.inf)
    assume(math.isfinite(other) and other != number)
    one, two = told_both(number, other)
    assert one != two


def test_numbers_far_apart_have_six_digits() -> None:
    assert told_both(1 / 3, 2 / 3) == ("0.333333", "0.666667")
