"""The controller against a policy that learns: it converges; with its sign flipped it does not.

The plant is the simplest thing that behaves like a policy under gradient ascent: its
readiness to hold, and its readiness to trade when it does not hold, are logits. Each
roll-out moves them by what was lately paid for them (with a lag), times how undecided the
policy still is. Left alone it would drift to never trading, because trading costs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from msgspec.structs import replace

from stairway.simulation.controller import (
    ControllerRules,
    Lanes,
    Law,
    Rates,
    regulate,
    start,
)
from stairway.simulation.controlling import kernels
from stairway.simulation.targets import TargetMode, targets_at
from stairway.simulation.terms import Terms
from stairway.testing.steering import controller_rules

BARS = 390
STEPS = 2_000
FRICTION = 0.03
"""What a fill costs beside its ticket, in units of reward."""

AIM = 19.0
"""Fills a day aimed at, as shipped for minutes: the loop comes to rest inside 15 to 20."""

Sign = Callable[[Terms], Terms]


def logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def logit(p: float) -> float:
    return math.log(p / (1.0 - p))


@dataclass
class Plant:
    """A policy: how readily it holds, and how readily it trades when it does not."""

    hold: float
    trade: float
    paid_hold: float = 0.0
    paid_trade: float = 0.0

    def rollout(self, rng: np.random.Generator | None = None) -> Rates:
        rate = logistic(self.hold)
        fills = 2.0 * BARS * (1.0 - rate) * logistic(self.trade)
        if rng is not None:
            rate = rng.binomial(STEPS, rate) / STEPS
            fills = rng.poisson(fills * STEPS / BARS) * BARS / STEPS
        return Rates(rate, fills, 1.0 - min(fills / BARS, 1.0), 5.5, STEPS, 0.0)

    def learn(self, terms: Terms) -> None:
        hold, trade = logistic(self.hold), logistic(self.trade)
        self.paid_hold += 0.7 * (terms.bonus - self.paid_hold)
        self.paid_trade += 0.7 * (terms.ticket + FRICTION - self.paid_trade)
        self.hold += 3.0 * hold * (1.0 - hold) * self.paid_hold
        self.trade -= 0.6 * (1.0 - trade) * self.paid_trade


def as_it_is(terms: Terms) -> Terms:
    return terms


def flipped(terms: Terms) -> Terms:
    return replace(terms, bonus=-terms.bonus, ticket=-terms.ticket)


def aiming() -> ControllerRules:
    rules = controller_rules(mode=TargetMode.FIXED)
    return replace(rules, targets=replace(rules.targets, fills_per_session=AIM))


def closed_loop(
    plant: Plant, rollouts: int, sign: Sign = as_it_is, seed: int | None = None
) -> list[Rates]:
    rules = aiming()
    rng = None if seed is None else np.random.default_rng(seed)
    state, seen = start(rules), []
    for _ in range(rollouts):
        seen.append(plant.rollout(rng))
        answer = regulate(state, seen[-1], rules)
        assert isinstance(answer, tuple)
        state, terms = answer
        plant.learn(sign(terms))
    return seen


def holds_too_much() -> Plant:
    return Plant(logit(0.9), logit(0.02))


def trades_too_much() -> Plant:
    return Plant(logit(0.1), logit(0.3))


def means(seen: list[Rates], last: int = 6) -> tuple[float, float]:
    tail = seen[-last:]
    hold = sum(m.hold_rate for m in tail) / last
    return hold, sum(m.fills_per_session for m in tail) / last


@pytest.mark.parametrize("plant", [holds_too_much, trades_too_much])
@pytest.mark.parametrize("seed", [None, *range(5)])
def test_the_loop_converges_from_above_and_from_below(
    plant: Callable[[], Plant], seed: int | None
) -> None:
    begun = plant().rollout()
    hold, fills = means(closed_loop(plant(), 24, seed=seed))
    assert abs(begun.hold_rate - 0.55) > 0.3
    assert not 15.0 <= begun.fills_per_session <= 20.0
    assert abs(hold - 0.55) < 0.05
    assert 15.0 <= fills <= 20.0


@pytest.mark.parametrize("plant", [holds_too_much, trades_too_much])
def test_what_has_converged_stays(plant: Callable[[], Plant]) -> None:
    for measured in closed_loop(plant(), 400)[60:]:
        assert abs(measured.hold_rate - 0.55) < 0.01
        assert measured.fills_per_session == pytest.approx(AIM, rel=0.05)


def test_the_integral_carries_what_the_friction_takes() -> None:
    plant, rules = holds_too_much(), aiming()
    state = start(rules)
    for _ in range(400):
        answer = regulate(state, plant.rollout(), rules)
        assert isinstance(answer, tuple)
        state, terms = answer
        plant.learn(terms)
    assert terms.ticket == pytest.approx(-FRICTION, abs=1e-3)


@pytest.mark.parametrize(
    ("plant", "end"), [(Plant(logit(0.60), logit(0.04)), 1.0), (Plant(logit(0.50), 0.0), 0.0)]
)
def test_with_the_sign_flipped_it_runs_away_from_next_to_the_target(
    plant: Plant, end: float
) -> None:
    seen = closed_loop(plant, 200, flipped)
    off = [abs(m.hold_rate - 0.55) for m in seen]
    assert off[0] < 0.06
    assert abs(seen[-1].hold_rate - end) < 0.05
    assert off[-1] == max(off)


# --- the literal rule, on a plant over which it has the authority that a learner denies it


def literal_loop(hold: float, direction: float) -> list[float]:
    """Hold rates under the rule itself (1), or with its error's sign flipped (-1)."""
    rules = controller_rules(Law.LITERAL, TargetMode.FIXED)
    lanes, z, rates = start(rules), logit(hold), []
    assert isinstance(lanes, Lanes)
    target = targets_at(0.0, rules.targets).hold
    for _ in range(20_000):
        rates.append(logistic(z))
        lanes.memory[kernels.SEEN] += 1.0
        error = direction * (rates[-1] - target)
        bonus = kernels.literal_law(lanes.memory, lanes.knobs, error, 0.0)
        wish = logit(target) + 6.0 * (bonus / rules.literal.base_bonus - 1.0)
        z += 0.02 * (wish - z)
    return rates


@pytest.mark.parametrize("hold", [0.95, 0.15])
def test_the_literal_rule_too_is_negative_feedback(hold: float) -> None:
    rates = literal_loop(hold, 1.0)
    assert abs(rates[0] - 0.55) > 0.3
    assert max(abs(r - 0.55) for r in rates[-1_000:]) < 0.01


@pytest.mark.parametrize(("hold", "end"), [(0.60, 1.0), (0.45, 0.0)])
def test_the_first_sketch_of_it_was_positive_feedback_and_diverges(
    hold: float, end: float
) -> None:
    rates = literal_loop(hold, -1.0)
    assert abs(rates[0] - 0.55) < 0.11
    assert abs(rates[-1] - end) < 0.1
