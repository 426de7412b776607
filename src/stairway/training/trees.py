"""Fit boosted trees with their own libraries, and keep only the inert forest.

Small trees, one thread, a stated seed: the same rows give the same forest on every run of
the same library. Samples count by the uniqueness of their labels, so a leaf "of twenty"
holds twenty independent samples, and not twenty views of the same two weeks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, assert_never, cast

import lightgbm
import xgboost

from stairway.base.arrays import FloatArray
from stairway.base.errors import InvariantError
from stairway.models.forest import Forest
from stairway.models.manifest import Family
from stairway.training.boosting import BoostingRules, Sample
from stairway.training.export import (
    from_lightgbm,
    from_xgboost,
    lightgbm_margins,
    xgboost_margins,
)

_HESSIAN_PER_SAMPLE = 0.25
"""Second derivative of the logistic loss at p = 0.5, near which all our forecasts lie."""

Margins: TypeAlias = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A forest, and what the library that grew it says of the same rows.

    Attributes
    ----------
    forest
        What is served.
    reference
        Margins by the library itself, for the parity check; only training has it.
    """

    forest: Forest
    reference: Margins


def fit(family: Family, sample: Sample, rules: BoostingRules, seed: int) -> Fitted:
    """Grow trees on a sample.

    Raises
    ------
    DataError
        If the trees cannot be written as an inert forest.
    InvariantError
        If models of the family are not trees.

    Examples
    --------
    >>> import numpy as np
    >>> rules = BoostingRules(
    ...     rounds=20, learning_rate=0.3, max_depth=2,
    ...     min_leaf_samples=5.0, l2=1.0, row_frac=1.0, column_frac=1.0,
    ... )
    >>> rows = np.linspace(-1.0, 1.0, 200)[:, None]
    >>> sample = Sample(rows, (rows[:, 0] > 0.0).astype(np.int64), np.ones(200))
    >>> fitted = fit(Family.LIGHTGBM, sample, rules, seed=7)
    >>> fitted.forest.margin(np.array([-0.5])) < 0.0 < fitted.forest.margin(np.array([0.5]))
    True
    """
    match family:
        case Family.LIGHTGBM:
            return _lightgbm(sample, rules, seed)
        case Family.XGBOOST:
            return _xgboost(sample, rules, seed)
        case Family.RULE | Family.POLICY:
            msg = f"a {family} is not grown from labelled samples; lightgbm and xgboost are"
            raise InvariantError(msg)
        case _:
            assert_never(family)


def _lightgbm(sample: Sample, rules: BoostingRules, seed: int) -> Fitted:
    lgb = cast("Any", lightgbm)
    settings: dict[str, Any] = {
        "objective": "binary",
        "learning_rate": rules.learning_rate,
        "max_depth": rules.max_depth,
        "num_leaves": 2**rules.max_depth,
        "min_data_in_leaf": 1,
        "min_sum_hessian_in_leaf": _HESSIAN_PER_SAMPLE * rules.min_leaf_samples,
        "lambda_l2": rules.l2,
        "bagging_fraction": rules.row_frac,
        "bagging_freq": 1,
        "feature_fraction": rules.column_frac,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbose": -1,
    }
    data = lgb.Dataset(sample.rows, sample.outcome, weight=sample.weight)
    booster = lgb.train(settings, data, num_boost_round=rules.rounds)
    return Fitted(from_lightgbm(booster), partial(lightgbm_margins, booster))


def _xgboost(sample: Sample, rules: BoostingRules, seed: int) -> Fitted:
    xgb = cast("Any", xgboost)
    settings: dict[str, Any] = {
        "objective": "binary:logistic",
        "learning_rate": rules.learning_rate,
        "max_depth": rules.max_depth,
        "min_child_weight": _HESSIAN_PER_SAMPLE * rules.min_leaf_samples,
        "reg_lambda": rules.l2,
        "subsample": rules.row_frac,
        "colsample_bytree": rules.column_frac,
        "tree_method": "hist",
        "seed": seed,
        "nthread": 1,
        "verbosity": 0,
    }
    data = xgb.DMatrix(sample.rows, sample.outcome, weight=sample.weight, nthread=1)
    booster = xgb.train(settings, data, num_boost_round=rules.rounds)
    return Fitted(from_xgboost(booster), partial(xgboost_margins, booster))
