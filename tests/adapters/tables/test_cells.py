"""A column is numbers, or words, or is refused by its name and its type."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.adapters.tables.cells import numbers_of, words_of
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
