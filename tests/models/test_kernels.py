"""The compiled walk equals the interpreted one, and a plain recursion over nested trees."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from stairway.models import kernels
from stairway.models.forest import Forest, stump
from stairway.testing.models import Tree, toy_tree
from stairway.training.grow import Split, grow

N_FEATURES = 4
values = st.floats(-3, 3) | st.just(np.nan) | st.just(np.inf) | st.just(-np.inf)
rows = arrays(np.float64, N_FEATURES, elements=values)


def by_recursion(tree: Tree, row: np.ndarray) -> float:
    match tree:
        case Split(feature, threshold, missing_left, left, right):
            value = row[feature]
            goes_left = missing_left if math.isnan(value) else value <= threshold
            return by_recursion(left if goes_left else right, row)
        case leaf:
            return leaf


def parts(forest: Forest) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    return forest.branch, forest.number, forest.roots, forest.base


@st.composite
def trees(draw: st.DrawFn) -> list[Tree]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return [
        toy_tree(rng, N_FEATURES, draw(st.integers(0, 4)))
        for _ in range(draw(st.integers(1, 6)))
    ]


@given(trees(), rows)
def test_a_margin_is_the_base_plus_one_leaf_of_each_tree_in_order(
    grown: list[Tree], row: np.ndarray
) -> None:
    forest = grow(grown, lambda node: node, base=0.5)
    expected = 0.5
    for tree in grown:
        expected += by_recursion(tree, row)
    assert forest.margin(row) == expected


@given(trees(), rows)
def test_compiled_equals_interpreted(grown: list[Tree], row: np.ndarray) -> None:
    arrays_of = parts(grow(grown, lambda node: node, base=-0.25))
    assert kernels.margin(row, *arrays_of) == kernels.margin.py_func(row, *arrays_of)
    np.testing.assert_equal(
        kernels.whole_margin(row, *arrays_of), kernels.whole_margin.py_func(row, *arrays_of)
    )


@given(trees(), arrays(np.float64, (7, N_FEATURES), elements=values))
@settings(max_examples=40)
def test_a_table_is_answered_row_by_row(grown: list[Tree], table: np.ndarray) -> None:
    forest = grow(grown, lambda node: node, base=0.0)
    one_by_one = np.array([forest.margin(row) for row in table])
    np.testing.assert_array_equal(forest.margins(table), one_by_one)
    np.testing.assert_array_equal(kernels.margins.py_func(table, *parts(forest)), one_by_one)


@given(trees(), rows)
def test_a_whole_margin_is_the_margin_of_a_whole_row_and_nan_of_any_other(
    grown: list[Tree], row: np.ndarray
) -> None:
    forest = grow(grown, lambda node: node, base=0.0)
    answer = forest.whole_margin(row)
    if np.isfinite(row).all():
        assert answer == forest.margin(row)
    else:
        assert math.isnan(answer)


def test_a_value_equal_to_the_threshold_goes_left() -> None:
    forest = stump(0, threshold=0.1, below=1.0, above=2.0)
    assert forest.margin(np.array([0.1])) == 1.0
    assert forest.margin(np.array([math.nextafter(0.1, 1.0)])) == 2.0


@pytest.mark.parametrize(("rule", "expected"), [(1, 1.0), (0, 2.0)])
def test_a_missing_value_follows_the_rule_of_its_node(rule: int, expected: float) -> None:
    forest = stump(0, 0.0, below=1.0, above=2.0)
    forest.branch[0, kernels.MISSING_LEFT] = rule
    assert forest.margin(np.array([np.nan])) == expected


def test_an_empty_table_has_no_margins() -> None:
    assert stump(0, 0.0, 1.0, 2.0).margins(np.empty((0, 1))).shape == (0,)
