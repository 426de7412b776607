from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from stairway.base.verdict import Pass, Refuse
from stairway.features.causality import ProverRules, prove
from stairway.features.pipeline import columns
from stairway.features.regime import RegimeRules
from stairway.features.spec import FeatureRules
from stairway.market.bars import PairBars
from stairway.testing.bars import random_walk
from stairway.training.leak import LEAKING, leaking_columns

PROVER = ProverRules(cuts=8, max_bars=300, min_bars=200, min_prefix_bars=64, tolerance=1e-9)
RULES = SimpleNamespace(
    features=FeatureRules(
        momentum_short_bars=3,
        momentum_long_bars=10,
        volatility_short_bars=5,
        volatility_long_bars=20,
        rsi_bars=10,
        ema_bars=10,
        volume_bars=20,
        clock="year",
        session_seconds=86_400,
        count_session_gaps=True,
    ),
    regime=RegimeRules(
        session_bars=5,
        history_bars=50,
        min_samples=20,
        weight_momentum=0.4,
        weight_volatility=0.3,
        weight_divergence=0.3,
        max_score=3.0,
        crisis_enter=2.0,
        crisis_leave=1.5,
        crisis_divergence=3.0,
        trend_enter=2.0,
        trend_leave=1.0,
        count_session_gaps=True,
    ),
)


@pytest.fixture(scope="module")
def bars() -> PairBars:
    return random_walk(300, seed=3)


def test_the_prover_names_both_leaking_columns_and_no_other(bars: PairBars) -> None:
    proof = prove(partial(leaking_columns, rules=RULES), bars, PROVER, seed=7)

    assert isinstance(proof.verdict, Refuse)
    assert {o.column for o in proof.offences} == {f"{s}.{LEAKING}" for s in bars.symbols}
    assert {o.ahead_bars for o in proof.offences} == {1}
    assert any(LEAKING in finding.detail for finding in proof.verdict.findings)


def test_the_honest_pipeline_beside_it_passes(bars: PairBars) -> None:
    proof = prove(partial(columns, rules=RULES), bars, PROVER, seed=7)

    assert isinstance(proof.verdict, Pass)


def test_all_other_columns_are_the_honest_ones(bars: PairBars) -> None:
    honest, leaking = columns(bars, RULES), leaking_columns(bars, RULES)

    assert list(leaking) == list(honest)
    for name, column in honest.items():
        same = np.array_equal(column, leaking[name], equal_nan=True)
        assert same is not name.endswith(f".{LEAKING}")


def test_the_planted_column_holds_the_return_of_the_next_bar(bars: PairBars) -> None:
    leaked = leaking_columns(bars, RULES)

    for k, symbol in enumerate(bars.symbols):
        ahead = leaked[f"{symbol}.{LEAKING}"]
        assert ahead[10] == pytest.approx(np.log(bars.close[11, k] / bars.close[10, k]))
        assert np.isfinite(ahead[:-1]).all()
        assert np.isnan(ahead[-1])
