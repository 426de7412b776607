"""Made-up bars are good bars, and the same arguments give the same ones."""

from __future__ import annotations

import numpy as np
import pytest

from stairway.market.align import align
from stairway.testing.bars import CORRELATION, DAILY_VOLATILITY, random_walk
from stairway.testing.source import REFUSE, as_raw, daily_rules, intraday_session


def test_a_walk_passes_every_check_and_is_changed_by_none() -> None:
    bars = random_walk(3_000, seed=11)
    assert align(as_raw(bars), *daily_rules())[0].fingerprint == bars.fingerprint


@pytest.mark.parametrize("bar_seconds", [60, 300, 900, 3_600])
def test_sessions_of_a_walk_are_those_of_the_calendar(bar_seconds: int) -> None:
    bars = random_walk(400, seed=11, bar_seconds=bar_seconds)
    pair, report = align(as_raw(bars), REFUSE, intraday_session(bar_seconds))
    assert pair.fingerprint == bars.fingerprint
    assert report.cut_short == report.gaps == 0


def test_seeds_differ_and_repeat() -> None:
    assert random_walk(50, seed=1).fingerprint == random_walk(50, seed=1).fingerprint
    assert random_walk(50, seed=1).fingerprint != random_walk(50, seed=2).fingerprint


def test_a_walk_has_the_volatility_and_correlation_it_names() -> None:
    bars = random_walk(20_000, seed=3)
    inside = np.log(bars.close / bars.open)
    assert inside.std(axis=0) == pytest.approx(DAILY_VOLATILITY, rel=0.03)
    assert np.corrcoef(inside.T)[0, 1] == pytest.approx(CORRELATION, abs=0.02)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_walk_may_be_short(n: int) -> None:
    assert len(random_walk(n, seed=1)) == n
