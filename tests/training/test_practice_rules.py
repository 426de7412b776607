"""Settings that contradict each other are refused before anything is trained."""

from __future__ import annotations

import pytest
from msgspec import ValidationError
from msgspec.structs import replace

from stairway.base.errors import ConfigError
from stairway.testing.cycles import (
    SCENARIOS,
    cycle_rules,
    gain_rules,
    gate_rules,
    learner_rules,
    practice_rules,
    scenario_criteria,
)


def test_the_lessons_are_those_of_the_sections() -> None:
    rules = practice_rules()
    lessons = rules.lessons
    assert (lessons.env, lessons.controller) == (rules.environment, rules.controller)
    assert (lessons.health, lessons.learner) == (rules.controller_health, rules.learner)


def test_the_fingerprint_is_of_every_section() -> None:
    base = practice_rules()
    others = [
        practice_rules(learner=learner_rules(gamma=0.8)),
        practice_rules(cycles=cycle_rules(cycles=3, steps_per_cycle=200)),
        practice_rules(training_gate=gate_rules(min_sharpe=0.7)),
        replace(base, divergence=replace(base.divergence, probes=65)),
    ]
    assert len({base.fingerprint, *(o.fingerprint for o in others)}) == 5
    assert practice_rules().fingerprint == base.fingerprint


def test_cycles_that_are_no_whole_roll_outs_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"\[cycles\] steps_per_cycle is 250"):
        practice_rules(cycles=cycle_rules(steps_per_cycle=250))


def test_a_gate_without_criteria_for_a_scenario_is_refused() -> None:
    few = tuple(scenario_criteria(name) for name in SCENARIOS[1:])
    with pytest.raises(ConfigError, match="needs some for each of correlation_breakdown, high"):
        practice_rules(training_gate=gate_rules(scenarios=few))


def test_criteria_for_a_scenario_that_there_is_not_are_refused() -> None:
    many = tuple(scenario_criteria(name) for name in (*SCENARIOS, "moon_landing"))
    with pytest.raises(ConfigError, match="moon_landing"):
        practice_rules(training_gate=gate_rules(scenarios=many))


@pytest.mark.parametrize(
    ("make", "change"),
    [
        (cycle_rules, {"cycles": 0}),
        (cycle_rules, {"early_stop_frac": -0.1}),
        (cycle_rules, {"converged_stability": 1.0}),
        (cycle_rules, {"checkpoint_rollouts": 0}),
        (cycle_rules, {"keep_when": "always"}),
        (gain_rules, {"raise_by": 0.9}),
        (gain_rules, {"lower_by": 1.1}),
        (gain_rules, {"least": 0.0}),
        (gain_rules, {"most": 0.5}),
        (learner_rules, {"gamma": 1.1}),
        (learner_rules, {"hidden": ()}),
        (learner_rules, {"hidden": (0,)}),
        (learner_rules, {"clip_range": 0.0}),
        (gate_rules, {"min_win_rate": 1.1}),
        (gate_rules, {"max_drawdown_frac": 0.0}),
        (gate_rules, {"scenarios": ()}),
    ],
)
def test_figures_out_of_range_are_refused(make, change: dict) -> None:
    with pytest.raises(ValidationError):
        make(**change)
