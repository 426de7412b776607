"""Parity vectors prove something, or are refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from stairway.base.verdict import Pass, Refuse
from stairway.models.forest import stump
from stairway.models.parity import (
    MIN_ANSWERED,
    MIN_ROWS,
    Holes,
    Parity,
    from_bytes,
    replay,
    to_bytes,
)
from stairway.testing.models import toy_bundle

PARITY = toy_bundle().body.parity
FOREST = toy_bundle().body.forest
HOLED = np.isnan(PARITY.rows).any(axis=1)
SILENT = Parity(PARITY.rows, np.where(HOLED, np.nan, PARITY.margins))
WIDTH = PARITY.rows.shape[1]


def code(parity: Parity, n_features: int = WIDTH, holes: Holes = Holes.ANSWERED) -> str:
    read = from_bytes(to_bytes(parity), n_features, holes)
    assert isinstance(read, Refuse)
    return read.findings[0].code


def test_good_vectors_survive_writing() -> None:
    read = from_bytes(to_bytes(PARITY), WIDTH, Holes.ANSWERED)
    assert isinstance(read, Parity)
    np.testing.assert_array_equal(read.rows, PARITY.rows)
    np.testing.assert_array_equal(read.margins, PARITY.margins)


def test_one_row_fewer_than_the_minimum_proves_too_little() -> None:
    assert PARITY.margins.size == MIN_ROWS
    assert code(Parity(PARITY.rows[1:], PARITY.margins[1:])) == "parity.too_few"


def test_rows_and_margins_must_fit_together_and_to_the_features() -> None:
    assert code(Parity(PARITY.rows, PARITY.margins[1:])) == "parity.shape"
    assert code(PARITY, n_features=WIDTH + 1) == "parity.shape"


def test_rows_without_any_hole_are_refused() -> None:
    assert code(replace(PARITY, rows=np.nan_to_num(PARITY.rows))) == "parity.holes"


def test_rows_that_all_have_holes_are_refused() -> None:
    rows = PARITY.rows.copy()
    rows[:, 0] = np.nan
    assert code(replace(PARITY, rows=rows)) == "parity.holes"


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_an_infinite_row_is_refused(bad: float) -> None:
    rows = PARITY.rows.copy()
    rows[-1, -1] = bad
    assert code(replace(PARITY, rows=rows)) == "parity.finite"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_margin_that_is_no_number_is_refused(bad: float) -> None:
    margins = PARITY.margins.copy()
    margins[3] = bad
    assert code(replace(PARITY, margins=margins)) == "parity.finite"


def test_a_file_that_is_no_tensor_file_is_refused() -> None:
    assert isinstance(from_bytes(b"{}", WIDTH, Holes.ANSWERED), Refuse)


def test_the_model_that_made_the_vectors_replays_them() -> None:
    verdict = replay(FOREST.margins, PARITY, tolerance=0.0)
    assert isinstance(verdict, Pass)
    assert verdict.findings[0].value == 0.0
    assert verdict.findings[0].n == MIN_ROWS


def test_a_tolerance_of_nothing_sees_the_last_bit() -> None:
    margins = PARITY.margins.copy()
    margins[100] = math.nextafter(margins[100], math.inf)
    assert isinstance(replay(FOREST.margins, Parity(PARITY.rows, margins), 0.0), Refuse)
    assert isinstance(replay(FOREST.margins, Parity(PARITY.rows, margins), 1e-5), Pass)


def test_exactly_the_tolerance_passes_and_more_does_not() -> None:
    forest = stump(0, 0.0, below=1.0, above=2.0)
    parity = Parity(np.array([[-1.0], [1.0]]), np.array([1.0, 2.5]))
    assert isinstance(replay(forest.margins, parity, tolerance=0.5), Pass)
    assert isinstance(replay(forest.margins, parity, tolerance=0.499), Refuse)


def test_a_difference_that_is_no_number_is_refused() -> None:
    forest = stump(0, 0.0, below=np.nan, above=2.0)
    parity = Parity(np.array([[-1.0], [1.0]]), np.array([1.0, 2.0]))
    assert isinstance(replay(forest.margins, parity, tolerance=1e9), Refuse)


def test_another_model_is_refused_with_the_worst_difference() -> None:
    verdict = replay(toy_bundle(seed=8).body.forest.margins, PARITY, tolerance=1e-5)
    assert isinstance(verdict, Refuse)
    assert verdict.findings[0].code == "artifact.parity"
    assert verdict.findings[0].value > 0.1
    assert verdict.findings[0].bound == 1e-5


# --- models that are silent at a hole


def silent(parity: Parity) -> str:
    return code(parity, holes=Holes.SILENT)


def test_silence_at_every_hole_and_answers_elsewhere_are_read() -> None:
    read = from_bytes(to_bytes(SILENT), WIDTH, Holes.SILENT)
    assert isinstance(read, Parity)
    np.testing.assert_array_equal(read.margins, SILENT.margins)


def test_whole_rows_may_be_silent_too() -> None:
    margins = SILENT.margins.copy()
    margins[np.flatnonzero(~HOLED)[:8]] = np.nan
    assert isinstance(
        from_bytes(to_bytes(Parity(PARITY.rows, margins)), WIDTH, Holes.SILENT), Parity
    )


def test_one_answer_at_a_hole_is_refused() -> None:
    margins = SILENT.margins.copy()
    margins[np.flatnonzero(HOLED)[-1]] = 0.5
    assert silent(Parity(PARITY.rows, margins)) == "parity.silent"
    assert silent(PARITY) == "parity.silent"


def test_too_many_silences_prove_nothing() -> None:
    margins = SILENT.margins.copy()
    whole = np.flatnonzero(~HOLED)
    margins[whole[MIN_ANSWERED:]] = np.nan
    read = from_bytes(to_bytes(Parity(PARITY.rows, margins)), WIDTH, Holes.SILENT)
    assert isinstance(read, Parity)
    margins[whole[0]] = np.nan
    assert silent(Parity(PARITY.rows, margins)) == "parity.too_few"


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_an_infinite_answer_is_refused_of_everybody(bad: float) -> None:
    margins = SILENT.margins.copy()
    margins[np.flatnonzero(~HOLED)[0]] = bad
    assert silent(Parity(PARITY.rows, margins)) == "parity.finite"


def test_silence_answers_silence_and_nothing_else_does() -> None:
    def said(rows: np.ndarray) -> np.ndarray:
        return np.where(np.isnan(rows).any(axis=1), np.nan, FOREST.margins(rows))

    assert isinstance(replay(said, SILENT, 0.0), Pass)
    assert isinstance(replay(FOREST.margins, SILENT, 1e9), Refuse)
    assert isinstance(replay(said, PARITY, 1e9), Refuse)
