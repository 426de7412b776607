"""A policy of the preset is taught on the bars that it may see, and is what is sealed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from stairway.base.errors import ConfigError, DataError
from stairway.base.verdict import Pass
from stairway.market.bars import PairBars
from stairway.models.actor import margins
from stairway.models.bodies.policy import PolicyBody
from stairway.models.normaliser import fit
from stairway.simulation.course import first_known, raw_rows
from stairway.testing.bars import random_walk
from stairway.testing.models import toy_calibration
from stairway.testing.practice import env_rules, watch_rules
from stairway.testing.steering import controller_rules, health_rules
from stairway.training.learner_rules import LearnerRules
from stairway.training.pupil_rules import PupilRules
from stairway.training.policy_craft import Policies, Taught
from stairway.training.quick import Quick
from stairway.training.quick_rules import QuickRules

MINUTE, COUNT = 60, 400
WATCH = watch_rules(MINUTE)
BARS = random_walk(600, seed=5, bar_seconds=MINUTE)
LESSONS = PupilRules(
    env=env_rules(),
    controller=controller_rules(),
    health=health_rules(),
    learner=LearnerRules(
        n_envs=4,
        n_steps=50,
        batch_size=50,
        n_epochs=2,
        learning_rate=3e-4,
        gamma=0.9,
        gae_lambda=0.9,
        clip_range=0.2,
        ent_coef=0.05,
        vf_coef=0.5,
        max_grad_norm=0.5,
        hidden=(16, 16),
    ),
)


def quick(bars: PairBars = BARS, **changes: Any) -> Quick:
    given = {"rules": QuickRules(steps=400), "seed": 3, "lessons": LESSONS}
    return Quick(bars=bars, pipeline=WATCH, session=WATCH.session, **(given | changes))


@pytest.fixture(scope="module")
def taught() -> Taught:
    return quick()(COUNT)


def same(one: Taught, other: Taught) -> bool:
    return (
        one.actor.policy.flat.tobytes() == other.actor.policy.flat.tobytes()
        and one.actor.normaliser.fingerprint == other.actor.normaliser.fingerprint
        and one.parity.rows.tobytes() == other.parity.rows.tobytes()
    )


def test_the_same_lesson_makes_the_same_policy(taught: Taught) -> None:
    assert same(quick()(COUNT), taught)
    assert not same(quick(seed=4)(COUNT), taught)
    assert not same(quick(rules=QuickRules(steps=600))(COUNT), taught)


def test_bars_after_those_taught_on_do_not_exist_for_it(taught: Taught) -> None:
    later = random_walk(600, seed=6, bar_seconds=MINUTE)
    mixed: dict[str, Any] = {}
    for name in ("open", "high", "low", "close", "volume"):
        column = getattr(BARS, name).copy()
        column[COUNT:] = getattr(later, name)[COUNT:]
        mixed[name] = column
    assert same(quick(replace(BARS, **mixed))(COUNT), taught)
    assert same(quick(BARS.part(0, COUNT))(COUNT), taught)
    assert not same(quick()(COUNT - 40), taught)


def test_its_normaliser_is_fitted_on_those_bars_alone(taught: Taught) -> None:
    rows = raw_rows(BARS.part(0, COUNT), WATCH)
    expected = fit(rows[first_known(rows) :], LESSONS.env.feature_clip)
    assert taught.actor.normaliser.fingerprint == expected.fingerprint


def test_it_has_learnt_something(taught: Taught) -> None:
    shorter = quick(rules=QuickRules(steps=200))(COUNT)
    assert shorter.actor.policy.flat.tobytes() != taught.actor.policy.flat.tobytes()
    assert taught.actor.policy.hidden == (16, 16)


def test_its_vectors_are_pytorchs_and_pass(taught: Taught) -> None:
    body = PolicyBody(taught.actor, toy_calibration(), taught.parity)
    assert isinstance(body.replay(1e-5), Pass)
    whole = raw_rows(BARS, WATCH).reshape(-1, 24)
    known = {row.tobytes() for row in whole[:COUNT]}
    assert all(row.tobytes() in known for row in taught.parity.rows.reshape(-1, 24))


def test_it_is_a_teacher_for_the_craft(taught: Taught) -> None:
    craft = Policies(quick())
    features = raw_rows(BARS, WATCH).reshape(-1, 2, 12)[COUNT:]
    np.testing.assert_array_equal(
        craft.learn(np.arange(COUNT))(features), margins(taught.actor, features)
    )


def test_steps_that_are_no_whole_roll_out_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"\[quick\] steps is 450"):
        quick(rules=QuickRules(steps=450))(COUNT)


def test_too_few_bars_are_refused() -> None:
    with pytest.raises(DataError, match="windows need more bars"):
        quick()(40)


def test_no_steps_are_no_lesson() -> None:
    with pytest.raises(msgspec.ValidationError):
        QuickRules(steps=0)


def test_teaching_moves_nobody_elses_chance() -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    quick()(COUNT)
    assert torch.equal(torch.rand(3), expected)
