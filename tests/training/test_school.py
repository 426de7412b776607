"""A run that is taken up anywhere comes to what it would have come to, on as many threads as you like."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from stairway.base.errors import DataError, InvariantError
from stairway.base.hashing import array_hash, content_hash
from stairway.base.verdict import Pass, Refuse
from stairway.testing.cycles import (
    cycle_rules,
    divergence_rules,
    gate_rules,
    learner_rules,
    made_ground,
    practice_rules,
    scenario_criteria,
    SCENARIOS,
)
from stairway.training.cycle import Phase
from stairway.simulation.targets import targets_at
from stairway.testing.ears import Deaf, one_by_one
from stairway.training.divergence import drift
from stairway.training.gold import Gold, make
from stairway.training.journal import Decision, Outcome
from stairway.training.judging import unseen
from stairway.training.measured import DivergenceLevel
from stairway.training.keeping import Midway, Saved
from stairway.training.progress import CARE, habits, progress
from stairway.training.pupil_state import parameters_of
from stairway.training.school import School

SEEDS = (5, 3, 8)
RULES = practice_rules(
    cycles=cycle_rules(
        cycles=3, steps_per_cycle=300, keep_tolerance=0.9, stop_from_cycle=9,
        episodes_per_scenario=2,
    )
)  # fmt: skip
NEVER = practice_rules(
    cycles=replace(RULES.cycles, keep_tolerance=0.0, early_stop_frac=0.0),
    divergence=divergence_rules(moved_frac=1e-9, far_frac=2e-9, diverged_frac=3e-9),
)


class Shelf:
    """A keeper that forgets nothing."""

    def __init__(self) -> None:
        self.midways: list[Midway] = []
        self.saved: list[Saved] = []

    def midway(self, midway: Midway) -> None:
        self.midways.append(midway)

    def cycle(self, saved: Saved) -> None:
        self.saved.append(saved)


class Loud(Deaf):
    """An ear that remembers."""

    def __init__(self) -> None:
        self.said: list[tuple[str, object]] = []

    def begin(self, label: str, total: int) -> None:
        self.said.append((label, total))

    def advance(self, done: int) -> None:
        self.said.append(("done", done))

    def rollout(self, rollout) -> None:
        self.said.append(("rollout", rollout))

    def seed_cycle(self, seed_cycle) -> None:
        self.said.append(("seed_cycle", seed_cycle))

    def cycle(self, report) -> None:
        self.said.append(("cycle", report))

    def heard(self, what: str) -> list[object]:
        return [told for kind, told in self.said if kind == what]


@pytest.fixture(scope="module")
def gold() -> Gold:
    return make(made_ground().training, RULES.lessons, RULES.gold, lambda *_: None)


def school(gold: Gold, rules=RULES, seeds: Sequence[int] = SEEDS) -> School:
    return School(made_ground(), rules, gold, seeds, "settings")


def whole(one: School) -> str:
    """Hash of everything that a run came to."""
    saved = one._saved()
    tensors = [
        array_hash(*(part.tensors[name] for name in sorted(part.tensors)))
        for seed in one.seeds
        for part in (saved.pupils[seed], saved.goods[seed])
    ]
    notes = [saved.pupils[seed].notes for seed in one.seeds]
    history = (saved.machine, saved.rollouts, saved.seed_cycles)
    return content_hash((tensors, notes, msgspec.to_builtins(history)))


@pytest.fixture(scope="module")
def undisturbed(gold: Gold) -> tuple[School, Shelf]:
    one, shelf = school(gold), Shelf()
    shelf.cycle(one.begin())
    one.run(shelf, Deaf(), one_by_one)
    return one, shelf


# -- taken up ------------------------------------------------------------------------------


def test_a_run_takes_the_steps_it_was_asked_for(undisturbed) -> None:
    one, shelf = undisturbed
    assert one.seeds == (3, 5, 8)
    assert len(one.rollouts) == 3 * 3 * 3
    assert {r.steps for r in one.rollouts if r.cycle == 3} == {1300, 1400, 1500}
    assert [s.machine.cycle for s in shelf.saved] == [1, 2, 3, 3]
    assert shelf.saved[-1].machine.phase is Phase.DONE
    assert one.reports[-1].outcome is Outcome.FINISHED


@pytest.mark.parametrize("cycle", [0, 1, 2])
def test_taken_up_where_a_cycle_begins_it_comes_to_the_same(
    cycle: int, gold, undisturbed
) -> None:
    one, shelf = undisturbed
    again = school(gold)
    again.resume(shelf.saved[cycle], {})
    again.run(Shelf(), Deaf(), one_by_one)
    assert whole(again) == whole(one)


@pytest.mark.parametrize(("cycle", "rollout"), [(1, 1), (1, 2), (1, 3), (2, 2), (3, 1), (3, 3)])
def test_taken_up_after_any_roll_out_it_comes_to_the_same(
    cycle: int, rollout: int, gold, undisturbed
) -> None:
    one, shelf = undisturbed
    # One seed is where it was stopped, one at the end of the cycle, one at its beginning.
    wanted = {3: rollout, 5: 3}
    midways = {
        m.seed: m
        for m in shelf.midways
        if m.cycle == cycle and wanted.get(m.seed) == len(m.rollouts)
    }
    assert set(midways) == {3, 5}
    again = school(gold)
    again.resume(shelf.saved[cycle - 1], midways)
    again.run(Shelf(), Deaf(), one_by_one)
    assert whole(again) == whole(one)


def test_a_run_that_is_finished_stays_as_it_is(gold, undisturbed) -> None:
    one, shelf = undisturbed
    again, later = school(gold), Shelf()
    again.resume(shelf.saved[-1], {})
    again.run(later, Deaf(), one_by_one)
    assert later.saved == later.midways == []
    assert whole(again) == whole(one)


def test_a_run_that_only_forgot_its_terms_would_come_to_something_else(
    gold, undisturbed
) -> None:
    one, shelf = undisturbed
    saved = shelf.saved[1]
    tensors = dict(saved.pupils[3].tensors)
    name = next(n for n in tensors if n.startswith("steer."))
    tensors[name] = tensors[name].copy()
    tensors[name][2] *= 0.999
    pupils = {**saved.pupils, 3: saved.pupils[3]._replace(tensors=tensors)}
    again = school(gold)
    again.resume(saved._replace(pupils=pupils), {})
    again.run(Shelf(), Deaf(), one_by_one)
    assert whole(again) != whole(one)


def test_seeds_side_by_side_come_to_what_they_come_to_one_by_one(gold, undisturbed) -> None:
    def side_by_side(work, seeds):
        with ThreadPoolExecutor(len(seeds)) as pool:
            return list(pool.map(work, seeds))

    again = school(gold)
    again.begin()
    again.run(Shelf(), Deaf(), side_by_side)
    assert whole(again) == whole(undisturbed[0])


def test_a_seed_goes_its_way_whoever_is_beside_it(gold, undisturbed) -> None:
    alone = school(gold, seeds=(8,))
    alone.begin()
    alone.run(Shelf(), Deaf(), one_by_one)
    mine = [r for r in undisturbed[0].rollouts if r.seed == 8 and r.cycle == 1]
    assert [r for r in alone.rollouts if r.cycle == 1] == mine


def test_another_seed_walks_another_way(undisturbed) -> None:
    first = {r.seed: r.reward for r in undisturbed[0].rollouts if r.cycle == 1}
    assert len(set(first.values())) == 3


def test_a_seed_is_kept_at_its_last_roll_out_however_seldom_it_is_kept_before(gold) -> None:
    rules = replace(RULES, cycles=replace(RULES.cycles, checkpoint_rollouts=2, cycles=1))
    one, shelf = school(gold, rules, seeds=(3,)), Shelf()
    one.begin()
    one.run(shelf, Deaf(), one_by_one)
    assert [len(m.rollouts) for m in shelf.midways] == [2, 3]
    assert list(shelf.midways[-1].rollouts) == one.rollouts


def test_what_was_shown_before_is_not_forgotten_when_a_run_is_taken_up(
    gold, undisturbed
) -> None:
    one, shelf = undisturbed
    again = school(gold)
    again.resume(shelf.saved[2], {})
    assert again.seed_cycles == one.seed_cycles[:7]
    assert again.reports == one.reports[:2]


# -- from the reference --------------------------------------------------------------------


def test_every_seed_starts_from_the_reference_and_goes_on_counting(gold) -> None:
    one = school(gold)
    saved = one.begin()
    for seed in one.seeds:
        assert np.array_equal(saved.pupils[seed].weights, gold.put_down.weights)
        moments = "model.adam_second"
        assert np.array_equal(
            saved.pupils[seed].tensors[moments], gold.put_down.tensors[moments]
        )
        assert saved.pupils[seed].notes["model"]["num_timesteps"] == 600
    chances = [saved.pupils[s].notes["model"]["generator"]["state"] for s in one.seeds]
    assert len({*chances, gold.put_down.notes["model"]["generator"]["state"]}) == 4


def test_the_reference_is_judged_before_anything_is_trained(undisturbed) -> None:
    first = undisturbed[0].seed_cycles[0]
    assert (first.seed, first.cycle, first.steps) == (99, 0, 600)
    assert first.divergence.norm_frac == first.divergence.kl == 0.0
    assert first.hold_rate is None
    assert len(first.scenarios) == 5
    assert isinstance(first.gate, Refuse)


def come(rollouts, shown) -> float:
    """Progress of a cycle, from what was practised in it and what was found of its risk."""
    seen = habits(rollouts)
    goal = targets_at(seen.score, RULES.controller.targets)
    care = [c.attainment for c in shown.criteria if c.code in CARE]
    assert len(care) == len(CARE)
    return progress(seen, goal, care, RULES.cycles.progress)


def test_progress_is_measured_in_the_roll_outs_of_its_own_cycle_and_seed(
    gold, undisturbed
) -> None:
    one, _ = undisturbed
    first, *others = one.seed_cycles
    assert first.progress == come(gold.rollouts[-1:], first)
    for shown in others:
        mine = [r for r in one.rollouts if (r.seed, r.cycle) == (shown.seed, shown.cycle)]
        assert shown.progress == come(mine, shown)
    assert len({shown.progress for shown in one.seed_cycles}) == len(one.seed_cycles)


def test_what_was_shown_is_in_the_journal(undisturbed) -> None:
    one, _ = undisturbed
    assert [(s.cycle, s.seed) for s in one.seed_cycles] == [
        (0, 99), *((c, s) for c in (1, 2, 3) for s in (3, 5, 8)),
    ]  # fmt: skip
    mine = [r.hold_rate for r in one.rollouts if (r.seed, r.cycle) == (5, 2)]
    shown = next(s for s in one.seed_cycles if (s.seed, s.cycle) == (5, 2))
    assert shown.hold_rate == pytest.approx(np.mean(mine))
    assert shown.steps == 600 + 600
    assert shown.divergence.norm_frac is not None
    assert 0.0 < shown.divergence.norm_frac < 1.0


# -- keep and roll back --------------------------------------------------------------------


def test_a_cycle_that_is_kept_is_what_seeds_go_back_to(undisturbed) -> None:
    one, shelf = undisturbed
    assert {r.decision for r in one.reports} == {Decision.KEEP}
    for seed in one.seeds:
        saved = shelf.saved[1]
        assert np.array_equal(saved.goods[seed].weights, saved.pupils[seed].weights)
        assert one.digest(seed) != one.frozen.gold


def test_the_last_cycle_that_was_kept_is_what_a_run_is_known_by(undisturbed) -> None:
    one, _ = undisturbed
    assert one.last_kept == one.reports[-1]
    assert one.last_kept.cycle == 3


def test_drift_is_measured_from_the_reference_and_from_what_was_last_accepted(
    undisturbed,
) -> None:
    one, shelf = undisturbed
    over, shown = RULES.divergence.over, {(s.cycle, s.seed): s for s in one.seed_cycles}
    for seed in one.seeds:
        first, second = shown[1, seed].divergence, shown[2, seed].divergence
        assert first.since_accepted_frac == first.norm_frac
        was, now = (
            parameters_of(one._layout, shelf.saved[k].goods[seed].weights).part(over)
            for k in (1, 2)
        )
        assert second.since_accepted_frac == drift(now, was)[0]
        assert second.since_accepted_frac != second.norm_frac


def test_the_gate_is_asked_about_the_median_seed_and_the_worst_each_by_its_own(
    undisturbed,
) -> None:
    one, _ = undisturbed
    shown = {(s.cycle, s.seed): s.gate.findings for s in one.seed_cycles}
    for report in one.reports:
        assert report.median_seed != report.worst_seed
        told = [finding.detail for finding in report.gate.findings]
        for who, seed in (("median", report.median_seed), ("worst", report.worst_seed)):
            own = [f.detail for f in shown[report.cycle, seed]]
            assert [d for d in told if d.startswith(who)] == [
                f"{who} seed {seed}: {detail}" for detail in own
            ]


def test_seeds_that_diverged_are_back_at_the_reference(gold) -> None:
    one, shelf = school(gold, NEVER), Shelf()
    one.begin()
    one.run(shelf, Deaf(), one_by_one)
    assert {r.decision for r in one.reports} == {Decision.REVERT}
    assert one.last_kept is None
    assert not one.accepted
    for saved in shelf.saved:
        for seed in one.seeds:
            assert np.array_equal(saved.pupils[seed].weights, gold.put_down.weights)
    for shown in one.seed_cycles[1:]:
        assert shown.rolled_back
        assert shown.divergence.level is DivergenceLevel.DIVERGED
        assert isinstance(shown.gate, Refuse)
    assert [r.gains.hold for r in one.reports] == [
        0.8,
        pytest.approx(0.64),
        pytest.approx(0.512),
    ]


def test_after_a_rollback_chance_goes_on_and_is_not_walked_again(gold) -> None:
    one, shelf = school(gold, NEVER), Shelf()
    first = one.begin()
    one.run(shelf, Deaf(), one_by_one)
    states = {
        saved.pupils[3].notes["model"]["generator"]["state"] for saved in (first, *shelf.saved)
    }
    assert len(states) == 4
    rewards = [r.reward for r in one.rollouts if r.seed == 3]
    assert len(set(rewards)) == len(rewards)
    assert max(r.steps for r in one.rollouts) == 600 + 900


def test_a_run_with_rollbacks_can_be_taken_up_too(gold) -> None:
    one, shelf = school(gold, NEVER), Shelf()
    shelf.cycle(one.begin())
    one.run(shelf, Deaf(), one_by_one)
    again = school(gold, NEVER)
    midways = {m.seed: m for m in shelf.midways if m.cycle == 2 and len(m.rollouts) == 2}
    again.resume(shelf.saved[1], midways)
    again.run(Shelf(), Deaf(), one_by_one)
    assert whole(again) == whole(one)


def test_a_gate_that_passes_makes_the_run_accepted(gold) -> None:
    anything = scenario_criteria(
        "x", min_return_frac=-0.99, max_drawdown_frac=1.0, max_early_frac=1.0
    )
    easy = gate_rules(
        min_return_frac=1e-12, max_drawdown_frac=1.0, min_trades_per_day=0.0,
        max_trades_per_day=1e4, min_sharpe=1e-12, min_win_rate=1e-12, min_hold_rate=0.0,
        max_hold_rate=1.0, over_episode_bars=0.5, under_early_frac=1.0,
        scenarios=tuple(replace(anything, name=name) for name in SCENARIOS),
    )  # fmt: skip
    rules = replace(RULES, training_gate=easy, cycles=replace(RULES.cycles, cycles=1))
    one = school(gold, rules, seeds=(3,))
    one.begin()
    one.run(Shelf(), Deaf(), one_by_one)
    shown = one.seed_cycles[-1]
    money = shown.validation.return_frac > 0.0
    assert isinstance(shown.gate, Pass if money else Refuse)
    assert one.accepted == money


# -- frozen --------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["gold", "gate", "environment", "settings", "data"])
def test_what_is_frozen_may_not_change_while_a_run_lasts(what: str, gold) -> None:
    one = school(gold)
    one.begin()
    match what:
        case "gold":
            tensor = one._reference.parameters.tensors["action_net.bias"]
            tensor.flags.writeable = True
            tensor[0] += 1.0
        case "gate":
            softer = gate_rules(min_sharpe=0.1)
            one.rules = replace(RULES, training_gate=softer)
        case "environment":
            one._pupils[3]._env.batch.rules = replace(RULES.environment, stake_frac=0.4)
        case "settings":
            one._settings = "others"
        case "data":
            one.ground = dataclasses.replace(one.ground, data="other")
    with pytest.raises(InvariantError, match=r"changed while it lasted"):
        one.run(Shelf(), Deaf(), one_by_one)


def test_hashes_are_of_what_they_say(gold) -> None:
    base = school(gold).frozen
    other = school(gold, replace(RULES, training_gate=gate_rules(min_sharpe=0.7))).frozen
    assert other.gate != base.gate
    assert (other.data, other.gold, other.architecture) == (
        base.data,
        base.gold,
        base.architecture,
    )
    assert school(gold, seeds=(3, 5)).frozen.settings != base.settings
    wide = practice_rules(learner=learner_rules(hidden=(8, 4)))
    wider = make(made_ground().training, wide.lessons, wide.gold, lambda *_: None)
    assert (
        School(made_ground(), wide, wider, SEEDS, "x").frozen.architecture != base.architecture
    )


# -- what is heard, and what is left -------------------------------------------------------


def test_the_ear_hears_how_far_it_is(gold) -> None:
    one, ear = school(gold, seeds=(3, 5)), Loud()
    one.begin()
    one.run(Shelf(), ear, one_by_one)
    begun = [("cycle 1 of 3", 6), ("done", 0), ("rollout", one.rollouts[0]), ("done", 1)]
    assert ear.said[:4] == begun
    assert ear.heard("rollout") == one.rollouts
    assert ear.heard("seed_cycle") == one.seed_cycles[1:]
    assert ear.heard("cycle") == list(one.reports)
    judged = ear.said.index(("validation of cycle 2", 2))
    assert ear.said[judged + 1 : judged + 3] == [("done", 1), ("done", 2)]


def test_taken_up_the_ear_hears_how_far_it_had_come(gold, undisturbed) -> None:
    _, shelf = undisturbed
    there = {m.seed: m for m in shelf.midways if m.cycle == 2 and len(m.rollouts) == 2}
    again, ear = school(gold), Loud()
    again.resume(shelf.saved[1], there)
    again.run(Shelf(), ear, one_by_one)
    assert ear.said[:2] == [("cycle 2 of 3", 9), ("done", 6)]
    assert ear.heard("done")[1] == 7


def test_held_out_days_are_walked_by_the_policies_that_were_accepted(undisturbed) -> None:
    one, _ = undisturbed
    seen = one.unseen(one_by_one)
    assert [h.seed for h in seen] == [99, 3, 5, 8]
    assert all(h.sampled.bars == h.greedy.bars > 300 for h in seen)
    assert seen == one.unseen(one_by_one)
    for held_out in seen[1:]:
        own = one.good_policy(held_out.seed)
        assert held_out == unseen(own, one.ground, RULES, held_out.seed)
        assert held_out.greedy != seen[0].greedy


def test_a_school_that_neither_began_nor_was_resumed_does_nothing(gold) -> None:
    with pytest.raises(InvariantError, match="begins or is resumed"):
        school(gold).run(Shelf(), Deaf(), one_by_one)


# -- numbers that go bad -------------------------------------------------------------------


class Spoilt(Shelf):
    """Lets one seed learn at a pace that no number survives, in the first cycle."""

    def __init__(self, one: School, seed: int = 5) -> None:
        super().__init__()
        self.model = one._pupils[seed]._model
        self.pace, self.model.lr_schedule = self.model.lr_schedule, lambda _: 1e38

    def cycle(self, saved: Saved) -> None:
        super().cycle(saved)
        self.model.lr_schedule = self.pace


class SpoiltLater(Spoilt):
    """The same, after so many roll-outs that went well."""

    def __init__(self, one: School, after: int) -> None:
        super().__init__(one)
        self.model.lr_schedule, self.after = self.pace, after

    def midway(self, midway: Midway) -> None:
        super().midway(midway)
        if (midway.seed, midway.cycle, len(midway.rollouts)) == (5, 1, self.after):
            self.model.lr_schedule = lambda _: 1e38


def test_a_seed_whose_numbers_go_bad_has_diverged_and_takes_part_again(gold) -> None:
    one = school(gold)
    shelf = Spoilt(one)
    one.begin()
    one.run(shelf, Deaf(), one_by_one)
    shown = {(s.cycle, s.seed): s for s in one.seed_cycles}
    bad = shown[1, 5]
    assert bad.rolled_back
    assert bad.divergence.level is DivergenceLevel.DIVERGED
    assert bad.divergence.norm_frac is None
    assert "weights are not finite" in bad.divergence.verdict.findings[0].detail
    assert isinstance(bad.gate, Refuse)
    assert (bad.hold_rate, bad.steps) == (None, 600 + 100)
    assert not shown[1, 3].rolled_back
    assert one.reports[0].worst_seed == 5
    after = shelf.saved[0]
    assert np.array_equal(after.pupils[5].weights, gold.put_down.weights)
    assert not after.pupils[5].tensors["env.tally"].any()
    assert len([r for r in one.rollouts if (r.seed, r.cycle) == (5, 2)]) == 3
    assert not shown[2, 5].rolled_back


def test_the_others_go_their_way_beside_a_seed_whose_numbers_go_bad(gold, undisturbed) -> None:
    one = school(gold)
    one.begin()
    one.run(Spoilt(one), Deaf(), one_by_one)

    def first(of: School) -> list:
        return [r for r in of.rollouts if r.cycle == 1 and r.seed != 5]

    assert first(one) == first(undisturbed[0])


@pytest.mark.parametrize("taken_up", [1, 2])
def test_taken_up_it_comes_to_the_same_bad_numbers_and_goes_on(taken_up: int, gold) -> None:
    one = school(gold)
    shelf = SpoiltLater(one, after=2)
    shelf.cycle(one.begin())
    one.run(shelf, Deaf(), one_by_one)
    mine = [m for m in shelf.midways if (m.seed, m.cycle) == (5, 1)]
    assert [len(m.rollouts) for m in mine] == [1, 2]
    again = school(gold)
    again.resume(shelf.saved[0], {5: mine[taken_up - 1]})
    later = Spoilt(again) if taken_up == 2 else SpoiltLater(again, after=2)
    again.run(later, Deaf(), one_by_one)
    assert whole(again) == whole(one)


def test_where_the_numbers_of_every_seed_go_bad_the_cycle_is_reverted(gold) -> None:
    one = school(gold, seeds=(5,))
    one.begin()
    one.run(Spoilt(one), Deaf(), one_by_one)
    assert one.reports[0].decision is Decision.REVERT
    assert "every seed diverged" in one.reports[0].reason
    assert one.reports[1].decision is Decision.KEEP


@pytest.mark.parametrize("error", [OSError(28, "no room"), DataError("no room in it")])
def test_any_other_error_of_one_seed_ends_the_cycle(error: Exception, gold) -> None:
    class Broken(Shelf):
        def midway(self, midway: Midway) -> None:
            if midway.seed == 5:
                raise error
            super().midway(midway)

    one, shelf = school(gold), Broken()
    one.begin()
    with pytest.raises(type(error), match="no room"):
        one.run(shelf, Deaf(), one_by_one)
    assert shelf.saved == []
