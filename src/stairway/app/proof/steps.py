"""The steps of a study that lead to a position, asked with arrays of their own.

What a step raises, or answers in another shape than it should, is a finding about the
study. An error of ours is none, and goes on as what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import FloatArray, IntArray
from stairway.base.attempted import AdvisedError, words_of
from stairway.base.verdict import Finding
from stairway.evaluation.battery.study import Fold, Labelled
from stairway.features.series import Series

T = TypeVar("T")


class Held(Protocol):
    """The steps of a study that lead to a position."""

    def features(self, market: Series) -> FloatArray:
        """Return what is known at each row."""
        ...

    def labels(self, market: Series) -> Labelled:
        """Return what is to be foretold at each row."""
        ...

    def folds(self, labels: Labelled) -> Sequence[Fold]:
        """Return training rows and test rows."""
        ...

    def positions(
        self, features: FloatArray, labels: Labelled, folds: Sequence[Fold], seed: int
    ) -> FloatArray:
        """Return what is held from the close of each row."""
        ...


class AtFaultError(Exception):
    """The study raised, or did not answer as it should; no error of ours."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.detail)
        self.finding = finding


class Earns(Held, Protocol):
    """The steps of a study that lead to a profit."""

    def profit(self, market: Series, positions: FloatArray) -> FloatArray:
        """Return what each position earns before costs."""
        ...


@dataclass(frozen=True, slots=True)
class Made:
    """What positions are made of."""

    features: FloatArray
    labels: Labelled


class Steps:
    """A study that is asked about markets of so many rows.

    Every method raises :class:`AtFaultError` where the study does what it may not.
    """

    def __init__(self, study: Held, rows: int) -> None:
        self._study, self._rows = study, rows

    def made(self, market: Series) -> Made:
        """Features and labels of a market."""

        def asked() -> FloatArray:
            return np.array(self._study.features(_own(market)), np.float64)

        features = _answer("features", asked)
        self._require("features", features.shape[:1], features.shape)
        return Made(features, self.labels(market))

    def labels(self, market: Series) -> Labelled:
        """Labels of a market."""

        def asked() -> tuple[IntArray, IntArray, IntArray]:
            given = self._study.labels(_own(market))
            return np.array(given.value), np.array(given.start), np.array(given.end)

        columns = _answer("labels", asked)
        for column in columns:
            self._require("labels", column.shape, column.shape)
        there = columns[0] >= 0
        for name, column in zip(("value", "start", "end"), columns, strict=True):
            if not _whole(column[there]):
                detail = (
                    f"{name} of labels is {column.dtype}; give whole numbers for each label"
                )
                raise AtFaultError(Finding("causality.labels", detail))
        return Labelled(*columns)

    def folds(self, labels: Labelled) -> list[Fold]:
        """Folds as the study gives them."""
        return _answer("folds", lambda: [(a, b) for a, b in self._study.folds(_same(labels))])

    def positions(self, made: Made, folds: Sequence[Fold], seed: int) -> FloatArray:
        """Positions, (rows,). ``folds`` are handed on as they are."""

        def asked() -> FloatArray:
            own = made.features.copy(), _same(made.labels)
            return np.array(self._study.positions(*own, folds, seed), np.float64)

        held = _answer("positions", asked)
        self._require("positions", held.shape, held.shape)
        return held

    def profit(self, study: Earns, market: Series, positions: FloatArray) -> FloatArray:
        """Ask what the positions earn, (rows,)."""

        def asked() -> FloatArray:
            return np.array(study.profit(_own(market), positions.copy()), np.float64)

        earned = _answer("profit", asked)
        self._require("profit", earned.shape, earned.shape)
        return earned

    def _require(self, what: str, found: tuple[int, ...], shape: tuple[int, ...]) -> None:
        if found != (self._rows,):
            detail = f"{what} of shape {shape} for {self._rows} bars; give one for each bar"
            raise AtFaultError(Finding("causality.length", detail))


def _answer(step: str, call: Callable[[], T]) -> T:
    try:
        return call()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        detail = f"the study raised {type(error).__name__} in {step}: {words_of(error)}"
        if not isinstance(error, AdvisedError):
            detail += "; it must answer for whatever comes behind a bar"
        raise AtFaultError(Finding("causality.raised", detail)) from error


def _whole(column: NDArray[Any]) -> bool:
    kind = column.dtype.kind
    return kind in "iub" or (kind == "f" and bool((column == np.floor(column)).all()))


def _own(market: Series) -> dict[str, Any]:
    return {name: column.copy() for name, column in market.items()}


def _same(labels: Labelled) -> Labelled:
    return Labelled(labels.value.copy(), labels.start.copy(), labels.end.copy())
