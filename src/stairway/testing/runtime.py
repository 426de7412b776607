"""The promises of the two ports of :mod:`stairway.models.ports`, as tests.

Subclass, provide two fixtures, and pytest does the rest: ``runtime``, any loaded model,
and ``rows``, finite rows to which it has something to say: an (n, n_features) table for a
:class:`stairway.models.ports.ModelRuntime`, an (n, 2, n_features) one for a
:class:`stairway.models.ports.PairRuntime`.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from stairway.base.arrays import FloatArray
from stairway.models.calibration import REGIMES
from stairway.models.ports import ModelRuntime, PairRuntime, Runtime

DIGEST_DIGITS = 64


class RuntimeContract:
    """What every runtime must do before it is asked about money."""

    def test_it_says_who_it_is(self, runtime: ModelRuntime) -> None:
        """Every answer can be traced to one artifact."""
        _require_card(runtime)

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


class PairRuntimeContract:
    """What every runtime that looks at both instruments must do, likewise."""

    def test_it_says_who_it_is(self, runtime: PairRuntime) -> None:
        """Every answer can be traced to one artifact."""
        _require_card(runtime)

    def test_it_is_known_for_what_it_is(self, runtime: PairRuntime) -> None:
        """Whoever asks can tell it from one that looks at one instrument."""
        assert isinstance(runtime, PairRuntime)
        assert not hasattr(runtime, "predict")

    @pytest.mark.parametrize("regime", REGIMES)
    def test_it_answers_whole_rows(
        self, runtime: PairRuntime, rows: FloatArray, regime: str
    ) -> None:
        """Of each instrument a finite margin, and a probability that is never certain."""
        for pair in rows:
            said = runtime.predict_pair(pair, regime)
            assert len(said) == len(pair)
            for raw, confidence in said:
                assert math.isfinite(raw)
                assert 0.0 < confidence < 1.0

    def test_the_same_question_has_the_same_answer(
        self, runtime: PairRuntime, rows: FloatArray
    ) -> None:
        """Asking again, in any order, changes nothing: it remembers no position."""
        before = [runtime.predict_pair(pair, "range") for pair in rows]
        after = [runtime.predict_pair(pair, "range") for pair in rows[::-1]]
        assert before == after[::-1]

    def test_it_leaves_the_rows_alone(self, runtime: PairRuntime, rows: FloatArray) -> None:
        """Several models read them."""
        pair = rows[0].copy()
        runtime.predict_pair(pair, "trend")
        np.testing.assert_array_equal(pair, rows[0])

    @pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
    def test_a_hole_in_either_row_leaves_no_answer_at_all(
        self, runtime: PairRuntime, rows: FloatArray, hole: float
    ) -> None:
        """Wherever the hole is, all four numbers are NaN."""
        for k, feature in np.ndindex(rows.shape[1:]):
            pair = rows[0].copy()
            pair[k, feature] = hole
            assert np.isnan(runtime.predict_pair(pair, "trend")).all()

    def test_rows_of_another_shape_have_no_answer(
        self, runtime: PairRuntime, rows: FloatArray
    ) -> None:
        """One feature or instrument too many or too few is not repaired."""
        pair = rows[0]
        for bad in (pair[:, :-1], pair[:1], pair[0], np.vstack([pair, pair]), np.empty((2, 0))):
            assert np.isnan(runtime.predict_pair(bad.copy(), "trend")).all()

    def test_it_is_not_a_constant(self, runtime: PairRuntime, rows: FloatArray) -> None:
        """Rows that differ are answered differently somewhere, for either instrument."""
        said = [runtime.predict_pair(pair, "trend") for pair in rows]
        assert all(len({pair[k] for pair in said}) > 1 for k in (0, 1))

    @pytest.mark.parametrize("regime", REGIMES)
    def test_a_higher_margin_is_never_a_lower_probability(
        self, runtime: PairRuntime, rows: FloatArray, regime: str
    ) -> None:
        """Calibration bends the scale and does not turn it over, nor differ by instrument."""
        said = [one for pair in rows for one in runtime.predict_pair(pair, regime)]
        assert all(low[1] <= high[1] for low, high in pairwise(sorted(said)))


def _require_card(runtime: Runtime) -> None:
    card = runtime.card
    assert card.model
    assert card.version
    assert card.schema_hash
    assert len(card.digest) == DIGEST_DIGITS
    assert int(card.digest, 16) >= 0
