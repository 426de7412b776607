"""The back-test that a candidate is judged by, from the whole policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from stairway.app.rules import backtest_rules
from stairway.app.settings import decode
from stairway.base.arrays import FloatArray
from stairway.evaluation.backtest import BacktestRules, backtest
from stairway.features.regime import Regimes
from stairway.market.bars import PairBars
from stairway.training.trading import Backtest, Returns

_FREE = {"fee_bps": 0.0, "half_spread_bps": 0.0, "impact_coef_bps": 0.0}


def backtest_of(
    policy: Mapping[str, Any], bars: PairBars, features: FloatArray, regimes: Regimes, seed: int
) -> Backtest:
    """Return how probabilities on these bars would have been traded."""
    settings = decode(policy, "of this run")
    rules = backtest_rules(settings, bars.instruments, seed)
    free = replace(rules, costs=msgspec.structs.replace(rules.costs, **_FREE))

    def returns_by(by: BacktestRules) -> Returns:
        return lambda said: backtest(bars, features, regimes.at, said, by).returns

    return Backtest(returns_by(rules), returns_by(free), settings.session.periods_per_year)
