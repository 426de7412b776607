"""The breaker's false alarms are known before a promotion, from the model's own trades."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from stairway.base.verdict import Inconclusive, Pass
from stairway.lifecycle.preflight import preflight
from stairway.testing.climbing import climb_rules

ALL = climb_rules()
RULES, BREAKER = ALL.promotion.preflight, ALL.probation


def own(win_rate: float, win: float, trades: int, seed: int) -> list[float]:
    won = np.random.default_rng(seed).random(trades) < win_rate
    return np.where(won, win, -1.0).tolist()


def chance(own_r: list[float], digest: str = "d1") -> float:
    value = preflight(own_r, digest, RULES, BREAKER).findings[0].value
    assert value is not None
    return value


def test_a_model_that_always_wins_is_never_thrown_out() -> None:
    assert chance([1.0] * 60) == 0.0


def test_a_model_that_always_loses_always_is() -> None:
    verdict = preflight([-1.0] * 60, "d1", RULES, BREAKER)
    assert isinstance(verdict, Inconclusive)
    assert verdict.findings[0].value == 1.0


def test_above_the_budget_a_person_has_to_decide() -> None:
    trend_follower = own(0.40, 2.0, 200, seed=1)
    verdict = preflight(trend_follower, "d1", RULES, BREAKER)
    assert isinstance(verdict, Inconclusive)
    assert "promote by hand" in verdict.findings[0].detail
    allowed = replace(RULES, max_false_rollback=1.0)
    assert isinstance(preflight(trend_follower, "d1", allowed, BREAKER), Pass)


def test_too_few_trades_say_nothing() -> None:
    verdict = preflight([1.0] * 49, "d1", RULES, BREAKER)
    assert isinstance(verdict, Inconclusive)
    assert (verdict.findings[0].value, verdict.findings[0].bound) == (49, 50)


def test_the_same_trades_give_the_same_answer() -> None:
    trades = own(0.55, 1.0, 100, seed=2)
    assert preflight(trades, "d1", RULES, BREAKER) == preflight(trades, "d1", RULES, BREAKER)


def test_the_draws_belong_to_the_model() -> None:
    trades = own(0.5, 1.0, 100, seed=3)
    assert chance(trades, "d1") != chance(trades, "d2")


def test_streaks_survive_the_bootstrap() -> None:
    """The same trades, bunched, trip the breaker more often than well mixed ones."""
    bunched = [1.0] * 10 + [-1.0] * 8
    mixed = [1.0, -1.0] * 8 + [1.0, 1.0]
    assert chance(bunched * 10) > chance(mixed * 10) + 0.05


@pytest.mark.parametrize(
    ("win_rate", "win", "estimate"), [(0.55, 1.0, 0.173), (0.40, 2.0, 0.585)]
)
def test_two_hundred_shadow_trades_foretell_it_as_published(win_rate, win, estimate) -> None:
    """LIFECYCLE.md, beyond every peer, 2: mean estimate .173 (true .157), .585 (.613)."""
    found = [chance(own(win_rate, win, 200, seed), f"d{seed}") for seed in range(24)]
    assert np.mean(found) == pytest.approx(estimate, abs=0.06)
