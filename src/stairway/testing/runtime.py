"""The promises of :class:`stairway.models.ports.ModelRuntime`, as tests.

Subclass, provide two fixtures, and pytest does the rest: ``runtime``, any loaded model,
and ``rows``, an (n, n_features) table of finite rows to which it has something to say.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from stairway.base.arrays import FloatArray
from stairway.models.calibration import REGIMES
from stairway.models.ports import ModelRuntime

DIGEST_DIGITS = 64


class RuntimeContract:
    """What every runtime must do before it is asked about money."""

    def test_it_says_who_it_is(self, runtime: ModelRuntime) -> None:
        """Every answer can be traced to one artifact."""
        card = runtime.card
        assert card.model
        assert card.version
        assert card.schema_hash
        assert len(card.digest) == DIGEST_DIGITS
        assert int(card.digest, 16) >= 0

    @pytest.mark.parametrize("regime", REGIMES)
    def test_it_answers_a_whole_row(
        self, runtime: ModelRuntime, rows: FloatArray, regime: str
    ) -> None:
        """A finite margin, and a probability that is never certain."""
        for row in rows:
            raw, confidence = runtime.predict(row, regime)
            assert math.isfinite(raw)
            assert 0.0 < confidence < 1.0

    def test_the_same_question_has_the_same_answer(
        self, runtime: ModelRuntime, rows: FloatArray
    ) -> None:
        """Asking again, in any order, changes nothing."""
        before = [runtime.predict(row, "range") for row in rows]
        after = [runtime.predict(row, "range") for row in rows[::-1]]
        assert before == after[::-1]

    def test_it_leaves_the_row_alone(self, runtime: ModelRuntime, rows: FloatArray) -> None:
        """Several models read one row."""
        row = rows[0].copy()
        runtime.predict(row, "trend")
        np.testing.assert_array_equal(row, rows[0])

    @pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
    def test_a_row_with_a_hole_has_no_answer(
        self, runtime: ModelRuntime, rows: FloatArray, hole: float
    ) -> None:
        """Wherever the hole is, both numbers are NaN."""
        for feature in range(rows.shape[1]):
            row = rows[0].copy()
            row[feature] = hole
            assert all(math.isnan(value) for value in runtime.predict(row, "trend"))

    def test_a_row_of_another_width_has_no_answer(
        self, runtime: ModelRuntime, rows: FloatArray
    ) -> None:
        """One feature too many or too few is not repaired."""
        for row in (rows[0][:-1].copy(), np.append(rows[0], 0.0), np.empty(0)):
            assert all(math.isnan(value) for value in runtime.predict(row, "trend"))

    def test_it_is_not_a_constant(self, runtime: ModelRuntime, rows: FloatArray) -> None:
        """Rows that differ are answered differently somewhere."""
        assert len({runtime.predict(row, "trend") for row in rows}) > 1

    @pytest.mark.parametrize("regime", REGIMES)
    def test_a_higher_margin_is_never_a_lower_probability(
        self, runtime: ModelRuntime, rows: FloatArray, regime: str
    ) -> None:
        """Calibration bends the scale and does not turn it over."""
        answers = sorted(runtime.predict(row, regime) for row in rows)
        assert all(low[1] <= high[1] for low, high in pairwise(answers))
