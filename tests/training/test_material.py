from __future__ import annotations

import tomllib
from importlib.resources import files

import numpy as np
import pytest

from stairway.base.errors import DataError
from stairway.features import engine, regime
from stairway.features.labels import triple_barrier
from stairway.features.spec import FEATURE_NAMES
from stairway.testing.bars import random_walk
from stairway.training.material import Material, material_of, observe
from stairway.training.trainer_rules import rules_of

N = 500


RULES = rules_of(
    tomllib.loads(files("stairway").joinpath("policies", "daily.toml").read_text("utf-8"))
)


def test_what_is_learnt_from_is_what_trading_would_have_seen() -> None:
    rules, bars = RULES, random_walk(N, seed=3)

    observed = observe(bars, rules)

    state = engine.start(rules.features)
    weather = regime.start(rules.regime)
    for bar in bars:
        state, rows = engine.step(state, bar)
        weather, now = regime.step(weather, bar)
        assert np.array_equal(rows, observed.features[bar.index], equal_nan=True)
        assert now.label == observed.regimes.labels[bar.index]


def test_labels_are_measured_with_each_instrument_s_own_volatility() -> None:
    rules, bars = RULES, random_walk(N, seed=3)
    observed = observe(bars, rules)

    material = material_of(observed, rules)

    at = FEATURE_NAMES.index("volatility_long")
    again = triple_barrier(bars, observed.features[:, :, at].copy(), rules.labels)
    assert np.array_equal(material.labels.outcome, again.outcome)
    assert material.labels.outcome.max() == 1
    assert set(np.unique(material.regime)) <= {"trend", "range", "crisis"}


def test_nothing_is_usable_while_windows_fill_or_past_the_last_label() -> None:
    rules, bars = RULES, random_walk(N, seed=3)

    usable = material_of(observe(bars, rules), rules).usable

    assert not usable[: rules.features.warm_up_bars - 1].any()
    assert not usable[N - rules.labels.horizon_bars :].any()
    assert usable[rules.features.warm_up_bars : N - rules.labels.horizon_bars].all()


def test_a_longer_series_teaches_the_same_about_its_beginning() -> None:
    # Given the same bars, and fewer of them
    rules, bars = RULES, random_walk(N, seed=3)
    whole, part = (material_of(observe(b, rules), rules) for b in (bars, bars.part(0, 300)))

    # Then everything known at a close is the same, and so is every label that was complete
    complete = 300 - rules.labels.horizon_bars
    assert np.array_equal(whole.features[:300], part.features, equal_nan=True)
    assert np.array_equal(whole.regime[:300], part.regime)
    assert np.array_equal(whole.labels.outcome[:complete], part.labels.outcome[:complete])


def test_weights_are_made_within_the_rows_that_are_used() -> None:
    # Given labels that lie across each other, and a few of them that do not
    material = material_of(observe(random_walk(N, seed=3), RULES), RULES)
    apart = np.arange(RULES.features.warm_up_bars, N, 2 * RULES.labels.horizon_bars)

    every, few = material.sample(np.arange(N)), material.sample(apart)

    assert every.weight.min() < 0.5
    assert few.weight.tolist() == [1.0] * few.weight.size
    assert 0 < few.weight.size < every.weight.size


def test_a_sample_is_what_was_asked_for_and_can_be_used() -> None:
    material = material_of(observe(random_walk(N, seed=3), RULES), RULES)
    bars = np.arange(0, N, 3)

    used = material.used(bars)

    assert np.array_equal(
        np.flatnonzero(used.any(axis=1)) % 3, np.zeros(used.any(axis=1).sum())
    )
    assert (used <= material.usable).all()
    assert np.isfinite(material.sample(bars).rows).all()
    assert material.sample(bars).outcome.size == int(used.sum())


def test_columns_must_speak_of_the_same_bars() -> None:
    data = material_of(observe(random_walk(N, seed=3), RULES), RULES)

    with pytest.raises(DataError, match="same bars"):
        Material(data.features[:-1], data.labels, data.regime)
