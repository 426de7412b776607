"""The fit is the one that scikit-learn finds, and what cannot be fitted is named."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from sklearn.isotonic import IsotonicRegression

from stairway.base.errors import DataError
from stairway.models import kernels
from stairway.models.isotonic import isotonic

points = st.lists(
    st.tuples(
        st.floats(-9, 9).map(lambda x: round(x, 1)), st.floats(0, 1), st.floats(0.01, 10)
    ),
    min_size=1,
    max_size=60,
)


@given(points)
def test_it_agrees_with_scikit_learn(rows: list[tuple[float, float, float]]) -> None:
    x, y, weights = (np.array(column) for column in zip(*rows, strict=True))
    oracle = IsotonicRegression().fit(x, y, weights)
    found = isotonic(x, y, weights)
    np.testing.assert_allclose(found.level, oracle.predict(found.x), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(found.x, np.unique(x))
    assert found.weight.sum() == pytest.approx(weights.sum())


@pytest.mark.parametrize("decimals", [1, 3, 12])
def test_a_hundred_thousand_outcomes_agree_with_scikit_learn_to_the_twelfth_digit(
    decimals: int,
) -> None:
    rng = np.random.default_rng(decimals)
    x = np.round(rng.standard_normal(100_000), decimals)
    y = (rng.random(x.size) < 1.0 / (1.0 + np.exp(-x))).astype(np.float64)
    found = isotonic(x, y)
    expected = IsotonicRegression().fit(x, y).predict(found.x)
    np.testing.assert_allclose(found.level, expected, rtol=0, atol=1e-12)


@given(points)
def test_no_level_falls_and_the_mean_is_kept(rows: list[tuple[float, float, float]]) -> None:
    x, y, weights = (np.array(column) for column in zip(*rows, strict=True))
    found = isotonic(x, y, weights)
    assert bool(np.all(np.diff(found.level) >= 0.0))
    assert bool(np.all(np.diff(found.x) > 0.0))
    assert found.level @ found.weight == pytest.approx(y @ weights)


def test_a_series_that_only_falls_is_one_block() -> None:
    assert isotonic(np.arange(4.0), np.array([4.0, 3, 2, 1])).level.tolist() == [2.5] * 4


def test_compiled_and_interpreted_kernels_agree() -> None:
    rng = np.random.default_rng(0)
    x, y, w = np.round(rng.standard_normal(200), 1), rng.random(200), rng.uniform(0.1, 2, 200)
    order = np.argsort(x, kind="stable")
    for kernel, arguments in ((kernels.tied, (x, y, w, order)), (kernels.pooled, (y, w))):
        compiled = kernel(*arguments)
        np.testing.assert_array_equal(compiled, kernel.py_func(*arguments))


@pytest.mark.parametrize(
    ("x", "y", "weights", "words"),
    [
        ([], [], [], "not empty"),
        ([1.0, 2.0], [1.0], [1.0, 1.0], "one length"),
        ([1.0], [1.0], [1.0, 1.0], "one length"),
        ([1.0, math.nan], [0.0, 1.0], [1.0, 1.0], "row 1 is x nan"),
        ([1.0, 2.0], [math.inf, 1.0], [1.0, 1.0], "row 0 .* y inf"),
        ([1.0, 2.0], [0.0, 1.0], [1.0, 0.0], "row 1 .* weight 0.0"),
        ([1.0, 2.0], [0.0, 1.0], [1.0, math.nan], "row 1 .* weight nan"),
    ],
)
def test_what_cannot_be_fitted_is_named(
    x: list[float], y: list[float], weights: list[float], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        isotonic(np.array(x), np.array(y), np.array(weights))


@pytest.mark.parametrize(
    "kind", [list, tuple, lambda row: np.array(row, ">f8"), pd.Series], ids=range(4)
)
def test_numbers_of_any_kind_are_taken(kind: Callable[[list[float]], Any]) -> None:
    x, y, weights = [3.0, 1.0, 2.0, 4.0], [2.0, 1.0, 3.0, 4.0], [1.0, 2.0, 1.0, 1.0]
    plain = isotonic(np.array(x), np.array(y), np.array(weights))
    for one, other in zip(isotonic(kind(x), kind(y), kind(weights)), plain, strict=True):
        assert one.tolist() == other.tolist()
    assert isotonic(kind(x), kind(y)).level.tolist() == [1.0, 2.5, 2.5, 4.0]


@pytest.mark.parametrize(
    ("x", "name"), [(["a"], "x must be numbers"), ([[1.0]], "x must be one")]
)
def test_what_is_no_row_of_numbers_is_named(x: Any, name: str) -> None:
    with pytest.raises(DataError, match=name):
        isotonic(x, [1.0])
