from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from stairway.evaluation.beside import short, told_apart

FIGURES = st.floats(-1e6, 1e6)


@given(FIGURES, FIGURES, st.integers(0, 4))
def test_what_differs_is_never_written_the_same(one: float, other: float, places: int) -> None:
    told = told_apart(one, other, places)

    if abs(one - other) > 1e-11:
        assert float(told[0]) != float(told[1])
    assert math.isclose(float(told[0]), one, abs_tol=0.51)
    assert math.isclose(float(told[1]), other, abs_tol=0.51)


@given(FIGURES, st.integers(0, 4))
def test_no_more_places_are_written_than_are_needed(one: float, places: int) -> None:
    assert told_apart(one, one, places) == (f"{one:.{places}f}", f"{one:.{places}f}")
    assert told_apart(one, one + 2.0, places)[0] == f"{one:.{places}f}"


def test_a_sign_is_no_difference() -> None:
    assert told_apart(-0.001, 0.0, 2, "+")[0] == "-0.001"
    assert told_apart(0.004, 0.0, 2, "+")[0] == "+0.004"


def test_what_is_no_number_is_told_as_such() -> None:
    assert told_apart(float("nan"), 1.0, 2)[0] == "nan"
    assert told_apart(float("inf"), 1.0, 2)[0] == "inf"


@given(st.integers(0, 10**6), st.integers(0, 6))
def test_shortening_keeps_the_number(whole: int, places: int) -> None:
    assert float(short(f"{whole:.{places}f}")) == whole
