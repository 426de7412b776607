from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from stairway.base.errors import DataError
from stairway.evaluation.sceptic.record import Record

Made = Callable[..., Record]


def test_fewer_trials_than_columns_are_no_count(record: Made) -> None:
    with pytest.raises(DataError, match="2 trials, but 3 columns"):
        record(0.0, 0.0, 0.0, n_trials=2)


def test_a_hole_is_named_by_column_and_row(record: Made) -> None:
    net = np.zeros((5, 2))
    net[3, 1] = np.nan
    with pytest.raises(DataError, match="returns of b must be finite, but row 3 is nan"):
        record(0.0, 0.0, net=net)


@pytest.mark.parametrize("what", ["baseline", "champion", "gross"])
def test_what_stands_beside_has_the_same_rows_without_holes(record: Made, what: str) -> None:
    short: dict[str, Any] = {what: np.zeros(3)}
    with pytest.raises(DataError, match=f"{what} of shape"):
        record(0.0, n=5, **short)
    holed: dict[str, Any] = {what: np.array([0.0, np.inf, 0.0])}
    with pytest.raises(DataError, match="row 1 is inf"):
        record(0.0, n=3, **holed)


@pytest.mark.parametrize("year", [0.0, -1.0, float("nan"), float("inf")])
def test_a_year_has_a_number_of_rows(record: Made, year: float) -> None:
    with pytest.raises(DataError, match="a year of"):
        record(0.0, periods_per_year=year)


def test_the_chosen_one_is_one_of_the_columns(record: Made) -> None:
    with pytest.raises(DataError, match="column 1 chosen"):
        record(0.0, chosen=1)


def test_a_record_knows_its_length(record: Made) -> None:
    found = record(0.0, n=504)
    assert (found.n_rows, found.years) == (504, 2.0)
    assert np.array_equal(found.returns, found.net[:, 0])


def test_columns_beyond_the_first_are_counted_where_they_are_not_named(record: Made) -> None:
    with pytest.raises(DataError, match=r"8 columns of returns \(.* and 2 more\)"):
        record(*[0.0] * 8, n_trials=2)
