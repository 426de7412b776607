"""An edge that is planted, dies where it was said to, and leaves everything else alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from msgspec import ValidationError
from msgspec.structs import replace

from stairway.base.arrays import FloatArray
from stairway.base.errors import ConfigError
from stairway.market.bars import PairBars
from stairway.simulation.misfortune import EdgeRules, freeze_feed, plant_edge
from stairway.testing.bars import random_walk
from stairway.testing.strategies import valid_pair_bars

RULES = EdgeRules(
    block_bars=10, training_drift_sigmas=0.2, climb_drift_sigmas=0.5, volume_log_shift=0.6
)
PRICES = ("open", "high", "low", "close")


def spells(plain: PairBars, planted: PairBars) -> FloatArray:
    """Signs that the volume betrays, (n, 2)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sign(np.log(planted.volume / plain.volume))


def drift(plain: PairBars, planted: PairBars) -> FloatArray:
    """What was added to each bar's log return, (n, 2)."""
    moved = np.log(planted.close / plain.close)
    return np.diff(moved, prepend=np.zeros((1, 2)), axis=0)


def test_the_drift_of_a_bar_is_betrayed_by_the_volume_of_the_bar_before() -> None:
    plain = random_walk(400, seed=1)
    planted = plant_edge(plain, RULES, 7, climb_index=200, off_index=300)
    added, told = drift(plain, planted), spells(plain, planted)
    assert (np.sign(added[1:300]) == told[:299]).all()
    sigma = np.diff(np.log(plain.close), prepend=np.log(plain.close[:1]), axis=0).std(axis=0)
    np.testing.assert_allclose(abs(added[1:200]), np.tile(0.2 * sigma, (199, 1)), rtol=1e-9)
    np.testing.assert_allclose(abs(added[200:300]), np.tile(0.5 * sigma, (100, 1)), rtol=1e-9)


def test_after_its_end_there_is_no_drift_but_the_pattern_goes_on() -> None:
    plain = random_walk(400, seed=1)
    planted = plant_edge(plain, RULES, 7, climb_index=200, off_index=300)
    np.testing.assert_allclose(drift(plain, planted)[300:], 0.0, atol=1e-12)
    told = spells(plain, planted)[300:]
    assert {-1.0, 1.0} == set(np.unique(told))


@hypothesis_settings(max_examples=40)
@given(valid_pair_bars(min_size=2, max_size=60), st.integers(0, 99), st.data())
def test_planted_bars_are_bars(bars: PairBars, seed: int, data: st.DataObject) -> None:
    off = data.draw(st.integers(0, len(bars)))
    climb = data.draw(st.integers(0, off))
    planted = plant_edge(bars, RULES, seed, climb, off)
    body_high = np.maximum(planted.open, planted.close)
    body_low = np.minimum(planted.open, planted.close)
    assert (planted.high >= body_high * (1 - 1e-12)).all()
    assert (planted.low <= body_low * (1 + 1e-12)).all()
    assert (planted.low > 0).all()
    assert all(np.isfinite(getattr(planted, name)).all() for name in PRICES)
    assert (planted.volume >= 0).all()
    assert planted.time_ns is bars.time_ns
    assert planted.session is bars.session


def test_the_same_seed_plants_the_same_edge_and_another_one_another() -> None:
    bars = random_walk(200, seed=1)
    prints = [plant_edge(bars, RULES, seed, 100, 150).fingerprint for seed in (7, 7, 8)]
    assert prints[0] == prints[1] != prints[2]


def test_each_instrument_has_spells_of_its_own_each_of_one_sign() -> None:
    plain = random_walk(400, seed=1)
    told = spells(plain, plant_edge(plain, RULES, 7, 200, 300))
    assert (told[:, 0] != told[:, 1]).any()
    blocks = told.reshape(40, RULES.block_bars, 2)
    assert (blocks == blocks[:, :1]).all()


def test_what_came_in_is_not_changed() -> None:
    bars = random_walk(100, seed=1)
    before = bars.fingerprint
    plant_edge(bars, RULES, 7, 50, 80)
    freeze_feed(bars, 10, 5)
    assert bars.fingerprint == before


def test_without_strength_and_shift_nothing_is_planted() -> None:
    bars = random_walk(100, seed=1)
    nothing = replace(
        RULES, training_drift_sigmas=0.0, climb_drift_sigmas=0.0, volume_log_shift=0.0
    )
    assert plant_edge(bars, nothing, 7, 50, 80).fingerprint == bars.fingerprint


@pytest.mark.parametrize(("climb", "off"), [(-1, 50), (60, 50), (50, 101)])
def test_an_edge_must_end_after_training_and_within_the_bars(climb: int, off: int) -> None:
    with pytest.raises(ConfigError, match="must end within the 100 bars and after training"):
        plant_edge(random_walk(100, seed=1), RULES, 7, climb, off)


@hypothesis_settings(max_examples=40)
@given(st.integers(0, 40), st.integers(1, 40))
def test_a_frozen_feed_repeats_its_last_message_to_the_last_digit(
    start: int, count: int
) -> None:
    bars = random_walk(60, seed=1)
    if start + count >= 60:
        with pytest.raises(ConfigError, match="cannot freeze"):
            freeze_feed(bars, start, count)
        return
    frozen = freeze_feed(bars, start, count)
    for i in range(start, start + count + 1):
        assert frozen.at(i).bars == bars.at(start).bars
        assert frozen.at(i).time_ns == bars.at(i).time_ns
    others = [i for i in range(60) if not start < i <= start + count]
    assert all(frozen.at(i) == bars.at(i) for i in others)


@pytest.mark.parametrize(("start", "count"), [(-1, 5), (0, 0), (59, 1), (10, 50)])
def test_a_freeze_outside_the_bars_is_refused(start: int, count: int) -> None:
    with pytest.raises(ConfigError, match="cannot freeze bars"):
        freeze_feed(random_walk(60, seed=1), start, count)


@pytest.mark.parametrize("name", ["training_drift_sigmas", "climb_drift_sigmas"])
@pytest.mark.parametrize("value", [-0.1, 2.1, float("nan")])
def test_a_strength_out_of_range_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValidationError):
        replace(RULES, **{name: value})


def test_who_reads_the_volume_at_a_close_profits_from_the_next_open_on() -> None:
    plain = random_walk(2_000, seed=1)
    planted = plant_edge(plain, RULES, 7, climb_index=1_000, off_index=1_800)
    told = spells(plain, planted)[:-1]
    earned = told * np.log(planted.close[1:] / planted.open[1:])
    before, after = earned[1_000:1_799], earned[1_800:]
    assert before.mean() > 4 * before.std() / np.sqrt(before.size)
    assert abs(after.mean()) < 3 * after.std() / np.sqrt(after.size)


def test_the_edge_may_begin_with_the_bars_and_never_end() -> None:
    plain = random_walk(50, seed=1)
    whole = plant_edge(plain, RULES, 7, climb_index=0, off_index=50)
    assert (drift(plain, whole)[1:] != 0.0).all()
    np.testing.assert_allclose(drift(plain, whole)[0], 0.0, atol=1e-12)


def test_an_edge_that_dies_at_once_is_only_a_pattern() -> None:
    plain = random_walk(50, seed=1)
    dead = plant_edge(plain, RULES, 7, climb_index=0, off_index=0)
    np.testing.assert_allclose(dead.close, plain.close, rtol=1e-12)
    assert (dead.volume != plain.volume).all()
