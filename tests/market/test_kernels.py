"""The screening loop: what it finds, and that it never looks ahead."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.market import kernels

NAN, INF = float("nan"), float("inf")
NAT = np.iinfo(np.int64).min
GOOD_ROW = (10.0, 11.0, 9.0, 10.5, 100.0)

odd_numbers = st.sampled_from([NAN, INF, -INF, 0.0, -1.0, 1e308, 5e-324])
numbers = st.floats(8.0, 12.0) | odd_numbers
times = st.integers(0, 12) | st.just(NAT)
rows = st.lists(st.tuples(times, *[numbers] * 5), max_size=25)


def columns(table: list[tuple]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    time_ns = np.array([row[0] for row in table], dtype=np.int64)
    ohlcv = np.array([row[1:] for row in table], dtype=np.float64).reshape(-1, 5)
    seen = np.array([time in time_ns[:i] for i, time in enumerate(time_ns)], dtype=np.bool_)
    return time_ns, ohlcv, seen


def screened(table: list[tuple], max_jump_frac: float = 0.5) -> list[int]:
    return kernels.first_fault(*columns(table), max_jump_frac).tolist()


def row(time: int, **changed: float) -> tuple:
    names = ("open", "high", "low", "close", "volume")
    cells = dict(zip(names, GOOD_ROW, strict=True)) | changed
    return (time, *(cells[name] for name in names))


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume"])
@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_a_cell_that_is_not_finite_is_a_fault_in_any_column(name: str, value: float) -> None:
    assert screened([row(1, **{name: value})]) == [kernels.NOT_FINITE]


@pytest.mark.parametrize("name", ["open", "high", "low", "close"])
@pytest.mark.parametrize("value", [0.0, -0.0, -1e-9])
def test_a_price_must_be_above_zero(name: str, value: float) -> None:
    assert screened([row(1, **{name: value})]) == [kernels.NOT_POSITIVE]


def test_a_silent_bar_is_good_and_a_negative_volume_is_not() -> None:
    assert screened([row(1, volume=0.0)]) == [kernels.GOOD]
    assert screened([row(1, volume=-1.0)]) == [kernels.NEGATIVE_VOLUME]


def test_a_high_below_the_low_is_a_fault_and_a_flat_bar_is_not() -> None:
    assert screened([row(1, high=8.0)]) == [kernels.HIGH_BELOW_LOW]
    assert screened([(1, 5.0, 5.0, 5.0, 5.0, 1.0)]) == [kernels.GOOD]


@pytest.mark.parametrize(
    "change", [{"open": 11.1}, {"open": 8.9}, {"close": 11.1}, {"close": 8.9}]
)
def test_open_and_close_lie_between_low_and_high(change: dict[str, float]) -> None:
    assert screened([row(1, **change)]) == [kernels.OUTSIDE_RANGE]


@pytest.mark.parametrize("change", [{"open": 11.0}, {"open": 9.0}, {"close": 11.0}])
def test_open_and_close_may_be_the_extremes(change: dict[str, float]) -> None:
    assert screened([row(1, **change)]) == [kernels.GOOD]


def test_the_same_time_again_is_a_duplicate() -> None:
    assert screened([row(1), row(1)]) == [kernels.GOOD, kernels.DUPLICATE]


def test_a_late_row_with_a_new_time_is_backward() -> None:
    assert screened([row(5), row(3)]) == [kernels.GOOD, kernels.BACKWARD]


def test_a_block_that_was_sent_again_is_all_duplicates() -> None:
    again = [row(1), row(2), row(3), row(1), row(2), row(3), row(4)]
    assert screened(again)[3:] == 3 * [kernels.DUPLICATE] + [kernels.GOOD]


def test_a_corrected_row_after_a_broken_one_of_the_same_time_is_good() -> None:
    assert screened([row(1, close=NAN), row(1)]) == [kernels.NOT_FINITE, kernels.GOOD]


def test_a_row_without_a_time_is_a_fault_and_does_not_hold_up_the_next() -> None:
    assert screened([row(2), row(NAT), row(3)]) == [0, kernels.NO_TIME, 0]


@pytest.mark.parametrize("change", [{"high": 15.8}, {"low": 5.2}])
def test_a_wick_that_reaches_past_the_collar_is_a_jump(change: dict[str, float]) -> None:
    assert screened([row(1), row(2, **change)]) == [kernels.GOOD, kernels.JUMP]


@pytest.mark.parametrize("change", [{"high": 15.75}, {"low": 5.25}])
def test_exactly_the_collar_is_allowed(change: dict[str, float]) -> None:
    assert screened([row(1), row(2, **change)]) == [kernels.GOOD, kernels.GOOD]


def test_the_first_bar_has_no_collar() -> None:
    assert screened([(1, 1e6, 1e6, 1e6, 1e6, 1.0)]) == [kernels.GOOD]


def test_the_collar_holds_against_the_last_good_close_and_not_the_last_row() -> None:
    spike = (2, 100.0, 100.0, 100.0, 100.0, 1.0)
    after = (3, 101.0, 101.0, 101.0, 101.0, 1.0)
    assert screened([row(1), spike, after, row(4)]) == [0, kernels.JUMP, kernels.JUMP, 0]


def test_a_bad_row_does_not_move_the_clock() -> None:
    assert screened([row(1), row(9, close=NAN), row(2)]) == [0, kernels.NOT_FINITE, 0]


@given(rows, st.floats(0.01, 2.0))
def test_compiled_equals_interpreted(table: list[tuple], max_jump_frac: float) -> None:
    given_columns = columns(table)
    compiled = kernels.first_fault(*given_columns, max_jump_frac)
    with np.errstate(all="ignore"):
        interpreted = kernels.first_fault.py_func(*given_columns, max_jump_frac)
    np.testing.assert_array_equal(compiled, interpreted)


@given(st.tuples(*[numbers] * 5))
def test_the_compiled_row_check_equals_the_interpreted_one(cells: tuple) -> None:
    ohlcv = np.array(cells)
    assert kernels.own_fault(ohlcv) == kernels.own_fault.py_func(ohlcv)


@given(st.floats(0.1, 20.0), st.floats(0.1, 20.0), numbers, st.floats(0.01, 2.0))
def test_the_compiled_collar_equals_the_interpreted_one(
    high: float, low: float, last: float, frac: float
) -> None:
    with np.errstate(all="ignore"):
        assert kernels.within(high, low, last, frac) == kernels.within.py_func(
            high, low, last, frac
        )


def test_a_collar_without_a_reference_refuses() -> None:
    assert not kernels.within(10.0, 10.0, NAN, 0.5)


@given(rows, st.data())
def test_what_comes_later_does_not_change_what_was_found(
    table: list[tuple], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(table)))
    assert screened(table)[:cut] == screened(table[:cut])


@given(rows)
def test_good_rows_are_what_a_series_promises(table: list[tuple]) -> None:
    time_ns, ohlcv, seen = columns(table)
    keep = kernels.first_fault(time_ns, ohlcv, seen, 0.5) == kernels.GOOD
    open_, high, low, close, volume = ohlcv[keep].T
    assert np.isfinite(ohlcv[keep]).all()
    assert (np.diff(time_ns[keep]) > 0).all()
    assert (low > 0.0).all()
    assert (volume >= 0.0).all()
    assert ((low <= open_) & (open_ <= high) & (low <= close) & (close <= high)).all()
    assert (np.maximum(high[1:] - close[:-1], close[:-1] - low[1:]) <= 0.5 * close[:-1]).all()
