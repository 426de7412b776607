from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import DataError
from stairway.base.verdict import Finding
from stairway.features.asking import (
    Change,
    ask,
    compared,
    grain,
    guarded,
    misfit,
    moved,
    unsure,
    varies,
)
from stairway.market.bars import PairBars
from stairway.testing.bars import random_walk

BARS = random_walk(20, seed=1)
VALUE = st.floats(allow_nan=True, allow_infinity=True)


def code(answer: object) -> str:
    assert isinstance(answer, Finding)
    return answer.code


class OwnError(Exception):
    """An exception of a library that nobody here knows."""


@pytest.mark.parametrize(
    "error",
    [ValueError("x"), KeyError("x"), ZeroDivisionError("x"), DataError("x"), OwnError("x")],
)
def test_whatever_a_pipeline_raises_becomes_a_finding(error: Exception) -> None:
    def raising(_: PairBars) -> dict[str, np.ndarray]:
        raise error

    answer = ask(raising, BARS, "truncated")
    assert code(answer) == "causality.raised"
    assert type(error).__name__ in answer.detail
    assert "20 bars (truncated)" in answer.detail


def test_an_interrupt_is_not_swallowed() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        guarded(interrupted, "waiting")


def test_what_is_not_a_mapping_becomes_a_finding() -> None:
    assert code(ask(lambda bars: bars.close, BARS, "as they are")) == "causality.raised"


def test_columns_that_are_not_numbers_become_a_finding() -> None:
    answer = ask(lambda bars: {"x": ["many"] * len(bars)}, BARS, "as they are")
    assert code(answer) == "causality.raised"


def test_no_column_at_all_becomes_a_finding() -> None:
    assert code(ask(lambda _: {}, BARS, "as they are")) == "causality.no_columns"


def test_whole_numbers_and_lists_are_taken_as_columns() -> None:
    answer = ask(lambda bars: {"n": list(range(len(bars)))}, BARS, "as they are")
    assert isinstance(answer, dict)
    assert answer["n"].dtype == np.float64


def test_a_pipeline_that_changes_its_bars_changes_its_own_copy() -> None:
    before = BARS.fingerprint

    def greedy(bars: PairBars) -> dict[str, np.ndarray]:
        for name in ("open", "high", "low", "close", "volume", "time_ns", "session"):
            getattr(bars, name)[:] = 0
        bars.last_of_session[:] = True
        return {"x": bars.close[:, 0]}

    assert isinstance(ask(greedy, BARS, "as they are"), dict)
    assert BARS.fingerprint == before


def test_an_answer_is_not_changed_by_what_the_pipeline_does_later() -> None:
    kept = np.zeros(20)
    first = ask(lambda _: {"x": kept}, BARS, "as they are")
    kept[:] = 7.0
    assert isinstance(first, dict)
    assert first["x"].sum() == 0.0


def test_other_columns_are_named() -> None:
    base = {"a": np.zeros(5), "b": np.zeros(5)}
    found = misfit({"a": np.zeros(5), "c": np.zeros(5)}, base, 5, "truncated")
    assert found is not None
    assert found.code == "causality.columns"
    assert "b, c" in found.detail


def test_another_order_of_columns_is_another_answer() -> None:
    base = {"a": np.zeros(5), "b": np.zeros(5)}
    found = misfit(dict(reversed(base.items())), base, 5, "truncated")
    assert found is not None
    assert found.code == "causality.columns"


@pytest.mark.parametrize("shape", [(4,), (6,), (5, 1), ()])
def test_another_length_is_named_with_its_column(shape: tuple[int, ...]) -> None:
    found = misfit({"a": np.zeros(shape)}, {"a": np.zeros(5)}, 5, "truncated")
    assert found is not None
    assert found.code == "causality.length"
    assert "column a" in found.detail


def test_an_answer_that_fits_is_no_misfit() -> None:
    base = {"a": np.zeros(5)}
    assert misfit({"a": np.ones(5)}, base, 5, "truncated") is None


@given(st.lists(VALUE, min_size=1, max_size=20))
def test_a_column_has_not_moved_against_itself(values: list[float]) -> None:
    column = np.array(values)
    assert moved(column, column.copy(), 0.0) is None


@given(
    st.lists(st.floats(-1e3, 1e3, allow_subnormal=False), min_size=1, max_size=20), st.data()
)
def test_a_change_is_found_where_it_is(values: list[float], data: st.DataObject) -> None:
    column = np.array(values)
    row = data.draw(st.integers(0, len(values) - 1))
    size = np.abs(column).max() or 1.0
    other = column.copy()
    other[row] += 0.5 * size
    found = moved(column, other, 1e-9)
    assert found is not None
    assert found[0] == row
    assert found[1] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("before", "after"),
    [(1.0, math.nan), (math.nan, 1.0), (1.0, math.inf), (math.inf, -math.inf), (math.inf, 0.0)],
)
def test_what_appears_or_disappears_differs_infinitely(before: float, after: float) -> None:
    found = moved(np.array([0.0, before]), np.array([0.0, after]), 1e-6)
    assert found == (1, math.inf)


def test_rounding_is_not_a_change() -> None:
    column = np.array([100.0, 1e-3])
    assert moved(column, column + 1e-12, 1e-9) is None


def test_a_change_is_measured_against_the_size_of_its_column() -> None:
    tiny = np.array([1e-12, 2e-12])
    assert moved(tiny, tiny * 1.1, 1e-9) is not None


@pytest.mark.parametrize("level", [0.0, 1e6, -1e10])
def test_no_level_hides_a_change_of_the_size_of_a_step(level: float) -> None:
    column = level + np.array([0.0, 1.0, 0.5, 2.0, 1.0])
    other = column.copy()
    other[3] += 0.1
    found = moved(column, other, 1e-9)
    assert found is not None
    assert found[0] == 3


def test_a_few_units_in_the_last_place_of_the_largest_value_are_rounding() -> None:
    column = 1e10 + np.arange(5.0)
    unit = 1e10 * float(np.finfo(np.float64).eps)
    assert moved(column, column + 60 * unit, 1e-9) is None
    assert moved(column, column + 70 * unit, 1e-9) is not None


def test_step_and_size_are_those_of_the_whole_answers_where_they_are_given() -> None:
    column = np.array([1.0, 1.0, 1.0, 5.0, 9.0])
    part, other = column[:2], column[:2] + 1e-9
    assert moved(part, other, 1e-9) is not None
    assert moved(part, other, 1e-9, (column, column)) is None
    assert moved(part, part + 1e-12, 1e-9) is not None
    assert moved(part, part + 1e-12, 1e-9, (part, np.full(5, 1e3))) is None


def test_without_a_tolerance_the_last_bit_counts() -> None:
    column = np.array([1.0, 2.0])
    assert moved(column, np.nextafter(column, 3.0), 0.0) is not None


def test_columns_of_zeros_are_compared_as_they_are() -> None:
    zeros = np.zeros(3)
    assert moved(zeros, zeros - 0.0, 1e-9) is None
    assert moved(zeros, np.array([0.0, 0.0, 1e-3]), 1e-9) == (2, 1e-3)
    assert moved(zeros, np.array([0.0, -0.0, 0.0]), 1e-9) is None


def test_one_huge_value_hides_no_change_of_the_others() -> None:
    column = np.arange(1.0, 101.0)
    column[7] = 1e12
    other = column.copy()
    other[50] += 1.0
    found = moved(column, other, 1e-9)
    assert found is not None
    assert found[0] == 50
    assert found[1] > 0.0


def test_what_a_huge_value_may_round_is_neither_a_change_nor_none() -> None:
    column = 1e-3 * np.sin(np.arange(100.0))
    column[7] = 1e6
    assert moved(column, column + 1e-9, 1e-9) is None
    assert unsure(column, column + 1e-9, 1e-9) == 0
    assert unsure(column, column, 1e-9) is None
    assert unsure(column, column + 1.0, 1e-9) is None
    assert moved(column, column + 1.0, 1e-9) is not None


def test_what_many_large_values_round_is_no_change() -> None:
    column = np.full(100, 1e-3)
    column[:5] = 1e6
    assert moved(column, column + 1e-9, 1e-9) is None
    assert unsure(column, column + 1e-9, 1e-9) is None


def test_a_pipeline_that_ends_the_process_is_a_finding() -> None:
    def leaving(_: PairBars) -> dict[str, np.ndarray]:
        raise SystemExit

    answer = ask(leaving, BARS, "truncated")
    assert code(answer) == "causality.raised"


def test_neither_zeros_nor_holes_count_as_usual_sizes_or_steps() -> None:
    column = np.zeros(1_000)
    column[::200] = 3.0
    column[1::200] = np.nan
    column[7::50] = np.inf
    measured = grain(column)
    assert measured.usual == 3.0
    assert measured.largest == 3.0
    assert measured.step == 3.0
    assert grain(np.full(3, np.nan)) == grain(np.zeros(3))


def test_the_usual_size_is_one_that_a_hundredth_exceeds() -> None:
    column = np.arange(1.0, 1_001.0)
    assert grain(column).usual == 990.0
    assert grain(column[::-1]).largest == 1_000.0


def test_what_less_than_99_in_100_could_round_is_left_open() -> None:
    column = 1e-3 * np.sin(np.arange(1_000.0))
    column[:9] = 1e6
    assert unsure(column, column + 1e-9, 1e-9) == 0
    column[:11] = 1e6
    assert unsure(column, column + 1e-9, 1e-9) is None


def test_what_the_second_answer_may_round_is_borne_too() -> None:
    column, huge = np.arange(1.0, 101.0), np.full(100, 1e12)
    own = grain(column)
    other = column + 1e-3
    assert compared(column, other, 1e-9, own, other) == Change(0, 1e-05, sure=True)
    assert compared(column, other, 1e-9, own, huge) is None
    one_huge = other.copy()
    one_huge[50] = 1e12
    assert compared(column, other, 1e-9, own, one_huge) == Change(0, 1e-05, sure=False)


def test_a_change_is_named_where_it_exceeds_what_decided() -> None:
    column = 1e-3 * np.sin(np.arange(100.0))
    column[7] = 1e6
    other = column.copy()
    other[20] += 1e-9
    other[60] += 1.0
    found = moved(column, other, 1e-9)
    assert found is not None
    assert found[0] == 60
    other[60] = column[60]
    assert unsure(column, other, 1e-9) == 20


def differences(before: np.ndarray, after: np.ndarray) -> list[float]:
    return [
        0.0 if a == b or (math.isnan(a) and math.isnan(b)) else
        abs(b - a) if math.isfinite(a) and math.isfinite(b) else math.inf
        for a, b in zip(before.tolist(), after.tolist(), strict=True)
    ]  # fmt: skip


@given(
    st.lists(VALUE, min_size=3, max_size=12),
    st.lists(st.sampled_from([0.0, 1e-18, 1e-14, 1e-10, 1.0]), min_size=12, max_size=12),
    st.lists(VALUE, min_size=0, max_size=3),
    st.sampled_from([0.0, 1e-9, 1e-3]),
)
def test_the_short_way_gives_what_the_whole_comparison_gives(
    values: list[float], factors: list[float], more: list[float], tolerance: float
) -> None:
    before = np.array(values)
    with np.errstate(over="ignore", invalid="ignore"):
        after = before + np.array(factors[: before.size]) * before
    whole = np.concatenate((after, more))
    own, other = grain(before), grain(whole)
    unit = 64 * float(np.finfo(np.float64).eps) if tolerance else 0.0
    usual = tolerance * own.step + unit * max(own.usual, other.usual)
    most = tolerance * own.step + unit * max(own.largest, other.largest)
    found = compared(before, after, tolerance, own, whole)
    sizes = differences(before, after)
    bound = most if max(sizes) > most else usual
    rows = [row for row, size in enumerate(sizes) if size > bound]
    assert (None if found is None else found.row) == (rows[0] if rows else None)
    assert found is None or found.sure == (max(sizes) > most)


def test_steps_near_the_largest_number_there_is_hide_no_change() -> None:
    column = np.array([0.0, 8.98846567431158e307, 0.0])
    assert grain(column).step == column[1]
    other = column * np.array([1.0, 1.0 + 1e-5, 1.0])
    assert moved(column, other, 1e-9) == (1, pytest.approx(1e-5))
    assert moved(column, other, 0.0) == (1, pytest.approx(1e-5))


def test_a_column_of_one_value_that_warms_up_does_not_vary() -> None:
    assert not varies(np.array([np.nan, 1.0, 1.0]))
    assert not varies(np.full(3, np.nan))
    assert varies(np.array([np.nan, 1.0, np.inf]))
    assert not varies(np.array([]))


@pytest.mark.parametrize("hole", [1, 2, 4])
def test_a_hole_behind_the_first_value_is_something_that_a_column_says(hole: int) -> None:
    column = np.array([np.nan, *[1.0] * 4])
    column[hole] = np.nan
    assert varies(column) == (hole > 1)
