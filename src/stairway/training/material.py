"""What boosted trees may learn: features, regimes and labels, computed once for everybody.

The functions are those that trade. Labels alone look ahead, and nothing is fed to a model
that the causality prover has not been shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stairway.base.arrays import BoolArray, FloatArray, IntArray
from stairway.base.errors import DataError
from stairway.evaluation.overlap import uniqueness
from stairway.evaluation.splits import PurgedWalkForward, SplitRules
from stairway.features import engine
from stairway.features import regime as weather
from stairway.features.labels import Labels, triple_barrier
from stairway.features.regime import Regimes
from stairway.features.spec import VOLATILITY_LONG
from stairway.market.bars import PairBars
from stairway.training.boosting import Sample
from stairway.training.trainer_rules import TrainerRules


@dataclass(frozen=True, slots=True)
class Observed:
    """The training bars, and what may be known from them.

    Attributes
    ----------
    bars
        The first bars of the run, and no others.
    features : (n, 2, 12) float64
    regimes
        What the detector said at each close.
    """

    bars: PairBars
    features: FloatArray
    regimes: Regimes


@dataclass(frozen=True, slots=True)
class Material:
    """What a candidate may learn from: features known at each close, and what came.

    Attributes
    ----------
    features : (n, 2, n_features) float64
        One row for each bar and instrument; NaN while warming up.
    labels
        What came of each bar, (n, 2).
    regime : (n,) str
        Label of the regime at each close.
    """

    features: FloatArray
    labels: Labels
    regime: np.ndarray

    def __post_init__(self) -> None:
        n = self.regime.size
        if not (self.features.shape[:2] == (n, 2) and self.labels.outcome.shape == (n, 2)):
            msg = (
                f"features {self.features.shape}, labels {self.labels.outcome.shape} and "
                f"{n} regimes do not speak of the same bars"
            )
            raise DataError(msg)

    def __len__(self) -> int:
        return int(self.regime.size)

    @property
    def usable(self) -> BoolArray:
        """(n, 2) bool: finite features and a label."""
        return np.isfinite(self.features).all(axis=2) & self.labels.labelled

    @property
    def ends(self) -> IntArray:
        """(n,) int64: where the later of both instruments' label spans ends."""
        return self.labels.end.max(axis=1)

    def split(self, rules: SplitRules) -> PurgedWalkForward:
        """Walk forward through these bars."""
        return PurgedWalkForward(rules, self.ends)

    def sample(self, bars: IntArray) -> Sample:
        """Rows of both instruments at the given bars, weighed by uniqueness among them.

        Raises
        ------
        DataError
            If nothing can be learnt from them.
        """
        used = self.used(bars)
        return Sample(self.features[used], self.labels.outcome[used], self.weights(used)[used])

    def weights(self, used: BoolArray) -> FloatArray:
        """(n, 2) float64: uniqueness of each used label within its instrument."""
        start, end = self.labels.start, self.labels.end
        columns = [uniqueness(start[:, k], end[:, k], used[:, k]) for k in range(2)]
        return np.column_stack(columns)

    def used(self, bars: IntArray) -> BoolArray:
        """(n, 2) bool: usable rows at the given bars."""
        chosen = np.zeros(len(self), np.bool_)
        chosen[bars] = True
        return self.usable & chosen[:, None]


def observe(bars: PairBars, rules: TrainerRules) -> Observed:
    """Compute what may be known from bars, once for all candidates."""
    features = engine.batch(bars, rules.features)
    return Observed(bars, features, weather.batch(bars, rules.regime))


def material_of(observed: Observed, rules: TrainerRules) -> Material:
    """Put labels beside what was known."""
    volatility = np.ascontiguousarray(observed.features[:, :, VOLATILITY_LONG])
    labels = triple_barrier(observed.bars, volatility, rules.labels)
    return Material(observed.features, labels, np.array(observed.regimes.labels, dtype=np.str_))
