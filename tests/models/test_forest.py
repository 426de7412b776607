"""A forest that passes validation can be walked by a kernel that checks nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import load, save

from stairway.base.verdict import Pass, Refuse
from stairway.models.forest import Forest, from_bytes, stump, to_bytes, validate
from stairway.testing.models import toy_forest

N_FEATURES = 3
FOREST = toy_forest(seed=3, n_features=N_FEATURES)


def changed(forest: Forest, field: str, at: tuple[int, ...], value: float) -> Forest:
    array = getattr(forest, field).copy()
    array[at] = value
    return replace(forest, **{field: array})


def code(forest: Forest, n_features: int = N_FEATURES) -> str:
    verdict = validate(forest, n_features)
    assert isinstance(verdict, Refuse)
    return verdict.findings[0].code


def leaf_of(forest: Forest) -> int:
    return int(np.flatnonzero(forest.branch[:, 0] == -1)[0])


@given(st.integers(0, 2**32), st.integers(1, 20))
def test_a_grown_forest_is_sound_and_survives_writing(seed: int, n_features: int) -> None:
    forest = toy_forest(seed, n_features)
    assert isinstance(validate(forest, n_features), Pass)
    read = from_bytes(to_bytes(forest), n_features)
    assert isinstance(read, Forest)
    for name in ("branch", "number", "roots"):
        np.testing.assert_array_equal(getattr(read, name), getattr(forest, name))
    assert read.base == forest.base


def test_equal_forests_give_equal_bytes() -> None:
    assert to_bytes(toy_forest(5)) == to_bytes(toy_forest(5))
    assert to_bytes(toy_forest(5)) != to_bytes(toy_forest(6))


def test_the_file_is_plain_safetensors() -> None:
    tensors = load(to_bytes(FOREST))
    np.testing.assert_array_equal(tensors["branch"], FOREST.branch)
    assert tensors["base"].tolist() == [FOREST.base]


def test_a_single_leaf_is_a_forest() -> None:
    leaf = Forest(
        np.array([[-1, -1, -1, 0]], np.int32), np.array([0.7]), np.array([0], np.int32), 0.0
    )
    assert isinstance(validate(leaf, 1), Pass)
    assert leaf.margin(np.array([1.0])) == 0.7


def test_a_forest_without_trees_is_refused() -> None:
    none = Forest(np.empty((0, 4), np.int32), np.empty(0), np.empty(0, np.int32), 0.0)
    assert code(none) == "forest.lengths"


def test_lengths_must_agree() -> None:
    assert code(replace(FOREST, number=FOREST.number[:-1])) == "forest.lengths"
    assert code(replace(FOREST, branch=FOREST.branch[:, :3])) == "forest.lengths"
    more_roots = np.zeros(FOREST.number.size + 1, np.int32)
    assert code(replace(FOREST, roots=more_roots)) == "forest.lengths"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_every_number_must_be_finite(bad: float) -> None:
    assert code(changed(FOREST, "number", (4,), bad)) == "forest.finite"
    assert code(replace(FOREST, base=bad)) == "forest.finite"


@pytest.mark.parametrize("feature", [N_FEATURES, 2**31 - 1, -2, -(2**31)])
def test_a_branch_may_ask_for_existing_features_only(feature: int) -> None:
    assert code(changed(FOREST, "branch", (0, 0), feature)) == "forest.feature"


def test_a_forest_made_for_more_features_is_refused() -> None:
    assert code(stump(2, 0.0, 1.0, 2.0), n_features=2) == "forest.feature"
    assert isinstance(validate(stump(2, 0.0, 1.0, 2.0), n_features=3), Pass)


@pytest.mark.parametrize("child", [0, -1, -5, 75, 2**31 - 1])
def test_a_child_lies_ahead_and_in_range(child: int) -> None:
    assert code(changed(FOREST, "branch", (0, 1), child)) == "forest.children"


def test_a_cycle_is_refused() -> None:
    assert code(changed(FOREST, "branch", (1, 1), 1)) == "forest.children"
    assert code(changed(FOREST, "branch", (1, 2), 0)) == "forest.children"


def test_two_parents_for_one_node_are_refused() -> None:
    right = int(FOREST.branch[0, 2])
    assert code(changed(FOREST, "branch", (0, 1), right)) == "forest.path"


def test_two_trees_that_share_their_leaves_are_refused() -> None:
    shared = Forest(
        np.array([[0, 2, 3, 0], [1, 2, 3, 0], [-1, -1, -1, 0], [-1, -1, -1, 0]], np.int32),
        np.array([0.0, 0.5, -1.0, 1.0]),
        np.array([0, 1], np.int32),
        0.0,
    )
    assert code(shared) == "forest.path"


def test_a_root_that_is_also_a_child_is_refused() -> None:
    assert code(changed(FOREST, "roots", (1,), 1)) == "forest.path"


def test_a_node_that_nothing_leads_to_is_refused() -> None:
    assert code(replace(FOREST, roots=FOREST.roots[:-1])) == "forest.path"


@pytest.mark.parametrize("root", [-1, 75, 2**31 - 1])
def test_a_root_lies_in_range(root: int) -> None:
    assert code(changed(FOREST, "roots", (0,), root)) == "forest.roots"


@pytest.mark.parametrize(("column", "value"), [(1, 3), (2, 0), (3, 1)])
def test_a_leaf_is_nothing_but_a_leaf(column: int, value: int) -> None:
    assert code(changed(FOREST, "branch", (leaf_of(FOREST), column), value)) == "forest.leaf"


@pytest.mark.parametrize("rule", [2, -1])
def test_a_missing_rule_is_left_or_right(rule: int) -> None:
    assert code(changed(FOREST, "branch", (0, 3), rule)) == "forest.leaf"


@settings(max_examples=300)
@given(
    st.sampled_from(["branch", "number", "roots"]),
    st.data(),
    arrays(np.float64, N_FEATURES, elements=st.floats(-3, 3) | st.just(np.nan)),
)
def test_whatever_validation_lets_through_can_be_walked(
    field: str, data: st.DataObject, row: np.ndarray
) -> None:
    array = getattr(FOREST, field)
    at = tuple(data.draw(st.integers(0, side - 1)) for side in array.shape)
    value = data.draw(st.integers(-2, 80) if field != "number" else st.floats(width=64))
    mutant = changed(FOREST, field, at, value)
    if isinstance(validate(mutant, N_FEATURES), Pass):
        assert np.isfinite(margin_with_range_checks(mutant, row))


def margin_with_range_checks(forest: Forest, row: np.ndarray) -> float:
    total = forest.base
    for root in forest.roots.tolist():
        node, steps = root, 0
        while forest.branch[node, 0] >= 0:
            assert 0 <= node < forest.number.size
            assert steps <= forest.number.size
            value = row[forest.branch[node, 0]]
            left = forest.branch[node, 3] if np.isnan(value) else value <= forest.number[node]
            node, steps = int(forest.branch[node, 1 if left else 2]), steps + 1
        total += forest.number[node]
    return total


def test_two_base_margins_are_refused() -> None:
    tensors = load(to_bytes(FOREST))
    read = from_bytes(save({**tensors, "base": np.zeros(2)}), N_FEATURES)
    assert isinstance(read, Refuse)
    assert read.findings[0].code == "forest.base"


def test_a_file_that_parses_is_validated_too() -> None:
    content = to_bytes(changed(FOREST, "branch", (0, 1), 0))
    read = from_bytes(content, N_FEATURES)
    assert isinstance(read, Refuse)
    assert read.findings[0].code == "forest.children"
    assert isinstance(from_bytes(b"", N_FEATURES), Refuse)


def test_a_refusal_names_the_node_and_how_often_it_is_reached() -> None:
    right = int(FOREST.branch[0, 2])
    verdict = validate(changed(FOREST, "branch", (0, 1), right), N_FEATURES)
    assert isinstance(verdict, Refuse)
    assert "node 1 is reached 0 times" in verdict.findings[0].detail
