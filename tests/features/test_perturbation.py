from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.features import engine
from stairway.features.perturbation import Perturbation, disturb
from stairway.market.bars import PairBars
from stairway.testing.bars import random_walk
from stairway.testing.strategies import valid_pair_bars

SHORTER = (Perturbation.TRUNCATE, Perturbation.DELETE)
COLUMNS = ("time_ns", "session", "last_of_session", "open", "high", "low", "close", "volume")


def disturbed(bars: PairBars, cut: int, kind: Perturbation, seed: int = 1) -> PairBars:
    return disturb(bars, cut, kind, np.random.Generator(np.random.PCG64(seed)))


def same(one: PairBars, other: PairBars, rows: slice) -> bool:
    return all(
        np.array_equal(getattr(one, name)[rows], getattr(other, name)[rows]) for name in COLUMNS
    )


@pytest.mark.parametrize("kind", Perturbation)
@settings(max_examples=25)
@given(bars=valid_pair_bars(min_size=2, max_size=30), data=st.data())
def test_the_past_stays_as_it_was(
    kind: Perturbation, bars: PairBars, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(1, len(bars) - 1))
    assert same(bars, disturbed(bars, cut, kind), slice(0, cut))


@pytest.mark.parametrize("kind", Perturbation)
@pytest.mark.parametrize("bar_seconds", [60, 86_400])
def test_the_future_is_another(kind: Perturbation, bar_seconds: int) -> None:
    bars = random_walk(100, seed=3, bar_seconds=bar_seconds)
    other = disturbed(bars, 60, kind)
    assert len(other) < 100 if kind in SHORTER else not same(bars, other, slice(60, 100))


@pytest.mark.parametrize("kind", [k for k in Perturbation if k not in SHORTER])
def test_the_very_next_bar_is_another(kind: Perturbation) -> None:
    """So that looking one bar ahead is caught, whatever was done to the future."""
    bars = random_walk(100, seed=3)
    assert not same(bars, disturbed(bars, 60, kind), slice(60, 61))


@pytest.mark.parametrize("kind", Perturbation)
@settings(max_examples=25)
@given(bars=valid_pair_bars(min_size=2, max_size=30), data=st.data())
def test_disturbed_bars_are_still_bars(
    kind: Perturbation, small, bars: PairBars, data: st.DataObject
) -> None:
    other = disturbed(bars, data.draw(st.integers(1, len(bars) - 1)), kind)
    engine.batch(other, small.features)
    assert (np.diff(other.time_ns) > 0).all()
    assert (np.diff(other.session) >= 0).all()
    assert (other.low <= np.minimum(other.open, other.close) * (1 + 1e-12)).all()
    assert (other.high >= np.maximum(other.open, other.close) * (1 - 1e-12)).all()
    assert (other.low > 0.0).all()
    assert (other.volume >= 0.0).all()


@pytest.mark.parametrize("kind", Perturbation)
def test_the_bars_that_came_in_are_not_touched(kind: Perturbation) -> None:
    bars = random_walk(50, seed=3)
    before = bars.fingerprint
    disturbed(bars, 20, kind)
    assert bars.fingerprint == before


@pytest.mark.parametrize("kind", Perturbation)
def test_the_same_chance_gives_the_same_future(kind: Perturbation) -> None:
    bars = random_walk(50, seed=3)
    assert disturbed(bars, 20, kind).fingerprint == disturbed(bars, 20, kind).fingerprint


def test_another_seed_gives_other_noise() -> None:
    bars = random_walk(50, seed=3)
    one, other = (disturbed(bars, 20, Perturbation.NOISE, seed) for seed in (1, 2))
    assert one.fingerprint != other.fingerprint


def test_truncated_bars_end_at_the_cut() -> None:
    assert len(disturbed(random_walk(50, seed=3), 20, Perturbation.TRUNCATE)) == 20


def test_frozen_bars_repeat_the_last_close() -> None:
    bars = random_walk(50, seed=3)
    other = disturbed(bars, 20, Perturbation.CONSTANT)
    assert (other.high[20:] == bars.close[19]).all()
    assert (other.low[20:] == bars.close[19]).all()


def test_mirrored_returns_have_the_other_sign() -> None:
    bars = random_walk(50, seed=3)
    other = disturbed(bars, 20, Perturbation.SIGN)
    moves = [np.diff(np.log(b.close[19:]), axis=0) for b in (bars, other)]
    np.testing.assert_allclose(moves[0], -moves[1], atol=1e-12)


def test_shuffled_bars_are_the_same_bars_in_another_order() -> None:
    bars = random_walk(50, seed=3)
    other = disturbed(bars, 20, Perturbation.SHUFFLE)
    assert np.sort(other.close, axis=0).tolist() == np.sort(bars.close, axis=0).tolist()


def test_moving_the_clock_leaves_prices_alone() -> None:
    bars = random_walk(50, seed=3)
    other = disturbed(bars, 20, Perturbation.CLOCK)
    assert other.close.tolist() == bars.close.tolist()
    assert (other.time_ns[20:] > bars.time_ns[20:]).all()
