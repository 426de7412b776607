"""A value against its bounds: at a bound it holds unless that is strict, and NaN never does."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.verdict import Pass, Refuse
from stairway.training.check import Check, at_least, at_most, within

BAND = (2.0, 8.0)
values = st.floats(-100.0, 100.0)


@pytest.mark.parametrize("value", [2.0, 5.0, 8.0])
def test_inside_and_at_a_bound_it_holds_and_is_attained(value: float) -> None:
    found = within("a.b", "x", value, BAND, 7)
    assert found.holds
    assert found.attainment == 1.0
    assert isinstance(found.verdict, Pass)


@pytest.mark.parametrize("value", [2.0, 8.0])
def test_at_a_strict_bound_it_does_not_hold_though_nothing_is_missing(value: float) -> None:
    found = Check("a.b", "x", value, *BAND, width=8.0, n=7, strict=True)
    assert not found.holds
    assert found.attainment == 1.0
    assert isinstance(found.verdict, Refuse)
    assert found.verdict.findings[0].detail.endswith("allowed is over 2 and under 8")


@pytest.mark.parametrize(
    ("check", "share"),
    [
        (at_least("a.b", "x", -0.5, 0.5, 7), 1 / 3),
        (at_least("a.b", "x", 0.25, 0.5, 7), 1 / 1.5),
        (at_most("a.b", "x", 1.0, 0.5, 7), 0.5),
        (at_most("a.b", "x", 0.75, 0.5, 7), 1 / 1.5),
        (within("a.b", "x", 16.0, BAND, 7), 0.5),
        (within("a.b", "x", -6.0, BAND, 7), 0.5),
        (within("a.b", "x", 0.0, BAND, 7), 1 / 1.25),
    ],
)
def test_attainment_falls_by_the_width_of_the_bound(check: Check, share: float) -> None:
    # Of a lower or an upper bound it is the bound itself; of a band, the upper one
    assert check.attainment == pytest.approx(share)


@given(values, values)
def test_further_outside_is_never_attained_better(one: float, other: float) -> None:
    near, far = sorted((one, other), key=lambda v: max(BAND[0] - v, v - BAND[1], 0.0))
    attained = [within("a.b", "x", v, BAND, 7).attainment for v in (near, far)]
    assert attained[0] >= attained[1] > 0.0


@pytest.mark.parametrize("check", [at_least, at_most])
def test_what_is_no_number_is_refused_without_one(check) -> None:
    found = check("a.b", "x", math.nan, 0.5, 7)
    assert (found.holds, found.attainment) == (False, 0.0)
    (finding,) = found.verdict.findings
    assert isinstance(found.verdict, Refuse)
    assert (finding.code, finding.value, finding.n) == ("a.b", None, 7)
    assert finding.detail == "x could not be measured (7 samples)"
    assert found.criterion.value is None


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_what_is_endless_attains_nothing_where_it_does_not_hold(value: float) -> None:
    assert within("a.b", "x", value, BAND, 7).attainment == 0.0


@pytest.mark.parametrize(
    ("value", "bound"), [(1.0, 2.0), (9.0, 8.0), (5.0, 2.0), (2.0, 2.0), (8.0, 2.0)]
)
def test_the_bound_that_decides_is_the_one_that_is_told(value: float, bound: float) -> None:
    (finding,) = within("a.b", "x", value, BAND, 7).verdict.findings
    assert (finding.value, finding.bound) == (value, bound)


def test_a_criterion_says_the_same_without_what_is_not_finite() -> None:
    found = at_least("a.b", "return", 0.25, 0.5, 7)
    told = found.criterion
    assert (told.code, told.what, told.value, told.n) == ("a.b", "return", 0.25, 7)
    assert (told.low, told.high) == (0.5, None)
    assert (told.holds, told.attainment) == (False, found.attainment)


def test_a_band_that_ends_at_nought_has_a_width_all_the_same() -> None:
    assert 0.0 < within("a.b", "x", 1e-16, (-1.0, 0.0), 7).attainment < 1.0
