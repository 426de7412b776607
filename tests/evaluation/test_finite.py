from __future__ import annotations

import math

import numpy as np
import pytest

from stairway.base.errors import DataError
from stairway.evaluation.finite import require_finite


def test_what_is_finite_passes() -> None:
    require_finite(np.array([]), "returns")
    require_finite(np.array([0.0, -1.0, 1e308]), "returns")


@pytest.mark.parametrize("hole", [math.nan, math.inf, -math.inf])
def test_the_first_hole_is_named_by_its_row(hole: float) -> None:
    with pytest.raises(DataError, match=f"returns must be finite, but row 2 is {hole}"):
        require_finite(np.array([0.1, 0.2, hole, math.nan]), "returns")


def test_in_a_table_by_row_and_column() -> None:
    table = np.zeros((4, 3))
    table[2, 1] = math.nan

    with pytest.raises(DataError, match="row 2, column 1 is nan"):
        require_finite(table, "losses")
