"""``stairway/PairTrading-v0``: there without arguments, on bars that training sees and no others."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check
from stable_baselines3.common.env_checker import check_env as sb3_check

from stairway.app import plugins, practice
from stairway.app.rl import rules as rl_rules
from stairway.app.settings import Settings, load
from stairway.base.errors import DataError
from stairway.market.align import align
from stairway.market.bars import PairBars
from stairway.simulation.env import ENV_ID, PairTradingEnv
from stairway.simulation.terms import Terms
from stairway.simulation.vector import PairTradingVecEnv
from stairway.testing.practice import env_rules, rough_course

NAME = f"stairway.app.practice:{ENV_ID}"


def sample() -> tuple[Settings, PairBars]:
    settings = load("daily")
    source = plugins.load("sources", "sample")
    return settings, align(source.read(source.Config()), settings.bars, settings.session)[0]


def test_it_is_made_without_arguments_in_a_fresh_interpreter() -> None:
    program = (
        "import warnings; warnings.simplefilter('error'); import gymnasium; "
        f"env = gymnasium.make({NAME!r}); env.reset(seed=1); print(env.step(4)[0].shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "(26,)"


def test_both_checkers_pass_on_the_registered_environment() -> None:
    env = gymnasium.make(NAME).unwrapped
    assert isinstance(env, PairTradingEnv)
    gymnasium_check(env, skip_render_check=True)
    sb3_check(env)  # pyright: ignore[reportArgumentType]


def test_the_sample_stops_where_the_climb_begins() -> None:
    settings, bars = sample()
    walk = practice.sample_course()
    assert walk.symbols == ("SP500", "NASDAQ")
    assert len(walk) == int(settings.run.train_frac * len(bars))
    assert walk.time_ns[-1] < bars.time_ns[len(walk)]
    assert practice.sample_course() is walk


def test_later_bars_do_not_reach_the_course() -> None:
    settings, bars = sample()
    n = int(settings.run.train_frac * len(bars))
    rigged = {
        name: np.concatenate((getattr(bars, name)[:n], 2.0 * getattr(bars, name)[n:]))
        for name in ("open", "high", "low", "close")
    }
    other = practice.practice_course(
        replace(bars, **rigged), settings, practice.shipped_rules("daily").feature_clip
    )
    assert other.fingerprint == practice.sample_course().fingerprint


def test_a_course_of_ones_own_may_be_given() -> None:
    rules, terms = env_rules(episode_steps=9), Terms(2.0, 0.5, 0.0, 0.0)
    env = gymnasium.make(NAME, course=rough_course(60, seed=1), rules=rules, terms=terms)
    env.reset(seed=1)
    assert env.step(4)[4]["hold_bonus"] == 0.5
    steps = 1
    while not (ended := env.step(4))[3]:
        assert not ended[2]
        steps += 1
    assert steps == 8


def test_many_accounts_are_made_over_one_kernel() -> None:
    envs = gymnasium.make_vec(NAME, num_envs=3)
    assert isinstance(envs.unwrapped, PairTradingVecEnv)
    many, _ = envs.reset(seed=5)
    one, _ = gymnasium.make(NAME).reset(seed=5)
    assert many.shape == (3, 26)
    assert np.array_equal(many[0], one)


def test_a_course_too_short_is_refused_with_its_sentence() -> None:
    short = rough_course(30, seed=1)
    with pytest.raises(DataError, match=r"the course has 30 bars.*give more bars"):
        gymnasium.make(NAME, course=short, rules=env_rules(min_episode_steps=50))


def test_importing_it_again_registers_nothing_twice() -> None:
    program = (
        "import gymnasium, importlib, stairway.app.practice as p; n = len(gymnasium.registry); "
        "importlib.reload(p); assert len(gymnasium.registry) == n; print(n)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        check=True,
        capture_output=True,
        text=True,
    )
    assert int(done.stdout) > 0


@pytest.mark.parametrize("kind", ["daily", "intraday"])
def test_practice_costs_and_sessions_are_those_of_trading(kind: str) -> None:
    settings = load(kind)
    rules = practice.shipped_rules(kind)  # pyright: ignore[reportArgumentType]
    assert rules.costs == settings.costs
    assert rules.overnight == settings.session.overnight
    assert rules.flat_by_close == settings.session.flat_by_close


def test_minutes_are_practised_by_the_figures_of_the_specification() -> None:
    rules = practice.shipped_rules("intraday")
    assert (rules.episode_steps, rules.max_session_drawdown_frac) == (1000, 0.02)
    assert rules.stake_frac == 0.5


@pytest.mark.parametrize("kind", ["daily", "intraday"])
def test_risk_counts_as_preserved_up_to_half_of_what_ends_an_episode(kind: str) -> None:
    """So that health sees risk before an episode is lost, and none left once one was."""
    rules = rl_rules.load(rl_rules.SHIPPED, kind)[0]  # pyright: ignore[reportArgumentType]
    bound = rules.environment.max_session_drawdown_frac
    assert rules.controller_health.drawdown_limit_frac == bound / 2


@pytest.mark.parametrize("per_session", [1, 100])
def test_who_makes_an_environment_by_name_is_shown_what_there_is(per_session: int) -> None:
    """Noise is for training roll-outs."""
    course = rough_course(3_000, seed=1, per_session=per_session)
    env = gymnasium.make(NAME, course=course)
    seen, about = env.reset(seed=3)
    assert np.array_equal(seen[:12], course.features[about["bar"], :12])
    assert practice.shipped_rules("intraday").observation_noise > 0, "or this shows nothing"
