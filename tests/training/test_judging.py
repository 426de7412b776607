"""A policy is judged by what it does on the same ground, by the same draws."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from msgspec.structs import replace

from stairway.base.verdict import Refuse
from stairway.testing.cycles import SCENARIOS, divergence_rules, made_ground, practice_rules
from stairway.simulation.targets import targets_at
from stairway.testing.journal import rollout
from stairway.training.progress import CARE, habits, progress
from stairway.training.walk import walk
from stairway.training.divergence import mean_kl
from stairway.training.ppo.export import policy_from
from stairway.base.errors import DataError
from stairway.training.judging import Practised, judge, reference_of, unseen
from stairway.training.measured import DivergenceLevel
from stairway.training.ppo.frozen import FrozenPolicy
from stairway.training.ppo.layout import Layout
from stairway.training.pupil_state import parameters_of

LAYOUT = Layout(26, (8,), (8,), 9)
RULES = practice_rules()


def flat(seed: int = 1, hold: float = 2.0) -> np.ndarray:
    weights = np.random.default_rng(seed).normal(0.0, 0.3, LAYOUT.parameters).astype(np.float32)
    bias = next(t for t in LAYOUT.tensors() if t.name == "action_net.bias")
    weights[bias.start + 4] += hold
    return weights


SHOWN = [rollout(1, n, hold_rate=0.6, fills_per_session=25.0, score=0.5) for n in (1, 2)]


def opinion(weights: np.ndarray, rules=RULES, shown=SHOWN, failed=None):
    start = flat()
    gold = reference_of(LAYOUT, start, made_ground())
    one = Practised(FrozenPolicy(LAYOUT, weights), shown, failed)
    return judge(one, parameters_of(LAYOUT, start), gold, made_ground(), rules)


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


def test_answers_are_compared_from_the_reference_to_the_policy() -> None:
    there, now = (
        policy_from(LAYOUT, f).logits(made_ground().probes).astype(np.float64)
        for f in (flat(), flat(2))
    )
    found = opinion(flat(2)).divergence.kl
    assert found == mean_kl(there, now)
    assert found != pytest.approx(mean_kl(now, there))


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


def test_one_that_the_trainer_could_not_go_on_from_stands_as_diverged() -> None:
    found = opinion(flat(), shown=[], failed=DataError("nothing was learnt"))
    assert found.standing(1).diverged
    assert found.progress == 0.0


def test_a_policy_that_practised_nearer_to_the_targets_has_come_further() -> None:
    far = [replace(one, hold_rate=0.9) for one in SHOWN]
    assert 0.0 < opinion(flat(), shown=far).progress < opinion(flat()).progress


def test_noise_is_for_practice_and_not_for_judging() -> None:
    noisy = replace(RULES, environment=replace(RULES.environment, observation_noise=3.0))
    quiet, noise = opinion(flat()), opinion(flat(), rules=noisy)
    assert noise.validation == quiet.validation
    assert noise.progress == quiet.progress


def test_the_same_market_seen_twice_is_two_samples_and_not_one() -> None:
    market = made_ground().markets[0]
    twice = dataclasses.replace(made_ground(), markets=(market, market))
    gold = reference_of(LAYOUT, flat(), twice)
    policy = FrozenPolicy(LAYOUT, flat())
    one, other = judge(Practised(policy, SHOWN), gold.parameters, gold, twice, RULES).scenarios
    assert one.episodes.provenance == other.episodes.provenance
    assert one.episodes != other.episodes


def test_progress_is_towards_the_targets_of_the_practice_that_it_is_measured_in() -> None:
    targets = RULES.controller.targets
    shown = [
        replace(one, hold_rate=0.75, fills_per_session=targets.fills_per_session)
        for one in SHOWN
    ]
    found = opinion(flat(), shown=shown)
    care = found.judged.degrees(CARE)
    assert len(care) == 3
    there, elsewhere = (
        progress(habits(shown), targets_at(score, targets), care, RULES.cycles.progress)
        for score in (0.5, 0.0)
    )
    assert found.progress == there
    assert found.progress != elsewhere


def test_what_a_seed_showed_is_the_mean_of_its_roll_outs_and_what_was_found_of_it() -> None:
    found = opinion(flat())
    practised = [
        rollout(4, n, hold_rate=h, fills_per_session=f, no_fill_share=s)
        for n, (h, f, s) in enumerate([(0.5, 10.0, 0.75), (0.25, 30.0, 1.0)])
    ]
    shown = found.seed_cycle(4, 2, 1_000, practised, rolled_back=True)
    assert (shown.seed, shown.cycle, shown.steps) == (4, 2, 1_000)
    assert (shown.hold_rate, shown.fills_per_session, shown.no_fill_share) == (
        0.375,
        20.0,
        0.875,
    )
    assert shown.rolled_back
    assert (shown.validation, shown.scenarios) == (found.validation, found.scenarios)
    assert (shown.gate, shown.criteria) == (found.judged.verdict, found.criteria)
    assert (shown.attainment, shown.progress) == (found.judged.attainment, found.progress)
    assert shown.divergence == found.divergence


def test_what_was_not_practised_has_no_rates() -> None:
    shown = opinion(flat()).seed_cycle(99, 0, 600)
    assert shown.hold_rate is shown.fills_per_session is shown.no_fill_share is None
    assert not shown.rolled_back


def test_held_out_days_are_walked_by_chance_and_by_preference() -> None:
    ground, policy = made_ground(), FrozenPolicy(LAYOUT, flat())
    found = unseen(policy, ground, RULES, 4)
    assert found.greedy == walk(policy, ground.held_out, RULES.environment, None)
    assert found.sampled.time_ns[-1] == found.greedy.time_ns[-1] == ground.held_out.time_ns[-1]


def test_held_out_days_are_not_walked_by_the_luck_of_the_days_that_decide() -> None:
    same = dataclasses.replace(made_ground(), held_out=made_ground().validation)
    found = unseen(FrozenPolicy(LAYOUT, flat()), same, RULES, 4)
    assert found.sampled != opinion(flat()).validation


def test_held_out_days_are_walked_alike_each_time() -> None:
    found = unseen(FrozenPolicy(LAYOUT, flat()), made_ground(), RULES, 4)
    assert found.seed == 4
    assert found.sampled.bars == found.greedy.bars == len(made_ground().held_out) - 1
    assert found.sampled != found.greedy
    assert found == unseen(FrozenPolicy(LAYOUT, flat()), made_ground(), RULES, 4)
