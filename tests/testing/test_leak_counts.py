"""The suite of planted leaks: a few seeds always, a hundred in the long run."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from stairway.app.settings import load, shipped
from stairway.evaluation.battery.study import BatteryRules
from stairway.testing.leak_counts import (
    HONEST,
    PLANTED,
    RECORDED,
    SIMULATED,
    TRUE_EDGE,
    cell,
    recorded,
    true_edge,
)

RULES = load("daily").battery.asked
DATA = Path(os.environ.get("STAIRWAY_DATA", Path(__file__).parents[3] / "shared" / "data"))
NO_DATA = pytest.mark.skipif(not DATA.is_dir(), reason="no recorded bars: set STAIRWAY_DATA")
MARKETS = dict(SIMULATED) | {name: partial(recorded, DATA, name) for name in RECORDED}
ALL = [pytest.param(name, marks=NO_DATA) if name in RECORDED else name for name in MARKETS]
SOME = [ALL[1], ALL[2]]


@pytest.mark.parametrize("policy", shipped())
def test_what_is_counted_looks_as_hard_as_every_shipped_policy(policy: str) -> None:
    assert load(policy).battery.asked == RULES == BatteryRules()


def test_eight_kinds_of_leak_are_planted() -> None:
    assert len(PLANTED) == 8


@pytest.mark.parametrize("market", SOME)
@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_leak_is_found(case: str, market: str) -> None:
    found = cell(PLANTED[case], MARKETS[market], [1], RULES)

    assert found.alarms == 1, found


@pytest.mark.parametrize("market", SOME)
@pytest.mark.parametrize("case", HONEST)
def test_an_honest_study_raises_no_alarm(case: str, market: str) -> None:
    found = cell(HONEST[case], MARKETS[market], [1], RULES)

    assert (found.alarms, found.inconclusive) == (0, 0), found


@pytest.mark.long
@pytest.mark.parametrize("market", ALL)
@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_leak_is_found_in_95_of_100_seeds(case: str, market: str) -> None:
    assert cell(PLANTED[case], MARKETS[market], range(100), RULES).alarms >= 95


@pytest.mark.long
@pytest.mark.parametrize("market", [*ALL, TRUE_EDGE])
@pytest.mark.parametrize("case", HONEST)
def test_an_honest_study_raises_at_most_5_alarms_in_100_seeds(case: str, market: str) -> None:
    moves = MARKETS.get(market, true_edge)
    found = cell(HONEST[case], moves, range(100), RULES)

    assert found.alarms <= 5
    assert found.inconclusive == 0
