"""Whether a made-up market is what it is called, measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stairway.base.arrays import FloatArray
from stairway.base.verdict import Pass, Refuse, Verdict
from stairway.simulation.conditions import (
    Windows,
    can_be_traded,
    is_what_it_says,
    windows_of,
)
from stairway.simulation.scenarios import Scenario
from stairway.testing.bars import random_walk
from stairway.testing.scenarios import scenario_rules

RULES = scenario_rules(min_windows=5)
ONE = np.ones(2)
RECORDED = Windows(
    volatility=np.array([0.5, 0.8, 1.0, 1.2, 2.0]),
    trend=np.array([0.0, 0.5, 1.0, 1.5, 2.0]),
    correlation=np.array([0.4, 0.5, 0.6, 0.7, 0.8]),
)


def windows(
    volatility: float = 1.0, trend: float = 1.0, correlation: float = 0.6, n: int = 4
) -> Windows:
    return Windows(np.full(n, volatility), np.full(n, trend), np.full(n, correlation))


def judged(scenario: Scenario, made: Windows, recorded: Windows = RECORDED) -> Verdict:
    return is_what_it_says(scenario, made, recorded, RULES)


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


# -- windows ---------------------------------------------------------------------------


def test_volatility_is_in_units_of_each_instrument() -> None:
    returns = np.tile([[0.01, 0.3], [-0.01, -0.3]], (5, 1))
    found = windows_of(returns, np.array([0.01, 0.3]), 10)
    assert found.volatility.tolist() == pytest.approx([1.0])
    assert windows_of(returns, np.array([0.02, 0.3]), 10).volatility[0] == pytest.approx(
        np.sqrt((0.25 + 1.0) / 2)
    )


def test_a_trend_has_no_sign_and_is_as_long_as_it_went_one_way() -> None:
    up, down = np.full((9, 2), 1.0), np.full((9, 2), -1.0)
    assert windows_of(np.concatenate((up, down)), ONE, 9).trend.tolist() == [3.0, 3.0]
    there_and_back = np.concatenate((up, down))
    assert windows_of(there_and_back, ONE, 18).trend.tolist() == [0.0]


def test_correlation_is_that_of_numpy() -> None:
    returns = generator(1).standard_normal((40, 2))
    returns[:, 1] += returns[:, 0]
    found = windows_of(returns, np.array([3.0, 0.1]), 20)
    for w in (0, 1):
        wanted = np.corrcoef(returns[20 * w : 20 * w + 20].T)[0, 1]
        assert found.correlation[w] == pytest.approx(wanted)


def test_where_an_instrument_stands_still_there_is_no_correlation() -> None:
    returns = generator(1).standard_normal((20, 2))
    returns[:, 0] = 0.0
    found = windows_of(returns, ONE, 20)
    assert np.isnan(found.correlation).all()
    assert windows_of(np.zeros((20, 2)), ONE, 20).trend.tolist() == [0.0]


def test_what_is_left_over_at_the_end_is_not_looked_at() -> None:
    assert len(windows_of(np.ones((25, 2)), ONE, 10)) == 2
    assert len(windows_of(np.ones((5, 2)), ONE, 10)) == 0


# -- verdicts --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "good", "bad"),
    [
        (Scenario.HIGH_VOLATILITY, windows(volatility=1.2), windows(volatility=1.199)),
        (Scenario.LOW_VOLATILITY, windows(volatility=0.8), windows(volatility=0.801)),
        (Scenario.TRENDING, windows(trend=1.5), windows(trend=1.499)),
        (Scenario.CORRELATION_BREAKDOWN, windows(correlation=0.3), windows(correlation=0.301)),
        (Scenario.CORRELATION_BREAKDOWN, windows(correlation=-0.3), windows(correlation=-0.31)),
    ],
)
def test_exactly_the_bound_passes_and_a_little_less_does_not(
    scenario: Scenario, good: Windows, bad: Windows
) -> None:
    assert isinstance(judged(scenario, good), Pass)
    refused = judged(scenario, bad)
    assert isinstance(refused, Refuse)
    finding = refused.findings[0]
    assert finding.code == f"scenario.{scenario}"
    assert finding.value is not None
    assert finding.bound is not None
    assert finding.n == 4


@pytest.mark.parametrize("scenario", tuple(Scenario))
def test_what_is_no_number_is_refused(scenario: Scenario) -> None:
    nothing = windows(np.nan, np.nan, np.nan)
    assert isinstance(judged(scenario, nothing), Refuse)
    unknown = Windows(*(np.full(5, np.nan) for _ in range(3)))
    assert isinstance(judged(scenario, windows(9.0, 9.0, 0.0), unknown), Refuse)


@pytest.mark.parametrize("scenario", tuple(Scenario))
def test_too_few_windows_are_refused(scenario: Scenario) -> None:
    few = Windows(
        *(column[:4] for column in (RECORDED.volatility, RECORDED.trend, RECORDED.correlation))
    )
    for made, recorded in ((windows(), few), (windows(n=0), RECORDED)):
        answer = judged(scenario, made, recorded)
        assert isinstance(answer, Refuse)
        assert answer.findings[0].code == "scenario.too_few_windows"


def test_where_there_is_no_correlation_none_can_break_down() -> None:
    apart = replace(RECORDED, correlation=np.full(5, 0.05))
    answer = judged(Scenario.CORRELATION_BREAKDOWN, windows(correlation=0.0), apart)
    assert isinstance(answer, Refuse)
    assert answer.findings[0].code == "scenario.no_correlation"


def test_an_opposite_pair_breaks_down_as_well() -> None:
    opposite = replace(RECORDED, correlation=-RECORDED.correlation)
    broken = windows(correlation=0.2)
    assert isinstance(judged(Scenario.CORRELATION_BREAKDOWN, broken, opposite), Pass)


def mixed(volatility: list[float]) -> Windows:
    n = len(volatility)
    return Windows(np.array(volatility), np.ones(n), np.ones(n))


def test_a_mixed_market_has_storm_and_calm_in_it() -> None:
    every = judged(Scenario.MIXED, mixed([0.8, 1.2] + [1.0] * 8))
    assert isinstance(every, Pass)
    assert len(every.findings) == 2
    for alone in ([0.8] + [1.0] * 9, [1.2] + [1.0] * 9, [0.8, 1.2] + [1.0] * 20):
        assert isinstance(judged(Scenario.MIXED, mixed(alone)), Refuse)


# -- bars ------------------------------------------------------------------------------


def test_valid_bars_pass_and_say_how_many_there_were() -> None:
    answer = can_be_traded(random_walk(40, 1), 0.5)
    assert isinstance(answer, Pass)
    assert answer.findings[0].n == 80


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("high", 0.01, "high_below_low"),
        ("low", 1e9, "high_below_low"),
        ("close", np.nan, "not_finite"),
        ("close", -1.0, "not_positive"),
        ("volume", -1.0, "negative_volume"),
        ("high", 1e9, "jump"),
    ],
)
def test_a_bar_that_a_real_market_could_not_have_is_refused(
    name: str, value: float, what: str
) -> None:
    bars = random_walk(40, 1)
    column: FloatArray = getattr(bars, name).copy()
    column[7, 1] = value
    answer = can_be_traded(replace(bars, **{name: column}), 0.5)
    assert isinstance(answer, Refuse)
    assert answer.findings[0].detail == f"BETA: bar 7 is {what}"
