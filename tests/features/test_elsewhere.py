from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.features.function import ProverRules, prove_function
from stairway.testing.leaks import series

RULES = ProverRules(cuts=8, max_bars=10**6, min_bars=200, min_prefix_bars=64, tolerance=1e-9)
BARS = series(3_000, seed=1)
TABLE = dict(zip(BARS["time_ns"].tolist(), np.append(BARS["close"][1:], np.nan), strict=True))
KNOWN = dict(zip(BARS["time_ns"].tolist(), BARS["close"], strict=True))


def looked_up(bars: Any, table: dict[int, float] = TABLE) -> np.ndarray:
    return np.array([table.get(at, np.nan) for at in bars["time_ns"].tolist()])


def proved(function: Any, bars: Any = BARS) -> Any:
    return prove_function(function, bars, RULES, seed=1)


@pytest.mark.parametrize(
    "function",
    [looked_up, lambda bars: looked_up(bars) / bars["close"]],
    ids=["table", "mixed"],
)
def test_tomorrow_read_from_a_table_by_time_is_refused(function: Any) -> None:
    verdict = proved(function).verdict
    assert isinstance(verdict, Refuse)
    assert verdict.findings[0].code == "causality.elsewhere"
    assert "the move 1 ahead" in verdict.findings[0].detail


@pytest.mark.parametrize(
    "function",
    [lambda bars: bars["time_ns"] // 3_600_000_000_000 % 24, lambda b: looked_up(b, KNOWN)],
    ids=["hour", "past"],
)
def test_what_depends_on_time_alone_and_tells_no_future_is_named(function: Any) -> None:
    verdict = proved(function).verdict
    assert isinstance(verdict, Pass)
    assert [one.code for one in verdict.findings] == ["causality.clean", "causality.time_only"]


def test_what_comes_from_the_bars_is_not_named() -> None:
    assert len(proved(lambda bars: bars["close"] * 2).verdict.findings) == 1
    no_time = {"close": BARS["close"]}
    assert isinstance(proved(lambda bars: bars["close"] * 2, no_time).verdict, Pass)


def test_one_that_fails_on_other_prices_is_told_so() -> None:
    asked = 0

    def fails_late(bars: Any) -> np.ndarray:
        nonlocal asked
        asked += 1
        if asked > limit:
            msg = "tired"
            raise RuntimeError(msg)
        return bars["close"]

    limit = 10**6
    proved(fails_late)
    limit, asked = asked - 1, 0
    verdict = proved(fails_late).verdict
    assert not isinstance(verdict, Pass | Inconclusive)
    assert "tired" in verdict.findings[0].detail


def test_a_table_of_the_past_of_a_market_that_goes_on_tells_no_future() -> None:
    move = np.random.default_rng(3).normal(0.0, 0.01, 3_000)
    for row in range(1, move.size):
        move[row] += 0.5 * move[row - 1]
    bars = {"close": 100.0 * np.exp(np.cumsum(move)), "time_ns": BARS["time_ns"]}
    table = dict(zip(bars["time_ns"].tolist(), bars["close"], strict=True))
    assert isinstance(proved(lambda b: looked_up(b, table), bars).verdict, Pass)
