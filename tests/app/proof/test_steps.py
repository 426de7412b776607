"""What a study raises, or answers amiss, is said of the study; nothing else is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stairway.app.proof.steps import AtFaultError, Made, Steps
from stairway.base.attempted import OverdueError
from stairway.base.verdict import Finding
from stairway.evaluation.battery.study import Labelled

ROW = np.arange(6)
BARS = {"close": ROW + 1.0}
FINE = Labelled(ROW % 2, ROW, ROW + 1)


class WordlessError(Exception):
    """Raises where it is to be written down."""

    def __str__(self) -> str:
        raise RuntimeError


class Study:
    """Answers as it is told to."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {"features": np.zeros((6, 2)), "labels": FINE, "folds": []} | answers

    def _said(self, name: str) -> Any:
        said = self.answers[name]
        if isinstance(said, BaseException):
            raise said
        return said

    def features(self, _: Any) -> Any:
        return self._said("features")

    def labels(self, _: Any) -> Any:
        return self._said("labels")

    def folds(self, _: Any) -> Any:
        return self._said("folds")

    def positions(self, *_: Any) -> Any:
        return self._said("positions")


def fault(step: str, **answers: Any) -> Finding:
    steps = Steps(Study(**answers), 6)
    made = Made(np.zeros((6, 2)), FINE)
    calls = {
        "made": lambda: steps.made(BARS),
        "folds": lambda: steps.folds(FINE),
        "positions": lambda: steps.positions(made, [], 1),
    }
    with pytest.raises(AtFaultError) as caught:
        calls[step]()
    return caught.value.finding


@pytest.mark.parametrize(
    ("step", "name"),
    [("made", "features"), ("made", "labels"), ("folds", "folds"), ("positions", "positions")],
)
@pytest.mark.parametrize(
    "error",
    [ValueError("a  b"), SystemExit(3), MemoryError(), WordlessError()],
    ids=["value", "exit", "memory", "wordless"],
)
def test_what_a_step_raises_names_the_step(step: str, name: str, error: BaseException) -> None:
    found = fault(step, **{name: error})
    assert found.code == "causality.raised"
    assert f"the study raised {type(error).__name__} in {name}: " in found.detail
    assert ("a b" if isinstance(error, ValueError) else "") in found.detail


def test_what_ours_raised_around_a_step_says_itself_what_to_do() -> None:
    late = fault("folds", folds=OverdueError("it was late; raise --limit-s"))
    assert late.detail.endswith("in folds: it was late; raise --limit-s")
    assert "whatever comes behind" in fault("folds", folds=ValueError("no")).detail


def test_an_interrupt_goes_through() -> None:
    with pytest.raises(KeyboardInterrupt):
        Steps(Study(folds=KeyboardInterrupt()), 6).folds(FINE)


@pytest.mark.parametrize("answer", [["x"] * 6, object()], ids=["words", "an object"])
def test_what_is_no_answer_at_all_is_an_error_of_the_study(answer: Any) -> None:
    for step, name in (("made", "features"), ("made", "labels"), ("positions", "positions")):
        assert fault(step, **{name: answer}).code == "causality.raised"


@pytest.mark.parametrize(
    ("step", "answers", "said"),
    [
        ("made", {"features": np.zeros((5, 2))}, "features of shape (5, 2) for 6 bars"),
        (
            "made",
            {"labels": Labelled(ROW[:5], ROW, ROW)},
            "labels of shape (5,) for 6 bars; give one for each bar",
        ),
        ("positions", {"positions": np.zeros((6, 1))}, "positions of shape (6, 1) for 6 bars"),
    ],
    ids=["features", "labels", "positions"],
)
def test_an_answer_for_other_bars_is_said_to_be_one(step: str, answers: Any, said: str) -> None:
    found = fault(step, **answers)
    assert found.code == "causality.length"
    assert said in found.detail


@pytest.mark.parametrize(
    "end", [ROW + 0.5, ROW * np.nan, np.full(6, "x")], ids=["half", "nan", "words"]
)
def test_spans_of_labels_are_whole_numbers_where_there_is_one(end: np.ndarray) -> None:
    found = fault("made", labels=Labelled(FINE.value, ROW, end))
    assert found.code == "causality.labels"
    assert f"end of labels is {end.dtype}" in found.detail
    there = Labelled(np.full(6, -1), ROW, end)
    if end.dtype.kind == "f":
        assert Steps(Study(labels=there), 6).made(BARS).labels.end.dtype == end.dtype


def test_whole_numbers_of_another_kind_are_left_as_they_are() -> None:
    given = Labelled(ROW > 2, ROW.astype(np.float64), ROW.astype(np.int32))
    made = Steps(Study(labels=given), 6).made(BARS).labels
    assert [one.dtype.kind for one in (made.value, made.start, made.end)] == ["b", "f", "i"]
