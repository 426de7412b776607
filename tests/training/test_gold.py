"""The reference is made once for its data and settings, and must hold."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from stairway.base.errors import ConfigError, DataError
from stairway.base.verdict import Pass, Refuse
from stairway.simulation.controller import Law
from stairway.testing.cycles import gold_rules, practice_rules
from stairway.testing.practice import env_rules, made_course
from stairway.testing.journal import rollout
from stairway.simulation.targets import TargetMode
from stairway.training.gold import Gold, holds_enough, identity, lessons_for, make
from stairway.training.pupil_rules import PupilRules

COURSE = made_course(2 * 390, seed=5, bar_seconds=60)
LESSONS = practice_rules().lessons
RULES = gold_rules()


def made(rules=RULES, tell=lambda *_: None):
    return make(COURSE, LESSONS, rules, tell)


def test_it_is_trained_for_exactly_its_steps_under_terms_that_never_move() -> None:
    told: list[tuple[int, int]] = []
    gold = made(gold_rules(bonus=0.7, ticket=0.1), lambda *step: told.append(step))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert gold.put_down.notes["model"]["num_timesteps"] == 600
    assert {(r.bonus, r.ticket, r.cycle) for r in gold.rollouts} == {(0.7, 0.1, 0)}
    assert gold.rollouts[-1].steps == 600


def test_the_same_data_and_settings_make_the_same_one() -> None:
    one, other = made(), made()
    assert one.rollouts == other.rollouts
    assert np.array_equal(one.put_down.weights, other.put_down.weights)
    assert not np.array_equal(made(gold_rules(seed=98)).put_down.weights, one.put_down.weights)


def test_its_hold_rate_is_that_of_its_last_roll_outs() -> None:
    gold = made(gold_rules(keep_every=1))
    assert gold.hold_rate == pytest.approx(np.mean([r.hold_rate for r in gold.rollouts[-2:]]))


@pytest.mark.parametrize(
    ("every", "steps"), [(1, [200, 400, 600]), (2, [200, 600]), (9, [200, 600])]
)
def test_its_learning_curve_is_thinned_and_keeps_its_end(every: int, steps: list[int]) -> None:
    assert [r.steps for r in made(gold_rules(keep_every=every)).rollouts] == steps


def test_one_that_does_not_hold_enough_is_refused() -> None:
    with pytest.raises(DataError, match=r"must hold over 0.99: raise \[gold\] bonus or steps"):
        made(gold_rules(min_hold_rate=0.99))


@pytest.mark.parametrize(
    ("held", "kind"), [(0.8, Refuse), (0.8000001, Pass), (float("nan"), Refuse), (0.0, Refuse)]
)
def test_it_must_hold_over_the_bound_and_not_at_it(held: float, kind: type) -> None:
    assert isinstance(holds_enough(held, 10, gold_rules(min_hold_rate=0.8)), kind)


def test_steps_that_are_no_roll_outs_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"\[gold\] steps is 601"):
        made(gold_rules(steps=601))


def test_more_bonus_holds_more() -> None:
    little, much = (
        made(gold_rules(steps=6_000, bonus=b, learning_rate=3e-3)) for b in (-1.0, 2.0)
    )
    assert much.hold_rate > little.hold_rate + 0.1


# -- identity ------------------------------------------------------------------------------


def test_the_identity_changes_with_everything_that_decides_what_it_is() -> None:
    base = identity("data", LESSONS, RULES)
    lessons = [
        PupilRules(
            env_rules(stake_frac=0.4), LESSONS.controller, LESSONS.health, LESSONS.learner
        ),
        PupilRules(
            LESSONS.env,
            replace(LESSONS.controller, scale_bps=9.0),
            LESSONS.health,
            LESSONS.learner,
        ),
        PupilRules(
            LESSONS.env,
            LESSONS.controller,
            LESSONS.health,
            replace(LESSONS.learner, hidden=(9,)),
        ),
    ]
    others = [
        identity("other data", LESSONS, RULES),
        *(identity("data", one, RULES) for one in lessons),
        *(
            identity("data", LESSONS, gold_rules(**change))
            for change in ({"seed": 1}, {"steps": 800}, {"bonus": 0.5}, {"ent_coef": 0.01})
        ),
    ]
    assert len({base, *others}) == 1 + len(others)


def test_the_identity_does_not_change_with_what_is_not_in_force_there() -> None:
    tuned = replace(LESSONS.controller, law=Law.LITERAL)
    faster = replace(LESSONS.learner, n_steps=50, learning_rate=1e-3)
    other = PupilRules(LESSONS.env, tuned, LESSONS.health, faster)
    assert identity("data", other, RULES) == identity("data", LESSONS, RULES)


@pytest.mark.parametrize("mode", [*TargetMode])
def test_neither_the_reference_nor_its_identity_depends_on_how_targets_move(mode) -> None:
    # An edge so low that stakes would move under banded, were they to follow the score.
    targets = replace(LESSONS.controller.targets, mode=mode, opportunity_edge=1e-6)
    other = PupilRules(
        LESSONS.env,
        replace(LESSONS.controller, targets=targets),
        LESSONS.health,
        LESSONS.learner,
    )
    assert identity("data", other, RULES) == identity("data", LESSONS, RULES)
    one, same = (make(COURSE, lessons, RULES, lambda *_: None) for lessons in (LESSONS, other))
    assert one.rollouts == same.rollouts
    assert np.array_equal(one.put_down.weights, same.put_down.weights)


@pytest.mark.parametrize(("tail", "every", "kept"), [(10, 5, 2), (10, 4, 2), (2, 9, 1)])
def test_it_is_known_by_the_last_of_its_roll_outs_that_were_kept(tail, every, kept) -> None:
    seen = tuple(rollout(1, n) for n in range(5))
    gold = Gold(made().put_down, seen, 0.9)
    assert gold.last(gold_rules(tail_rollouts=tail, keep_every=every)) == seen[-kept:]


def test_it_is_taught_with_the_same_accounts() -> None:
    taught = lessons_for(LESSONS, RULES)
    assert taught.env == LESSONS.env
    assert taught.controller.law is Law.FIXED
    assert (taught.learner.n_envs, taught.learner.hidden) == (4, (8,))
    assert (taught.learner.n_steps, taught.learner.gamma) == (RULES.n_steps, RULES.gamma)
