"""Reading a table never extrapolates, never turns over, and never claims certainty."""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec
import numpy as np
import pytest
from hypothesis import given, strategies as st

from stairway.base.verdict import Pass, Refuse
from stairway.features.regime import RegimeLabel
from stairway.models.calibration import (
    MAX_KNOTS,
    REGIMES,
    Calibration,
    CalibrationForm,
    RegimeMap,
    apply,
    apply_many,
    from_bytes,
    to_bytes,
    validate,
)
from stairway.testing.models import toy_calibration


def of(x: tuple[float, ...], y: tuple[float, ...]) -> Calibration:
    table = RegimeMap(CalibrationForm.ISOTONIC, n=10, n_effective=4.0, x=x, y=y)
    return Calibration(dict.fromkeys(REGIMES, table))


@dataclass(frozen=True)
class Knots:
    x: tuple[float, ...]
    y: tuple[float, ...]


@st.composite
def knots(draw: st.DrawFn) -> Knots:
    x = draw(st.lists(st.floats(-50, 50), min_size=2, max_size=20, unique=True).map(sorted))
    y = draw(st.lists(st.floats(0.001, 0.999), min_size=len(x), max_size=len(x)).map(sorted))
    return Knots(tuple(x), tuple(y))


def code(calibration: Calibration) -> str:
    verdict = validate(calibration)
    assert isinstance(verdict, Refuse)
    return verdict.findings[0].code


def test_there_is_a_map_for_every_regime_that_the_detector_knows() -> None:
    assert set(REGIMES) == set(RegimeLabel) == {"trend", "range", "crisis"}


@given(knots(), st.floats(-100, 100))
def test_a_table_is_read_as_numpy_interpolates(table: Knots, margin: float) -> None:
    expected = np.interp(margin, table.x, table.y)
    assert apply(of(table.x, table.y), margin, "range") == pytest.approx(expected, abs=1e-9)


@given(knots(), st.floats(-100, 100), st.floats(-100, 100))
def test_a_higher_margin_is_never_a_lower_probability(
    table: Knots, one: float, two: float
) -> None:
    low, high = sorted((one, two))
    calibration = of(table.x, table.y)
    # Two neighbouring segments may round the value at their common knot by one last bit
    assert apply(calibration, low, "trend") <= apply(calibration, high, "trend") + 1e-15


@given(knots(), st.floats(allow_nan=False))
def test_an_answer_lies_between_the_first_and_the_last_value(
    table: Knots, margin: float
) -> None:
    answer = apply(of(table.x, table.y), margin, "crisis")
    assert table.y[0] <= answer <= table.y[-1]


@given(knots())
def test_at_a_knot_the_table_says_what_it_says(table: Knots) -> None:
    calibration = of(table.x, table.y)
    answers = [apply(calibration, x, "range") for x in table.x]
    assert answers == pytest.approx(table.y, abs=1e-12)


@pytest.mark.parametrize(("margin", "expected"), [(-math.inf, 0.2), (math.inf, 0.9)])
def test_nothing_is_extrapolated(margin: float, expected: float) -> None:
    calibration = of((-1.0, 1.0), (0.2, 0.9))
    assert apply(calibration, margin, "range") == expected
    assert apply(calibration, math.copysign(1e308, margin), "range") == expected


def test_no_margin_no_answer() -> None:
    assert math.isnan(apply(toy_calibration(), math.nan, "range"))


@pytest.mark.parametrize("regime", ["", "Trend", "calm"])
def test_an_unknown_regime_has_no_answer(regime: str) -> None:
    assert math.isnan(apply(toy_calibration(), 0.3, regime))


def test_each_regime_is_read_from_its_own_table() -> None:
    answers = {apply(toy_calibration(), 5.0, regime) for regime in REGIMES}
    assert len(answers) == 3


def test_many_are_applied_one_by_one_in_their_own_regimes() -> None:
    margins = np.array([-4.0, 0.1, np.nan, 4.0])
    regimes = ["trend", "range", "crisis", "crisis"]
    one_by_one = [apply(toy_calibration(), m, r) for m, r in zip(margins, regimes, strict=True)]
    np.testing.assert_array_equal(apply_many(toy_calibration(), margins, regimes), one_by_one)


def test_margins_and_regimes_of_different_length_are_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        apply_many(toy_calibration(), np.zeros(3), ["trend"])


@given(knots())
def test_a_sound_calibration_survives_writing(table: Knots) -> None:
    calibration = of(table.x, table.y)
    assert isinstance(validate(calibration), Pass)
    assert from_bytes(to_bytes(calibration)) == calibration


def test_equal_calibrations_give_equal_bytes_whatever_the_order_of_their_maps() -> None:
    maps = toy_calibration().maps
    turned = Calibration(dict(reversed(maps.items())))
    assert to_bytes(turned) == to_bytes(toy_calibration())


def test_a_regime_without_a_map_is_refused() -> None:
    maps = toy_calibration().maps
    assert code(Calibration({k: v for k, v in maps.items() if k != "crisis"})) == (
        "calibration.regimes"
    )
    assert code(Calibration({**maps, "calm": maps["range"]})) == "calibration.regimes"


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        ((0.0,), (0.5,), "calibration.length"),
        ((), (), "calibration.length"),
        ((0.0, 1.0), (0.4, 0.5, 0.6), "calibration.length"),
        ((0.0, 0.0), (0.4, 0.5), "calibration.margin"),
        ((1.0, 0.0), (0.4, 0.5), "calibration.margin"),
        ((0.0, math.inf), (0.4, 0.5), "calibration.margin"),
        ((math.nan, 1.0), (0.4, 0.5), "calibration.margin"),
        ((0.0, 1.0), (0.0, 0.5), "calibration.probability"),
        ((0.0, 1.0), (0.5, 1.0), "calibration.probability"),
        ((0.0, 1.0), (0.5, math.nan), "calibration.probability"),
        ((0.0, 1.0), (0.6, 0.5), "calibration.monotone"),
    ],
)
def test_an_unsound_table_is_refused(
    x: tuple[float, ...], y: tuple[float, ...], expected: str
) -> None:
    assert code(of(x, y)) == expected


def test_a_table_that_is_too_long_is_refused() -> None:
    x = tuple(float(i) for i in range(MAX_KNOTS + 1))
    y = tuple(0.1 + 0.8 * i / MAX_KNOTS for i in range(MAX_KNOTS + 1))
    assert code(of(x, y)) == "calibration.length"
    assert isinstance(validate(of(x[:-1], y[:-1])), Pass)


@pytest.mark.parametrize(("n", "n_effective"), [(-1, 0.0), (5, 6.0), (5, -1.0), (5, math.nan)])
def test_more_independent_samples_than_samples_are_refused(n: int, n_effective: float) -> None:
    table = RegimeMap(CalibrationForm.PLATT, n, n_effective, (0.0, 1.0), (0.4, 0.5))
    assert code(Calibration(dict.fromkeys(REGIMES, table))) == "calibration.count"


def test_the_refusal_names_the_regime() -> None:
    bad = msgspec.structs.replace(toy_calibration().maps["trend"], y=(0.5, 0.4, 0.6))
    verdict = validate(Calibration({**toy_calibration().maps, "trend": bad}))
    assert isinstance(verdict, Refuse)
    assert verdict.findings[0].detail.startswith("map of 'trend'")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b'{"maps": 3}',
        b'{"maps": {}, "more": 1}',
        b"\xff\xfe",
        b'{"maps": {"\xff": 1}}',
        b"[" * 100_000,
        to_bytes(toy_calibration()).replace(b"shrunk_platt", b"eval"),
        to_bytes(toy_calibration()).replace(b"0.5", b"NaN"),
    ],
)
def test_what_is_no_calibration_is_refused(content: bytes) -> None:
    assert isinstance(from_bytes(content), Refuse)


def test_a_file_that_parses_is_validated_too() -> None:
    read = from_bytes(to_bytes(of((0.0, 1.0), (0.0, 0.5))))
    assert isinstance(read, Refuse)
    assert read.findings[0].code == "calibration.probability"
