from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

import numpy as np
import pytest

from stairway.base.errors import ConfigError
from stairway.features import engine, regime
from stairway.features.labels import triple_barrier
from stairway.features.spec import FEATURE_NAMES
from stairway.testing.bars import random_walk
from stairway.training.lesson import TrainerRules, learn, material_of, rules_of

N = 500


def policy(name: str = "daily") -> dict[str, Any]:
    return tomllib.loads(
        files("stairway").joinpath("policies", f"{name}.toml").read_text("utf-8")
    )


@pytest.mark.parametrize("name", ["daily", "intraday", "literal"])
def test_every_shipped_policy_can_be_trained_by(name: str) -> None:
    rules = rules_of(policy(name))

    assert rules.splits.n_blocks >= 2
    assert rules.evidence.binding


def test_the_original_rules_bind_the_original_bound() -> None:
    assert [check.value for check in rules_of(policy("literal")).evidence.binding] == ["brier"]


@pytest.mark.parametrize("section", TrainerRules.__struct_fields__)
def test_a_policy_without_a_section_says_which_one(section: str) -> None:
    tables = policy()
    del tables[section]

    with pytest.raises(ConfigError, match=rf"no \[{section}\] section"):
        rules_of(tables)


@pytest.mark.parametrize("section", TrainerRules.__struct_fields__)
def test_a_key_that_nobody_knows_is_refused(section: str) -> None:
    tables = policy()
    tables[section]["roundz"] = 1

    with pytest.raises(ConfigError, match="roundz"):
        rules_of(tables)


def test_a_value_out_of_range_is_refused() -> None:
    tables = policy()
    tables["boosting"]["learning_rate"] = 2.0

    with pytest.raises(ConfigError, match="learning_rate"):
        rules_of(tables)


def test_sections_that_training_does_not_read_may_say_anything() -> None:
    assert rules_of(policy() | {"limits": {"nonsense": 1}}) == rules_of(policy())


def test_what_is_learnt_from_is_what_trading_would_have_seen() -> None:
    rules, bars = rules_of(policy()), random_walk(N, seed=3)

    lesson = learn(bars, rules)

    state = engine.start(rules.features)
    weather = regime.start(rules.regime)
    for bar in bars:
        state, rows = engine.step(state, bar)
        weather, now = regime.step(weather, bar)
        assert np.array_equal(rows, lesson.features[bar.index], equal_nan=True)
        assert now.label == lesson.regimes.labels[bar.index]


def test_labels_are_measured_with_each_instrument_s_own_volatility() -> None:
    rules, bars = rules_of(policy()), random_walk(N, seed=3)
    lesson = learn(bars, rules)

    material = material_of(lesson, rules)

    at = FEATURE_NAMES.index("volatility_long")
    again = triple_barrier(bars, lesson.features[:, :, at].copy(), rules.labels)
    assert np.array_equal(material.labels.outcome, again.outcome)
    assert material.labels.outcome.max() == 1
    assert set(np.unique(material.regime)) <= {"trend", "range", "crisis"}


def test_nothing_is_usable_while_windows_fill_or_past_the_last_label() -> None:
    rules, bars = rules_of(policy()), random_walk(N, seed=3)

    usable = material_of(learn(bars, rules), rules).usable

    assert not usable[: rules.features.warm_up_bars - 1].any()
    assert not usable[N - rules.labels.horizon_bars :].any()
    assert usable[rules.features.warm_up_bars : N - rules.labels.horizon_bars].all()


def test_a_longer_series_teaches_the_same_about_its_beginning() -> None:
    # Given the same bars, and fewer of them
    rules, bars = rules_of(policy()), random_walk(N, seed=3)
    whole, part = (material_of(learn(b, rules), rules) for b in (bars, bars.part(0, 300)))

    # Then everything known at a close is the same, and so is every label that was complete
    complete = 300 - rules.labels.horizon_bars
    assert np.array_equal(whole.features[:300], part.features, equal_nan=True)
    assert np.array_equal(whole.regime[:300], part.regime)
    assert np.array_equal(whole.labels.outcome[:complete], part.labels.outcome[:complete])
