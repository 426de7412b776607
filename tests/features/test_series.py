from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.base.errors import DataError
from stairway.features.perturbation import Perturbation
from stairway.features.series import Futures, checked
from stairway.testing.leaks import series


def changed(bars: dict[str, Any], cut: int, kind: Perturbation, seed: int = 1) -> Any:
    rng = np.random.Generator(np.random.PCG64(seed))
    return Futures(bars).changed(bars, cut, kind, rng)


@pytest.mark.parametrize("kind", Perturbation)
@pytest.mark.parametrize("late", [False, True])
@settings(max_examples=20, deadline=None)
@given(cut=st.integers(1, 79), seed=st.integers(0, 1_000))
def test_what_was_known_at_the_cut_stays_as_it_was(
    kind: Perturbation,
    late: bool,  # noqa: FBT001 - pytest gives it
    cut: int,
    seed: int,
) -> None:
    bars = series(80, seed=2, late=late)
    cut = Futures(bars).snap(cut)
    if cut == 0:
        return
    other = changed(bars, cut, kind, seed)
    now = np.sort(bars["available_ns"])[cut - 1]
    assert (np.flatnonzero(bars["available_ns"] <= now) == other.before).all()
    for name, column in bars.items():
        before, after = column[other.before], other.bars[name][other.after]
        if name in {"labels", "label_end_ns"}:
            ended = bars["label_end_ns"][other.before] <= now
            before, after = before[ended], after[ended]
        assert (before == after).all(), name
    assert other.rows == other.bars["close"].size


@pytest.mark.parametrize("kind", Perturbation)
def test_the_future_is_another(kind: Perturbation) -> None:
    bars = series(80, seed=2)
    other = changed(bars, 50, kind)
    assert other.rows < 80 or any((other.bars[n] != bars[n]).any() for n in bars)


@pytest.mark.parametrize("kind", Perturbation)
def test_bars_stay_bars(kind: Perturbation) -> None:
    other = changed(series(80, seed=2), 50, kind).bars
    assert (np.diff(other["time_ns"]) > 0).all()
    assert (other["high"] >= np.maximum(other["open"], other["close"]) * (1 - 1e-12)).all()
    assert (other["low"] <= np.minimum(other["open"], other["close"]) * (1 + 1e-12)).all()
    assert (other["volume"] >= 0.0).all()


def test_a_row_that_was_known_late_belongs_to_the_future() -> None:
    bars = {"x": np.array([1.0, 2.0, 3.0, 4.0]), "available_ns": np.array([1, 9, 3, 4])}
    other = changed(bars, 2, Perturbation.TRUNCATE)
    assert other.bars["x"].tolist() == [1.0, 3.0]
    assert other.before.tolist() == [0, 2]
    assert Futures(bars).place(1) == 3


def test_a_cut_never_parts_rows_that_were_known_at_one_instant() -> None:
    futures = Futures({"x": np.ones(5), "available_ns": np.array([1, 2, 2, 2, 3])})
    assert [futures.snap(cut) for cut in range(5)] == [0, 1, 1, 1, 4]


@pytest.mark.parametrize("kind", [k for k in Perturbation if k is not Perturbation.CLOCK])
def test_a_label_whose_span_has_not_ended_is_another(kind: Perturbation) -> None:
    bars = series(80, seed=2)
    other = changed(bars, 50, kind).bars["labels"][:50]
    assert (other[:45] == bars["labels"][:45]).all()
    assert (other[45:] != bars["labels"][45:50]).any()


@pytest.mark.parametrize("kind", [Perturbation.NOISE, Perturbation.SIGN])
def test_a_label_of_a_row_that_is_not_known_is_another_though_its_span_has_ended(
    kind: Perturbation,
) -> None:
    bars = series(80, seed=2)
    bars["available_ns"][3:9] = bars["available_ns"][-1] + np.arange(1, 7)
    other = changed(bars, 50, kind).bars["labels"]
    assert (bars["label_end_ns"][3:9] < np.sort(bars["available_ns"])[49]).all()
    assert (other[3:9] != bars["labels"][3:9]).any()
    assert (other[9:40] == bars["labels"][9:40]).all()


def test_when_an_open_span_ends_is_a_part_of_the_future() -> None:
    bars = series(80, seed=2)
    now_ns = np.sort(bars["available_ns"])[49]
    before, after = bars["label_end_ns"], changed(bars, 50, Perturbation.CLOCK).bars
    is_open = before[:50] > now_ns
    assert is_open.any()
    assert (after["label_end_ns"][:50][is_open] > before[:50][is_open]).all()
    assert (after["label_end_ns"][:50][~is_open] == before[:50][~is_open]).all()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"close": np.ones((3, 2))}, "one row of numbers"),
        ({"close": np.array(["a", "b"])}, "one row of numbers"),
        ({"close": np.ones(2), "time_ns": np.array([1.0, 2.0])}, "whole nanoseconds"),
        ({"time_ns": np.array([1, 2])}, "no column of values"),
        ({}, "no column of values"),
        ({"close": np.ones(3), "time_ns": np.array([1, 3, 2])}, "row 2 lies before that of row 1"),
        ({"close": np.ones(3), "time_ns": np.array([1, 2, 2])}, "row 2 repeats that of row 1"),
        ({"close": np.ones(2), "time_ns": np.array([1, 3]), "available_ns": np.array([1, 2])},
         "row 1 is known before"),
        ({"close": np.ones(2), "labels": np.ones(2)}, "go together"),
        ({"close": np.ones(2), "time_ns": np.array([1, 3]), "labels": np.ones(2),
          "label_end_ns": np.array([0, 3])}, "row 0 has a label ended"),
    ],
)  # fmt: skip
def test_a_series_that_cannot_be_used_says_why(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        checked(wrong)


def test_columns_are_its_own_and_of_one_type() -> None:
    given_ = {"close": np.array([1, 2]), "time_ns": np.array([1, 2], np.uint32)}
    own = checked(given_)
    assert (own["close"].dtype, own["time_ns"].dtype) == (np.float64, np.int64)
    own["time_ns"][0] = 0
    assert given_["time_ns"][0] == 1
