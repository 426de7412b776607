"""A policy that was taught once is read, if it can be believed, and else taught anew."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from stairway.app.practised import TeachingAsked
from stairway.app.teaching import (
    TeachingInputs,
    from_bytes,
    identity,
    quick_rules,
    remembered,
    teacher,
    to_bytes,
)
from stairway.base.errors import ConfigError
from stairway.testing.bars import random_walk
from stairway.testing.models import toy_policy_body
from stairway.testing.practice import env_rules, watch_rules
from stairway.testing.steering import controller_rules, health_rules
from stairway.training.learner_rules import LearnerRules
from stairway.training.pupil_rules import PupilRules
from stairway.training.policy_craft import Taught
from stairway.training.quick_rules import QuickRules

MINUTE = 60
WATCH = watch_rules(MINUTE)
BARS = random_walk(500, seed=5, bar_seconds=MINUTE)
GROUND = TeachingInputs(BARS, WATCH, WATCH.session, seed=3, origin="code and libraries")
LEARNER = LearnerRules(
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
)
LESSONS = PupilRules(env_rules(), controller_rules(), health_rules(), LEARNER)
RULES = QuickRules(steps=400)


def lesson(seed: int = 3) -> Taught:
    body = toy_policy_body(seed)
    return Taught(body.actor, body.parity)


LESSON = to_bytes(lesson(), "lesson")


@dataclass
class Counting:
    """A teacher who counts his lessons."""

    taught: list[int] = field(default_factory=list)

    def __call__(self, count: int) -> Taught:
        self.taught.append(count)
        return lesson(count)


def name(count: int) -> str:
    return f"lesson-{count}"


def same(one: Taught, other: Taught) -> bool:
    return to_bytes(one, "x") == to_bytes(other, "x")


# -- what is kept ----------------------------------------------------------------------


def test_a_lesson_is_given_once_and_read_afterwards(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    for teach in (first, second):
        taught = remembered(teach, tmp_path / "kept", name)
        assert same(taught(7), lesson(7))
        assert same(taught(8), lesson(8))
        assert same(taught(7), lesson(7))
    assert first.taught == [7, 8]
    assert second.taught == []
    assert sorted(p.name for p in (tmp_path / "kept").iterdir()) == [
        "lesson-7.taught",
        "lesson-8.taught",
    ]


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 64, LESSON[:-1], LESSON[: len(LESSON) // 2]]
)
def test_what_is_damaged_is_taught_anew_and_mended(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "lesson-7.taught"
    path.write_bytes(content)
    teach = Counting()
    assert same(remembered(teach, tmp_path, name)(7), lesson(7))
    assert teach.taught == [7]
    assert path.read_bytes() == to_bytes(lesson(7), "lesson-7")


def test_what_can_be_neither_read_nor_kept_is_taught_every_time(tmp_path: Path) -> None:
    (tmp_path / "lesson-7.taught").mkdir()
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path, tmp_path / "file"):
        teach = Counting()
        taught = remembered(teach, folder, name)
        assert same(taught(7), taught(7))
        assert teach.taught == [7, 7]


def test_a_lesson_under_another_ones_name_is_not_believed(tmp_path: Path) -> None:
    """It has seen other bars: what it says of them would be taken for out of fold."""
    remembered(Counting(), tmp_path, name)(8)
    (tmp_path / "lesson-8.taught").rename(tmp_path / "lesson-7.taught")
    teach = Counting()

    assert same(remembered(teach, tmp_path, name)(7), lesson(7))
    assert teach.taught == [7]


def test_it_reads_back_to_the_bit() -> None:
    read = from_bytes(LESSON, "lesson")
    assert read is not None
    assert same(read, lesson())
    np.testing.assert_array_equal(read.actor.policy.flat, lesson().actor.policy.flat)


@settings(max_examples=80)
@given(st.data())
def test_no_changed_byte_is_believed(data: st.DataObject) -> None:
    content = bytearray(LESSON)
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    assert from_bytes(bytes(content), "lesson") is None


@given(st.binary(max_size=300))
def test_no_bytes_raise(junk: bytes) -> None:
    assert from_bytes(junk, "lesson") is None


def test_a_lesson_with_another_ones_vectors_is_not_believed() -> None:
    # Whole, and its hash is right: only what it says betrays it.
    liar = lesson(3)._replace(parity=lesson(4).parity)
    assert from_bytes(to_bytes(liar, "x"), "x") is None


def test_a_lesson_whose_weights_are_not_sound_is_not_believed() -> None:
    told = msgspec.msgpack.decode(LESSON)
    other = msgspec.msgpack.decode(to_bytes(lesson(4), "lesson"))
    mixed = msgspec.msgpack.encode(told | {"tensors": other["tensors"]})
    assert from_bytes(mixed, "lesson") is None


# -- what a lesson is known by ---------------------------------------------------------


def changed(**lessons: Any) -> str:
    return identity(GROUND, replace(LESSONS, **lessons), RULES)(400)


def test_everything_that_decides_a_lesson_is_in_its_name() -> None:
    plain = identity(GROUND, LESSONS, RULES)
    features = msgspec.structs.replace(WATCH.features, rsi_bars=15)
    weather = msgspec.structs.replace(WATCH.regime, trend_enter=2.5)
    session = msgspec.structs.replace(WATCH.session, bars_per_session=400)
    names = [
        plain(400),
        plain(399),
        identity(replace(GROUND, bars=random_walk(500, 6, MINUTE)), LESSONS, RULES)(400),
        identity(replace(GROUND, seed=4), LESSONS, RULES)(400),
        identity(replace(GROUND, origin="other code"), LESSONS, RULES)(400),
        identity(replace(GROUND, session=session), LESSONS, RULES)(400),
        *(
            identity(
                replace(GROUND, pipeline=msgspec.structs.replace(WATCH, **part)), LESSONS, RULES
            )(400)
            for part in ({"features": features}, {"regime": weather})
        ),
        identity(GROUND, LESSONS, QuickRules(steps=600))(400),
        changed(env=env_rules(stake_frac=0.4)),
        changed(learner=msgspec.structs.replace(LEARNER, ent_coef=0.01)),
        changed(health=health_rules(window_rollouts=7)),
        changed(controller=msgspec.structs.replace(controller_rules(), scale_bps=4.0)),
    ]
    assert len(set(names)) == len(names)
    assert all(len(one) == 64 for one in names)


def test_bars_after_those_taught_on_do_not_enter_its_name() -> None:
    short = replace(GROUND, bars=BARS.part(0, 400))
    assert identity(short, LESSONS, RULES)(400) == identity(GROUND, LESSONS, RULES)(400)


# -- settings --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tables", "named"),
    [
        ({}, r"lacks \[quick\]"),
        ({"quick": {}}, "steps"),
        ({"quick": {"steps": 0}}, r"'mine\.toml': quick\.steps is 0; expected"),
        ({"quick": {"steps": 24000, "seeds": 3}}, "seeds"),
        ({"quick": 7}, "quick"),
    ],
)
def test_settings_that_are_wrong_are_named(tables: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        quick_rules(tables, "mine.toml")


def shipped_tables() -> dict[str, Any]:
    text = files("stairway").joinpath("policies", "practice.toml").read_text("utf-8")
    return tomllib.loads(text)


def tables() -> dict[str, Any]:
    """The shipped tables, for lessons that are soon over."""
    shipped = shipped_tables()
    shipped["learner"] = msgspec.to_builtins(LEARNER)
    shipped["quick"] = {"steps": 400}
    shipped["environment"]["intraday"] |= {"episode_steps": 100, "min_episode_steps": 5}
    return shipped


def test_the_shipped_settings_teach_and_are_remembered(tmp_path: Path) -> None:
    asked = TeachingAsked("mine.toml", tables(), str(tmp_path))
    first = teacher(asked, GROUND)(400)
    (kept,) = tmp_path.iterdir()
    before = kept.stat().st_mtime_ns
    assert same(teacher(asked, GROUND)(400), first)
    assert kept.stat().st_mtime_ns == before
    assert same(teacher(replace_kept(asked), GROUND)(400), first)


def replace_kept(asked: TeachingAsked) -> TeachingAsked:
    return msgspec.structs.replace(asked, kept=None)


def test_settings_of_practice_that_are_wrong_are_refused_before_anybody_is_taught() -> None:
    wrong = tables() | {"learner": {}}
    with pytest.raises(ConfigError, match=r"mine\.toml"):
        teacher(TeachingAsked("mine.toml", wrong), GROUND)
