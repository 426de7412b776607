"""A column is numbers, or words, or is refused by its name and its type."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.adapters.tables.cells import numbers_of, numbers_or_nan, quoted, words_of
from stairway.base.errors import DataError

DAY = dt.datetime(2020, 1, 1)  # noqa: DTZ001 - a column without a zone
ODD = {
    "list": pl.Series([[1.0]]),
    "array": pl.Series([[1.0, 2.0]], dtype=pl.Array(pl.Float64, 2)),
    "struct": pl.Series([{"a": 1}]),
    "bytes": pl.Series([b"1"]),
    "object": pl.Series([object()], dtype=pl.Object),
    "day": pl.Series([DAY.date()]),
    "instant": pl.Series([DAY]),
    "span": pl.Series([dt.timedelta(1)]),
    "hour": pl.Series([dt.time(1)]),
}
CATEGORIES = {
    "category": pl.Series(["1"], dtype=pl.Categorical),
    "enum": pl.Series(["1"], dtype=pl.Enum(["1"])),
}


@pytest.mark.parametrize("name", [*ODD, *CATEGORIES])
def test_what_is_no_number_is_refused_by_its_place_and_type(name: str) -> None:
    column = (ODD | CATEGORIES)[name]
    with pytest.raises(DataError) as caught:
        numbers_of(column, "column 'a' of a.parquet")
    said = f"column 'a' of a.parquet holds {column.dtype}, no numbers; "
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("name", list(ODD))
def test_what_is_no_word_is_refused_by_its_place_and_type(name: str) -> None:
    with pytest.raises(DataError) as caught:
        words_of(ODD[name], "column 'regime' of a.parquet")
    assert str(caught.value).startswith(
        f"column 'regime' of a.parquet holds {ODD[name].dtype}, no words; "
    )


@pytest.mark.parametrize("name", list(CATEGORIES))
def test_categories_are_words(name: str) -> None:
    assert words_of(CATEGORIES[name], "x") == ["1"]


@pytest.mark.parametrize(
    "dtype", [pl.Int8, pl.UInt64, pl.Float32, pl.Float64, pl.Decimal(10, 2), pl.String]
)
def test_every_kind_of_number_is_taken(dtype: pl.DataType) -> None:
    found = numbers_of(pl.Series([1, None, 3]).cast(dtype), "x")
    assert found.dtype == np.float64
    assert found.flags.writeable
    np.testing.assert_array_equal(found, [1.0, np.nan, 3.0])


@pytest.mark.parametrize(
    "cell", ["10,034.62", "1,5", "0.80%", "x", "null", "n/a", "-", "1 000", "1_000", "0x10"]
)
def test_text_that_is_no_number_is_refused_by_its_row_and_quoted(cell: str) -> None:
    column = pl.Series(["1.5", None, "", "nan", f" {cell} ", "y"])
    with pytest.raises(DataError) as caught:
        numbers_of(column, "column 'close' of a.csv")
    said = f"column 'close' of a.csv: row 4 holds ' {cell} ', which is no number; write "
    assert str(caught.value).startswith(said)
    np.testing.assert_array_equal(numbers_or_nan(column, "x"), [1.5] + [np.nan] * 5)


@pytest.mark.parametrize("cell", ["", "  ", None, "nan", "NaN"])
def test_an_empty_cell_is_a_hole_and_no_fault(cell: str | None) -> None:
    found = numbers_of(pl.Series(["1", cell], dtype=pl.String), "x")
    np.testing.assert_array_equal(found, [1.0, np.nan])


@given(st.text(max_size=60))
def test_a_cell_is_quoted_on_one_short_line(cell: str) -> None:
    said = quoted(cell)
    assert "\n" not in said
    assert (said == repr(cell)) == (len(cell) <= 40)
    assert len(quoted("a" * 10**6)) < 50


def test_true_and_nothing_are_numbers_too() -> None:
    np.testing.assert_array_equal(numbers_of(pl.Series([True, False]), "x"), [1.0, 0.0])
    np.testing.assert_array_equal(numbers_of(pl.Series([None, None]), "x"), [np.nan] * 2)


@given(st.lists(st.floats(allow_infinity=False) | st.none(), max_size=6))
def test_numbers_as_text_are_the_same_numbers(values: list[float | None]) -> None:
    plain = pl.Series(values, dtype=pl.Float64)
    text = pl.Series([None if v is None else f" {v!r} " for v in values], dtype=pl.String)
    np.testing.assert_array_equal(numbers_of(plain, "x"), numbers_of(text, "x"))


def test_words_are_empty_where_there_are_none() -> None:
    assert words_of(pl.Series(["trend", None]), "x") == ["trend", ""]
    assert words_of(pl.Series([1, None]), "x") == ["1", ""]


@pytest.mark.parametrize("values", [["x"], [[1.0]]], ids=["text", "list"])
def test_a_column_that_cannot_be_left_out_says_what_is_wanted(values: list[Any]) -> None:
    with pytest.raises(DataError) as told:
        numbers_of(pl.Series(values), "column 'start'", "give rows")
    assert str(told.value).endswith("; give rows")
