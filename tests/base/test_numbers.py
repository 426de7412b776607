"""Numbers of every kind are taken, and what is none is refused in a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from stairway.base.errors import DataError
from stairway.base.numbers import numbers, one_row


@pytest.mark.parametrize(
    "given",
    [
        [1, 2.0],
        (1, 2),
        np.array([1, 2], ">f8"),
        np.array([1, 2], "<i2"),
        np.array([1.0, 9.0, 2.0])[::2],
        np.array([1.0, 2.0], object),
        pd.Series([1, 2]),
        pl.Series([1, 2]),
    ],
    ids=range(8),
)
def test_every_kind_of_number_is_plain_afterwards(given: Any) -> None:
    row = one_row(given, "returns")
    assert row.tolist() == [1.0, 2.0]
    assert row.dtype == np.dtype("=f8")
    assert row.flags.c_contiguous


def test_what_is_plain_already_is_not_copied() -> None:
    plain = np.array([1.0, 2.0])
    assert one_row(plain, "returns") is plain


@pytest.mark.parametrize(
    "given", [["a"], [[1.0], [1.0, 2.0]], [1j], [b"1"], [object()]], ids=range(5)
)
def test_what_is_no_number_is_named(given: Any) -> None:
    with pytest.raises(DataError, match="returns must be numbers"):
        numbers(given, "returns")


def test_a_table_is_no_row() -> None:
    with pytest.raises(DataError, match=r"one value for each row, got shape \(2, 2\)"):
        one_row(np.zeros((2, 2)), "returns")
