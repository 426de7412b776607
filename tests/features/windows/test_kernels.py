from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.features.windows import kernels

NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda x: x if abs(x) > 1e-9 else 0.0)
SERIES = st.lists(NUMBERS, min_size=1, max_size=60)
RETURNS = st.one_of(
    st.floats(-1e-3, 1e-3), st.floats(-2.0, 2.0), st.just(0.0), st.just(1e-4)
).map(lambda x: round(x, 9))


def exact(values: list[float]) -> Fraction:
    return sum((Fraction(v) for v in values), Fraction(0))


def deviation(values: list[float]) -> float:
    n, total = len(values), exact(values)
    squares = sum((Fraction(v) ** 2 for v in values), Fraction(0))
    spread = (n * squares - total**2) / (n * (n - 1))
    return math.sqrt(spread)


@given(NUMBERS, NUMBERS)
def test_a_product_and_its_error_are_exactly_the_product(a: float, b: float) -> None:
    p, error = kernels.exact_product(a, b)
    assert Fraction(p) + Fraction(error) == Fraction(a) * Fraction(b)


@given(SERIES)
def test_adding_numbers_and_taking_them_away_in_another_order_leaves_nothing(
    values: list[float],
) -> None:
    high, low = 0.0, 0.0
    for value in [*values, *(-v for v in reversed(values))]:
        high, low = kernels.exact_add(high, low, value)
    assert abs(high + low) <= 1e-24


@given(SERIES)
def test_a_sum_is_the_exact_sum_rounded_once(values: list[float]) -> None:
    high, low = 0.0, 0.0
    for value in values:
        high, low = kernels.exact_add(high, low, value)
    assert high + low == pytest.approx(float(exact(values)), rel=1e-15, abs=1e-24)


def slid(values: list[float], window: int) -> np.ndarray:
    sums = np.zeros(kernels.PLACES * 2)
    for i, value in enumerate(values):
        kernels.slide(sums, 1, value, values[i - window] if i >= window else 0.0)
    return sums


@given(st.lists(RETURNS, min_size=2, max_size=80), st.integers(2, 12))
def test_a_window_knows_the_deviation_of_its_own_values_only(
    values: list[float], window: int
) -> None:
    inside = values[-window:]
    truth = deviation(inside)
    if truth == 0.0 or truth > 2e-12:
        found = kernels.std_of(slid(values, window), 1, len(inside))
        assert found == pytest.approx(truth, rel=1e-9, abs=0.0)


@given(st.lists(RETURNS, min_size=2, max_size=80), st.integers(2, 12))
def test_z_is_the_distance_from_the_mean_in_deviations(
    values: list[float], window: int
) -> None:
    inside, sums = values[-window:], slid(values, window)
    truth, n = deviation(inside), len(inside)
    if truth > 2e-12:
        distance = float(Fraction(inside[-1]) - exact(inside) / n)
        z = kernels.z_of(sums, 1, n, inside[-1])
        assert z == pytest.approx(distance / truth, rel=1e-9, abs=1e-9)


@given(st.lists(NUMBERS, min_size=1, max_size=80), st.integers(1, 12))
def test_the_mean_is_that_of_the_values_inside(values: list[float], window: int) -> None:
    inside = values[-window:]
    found = kernels.mean_of(slid(values, window), 1, len(inside))
    assert found == pytest.approx(float(exact(inside) / len(inside)), rel=1e-12, abs=1e-18)


def test_sliding_one_window_leaves_the_others_alone() -> None:
    assert slid([3.0, 4.0], 2)[: kernels.PLACES].tolist() == [0.0] * kernels.PLACES


def test_values_that_do_not_move_have_no_deviation_even_behind_a_jump() -> None:
    values = [5.0, -5.0, 1e-5, *([0.1] * 10)]
    assert kernels.std_of(slid(values, 10), 1, 10) == 0.0


def test_where_nothing_moves_there_is_no_z() -> None:
    assert math.isnan(kernels.z_of(slid([0.1] * 10, 5), 1, 5, 0.1))


@pytest.mark.parametrize("n", [0, 1])
def test_a_deviation_of_fewer_than_two_values_is_not_known(n: int) -> None:
    assert math.isnan(kernels.std_of(np.zeros(8), 1, n))


def test_two_hundred_thousand_slides_over_jumps_leave_no_drift() -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    values = 1e-4 * rng.standard_normal(200_000)
    values[::997] = 3.0
    sums = np.zeros(kernels.PLACES)
    for i in range(values.size):
        kernels.slide(sums, 0, values[i], values[i - 50] if i >= 50 else 0.0)
    inside = values[-50:].tolist()
    assert max(inside) < 1.0, "the last jump has left the window"
    assert kernels.std_of(sums, 0, 50) == pytest.approx(deviation(inside), rel=1e-12)
    assert sums[0] + sums[1] == pytest.approx(float(exact(inside)), rel=1e-12)


def test_a_plain_running_sum_would_have_drifted_on_the_same_values() -> None:
    """The reason for keeping what rounding lost: without it, this is what happens."""
    rng = np.random.Generator(np.random.PCG64(3))
    values = 1e-4 * rng.standard_normal(200_000)
    values[::997] = 3.0
    squares = 0.0
    for i in range(values.size):
        squares += values[i] ** 2
        squares -= values[i - 50] ** 2 if i >= 50 else 0.0
    truth = float(np.sum(values[-50:] ** 2))
    assert abs(squares - truth) / truth > 1e-9


GOOD = (10.0, 11.0, 9.0, 10.5, 1000.0)


def test_an_ordinary_bar_is_believed() -> None:
    assert kernels.is_sane(GOOD)


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -1.0])
def test_a_bar_with_one_impossible_number_is_not_believed(place: int, bad: float) -> None:
    bar = tuple(bad if i == place else value for i, value in enumerate(GOOD))
    assert not kernels.is_sane(bar)


@pytest.mark.parametrize("place", range(4))
def test_a_price_of_zero_is_not_believed(place: int) -> None:
    bar = tuple(0.0 if i == place else value for i, value in enumerate(GOOD))
    assert not kernels.is_sane(bar)


def test_a_bar_in_which_nothing_traded_is_believed() -> None:
    assert kernels.is_sane((10.0, 10.0, 10.0, 10.0, 0.0))


def test_a_high_under_its_low_is_not_believed() -> None:
    assert not kernels.is_sane((10.0, 9.0, 11.0, 10.0, 5.0))


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 40))
def test_the_value_that_leaves_is_the_one_that_came_in_a_window_ago(
    size: int, window: int, n: int
) -> None:
    window = min(window, size)
    ring = np.full(size, np.nan)
    for i in range(n):
        ring[i % size] = float(i)
    assert kernels.leaving(ring, n, window) == (float(n - window) if n >= window else 0.0)


def test_a_row_of_the_table_becomes_a_bar() -> None:
    table = np.arange(20.0).reshape(2, 2, 5)
    assert kernels.bar_of(table, 1, 0) == (10.0, 11.0, 12.0, 13.0, 14.0)


ANY = st.floats(allow_nan=True, allow_infinity=True)
PLAIN = st.floats(-1e3, 1e3)


@settings(max_examples=50)
@given(st.lists(PLAIN, min_size=8, max_size=8), PLAIN, PLAIN)
def test_compiled_and_plain_windows_agree(places: list[float], new: float, old: float) -> None:
    compiled, plain = np.array(places), np.array(places)
    kernels.slide(compiled, 1, new, old)
    kernels.slide.py_func(plain, 1, new, old)
    assert compiled.tolist() == plain.tolist()
    n = 7
    for name in ("mean_of", "std_of"):
        kernel = getattr(kernels, name)
        assert kernel(compiled, 1, n) == kernel.py_func(plain, 1, n)
    z = kernels.z_of(compiled, 1, n, new), kernels.z_of.py_func(plain, 1, n, new)
    assert z[0] == z[1] or (math.isnan(z[0]) and math.isnan(z[1]))


@settings(max_examples=50)
@given(st.tuples(ANY, ANY, ANY, ANY, ANY), PLAIN, PLAIN)
def test_compiled_and_plain_scalars_agree(bar: tuple[float, ...], a: float, b: float) -> None:
    assert kernels.is_sane(bar) == kernels.is_sane.py_func(bar)
    assert kernels.exact_add(a, b * 1e-17, b) == kernels.exact_add.py_func(a, b * 1e-17, b)
    assert kernels.exact_product(a, b) == kernels.exact_product.py_func(a, b)
