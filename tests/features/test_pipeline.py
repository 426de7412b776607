from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from stairway.base.verdict import Pass
from stairway.features import engine, pipeline, regime
from stairway.features.causality import ProverRules, prove_streaming
from stairway.features.pipeline import REGIME_NAMES
from stairway.features.regime import Regime
from stairway.features.spec import FEATURE_NAMES
from stairway.market.bars import PairBars
from stairway.testing.bars import random_walk
from stairway.testing.strategies import valid_pair_bars

BARS = random_walk(80, seed=2)
PROVER = ProverRules(cuts=8, max_bars=1_500, min_bars=16, min_prefix_bars=1, tolerance=1e-9)


def test_there_are_twelve_columns_for_each_instrument_and_the_regime(small) -> None:
    names = list(pipeline.columns(BARS, small))
    expected = [f"{symbol}.{name}" for symbol in BARS.symbols for name in FEATURE_NAMES]
    assert names == expected + [f"regime.{name}" for name in REGIME_NAMES]


@pytest.mark.parametrize("k", [0, 1])
def test_a_column_holds_the_feature_of_its_name(small, k: int) -> None:
    found = pipeline.columns(BARS, small)
    features = engine.batch(BARS, small.features)
    for j, name in enumerate(FEATURE_NAMES):
        column = found[f"{BARS.symbols[k]}.{name}"]
        np.testing.assert_array_equal(column, features[:, k, j])


@pytest.mark.parametrize("name", [n for n in REGIME_NAMES if n != "label"])
def test_a_column_holds_the_regime_output_of_its_name(small, name: str) -> None:
    column = pipeline.columns(BARS, small)[f"regime.{name}"]
    said = regime.batch(BARS, small.regime)
    truth = [getattr(said.at(i), name) for i in range(len(BARS))]
    np.testing.assert_array_equal(column, truth)


def test_the_label_is_its_place_among_the_labels(small) -> None:
    column = pipeline.columns(BARS, small)["regime.label"]
    said = regime.batch(BARS, small.regime)
    assert [regime.LABELS[int(code)] for code in column] == list(said.labels)
    assert len(set(column)) > 1, "a test of one label shows nothing"


def test_every_number_that_the_detector_gives_is_proved() -> None:
    """A new output that the prover does not see would be an unproved one."""
    assert set(Regime.__struct_fields__) - {"warm"} == set(REGIME_NAMES)


@settings(max_examples=30)
@given(bars=valid_pair_bars(min_size=1, max_size=30))
def test_streamed_columns_are_the_batch_to_the_last_bit(small, bars: PairBars) -> None:
    found = pipeline.columns(bars, small)
    told = list(pipeline.stream(bars, bars.symbols, small))
    assert all(list(answer) == list(found) for answer in told)
    for name, column in found.items():
        np.testing.assert_array_equal([answer[name] for answer in told], column, name)


def test_the_stream_answers_each_bar_before_the_next(small) -> None:
    verdict = prove_streaming(
        lambda bars: pipeline.columns(bars, small),
        lambda bars: pipeline.stream(bars, BARS.symbols, small),
        BARS,
        PROVER,
    )
    assert isinstance(verdict, Pass), verdict


def test_real_days_stream_as_they_batch(daily, index_days: PairBars) -> None:
    verdict = prove_streaming(
        lambda bars: pipeline.columns(bars, daily),
        lambda bars: pipeline.stream(bars, index_days.symbols, daily),
        index_days,
        PROVER,
    )
    assert isinstance(verdict, Pass), verdict
