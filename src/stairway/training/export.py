"""From a trained booster to a forest that needs no library to answer.

Reads the library's own dump; :mod:`stairway.training.grow` lays its trees out. What a
forest cannot say exactly (categories, linear leaves, dropped trees, several outputs) is
refused here, by name, rather than approximated.

The two libraries differ in four ways, and all four are settled here:

- LightGBM sends ``value <= threshold`` left, XGBoost ``float32(value) < threshold``: an
  XGBoost threshold becomes the largest float64 that its rounding still sends left.
- LightGBM reads a missing value as 0.0 where training saw none; XGBoost has a direction
  in every node.
- LightGBM takes values within 1e-35 of zero for zero; XGBoost takes them as they are.
- LightGBM carries its base in the first tree, XGBoost beside the trees.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NoReturn, Protocol

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.errors import ConfigError
from stairway.models.forest import Forest
from stairway.training.grow import Split, grow

LIGHTGBM_ZERO = float(np.float32(1e-35))
"""LightGBM reads whatever is no larger than this, of either sign, as 0.0."""


class LightGBM(Protocol):
    """What is needed of ``lightgbm.Booster``."""

    def dump_model(self) -> dict[str, Any]:
        """Return the model as nested dictionaries."""
        ...

    def predict(self, data: FloatArray, *, raw_score: bool) -> Any:
        """Return margins if ``raw_score``."""
        ...


class XGBoost(Protocol):
    """What is needed of ``xgboost.Booster``."""

    def save_raw(self, raw_format: str) -> bytearray:
        """Return the model as JSON text if ``raw_format`` is ``"json"``."""
        ...

    def inplace_predict(self, data: FloatArray, *, predict_type: str) -> Any:
        """Return margins if ``predict_type`` is ``"margin"``."""
        ...


class _LightNode(msgspec.Struct, frozen=True):
    leaf_value: float | None = None
    leaf_coeff: list[float] | None = None
    split_feature: int = -1
    threshold: float | str = math.nan
    decision_type: str = ""
    default_left: bool = False
    missing_type: Literal["None", "NaN", "Zero"] = "None"
    left_child: _LightNode | None = None
    right_child: _LightNode | None = None


class _LightTree(msgspec.Struct, frozen=True):
    tree_structure: _LightNode


class _LightDump(msgspec.Struct, frozen=True):
    num_class: int
    num_tree_per_iteration: int
    average_output: bool
    tree_info: list[_LightTree]


class _XTree(msgspec.Struct, frozen=True):
    left_children: list[int]
    right_children: list[int]
    split_indices: list[int]
    split_conditions: list[float]
    default_left: list[int]
    split_type: list[int]


class _XTrees(msgspec.Struct, frozen=True):
    trees: list[_XTree] = []


class _XGrown(msgspec.Struct, frozen=True):
    name: str
    model: _XTrees | None = None


class _XParam(msgspec.Struct, frozen=True):
    base_score: str
    num_class: str
    num_target: str = "1"


class _XObjective(msgspec.Struct, frozen=True):
    name: str


class _XLearner(msgspec.Struct, frozen=True):
    gradient_booster: _XGrown
    learner_model_param: _XParam
    objective: _XObjective


class _XDump(msgspec.Struct, frozen=True):
    learner: _XLearner


def from_lightgbm(booster: LightGBM) -> Forest:
    """Return the forest whose margins equal ``predict(rows, raw_score=True)`` to the bit.

    With early stopping both mean the trees up to the best iteration.

    Raises
    ------
    ConfigError
        If the booster does something that a forest cannot say.
    """
    dump = msgspec.convert(booster.dump_model(), _LightDump)
    if dump.num_class != 1 or dump.num_tree_per_iteration != 1:
        _unsupported("LightGBM", "several classes", "one binary objective")
    if dump.average_output:
        _unsupported("LightGBM", "averaged trees (boosting = rf)", "boosting = gbdt")
    return grow((tree.tree_structure for tree in dump.tree_info), _read_lightgbm, base=0.0)


def from_xgboost(booster: XGBoost) -> Forest:
    """Return the forest whose margins lie within 1e-5 of XGBoost's, for any float64 row.

    Raises
    ------
    ConfigError
        If the booster does something that a forest cannot say.
    """
    learner = msgspec.json.decode(bytes(booster.save_raw("json")), type=_XDump).learner
    grown, param = learner.gradient_booster, learner.learner_model_param
    if grown.name != "gbtree" or grown.model is None:
        _unsupported("XGBoost", f"booster {grown.name}", "booster = gbtree")
    if learner.objective.name != "binary:logistic":
        _unsupported("XGBoost", learner.objective.name, "objective = binary:logistic")
    if param.num_class not in {"0", "1"} or param.num_target not in {"0", "1"}:
        _unsupported("XGBoost", "several classes or targets", "one binary objective")
    if any(any(tree.split_type) for tree in grown.model.trees):
        _unsupported("XGBoost", "categorical splits", "numeric features")
    roots = ((tree, 0) for tree in grown.model.trees)
    return grow(roots, _read_xgboost, base=_base_margin(param.base_score))


def lightgbm_margins(booster: LightGBM, rows: FloatArray) -> FloatArray:
    """LightGBM's own margins of an (n, n_features) table, as (n,) float64."""
    return np.asarray(booster.predict(rows, raw_score=True), np.float64)


def xgboost_margins(booster: XGBoost, rows: FloatArray) -> FloatArray:
    """XGBoost's own margins of an (n, n_features) table, as (n,) float64."""
    return np.asarray(booster.inplace_predict(rows, predict_type="margin"), np.float64)


def _read_lightgbm(node: _LightNode) -> Split[_LightNode] | float:
    if node.leaf_coeff is not None:
        _unsupported("LightGBM", "linear leaves (linear_tree)", "linear_tree = false")
    if node.left_child is None or node.right_child is None:
        return node.leaf_value if node.leaf_value is not None else math.nan
    if node.decision_type != "<=" or isinstance(node.threshold, str):
        _unsupported("LightGBM", "categorical splits", "numeric features")
    if node.missing_type == "Zero":
        _unsupported("LightGBM", "zero_as_missing", "zero_as_missing = false")
    # Where training saw no missing value, LightGBM takes a later one for 0.0
    reads_as_zero = node.missing_type == "None"
    missing_left = node.threshold >= 0.0 if reads_as_zero else node.default_left
    return Split(
        feature=node.split_feature,
        threshold=_around_zero(node.threshold),
        missing_left=missing_left,
        left=node.left_child,
        right=node.right_child,
    )


def _read_xgboost(at: tuple[_XTree, int]) -> Split[tuple[_XTree, int]] | float:
    tree, k = at
    if tree.left_children[k] == -1:
        return tree.split_conditions[k]
    return Split(
        feature=tree.split_indices[k],
        threshold=_last_below(tree.split_conditions[k]),
        missing_left=tree.default_left[k] == 1,
        left=(tree, tree.left_children[k]),
        right=(tree, tree.right_children[k]),
    )


def _around_zero(threshold: float) -> float:
    """Move a threshold inside the band that LightGBM reads as 0.0 to the band's edge."""
    if 0.0 <= threshold < LIGHTGBM_ZERO:
        return LIGHTGBM_ZERO
    if -LIGHTGBM_ZERO <= threshold < 0.0:
        return math.nextafter(-LIGHTGBM_ZERO, -math.inf)
    return threshold


def _last_below(condition: float) -> float:
    """Largest float64 that, rounded to float32, is still less than ``condition``.

    It lies half way between ``condition`` and the float32 before it, or just below where
    that tie is rounded up.
    """
    bound = np.float32(condition)
    middle = (float(np.nextafter(bound, np.float32(-np.inf))) + float(bound)) / 2.0
    return middle if np.float32(middle) < bound else math.nextafter(middle, -math.inf)


def _base_margin(base_score: str) -> float:
    read: float | tuple[float] = msgspec.json.decode(base_score, type=float | tuple[float])
    probability = read[0] if isinstance(read, tuple) else read
    return math.log(probability / (1.0 - probability))


def _unsupported(library: str, found: str, wanted: str) -> NoReturn:
    msg = f"{library} was trained with {found}, which cannot be sealed exactly; use {wanted}"
    raise ConfigError(msg)
