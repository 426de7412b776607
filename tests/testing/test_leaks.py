from __future__ import annotations

import pytest

from stairway.base.verdict import Pass, Refuse
from stairway.features.function import ProverRules, prove_function
from stairway.testing.leaks import CAUSAL, LEAKS, Entry, series

RULES = ProverRules(cuts=12, max_bars=10**6, min_bars=200, min_prefix_bars=64, tolerance=1e-9)


def verdict(entry: Entry, seed: int, rows: int = 700) -> object:
    bars = series(rows, seed, late=entry.late)
    return prove_function(entry.make, bars, RULES, seed).verdict


def caught(entry: Entry, seed: int) -> bool:
    found = verdict(entry, seed)
    return isinstance(found, Refuse) and found.findings[0].code == "causality.looks_ahead"


@pytest.mark.parametrize("name", LEAKS)
def test_every_leak_is_caught(name: str) -> None:
    assert caught(LEAKS[name], seed=5)


@pytest.mark.parametrize("name", CAUSAL)
def test_every_causal_transform_passes(name: str) -> None:
    assert isinstance(verdict(CAUSAL[name], seed=5), Pass)


@pytest.mark.parametrize("level", [1e6, -1e10], ids=["high", "deep"])
@pytest.mark.parametrize("name", CAUSAL)
def test_a_causal_transform_passes_on_whatever_level_it_stands(name: str, level: float) -> None:
    entry = CAUSAL[name]
    raised = Entry("", lambda bars: level + entry.make(bars), entry.late)
    assert isinstance(verdict(raised, seed=5), Pass)


@pytest.mark.parametrize("name", [name for name in LEAKS if "ahead" not in name])
def test_a_level_of_a_million_hides_no_leak(name: str) -> None:
    entry = LEAKS[name]
    assert caught(Entry("", lambda bars: 1e6 + entry.make(bars), entry.late), seed=5)


@pytest.mark.long
@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_is_caught_with_at_least_95_of_100_seeds(name: str) -> None:
    assert sum(caught(LEAKS[name], seed) for seed in range(100)) >= 95


@pytest.mark.long
@pytest.mark.parametrize("name", CAUSAL)
def test_a_causal_transform_passes_with_every_seed(name: str) -> None:
    assert all(isinstance(verdict(CAUSAL[name], seed), Pass) for seed in range(100))
