"""The five scenarios: their spells, their settings, and where they come from."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import ConfigError
from stairway.base.units import UtcNs
from stairway.simulation.bootstrap import Kind, Spell
from stairway.simulation.scenarios import (
    Method,
    Provenance,
    Scenario,
    ScenarioRules,
    spells_of,
)
from stairway.testing.scenarios import scenario_rules

ORIGIN = Provenance(
    scenario=Scenario.MIXED,
    method=Method.GARCH,
    source="a" * 64,
    source_bars=6_800,
    first_ns=UtcNs(1),
    last_ns=UtcNs(2),
    seed="7/0/3",
    chance="b" * 64,
    settings="c" * 64,
    model={"correlation": 0.6},
    tries=1,
    blocks="d" * 64,
    bars=7_820,
    fingerprint="e" * 64,
)


def spells(scenario: Scenario, count: int, seed: int = 1) -> tuple[Spell, ...]:
    return spells_of(scenario, count, np.random.Generator(np.random.PCG64(seed)))


def test_there_are_five_of_them() -> None:
    assert [scenario.value for scenario in Scenario] == [
        "high_volatility",
        "low_volatility",
        "trending",
        "correlation_breakdown",
        "mixed",
    ]


@pytest.mark.parametrize(
    ("scenario", "kinds"),
    [
        (Scenario.HIGH_VOLATILITY, {Kind.STORMY}),
        (Scenario.LOW_VOLATILITY, {Kind.CALM}),
        (Scenario.TRENDING, {Kind.RISING, Kind.FALLING}),
        (Scenario.CORRELATION_BREAKDOWN, {Kind.ANY}),
        (Scenario.MIXED, set(Kind)),
    ],
)
def test_each_is_made_of_its_own_kinds_of_spells(scenario: Scenario, kinds: set[Kind]) -> None:
    drawn = spells(scenario, 40)
    assert len(drawn) == 40
    assert {spell.kind for spell in drawn} == kinds


def test_only_a_breakdown_takes_the_instruments_apart() -> None:
    apart = {s: {spell.apart for spell in spells(s, 40)} for s in Scenario}
    assert apart.pop(Scenario.CORRELATION_BREAKDOWN) == {True}
    assert apart.pop(Scenario.MIXED) == {True, False}
    assert set().union(*apart.values()) == {False}


def test_a_trend_goes_up_and_down_by_chance() -> None:
    ways = Counter(s.kind for seed in range(50) for s in spells(Scenario.TRENDING, 20, seed))
    assert 400 < ways[Kind.RISING] < 600


@given(count=st.integers(2, 60), seed=st.integers(0, 100))
def test_a_mixed_market_has_storm_and_calm_however_short_it_is(count: int, seed: int) -> None:
    kinds = Counter(spell.kind for spell in spells(Scenario.MIXED, count, seed))
    assert kinds[Kind.STORMY] >= count // 6
    assert kinds[Kind.CALM] >= count // 6
    assert kinds[Kind.STORMY] >= 1
    assert kinds[Kind.CALM] >= 1


def test_a_mixed_market_is_shuffled() -> None:
    orders = {tuple(s.kind for s in spells(Scenario.MIXED, 6, seed)) for seed in range(10)}
    assert len(orders) > 5


def test_each_kind_chooses_from_its_own_share() -> None:
    rules = scenario_rules(extreme_frac=0.2, trend_frac=0.6)
    shares = {kind: rules.frac_of(kind) for kind in Kind}
    assert shares == {
        Kind.ANY: 1.0,
        Kind.CALM: 0.2,
        Kind.STORMY: 0.2,
        Kind.RISING: 0.6,
        Kind.FALLING: 0.6,
    }


@pytest.mark.parametrize("name", ["sessions", "model_sessions"])
def test_whole_spells_are_asked_for(name: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"{name} is 10, and spell_sessions 4; .* a multiple"
    ):
        scenario_rules(**{"sessions": 8, "model_sessions": 8, "spell_sessions": 4, name: 10})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sessions", 0),
        ("draws", 0),
        ("methods", ()),
        ("methods", ("magic",)),
        ("extreme_frac", 1.0),
        ("trend_frac", 0.0),
        ("min_blocks", 1),
        ("bound_quantile", 0.5),
        ("max_correlation_frac", 1.0),
        ("min_correlation", 0.0),
        ("min_mixed_frac", float("nan")),
        ("tries", 0),
    ],
)
def test_settings_out_of_range_are_refused(name: str, value: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        scenario_rules(**{name: value})


def test_no_setting_may_be_left_out() -> None:
    plain = msgspec.to_builtins(scenario_rules())
    for name in plain:
        with pytest.raises(msgspec.ValidationError, match=name):
            msgspec.convert({k: v for k, v in plain.items() if k != name}, ScenarioRules)
    assert msgspec.convert(plain, ScenarioRules) == scenario_rules()


def test_where_it_comes_from_can_be_written_down_and_read() -> None:
    again = msgspec.json.decode(msgspec.json.encode(ORIGIN), type=Provenance)
    assert again == ORIGIN
    assert str(ORIGIN) == (
        "mixed by garch: 7820 bars eeeeeeeeeeee from 6800 bars aaaaaaaaaaaa, seed 7/0/3, "
        "blocks dddddddddddd"
    )


def test_settings_are_read_without_any_library() -> None:
    program = "import sys, stairway.simulation.scenarios; print(' '.join(sys.modules))"
    asked = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in asked.stdout.split()}
    assert loaded.isdisjoint({"arch", "pandas", "scipy", "statsmodels"})
