"""Parity rows are drawn from whole rows, half of them with holes, alike for a seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import DataError
from stairway.models.parity import MIN_ROWS, Parity
from stairway.training.parity_rows import parity_of

WIDTH = 12


def table(n: int, holes: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((n, WIDTH))
    rows[rng.random(rows.shape) < holes] = np.nan
    return rows


def margins(rows: np.ndarray) -> np.ndarray:
    return np.nansum(rows, axis=1)


def drawn(rows: np.ndarray, seed: int = 3) -> Parity:
    return parity_of(rows, margins, np.random.default_rng(seed))


def test_half_of_the_rows_have_holes_and_half_have_none() -> None:
    parity = drawn(table(1000))
    holes = np.isnan(parity.rows)
    assert parity.rows.shape == (MIN_ROWS, WIDTH)
    assert int(holes.any(axis=1).sum()) == MIN_ROWS // 2
    assert 0.2 < holes[: MIN_ROWS // 2].mean() < 0.35
    assert not holes.all(axis=1).any()


def test_the_library_answers_the_very_rows_that_are_kept() -> None:
    parity = drawn(table(1000))
    np.testing.assert_array_equal(parity.margins, margins(parity.rows))


def test_the_same_generator_draws_the_same_rows_and_leaves_the_table_alone() -> None:
    rows = table(900, 0.05)
    before = rows.copy()
    np.testing.assert_array_equal(drawn(rows).rows, drawn(rows).rows)
    assert not np.array_equal(drawn(rows).rows, drawn(rows, seed=4).rows, equal_nan=True)
    np.testing.assert_array_equal(rows, before)


@given(st.integers(1, MIN_ROWS - 1))
def test_few_rows_are_drawn_more_than_once(n: int) -> None:
    assert drawn(table(n)).rows.shape[0] == MIN_ROWS


def test_where_there_are_enough_rows_none_is_drawn_twice() -> None:
    whole = drawn(table(MIN_ROWS)).rows[MIN_ROWS // 2 :]
    assert len(np.unique(whole, axis=0)) == len(whole)


def test_rows_that_all_have_holes_prove_nothing() -> None:
    with pytest.raises(DataError, match="without a hole"):
        drawn(np.full((9, WIDTH), np.nan))
