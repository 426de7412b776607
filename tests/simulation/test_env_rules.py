"""Rules of the environment are complete, in range, and do not contradict each other."""

from __future__ import annotations

import math

import msgspec
import pytest

from stairway.base.errors import ConfigError
from stairway.simulation.env_rules import EnvRules
from stairway.testing.practice import env_rules


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("equity_usd", 0.0),
        ("equity_usd", 1e9),
        ("stake_frac", 0.0),
        ("stake_frac", 1.5),
        ("stake_frac", math.nan),
        ("episode_steps", 0),
        ("min_episode_steps", 0),
        ("max_session_drawdown_frac", 0.0),
        ("max_session_drawdown_frac", 1.1),
        ("max_session_drawdown_frac", math.nan),
        ("risk_free_frac_per_year", -1.0),
        ("overnight", "keep"),
        ("flips", "slowly"),
        ("observation_noise", -0.1),
        ("observation_noise", math.nan),
        ("feature_clip", 0.0),
        ("feature_clip", 101.0),
    ],
)
def test_what_is_out_of_range_is_refused_however_it_is_made(name: str, value: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        env_rules(**{name: value})


@pytest.mark.parametrize("name", EnvRules.__struct_fields__)
def test_every_rule_must_be_said(name: str) -> None:
    table = msgspec.to_builtins(env_rules())
    del table[name]
    with pytest.raises(msgspec.ValidationError, match=name):
        msgspec.convert(table, EnvRules)


def test_unknown_rules_are_refused() -> None:
    table = msgspec.to_builtins(env_rules()) | {"leverage": 2.0}
    with pytest.raises(msgspec.ValidationError, match="leverage"):
        msgspec.convert(table, EnvRules)


def test_the_shortest_episode_is_not_the_longest() -> None:
    with pytest.raises(ConfigError, match="min_episode_steps is 11 and episode_steps 10"):
        env_rules(min_episode_steps=11, episode_steps=10)


def test_interest_of_all_bars_is_interest_of_the_year() -> None:
    rules = env_rules(risk_free_frac_per_year=0.03)
    year_bps = 252 * 390 * rules.risk_free_bps_per_bar(252.0 * 390)
    assert math.exp(year_bps / 10_000) == pytest.approx(1.03)


def test_no_interest_is_none_at_all() -> None:
    assert env_rules(risk_free_frac_per_year=0.0).risk_free_bps_per_bar(252.0) == 0.0
