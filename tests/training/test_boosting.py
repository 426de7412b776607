from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from msgspec import ValidationError

from stairway.base.errors import DataError
from stairway.training.boosting import BoostingRules, Sample


def rules(**changes: float) -> BoostingRules:
    settings = {
        "rounds": 10,
        "learning_rate": 0.1,
        "max_depth": 3,
        "min_leaf_samples": 5.0,
        "l2": 1.0,
        "row_frac": 1.0,
        "column_frac": 1.0,
    }
    return BoostingRules(**(settings | changes))


@pytest.mark.parametrize(
    "bad",
    [
        {"rounds": 0},
        {"rounds": 2_001},
        {"learning_rate": 0.0},
        {"learning_rate": math.nan},
        {"max_depth": 9},
        {"min_leaf_samples": 0.5},
        {"l2": -1.0},
        {"row_frac": 0.0},
        {"column_frac": 1.5},
    ],
)
def test_trees_cannot_be_made_without_bounds(bad: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        rules(**bad)


def test_holes_are_left_out_before_learning_and_not_learnt_from() -> None:
    rows = np.zeros((4, 2))
    rows[2, 1] = math.nan

    with pytest.raises(DataError, match="finite"):
        Sample(rows, np.array([0, 1, 0, 1]), np.ones(4))


@pytest.mark.parametrize("weight", [0.0, -1.0, math.nan])
def test_every_row_has_a_weight(weight: float) -> None:
    with pytest.raises(DataError, match="positive weight"):
        Sample(np.zeros((2, 1)), np.array([0, 1]), np.array([1.0, weight]))


@pytest.mark.parametrize("outcome", [[0, 0, 0], [1, 1, 1], [0, 1, -1], []])
def test_one_outcome_teaches_nothing_and_a_missing_one_is_no_third(outcome: list[int]) -> None:
    n = len(outcome)

    with pytest.raises(DataError, match="nothing to learn"):
        Sample(np.zeros((n, 1)), np.array(outcome, np.int64), np.ones(n))


def test_columns_of_different_length_are_an_error() -> None:
    with pytest.raises(DataError, match="as many outcomes and weights"):
        Sample(np.zeros((3, 1)), np.array([0, 1]), np.ones(3))


def test_reading_the_settings_takes_no_training_library() -> None:
    code = (
        "import sys, stairway.training.boosting, stairway.training.report;"
        "print([m for m in ('lightgbm', 'xgboost', 'sklearn', 'pandas') if m in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert said.stdout.strip() == "[]"
