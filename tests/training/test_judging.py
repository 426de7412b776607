"""A policy is judged by what it does on the same ground, by the same draws."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from stairway.base.verdict import Refuse
from stairway.testing.cycles import SCENARIOS, divergence_rules, made_ground, practice_rules
from stairway.training.judging import judge, reference_of, unseen
from stairway.training.measured import DivergenceLevel
from stairway.training.ppo.frozen import FrozenPolicy
from stairway.training.ppo.layout import Layout
from stairway.training.pupil import parameters_of

LAYOUT = Layout(26, (8,), (8,), 9)
RULES = practice_rules()


def flat(seed: int = 1, hold: float = 2.0) -> np.ndarray:
    weights = np.random.default_rng(seed).normal(0.0, 0.3, LAYOUT.parameters).astype(np.float32)
    bias = next(t for t in LAYOUT.tensors() if t.name == "action_net.bias")
    weights[bias.start + 4] += hold
    return weights


def opinion(weights: np.ndarray, reference: np.ndarray | None = None, rules=RULES):
    start = flat() if reference is None else reference
    gold = reference_of(LAYOUT, start, made_ground())
    policy = FrozenPolicy(LAYOUT, weights)
    return judge(policy, parameters_of(LAYOUT, start), gold, made_ground(), rules)


def test_it_is_walked_over_the_whole_validation_span_and_every_scenario() -> None:
    found = opinion(flat())
    assert found.validation.bars == len(made_ground().validation) - 1
    assert [r.episodes.scenario for r in found.scenarios] == list(SCENARIOS)
    assert all(r.episodes.n == 3 for r in found.scenarios)
    assert found.criteria == found.judged.criteria
    assert 0.0 < found.progress < 1.0


def test_the_same_policy_is_judged_the_same_and_the_reference_has_not_moved() -> None:
    one, other = opinion(flat()), opinion(flat())
    assert one == other
    assert (one.divergence.norm_frac, one.divergence.kl) == (0.0, 0.0)
    assert one.divergence.probes == 64


def test_policies_that_do_the_same_have_the_same_luck() -> None:
    silent = flat()
    value = next(t for t in LAYOUT.tensors() if t.name == "value_net.bias")
    silent[value.start] += 1.0  # does nothing to what the policy does
    one, other = opinion(flat()), opinion(silent)
    assert one.validation == other.validation
    assert one.scenarios == other.scenarios
    assert other.divergence.norm_frac == other.divergence.kl == 0.0
    assert other.divergence.whole_frac > 0.0


def test_a_policy_that_went_far_stands_as_diverged() -> None:
    found = opinion(flat(2))
    assert found.divergence.level is DivergenceLevel.DIVERGED
    assert found.divergence.kl > 0.01
    assert isinstance(found.judged.verdict, Refuse)
    standing = found.standing(5)
    assert (standing.seed, standing.diverged) == (5, True)
    assert standing.attainment == found.judged.attainment
    assert standing.progress == found.progress
    assert standing.figures.hold_rate == found.validation.hold_rate
    assert standing.figures.trades_per_day == found.validation.fills_per_session


def test_a_limit_that_it_keeps_to_leaves_it_standing() -> None:
    near = (flat() * np.float32(1.01)).astype(np.float32)
    found = opinion(near)
    assert found.divergence.norm_frac == pytest.approx(0.01, rel=1e-3)
    assert not found.standing(1).diverged
    strict = replace(
        RULES,
        divergence=divergence_rules(moved_frac=1e-4, far_frac=2e-4, diverged_frac=3e-4),
    )
    assert opinion(near, rules=strict).standing(1).diverged


def test_a_policy_nearer_to_the_targets_has_come_further() -> None:
    always, sometimes = opinion(flat(hold=9.0)), opinion(flat(hold=2.5))
    assert abs(sometimes.validation.hold_rate - 0.55) < abs(always.validation.hold_rate - 0.55)
    assert sometimes.progress > always.progress * 0.5


def test_noise_is_for_practice_and_not_for_judging() -> None:
    noisy = replace(RULES, environment=replace(RULES.environment, observation_noise=3.0))
    assert opinion(flat(), rules=noisy).validation == opinion(flat()).validation


def test_held_out_days_are_walked_by_chance_and_by_preference() -> None:
    found = unseen(FrozenPolicy(LAYOUT, flat()), made_ground(), RULES, 4)
    assert found.seed == 4
    assert found.sampled.bars == found.greedy.bars == len(made_ground().held_out) - 1
    assert found.sampled != found.greedy
    assert found == unseen(FrozenPolicy(LAYOUT, flat()), made_ground(), RULES, 4)
