"""What a policy looks through is measured once, on training rows, and never lies."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from stairway.base.errors import DataError
from stairway.base.verdict import Pass, Refuse
from stairway.features.spec import FEATURE_NAMES
from stairway.models.normaliser import (
    MAX_CLIP,
    WIDTH,
    Normaliser,
    NormaliserForm,
    fit,
    from_form,
    to_form,
    validate,
)

RNG = np.random.default_rng(5)
ROWS = RNG.standard_normal((500, WIDTH)) * RNG.uniform(1e-4, 50.0, WIDTH) + 3.0
MADE = fit(ROWS, clip=5.0)
tables = arrays(np.float64, (7, WIDTH), elements=st.floats(-1e6, 1e6))


def code(normaliser: Normaliser) -> str:
    verdict = validate(normaliser)
    assert isinstance(verdict, Refuse)
    return verdict.findings[0].code


def test_it_has_a_column_for_each_feature_of_both_instruments() -> None:
    assert WIDTH == 2 * len(FEATURE_NAMES) == 24


def test_training_rows_come_out_with_mean_zero_and_deviation_one() -> None:
    wide = replace(MADE, clip=MAX_CLIP).apply(ROWS).astype(np.float64)
    np.testing.assert_allclose(wide.mean(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(wide.std(axis=0), 1.0, atol=1e-6)


def test_figures_are_of_the_rows_given_and_of_no_others() -> None:
    np.testing.assert_array_equal(MADE.mean, ROWS.mean(axis=0))
    np.testing.assert_array_equal(MADE.deviation, ROWS.std(axis=0))
    before = MADE.fingerprint
    MADE.apply(ROWS * 1e3)
    assert MADE.fingerprint == before
    assert fit(ROWS[:400], clip=5.0).fingerprint != before


@given(tables)
def test_nothing_beyond_the_bound_comes_out(rows: np.ndarray) -> None:
    said = MADE.apply(rows)
    assert said.dtype == np.float32
    assert np.abs(said).max() <= 5.0


@given(tables)
def test_a_row_alone_is_read_as_in_a_table(rows: np.ndarray) -> None:
    table = MADE.apply(rows)
    for row, said in zip(rows, table, strict=True):
        np.testing.assert_array_equal(MADE.apply(row), said)


@given(tables)
def test_it_is_the_plain_formula_rounded_once(rows: np.ndarray) -> None:
    plain = np.clip((rows - MADE.mean) / MADE.deviation, -5.0, 5.0)
    np.testing.assert_array_equal(MADE.apply(rows), plain.astype(np.float32))


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_comes_out_as_a_hole_and_not_as_the_bound(hole: float) -> None:
    rows = ROWS[:3].copy()
    rows[1, 4] = hole
    said = MADE.apply(rows)
    assert np.isnan(said[1, 4])
    assert int(np.isnan(said).sum()) == 1


def test_the_rows_are_left_alone() -> None:
    rows = ROWS[:3].copy()
    MADE.apply(rows)
    np.testing.assert_array_equal(rows, ROWS[:3])


@pytest.mark.parametrize("shape", [(23,), (25,), (3, 12), (3, 23), (0,), (2, 12)])
def test_rows_of_another_width_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="24 columns"):
        MADE.apply(np.zeros(shape))


def test_a_bare_number_is_refused() -> None:
    with pytest.raises(DataError, match="24 columns"):
        MADE.apply(np.array(1.0))


@pytest.mark.parametrize("value", [0.0, 7.0, 0.1, 1e9 / 3.0])
def test_a_column_that_never_moved_is_zero_whatever_comes(value: float) -> None:
    rows = ROWS.copy()
    rows[:, 3] = value
    made = fit(rows, clip=5.0)
    assert made.deviation[3] == 0.0
    later = ROWS[:4] + 1e6
    assert (made.apply(later)[:, 3] == 0.0).all()


def test_a_column_that_never_moved_still_shows_a_hole() -> None:
    rows = ROWS.copy()
    rows[:, 3] = 1.0
    row = ROWS[0].copy()
    row[3] = np.nan
    assert np.isnan(fit(rows, clip=5.0).apply(row)[3])


def test_a_number_too_large_for_the_ratio_is_cut_without_a_warning() -> None:
    tiny = replace(MADE, deviation=np.full(WIDTH, 1e-300))
    assert (tiny.apply(np.full(WIDTH, 1e300)) == 5.0).all()


@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_training_rows_must_be_finite(hole: float) -> None:
    rows = ROWS.copy()
    rows[7, 7] = hole
    with pytest.raises(DataError, match="1 of 500 training rows are not finite"):
        fit(rows, clip=5.0)


def test_training_rows_that_overflow_are_refused() -> None:
    rows = ROWS.copy()
    rows[:2, 0] = 1e300, -1e300
    with pytest.raises(DataError, match="deviation"):
        fit(rows, clip=5.0)


@pytest.mark.parametrize("shape", [(0, WIDTH), (1, WIDTH), (9, 12), (WIDTH,), (9, 2, 12)])
def test_too_few_rows_or_another_width_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="at least 2 rows of 24"):
        fit(np.zeros(shape), clip=5.0)


@pytest.mark.parametrize("clip", [0.0, -1.0, np.nan, np.inf, MAX_CLIP * 1.01])
def test_a_bound_that_makes_no_sense_is_refused(clip: float) -> None:
    with pytest.raises(DataError, match="bound"):
        fit(ROWS, clip=clip)


def test_it_reads_back_to_the_bit_through_json() -> None:
    written = msgspec.json.encode(to_form(MADE))
    read = from_form(msgspec.json.decode(written, type=NormaliserForm))
    assert isinstance(read, Normaliser)
    assert read.fingerprint == MADE.fingerprint
    np.testing.assert_array_equal(read.apply(ROWS), MADE.apply(ROWS))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"mean": np.zeros(23)}, "normaliser.shape"),
        ({"deviation": np.ones((24, 1))}, "normaliser.shape"),
        ({"mean": np.zeros(24, np.float32)}, "normaliser.dtype"),
        ({"mean": np.full(24, np.nan)}, "normaliser.mean"),
        ({"mean": np.full(24, np.inf)}, "normaliser.mean"),
        ({"deviation": np.full(24, np.nan)}, "normaliser.deviation"),
        ({"deviation": np.full(24, np.inf)}, "normaliser.deviation"),
        ({"deviation": np.full(24, -1e-9)}, "normaliser.deviation"),
        ({"clip": np.nan}, "normaliser.clip"),
        ({"clip": 0.0}, "normaliser.clip"),
    ],
)
def test_anything_unsound_is_refused_by_name(change: dict[str, object], expected: str) -> None:
    assert code(replace(MADE, **change)) == expected


def test_a_sound_one_passes() -> None:
    assert isinstance(validate(MADE), Pass)


def test_every_figure_enters_the_fingerprint() -> None:
    others = (
        replace(MADE, clip=5.1),
        replace(MADE, mean=MADE.mean + 1e-9),
        replace(MADE, deviation=np.nextafter(MADE.deviation, 1e9)),
    )
    assert len({MADE.fingerprint, *(other.fingerprint for other in others)}) == 4


def test_unknown_keys_of_the_form_are_refused() -> None:
    content = msgspec.json.encode(msgspec.to_builtins(to_form(MADE)) | {"momentum": 0.9})
    with pytest.raises(msgspec.ValidationError, match="momentum"):
        msgspec.json.decode(content, type=NormaliserForm)
