"""The back-test that a candidate is judged by, from the whole policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stairway.app.rules import backtest_rules
from stairway.app.settings import decode
from stairway.base.arrays import FloatArray
from stairway.evaluation.backtest import backtest
from stairway.features.regime import Regimes
from stairway.market.bars import PairBars
from stairway.training.candidate import Backtest


def backtest_of(
    policy: Mapping[str, Any], bars: PairBars, features: FloatArray, regimes: Regimes, seed: int
) -> Backtest:
    """Return how probabilities on these bars would have been traded."""
    settings = decode(policy, "of this run")
    rules = backtest_rules(settings, bars.instruments, seed)

    def returns_of(confidences: FloatArray) -> FloatArray:
        return backtest(bars, features, regimes.at, confidences, rules).returns

    return Backtest(returns_of, settings.session.periods_per_year)
