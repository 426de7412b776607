"""A study whose steps are given copies, so that what one writes reaches nobody else.

Whoever writes larger moves into the market that it is given would earn on them afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import FloatArray
from stairway.evaluation.battery.study import Fold, Labelled, Study

M = TypeVar("M")


class Apart(Generic[M]):
    """The same study, each step with a market and arrays of its own.

    Folds are handed on as they are: they may be of any kind that the study understands.

    Examples
    --------
    >>> from stairway.testing.studies import study
    >>> moves = np.array([0.1, -0.1, 0.2])
    >>> Apart(study()).redrawn(moves, np.array([1, -1, 1], np.int8)) is moves
    False
    """

    __slots__ = ("_study",)

    def __init__(self, study: Study[M]) -> None:
        self._study = study

    def redrawn(self, market: M, signs: NDArray[np.int8]) -> M:
        """Redraw a copy."""
        return self._study.redrawn(deepcopy(market), signs.copy())

    def features(self, market: M) -> FloatArray:
        """Ask what is known in a copy."""
        return self._study.features(deepcopy(market))

    def labels(self, market: M) -> Labelled:
        """Ask what is to be foretold in a copy."""
        return self._study.labels(deepcopy(market))

    def folds(self, labels: Labelled) -> Sequence[Fold]:
        """Ask for folds of a copy."""
        return self._study.folds(deepcopy(labels))

    def positions(
        self, features: FloatArray, labels: Labelled, folds: Sequence[Fold], seed: int
    ) -> FloatArray:
        """Ask what is held, by copies."""
        return self._study.positions(deepcopy(features), deepcopy(labels), folds, seed)

    def profit(self, market: M, positions: FloatArray) -> FloatArray:
        """Ask what copies of the positions earn on a copy of the market."""
        return self._study.profit(deepcopy(market), deepcopy(positions))
