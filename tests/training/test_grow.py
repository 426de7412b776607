"""Trees become arrays in which every parent comes before its children."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.verdict import Pass
from stairway.models.forest import validate
from stairway.testing.models import Tree
from stairway.training.grow import Split, grow


def split(feature: int, threshold: float, left: Tree, right: Tree) -> Tree:
    return Split(feature, threshold, missing_left=True, left=left, right=right)


def test_trees_are_laid_out_parent_first_left_before_right() -> None:
    tree = split(0, 1.0, split(1, 2.0, -1.0, -2.0), 3.0)
    forest = grow([tree, 0.5], lambda node: node, base=0.0)
    assert forest.branch.tolist() == [
        [0, 1, 4, 1],
        [1, 2, 3, 1],
        [-1, -1, -1, 0],
        [-1, -1, -1, 0],
        [-1, -1, -1, 0],
        [-1, -1, -1, 0],
    ]
    assert forest.number.tolist() == [1.0, 2.0, -1.0, -2.0, 3.0, 0.5]
    assert forest.roots.tolist() == [0, 5]


def test_a_tree_may_be_deeper_than_the_stack_of_python() -> None:
    tree: Tree = 0.0
    for depth in range(5000):
        tree = split(0, float(depth), tree, 1.0)
    forest = grow([tree], lambda node: node, base=0.0)
    assert forest.margin(np.array([-1.0])) == 0.0
    assert isinstance(validate(forest, 1), Pass)


trees = st.recursive(
    st.floats(-10.0, 10.0),
    lambda inner: st.builds(
        Split, st.integers(0, 2), st.floats(-3.0, 3.0), st.booleans(), inner, inner
    ),
    max_leaves=12,
)


def asked(tree: Tree, row: np.ndarray) -> float:
    """Walk one tree by hand."""
    while isinstance(tree, Split):
        value = row[tree.feature]
        left = tree.missing_left if np.isnan(value) else value <= tree.threshold
        tree = tree.left if left else tree.right
    return tree


@given(st.lists(trees, min_size=1, max_size=4), st.integers(0, 2**31))
def test_a_forest_answers_as_its_trees_do_by_hand(grown: list[Tree], seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.choice([-2.0, -0.5, 0.0, 1.0, 2.5, np.nan], (8, 3))
    forest = grow(grown, lambda node: node, base=0.5)
    by_hand = [0.5 + sum(asked(tree, row) for tree in grown) for row in rows]
    np.testing.assert_allclose(forest.margins(rows), by_hand, rtol=0.0, atol=1e-12)
