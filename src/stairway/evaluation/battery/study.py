"""What the leak battery asks of a strategy, and what it answers.

A battery can only judge what it can rebuild: it changes the market and wants everything
anew, features, labels, folds, fits, positions and profit. A :class:`Study` is that chain
as six functions. Rows are bars, in time order:

* row ``i`` is known at its close, and its *move* is what led there from row ``i - 1``;
* the feature of row ``i`` knows the moves of rows 0 to ``i``;
* a label span ``[start, end)`` runs from the close of row ``start`` to that of row
  ``end``: the label may know the moves of rows up to and including ``end``;
* the position of row ``i`` is taken at its close, and ``profit[i]`` is what it earns from
  the move of row ``i + 1``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeVar

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from stairway.base.arrays import FloatArray, IntArray
from stairway.base.config import Config
from stairway.base.verdict import Verdict

M = TypeVar("M")

Fold = tuple[IntArray, IntArray]
"""Training rows and test rows."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """What is to be foretold, and from which rows it is known.

    Attributes
    ----------
    value : (n,) int64
        1 up, 0 down, -1 where there is no label.
    start, end : (n,) int64
        Span ``[start, end)`` in rows, as declared. Not looked at where there is no label.
    """

    value: IntArray
    start: IntArray
    end: IntArray


class Study(Protocol[M]):
    """Everything between a market and the profit of a strategy, so that all can be rebuilt.

    ``M`` is whatever holds the market: pair bars, a series, an array of returns. Nothing
    here may remember a market that it saw before, or change its arguments.
    """

    def redrawn(self, market: M, signs: NDArray[np.int8]) -> M:
        """Return the market with the move of each row times its sign, and the rest the same.

        ``signs`` is (n,), of -1 and 1. Instruments of a row flip together. The move of
        row 0, if there is one, may stay.
        """
        ...

    def features(self, market: M) -> FloatArray:
        """Return what is known at each row, (n, k); NaN where nothing is."""
        ...

    def labels(self, market: M) -> Labelled:
        """Return what is to be foretold at each row."""
        ...

    def folds(self, labels: Labelled) -> Sequence[Fold]:
        """Return training rows and test rows of each fold."""
        ...

    def positions(
        self, features: FloatArray, labels: Labelled, folds: Sequence[Fold], seed: int
    ) -> FloatArray:
        """Fit each fold and return what is held from the close of each row, (n,).

        NaN where no fold tests the row, and nowhere else: 0 where nothing is held.
        """
        ...

    def profit(self, market: M, positions: FloatArray) -> FloatArray:
        """Return what each position earns *before costs*, (n,), 0 or NaN where none is held."""
        ...


class BatteryRules(Config, frozen=True, kw_only=True):
    """How hard the battery looks.

    Attributes
    ----------
    cuts
        Places at which the future is redrawn to see whether features or labels knew it.
    tolerance
        Difference that is rounding and not foresight, relative to the column's usual step
        from one row to the next; a few units in the last place are borne beside it.
    surrogates
        Markets with random signs.
    shuffles
        Block shuffles of the labels.
    block_rows
        Rows of a shuffled block; the longest label span where that is more.
    level
        Share of honest studies in which the surrogates may raise an alarm, and in which
        the sentinel may. One in a thousand at least: whoever bears no alarm finds no leak.
    mean_sharpe_bound
        Greatest mean Sharpe ratio per bar, either way, over the shuffles.
    gap_rows, embargo_rows
        Rows before a test, and behind the labels of it, in which nothing may train.
    min_rows
        Fewest rows with a position and an outcome.
    """

    cuts: Annotated[int, Meta(ge=1, le=1_000)] = 12
    tolerance: Annotated[float, Meta(ge=0.0, le=1e-3)] = 1e-9
    surrogates: Annotated[int, Meta(ge=8, le=10_000)] = 40
    shuffles: Annotated[int, Meta(ge=8, le=10_000)] = 20
    block_rows: Annotated[int, Meta(ge=1, le=10**6)] = 1
    level: Annotated[float, Meta(ge=0.001, le=0.2)] = 0.01
    mean_sharpe_bound: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.1
    gap_rows: Annotated[int, Meta(ge=0, le=10**6)] = 0
    embargo_rows: Annotated[int, Meta(ge=0, le=10**6)] = 0
    min_rows: Annotated[int, Meta(ge=30, le=10**6)] = 250


class FoldTouch(msgspec.Struct, frozen=True, kw_only=True):
    """How the training of one fold touches its test.

    Attributes
    ----------
    n_train, n_test
        Rows.
    overlapping
        Training rows whose label span shares a bar with that of a test row.
    in_gap, in_embargo
        Training rows nearer before, or behind, the test than the rules ask, that do not
        overlap.
    in_both
        Rows that train and test.
    """

    n_train: int
    n_test: int
    overlapping: int
    in_gap: int
    in_embargo: int
    in_both: int

    @property
    def touching(self) -> int:
        """Training rows that should not be there, each once."""
        return self.overlapping + self.in_gap + self.in_embargo


class SurrogateFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What the strategy earned where nothing can be earned.

    Attributes
    ----------
    t
        Of each surrogate: Sharpe ratio per bar over its robust standard error.
    mean_t, p_mean
        Mean of them; how often chance shows a mean *profit* over the surrogates as far
        from 0, by its own spread.
    beyond, beyond_bound, beyond_t
        How many lie beyond ``beyond_t`` either way, and from how many on it is an alarm.
    """

    t: tuple[float, ...]
    mean_t: float
    p_mean: float
    beyond: int
    beyond_bound: int
    beyond_t: float


class SentinelFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What the strategy earned from labels that mean nothing.

    Attributes
    ----------
    sharpe
        Of each shuffle: Sharpe ratio per bar of the timing (holding the mean position
        taken off).
    mean_sharpe
        Mean of them: the original bound is on this.
    link
        Mean correlation of positions with what came, in units of its size around the row.
    p_shift
        How often a circular shift of the positions has a mean link as great.
    p_spread
        How often chance shows one as great by the spread over the shuffles.
    """

    sharpe: tuple[float, ...]
    mean_sharpe: float
    link: float
    p_shift: float
    p_spread: float


class BatteryReport(msgspec.Struct, frozen=True, kw_only=True):
    """One answer, and how it came about. JSON by msgspec.

    Attributes
    ----------
    causality
        Of the prover, where it was given, and of the features under redrawn futures.
    purge
        Of label spans: are they as declared, and do the folds keep apart by them?
    surrogates, sentinel
        See the modules of that name.
    fired
        Names of the stages that refused: ``causality``, ``purge``, ``surrogates``,
        ``sentinel``.
    verdict
        All of them. Only a pass advances.
    folds
        Purge counts of each fold.
    doubly_tested
        Rows that more than one fold tests. CPCV does so on purpose; it is no finding.
    surrogate_figures, sentinel_figures
        ``None`` where the stage has none.
    """

    causality: Verdict | None
    purge: Verdict
    surrogates: Verdict
    sentinel: Verdict
    fired: tuple[str, ...]
    verdict: Verdict
    folds: tuple[FoldTouch, ...] = ()
    doubly_tested: int = 0
    surrogate_figures: SurrogateFigures | None = None
    sentinel_figures: SentinelFigures | None = None
