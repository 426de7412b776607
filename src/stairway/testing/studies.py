"""An honest study, and the same with one leak planted, for trying the leak battery on.

The honest one: five features of past moves, the sign of the next moves as label, purged
walk-forward, a ridge regression fitted to each fold on scaled features, and a position as
large as the forecast is strong. A market is an array of moves (differences of the
logarithm of the close), one a row.

Every leak is written as somebody really writes it; each changes one step and no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import FloatArray, IntArray
from stairway.evaluation.battery.study import Fold, Labelled
from stairway.evaluation.splits.combinatorial import CombinatorialRules, PurgedCombinatorial
from stairway.evaluation.splits.walk_forward import PurgedWalkForward, SplitRules

HORIZON_ROWS, FOLDS, WARM_UP_ROWS = 5, 5, 60
_HOURS, _PENALTY = 24, 10.0
_DECLARED, _WHOLE = 5, 20
_WALK = SplitRules(n_blocks=FOLDS, first_train_frac=0.3, gap_bars=0, embargo_frac=0.01)
_COMBINED = CombinatorialRules(n_blocks=6, n_test_blocks=2, gap_bars=0, embargo_frac=0.01)


class Leak(Enum):
    """What is planted, in the words of the table."""

    LOOK_AHEAD = "look-ahead feature: the next move, under noise twice its size"
    CENTRED = "centred window: mean of 21 moves around the row"
    WHOLE_SERIES = "scaling and principal components fitted to all rows"
    TARGET_ENCODED = "target encoding: mean label of each hour over all rows"
    SHUFFLED_FOLDS = "no purge: shuffled K-fold with overlapping labels"
    SHORT_SPANS = "label spans declared too short: 5 rows of 20"
    CHOSEN_ON_TEST = "learner chosen by its score on the test fold"
    SAME_BAR_FILL = "filled at the close before the bar that the signal used"


class Folding(Enum):
    """How an honest study is cut."""

    WALK_FORWARD = "purged walk-forward"
    COMBINATORIAL = "CPCV(6, 2)"


@dataclass(frozen=True, slots=True)
class MovesStudy:
    """A study of an array of moves; see :class:`stairway.evaluation.battery.study.Study`."""

    leak: Leak | None = None
    folding: Folding = Folding.WALK_FORWARD

    def redrawn(self, market: FloatArray, signs: NDArray[np.int8]) -> FloatArray:
        """Give each move its sign."""
        return market * signs

    def features(self, market: FloatArray) -> FloatArray:
        """Past moves in five ways, and whatever is planted."""
        columns = _honest(market)
        match self.leak:
            case Leak.LOOK_AHEAD:
                return np.column_stack((columns, _next_under_noise(market)))
            case Leak.CENTRED:
                return np.column_stack((columns, _centred(market)))
            case Leak.WHOLE_SERIES:
                return _principal(columns)
            case Leak.TARGET_ENCODED:
                return np.column_stack((columns, _encoded(self.labels(market))))
            case _:
                return columns

    def labels(self, market: FloatArray) -> Labelled:
        """Sign of the sum of the next moves; the last rows have none."""
        short = self.leak is Leak.SHORT_SPANS
        horizon = _WHOLE if short else HORIZON_ROWS
        made = _labelled(market, horizon)
        return replace(made, end=made.start + _DECLARED) if short else made

    def folds(self, labels: Labelled) -> Sequence[Fold]:
        """Return purged folds of the rows that are labelled and warm, unless it is the leak."""
        warm = (labels.value >= 0) & (np.arange(labels.value.size) >= WARM_UP_ROWS)
        if self.leak is Leak.SHUFFLED_FOLDS:
            return _shuffled_folds(np.flatnonzero(warm))
        match self.folding:
            case Folding.WALK_FORWARD:
                split = PurgedWalkForward(_WALK, labels.end).split()
            case Folding.COMBINATORIAL:
                split = PurgedCombinatorial(_COMBINED, labels.end).split()
        return [(train[warm[train]], test[warm[test]]) for train, test in split]

    def positions(
        self, features: FloatArray, labels: Labelled, folds: Sequence[Fold], seed: int
    ) -> FloatArray:
        """Fit each fold; where several test a row, their mean."""
        total, times = np.zeros(labels.value.size), np.zeros(labels.value.size)
        target: FloatArray = 2.0 * labels.value.astype(np.float64) - 1.0
        for train, test in folds:
            if self.leak is Leak.CHOSEN_ON_TEST:
                held = _chosen(features, target, (train, test), seed)
            else:
                held = _fitted(features, target, train, test)
            total[test] += held
            times[test] += 1.0
        with np.errstate(invalid="ignore"):
            return total / np.where(times > 0.0, times, np.nan)

    def profit(self, market: FloatArray, positions: FloatArray) -> FloatArray:
        """Return position times the next move, unless the fill is the leak."""
        if self.leak is Leak.SAME_BAR_FILL:
            return positions * market
        return positions * np.append(market[1:], 0.0)


def study(leak: Leak | None = None, folding: Folding = Folding.WALK_FORWARD) -> MovesStudy:
    """Make the honest study, or one with a leak."""
    return MovesStudy(leak, folding)


def garch_moves(
    n: int, seed: int, drift_frac: float = 0.0, momentum_frac: float = 0.0
) -> FloatArray:
    """Draw moves whose volatility feeds on itself, with the tails of Student's t of 5.

    Parameters
    ----------
    drift_frac
        Mean of a move, as a share of its usual deviation.
    momentum_frac
        Share of the mean of the last five moves that comes again: a true edge.
    """
    rng = np.random.Generator(np.random.PCG64((seed, 77)))
    shocks = rng.standard_t(5, n) / np.sqrt(5.0 / 3.0)
    moves, variance = [0.0] * n, 1.0
    for row in range(n):
        past = sum(moves[max(row - 5, 0) : row]) / 5.0
        shock = float(np.sqrt(variance)) * float(shocks[row])
        moves[row] = shock + drift_frac + momentum_frac * past
        variance = 0.03 + 0.07 * shock * shock + 0.9 * variance
    return 0.01 * np.array(moves)


def _mean_of_last(values: FloatArray, rows: int) -> FloatArray:
    total = np.concatenate(([0.0], np.cumsum(values)))
    place = np.arange(1, values.size + 1)
    first = np.maximum(place - rows, 0)
    return (total[place] - total[first]) / (place - first)


def _honest(moves: FloatArray) -> FloatArray:
    size = np.sqrt(_mean_of_last(moves**2, 50)) + 1e-9
    means = [_mean_of_last(moves, rows) / size * np.sqrt(rows) for rows in (1, 5, 20, 60)]
    return np.column_stack((*means, np.log(size)))


def _next_under_noise(moves: FloatArray) -> FloatArray:
    rng = np.random.Generator(np.random.PCG64(11))
    noise = 2.0 * np.abs(moves).mean() * rng.standard_normal(moves.size)
    return np.append(moves[1:], 0.0) + noise


def _centred(moves: FloatArray) -> FloatArray:
    return np.convolve(moves, np.ones(21) / 21.0, mode="same")


def _principal(columns: FloatArray) -> FloatArray:
    """Scaled by all rows, and turned into the first three components of all rows."""
    scaled = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    _, vectors = np.linalg.eigh(scaled.T @ scaled)
    largest = np.abs(vectors).argmax(axis=0)
    return scaled @ (vectors * np.sign(vectors[largest, np.arange(vectors.shape[1])]))[:, -3:]


def _encoded(labels: Labelled) -> FloatArray:
    hour = np.arange(labels.value.size) % _HOURS
    there = labels.value >= 0
    count = np.bincount(hour[there], minlength=_HOURS)
    ones = np.bincount(hour[there], labels.value[there], _HOURS)
    return (ones / np.maximum(count, 1))[hour]


def _labelled(moves: FloatArray, horizon: int) -> Labelled:
    rows = np.arange(moves.size)
    total = np.concatenate(([0.0], np.cumsum(moves)))
    ahead = total[np.minimum(rows + horizon + 1, moves.size)] - total[rows + 1]
    value = np.where(rows + horizon < moves.size, (ahead > 0.0).astype(np.int64), -1)
    return Labelled(value, rows, rows + horizon)


def _shuffled_folds(rows: IntArray) -> list[Fold]:
    mixed = np.random.Generator(np.random.PCG64(5)).permutation(rows)
    return [
        (np.sort(np.setdiff1d(rows, part)), np.sort(part))
        for part in np.array_split(mixed, FOLDS)
    ]


def _fitted(
    features: FloatArray, target: FloatArray, train: IntArray, test: IntArray
) -> FloatArray:
    """Ridge regression in closed form, scaled by its training rows."""
    x = features[train]
    mean, size = x.mean(axis=0), x.std(axis=0) + 1e-12
    scaled = (x - mean) / size
    middle = float(target[train].mean())
    gram: FloatArray = scaled.T @ scaled + _PENALTY * np.eye(x.shape[1])
    weights: FloatArray = np.asarray(
        np.linalg.solve(gram, scaled.T @ (target[train] - middle)), np.float64
    )
    usual = float((scaled @ weights).std()) + 1e-12
    forecast: FloatArray = middle + (features[test] - mean) / size @ weights
    return np.clip(forecast / usual, -1.0, 1.0)


def _chosen(features: FloatArray, target: FloatArray, fold: Fold, seed: int) -> FloatArray:
    """Many learners, each of two columns turned at random; the best on the *test* is kept."""
    rng = np.random.Generator(np.random.PCG64(seed))
    train, test = fold
    best, best_score = np.zeros(test.size), -np.inf
    for _ in range(8):
        turned = features @ rng.standard_normal((features.shape[1], 2))
        held = _fitted(turned, target, train, test)
        score = float(held @ target[test])
        if score > best_score:
            best, best_score = held, score
    return best
