"""The run's own pipeline, as the leak battery rebuilds it on markets without an edge.

What is rebuilt is what candidates are made by: features and regimes by the functions that
trade, labels and their spans, the purged walk-forward of the policy, and boosted trees
fitted in each block. Three things are smaller, because all of it is done some dozens of
times, and none of them can let a leak in:

* one learner stands for all families: LightGBM with fewer trees than the policy asks for;
* it foretells the first instrument of the pair, from the features of both;
* a position is the forecast itself, and is paid by the next close, before costs.

A surrogate mirrors bars: where a sign is -1 the whole bar, high and low included, is
turned over about the close before it. Sizes, ranges and volumes stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import FloatArray
from stairway.base.verdict import Verdict
from stairway.evaluation.battery.battery import battery
from stairway.evaluation.battery.study import BatteryReport, Fold, Labelled
from stairway.evaluation.splits import PurgedWalkForward
from stairway.market.bars import PairBars
from stairway.models.forest import Forest
from stairway.models.manifest import Family
from stairway.training.boosting import Sample
from stairway.training.material import material_of, observe
from stairway.training.trainer_rules import TrainerRules
from stairway.training.trees import fit

_FIRST = 0
"""The instrument that is foretold."""

Say: TypeAlias = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class PipelineStudy:
    """Features, labels, folds, fits and profit of a run, made anew for each market.

    See :class:`stairway.evaluation.battery.study.Study`; a market is :class:`PairBars`.
    """

    rules: TrainerRules

    def redrawn(self, market: PairBars, signs: NDArray[np.int8]) -> PairBars:
        """Return bars of which those with the sign -1 are turned over."""
        return turned_over(market, signs)

    def features(self, market: PairBars) -> FloatArray:
        """Return the features of both instruments side by side, (n, 2 k)."""
        return observe(market, self.rules).features.reshape(len(market), -1)

    def labels(self, market: PairBars) -> Labelled:
        """Return what came of the first instrument, spans reaching to the later of both."""
        material = material_of(observe(market, self.rules), self.rules)
        value = material.labels.outcome[:, _FIRST]
        return Labelled(value, np.arange(value.size, dtype=np.int64), material.ends)

    def folds(self, labels: Labelled) -> Sequence[Fold]:
        """Return the walk-forward blocks of the policy."""
        return tuple(PurgedWalkForward(self.rules.splits, labels.end).split())

    def positions(
        self, features: FloatArray, labels: Labelled, folds: Sequence[Fold], seed: int
    ) -> FloatArray:
        """Fit trees in each block; return how far each forecast lies from even odds."""
        held = np.full(labels.value.size, np.nan)
        usable = np.isfinite(features).all(axis=1) & (labels.value >= 0)
        rules = msgspec.structs.replace(self.rules.boosting, rounds=self.rules.battery.rounds)
        for train, test in folds:
            known = train[usable[train]]
            sample = Sample(features[known], labels.value[known], np.ones(known.size))
            forest = fit(Family.LIGHTGBM, sample, rules, seed).forest
            held[test] = _leaning(forest, features[test])
        return held

    def profit(self, market: PairBars, positions: FloatArray) -> FloatArray:
        """Return position times the next move of the first instrument; 0 for the last row."""
        moves = np.diff(np.log(market.close[:, _FIRST]))
        return positions * np.append(moves, 0.0)


def turned_over(market: PairBars, signs: NDArray[np.int8]) -> PairBars:
    """Turn whole bars of both instruments over about the close before them.

    Parameters
    ----------
    signs : (n,) int8
        -1 turns the bar of that row, gap and range included; 1 leaves it as it is. Bars
        are scaled to follow on the close before them. The first row stays.

    Examples
    --------
    >>> from stairway.testing.bars import random_walk
    >>> walk = random_walk(4, seed=1)
    >>> other = turned_over(walk, np.array([1, 1, -1, 1], np.int8))
    >>> moves = [np.diff(np.log(bars.close[:, 0])) for bars in (walk, other)]
    >>> np.allclose(moves[0] * [1, -1, 1], moves[1])
    True
    """
    turn: FloatArray = signs[1:, None].astype(np.float64)
    known = np.log(market.close)
    close = known.copy()
    close[1:] = known[0] + np.cumsum(turn * np.diff(known, axis=0), axis=0)

    def moved(price: FloatArray) -> FloatArray:
        new = price.copy()
        new[1:] = np.exp(close[:-1] + turn * (np.log(price[1:]) - known[:-1]))
        return new

    above, below = moved(market.high), moved(market.low)
    return replace(
        market,
        open=moved(market.open),
        high=np.maximum(above, below),
        low=np.minimum(above, below),
        close=moved(market.close),
    )


def rebuilt(
    market: PairBars, rules: TrainerRules, seed: int, causality: Verdict, say: Say
) -> BatteryReport:
    """Run the leak battery on the pipeline of a run.

    Parameters
    ----------
    market
        The bars that training sees; the last ``max_bars`` of them are rebuilt.
    causality
        What the prover said of the same features.
    """
    first = max(len(market) - rules.battery.max_bars, 0)
    part = market.part(first, len(market))

    def heard(done: int, total: int) -> None:
        say("leak battery", done, total)

    return battery(PipelineStudy(rules), part, rules.battery.asked, seed, causality, heard)


def _leaning(forest: Forest, features: FloatArray) -> FloatArray:
    """Return how far each row's probability lies from one half; 0 where it has a hole."""
    whole = np.asarray(np.isfinite(features).all(axis=1))
    margin = forest.margins(np.ascontiguousarray(np.where(whole[:, None], features, 0.0)))
    return np.where(whole, np.tanh(margin / 2.0), 0.0)
