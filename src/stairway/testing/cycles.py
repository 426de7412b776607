"""Rules and figures of a training in cycles, made up: for tests and examples."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, cast

import msgspec
import numpy as np

from stairway.base.verdict import passed
from stairway.market.bars import PairBars
from stairway.simulation.scenarios import Method
from stairway.testing.bars import random_walk
from stairway.testing.practice import env_rules, watch_rules
from stairway.testing.scenarios import scenario_rules
from stairway.testing.steering import controller_rules, health_rules
from stairway.training.cycle_rules import (
    CycleRules,
    GainRules,
    KeepWhen,
    SplitShares,
    StabilityWidths,
)
from stairway.training.divergence import DivergenceRules, Part
from stairway.training.gold_rules import GoldRules
from stairway.training.learner_rules import LearnerRules
from stairway.training.measured import (
    DivergenceLevel,
    DivergenceReport,
    Episodes,
    ScenarioReport,
    Walked,
)
from stairway.training.practice_ground import PracticeGround, prepare
from stairway.training.practice_rules import PracticeRules
from stairway.training.progress import ProgressRules
from stairway.training.ranking import Figures, Standing
from stairway.training.training_gate import judge_scenario
from stairway.training.training_gate_rules import ScenarioCriteria, TrainingGateRules

SCENARIOS = (
    "high_volatility", "low_volatility", "trending", "correlation_breakdown", "mixed",
)  # fmt: skip


def gain_rules(**changes: Any) -> GainRules:
    """Give gains that move by a quarter, between a half and twice what they were."""
    usual: dict[str, Any] = {
        "raise_by": 1.25,
        "lower_by": 0.8,
        "least": 0.5,
        "most": 2.0,
        "hold_tolerance": 0.05,
        "trades_tolerance": 0.2,
        "hunting_frac": 0.5,
    }
    return GainRules(**(usual | changes))


def cycle_rules(**changes: Any) -> CycleRules:
    """Give four cycles of 12,000 steps, and what a test wants otherwise.

    Examples
    --------
    >>> cycle_rules(cycles=2).cycles
    2
    """
    usual: dict[str, Any] = {
        "cycles": 4,
        "steps_per_cycle": 12_000,
        "keep_when": KeepWhen.PROGRESS,
        "keep_tolerance": 0.02,
        "early_stop_frac": 0.05,
        "converged_stability": 0.95,
        "stop_from_cycle": 2,
        "episodes_per_scenario": 100,
        "judging_seed": 7,
        "checkpoint_rollouts": 1,
        "progress": ProgressRules(hold_width=0.1, trades_width=0.35),
        "stability": StabilityWidths(
            hold_rate=0.35, trades_per_day=20.0, return_frac=0.01, drawdown_frac=0.02
        ),
        "gains": gain_rules(),
    }
    return CycleRules(**(usual | changes))


def divergence_rules(**changes: Any) -> DivergenceRules:
    """Give levels of 5, 10 and 15 %."""
    usual: dict[str, Any] = {
        "over": Part.ACTOR,
        "moved_frac": 0.05,
        "far_frac": 0.10,
        "diverged_frac": 0.15,
        "probes": 64,
    }
    return DivergenceRules(**(usual | changes))


def scenario_criteria(name: str, **changes: Any) -> ScenarioCriteria:
    """Give criteria that a policy which hardly trades meets."""
    usual: dict[str, Any] = {
        "min_return_frac": -0.02,
        "return_width_frac": 0.02,
        "max_drawdown_frac": 0.03,
        "max_early_frac": 0.4,
    }
    return ScenarioCriteria(name=name, **(usual | changes))


def gate_rules(**changes: Any) -> TrainingGateRules:
    """Give the bounds of the specification."""
    usual: dict[str, Any] = {
        "min_return_frac": 0.01,
        "max_drawdown_frac": 0.02,
        "min_trades_per_day": 5.0,
        "max_trades_per_day": 25.0,
        "min_sharpe": 0.6,
        "min_win_rate": 0.65,
        "min_hold_rate": 0.40,
        "max_hold_rate": 0.75,
        "over_episode_bars": 400.0,
        "under_early_frac": 0.40,
        "scenarios": tuple(scenario_criteria(name) for name in SCENARIOS),
    }
    return TrainingGateRules(**(usual | changes))


def walked(**changes: Any) -> Walked:
    """Make a walk that passes the gate."""
    usual: dict[str, Any] = {
        "bars": 1_955,
        "sessions": 5,
        "return_frac": 0.02,
        "drawdown_frac": 0.01,
        "sharpe": 2.0,
        "periods_per_year": 98_532.0,
        "fills_per_session": 17.0,
        "round_trips": 40,
        "win_rate": 0.7,
        "hold_rate": 0.55,
        "no_fill_share": 0.95,
        "action_share": (0.05, 0.05, 0.05, 0.05, 0.55, 0.05, 0.05, 0.05, 0.1),
        "forced_closes": 10,
        "rms_profit_bps": 4.0,
        "time_ns": (1, 2),
        "equity": (1.0, 1.02),
    }
    return Walked(**(usual | changes))


def episodes(scenario: str, **changes: Any) -> Episodes:
    """Make a hundred episodes that pass."""
    usual: dict[str, Any] = {
        "provenance": "made up",
        "n": 100,
        "length_bars": 900.0,
        "early_frac": 0.1,
        "return_frac": 0.001,
        "worst_return_frac": -0.02,
        "drawdown_frac": 0.01,
        "worst_drawdown_frac": 0.02,
        "fills_per_session": 17.0,
        "hold_rate": 0.55,
        "no_fill_share": 0.95,
    }
    return Episodes(scenario=scenario, **(usual | changes))


def scenario_reports(rules: TrainingGateRules, **changes: Any) -> tuple[ScenarioReport, ...]:
    """Run every scenario of the rules, all with the same episodes, judged."""
    runs = [episodes(criteria.name, **changes) for criteria in rules.scenarios]
    return tuple(ScenarioReport(run, judge_scenario(run, rules)) for run in runs)


def near() -> DivergenceReport:
    """Report a policy that hardly left its reference."""
    return DivergenceReport(
        norm_frac=0.01,
        whole_frac=0.02,
        level=DivergenceLevel.NEAR,
        since_accepted_frac=0.01,
        layers={"action_net.weight": 0.01},
        kl=0.001,
        probes=64,
        verdict=passed("practice.divergence", "drift from the reference is 0.0100", 0.01, 0.15),
    )


def standing(seed: int, attainment: float, **changes: Any) -> Standing:
    """Say how a seed stands; progress is its attainment unless said otherwise."""
    figures: dict[str, float] = {
        "hold_rate": 0.55,
        "trades_per_day": 17.0,
        "return_frac": 0.0,
        "drawdown_frac": 0.01,
    }
    diverged = bool(changes.pop("diverged", False))
    come = float(changes.pop("progress", attainment))
    return Standing(seed, attainment, come, diverged, Figures(**(figures | changes)))


def learner_rules(**changes: Any) -> LearnerRules:
    """Give a learner so small that it learns within milliseconds."""
    usual: dict[str, Any] = {
        "n_envs": 4,
        "n_steps": 25,
        "batch_size": 50,
        "n_epochs": 2,
        "learning_rate": 3e-4,
        "gamma": 0.9,
        "gae_lambda": 0.9,
        "clip_range": 0.2,
        "ent_coef": 0.05,
        "vf_coef": 0.5,
        "max_grad_norm": 0.5,
        "hidden": (8,),
    }
    return LearnerRules(**(usual | changes))


def gold_rules(**changes: Any) -> GoldRules:
    """Give a reference that is made in a few roll-outs, whatever it holds."""
    usual: dict[str, Any] = {
        "seed": 99,
        "steps": 600,
        "n_steps": 50,
        "batch_size": 50,
        "learning_rate": 3e-4,
        "gamma": 0.9,
        "gae_lambda": 0.9,
        "ent_coef": 0.05,
        "bonus": 1.0,
        "ticket": 0.0,
        "min_hold_rate": 0.01,
        "tail_rollouts": 2,
        "keep_every": 2,
    }
    return GoldRules(**(usual | changes))


def practice_rules(**changes: Any) -> PracticeRules:
    """Give rules for a whole training in two cycles of two roll-outs, on made-up minutes."""
    usual: dict[str, Any] = {
        "environment": env_rules(observation_noise=0.5),
        "controller": controller_rules(),
        "controller_health": health_rules(),
        "learner": learner_rules(),
        "gold": gold_rules(),
        "split": SplitShares(train_frac=0.7, validation_frac=0.15),
        "cycles": cycle_rules(
            cycles=2, steps_per_cycle=200, keep_tolerance=0.9, episodes_per_scenario=3
        ),
        "training_gate": gate_rules(),
        "divergence": divergence_rules(),
        "scenarios": scenario_rules(draws=1, methods=(Method.BOOTSTRAP,)),
    }
    return PracticeRules(**(usual | changes))


@cache
def minutes(sessions: int = 14) -> PairBars:
    """Make up minutes of two instruments; looked at by many, so never changed."""
    return random_walk(sessions * 390, seed=7, bar_seconds=60)


@cache
def made_ground() -> PracticeGround:
    """Make a ground to practise on, once, by :func:`practice_rules`."""
    rng = np.random.Generator(np.random.PCG64(7))
    return prepare(minutes(), watch_rules(60), practice_rules(), rng)


MINUTES: Mapping[str, str] = {
    "STAIRWAY__SESSION__CLOSE": '"16:00"',
    "STAIRWAY__SESSION__BARS_PER_SESSION": "390",
    "STAIRWAY__SESSION__PERIODS_PER_YEAR": "98280.0",
    "STAIRWAY__FEATURES__SESSION_SECONDS": "23400",
    "STAIRWAY__FEATURES__MOMENTUM_LONG_BARS": "40",
    "STAIRWAY__FEATURES__VOLATILITY_LONG_BARS": "60",
    "STAIRWAY__FEATURES__VOLUME_BARS": "60",
    "STAIRWAY__REGIME__SESSION_BARS": "20",
    "STAIRWAY__REGIME__HISTORY_BARS": "250",
    "STAIRWAY__REGIME__MIN_SAMPLES": "60",
}
"""What makes ``intraday.toml`` fit :func:`minutes`: their session, and short windows."""


def quick_rules(**changes: Any) -> PracticeRules:
    """Give rules for a whole run of a second: two cycles of three roll-outs each."""
    usual: dict[str, Any] = {
        "gold": gold_rules(steps=1_200),
        "cycles": cycle_rules(
            cycles=2,
            steps_per_cycle=300,
            keep_tolerance=0.9,
            stop_from_cycle=9,
            episodes_per_scenario=2,
        ),
    }
    return practice_rules(**(usual | changes))


def as_toml(rules: PracticeRules) -> str:
    """Write rules down as a practice file, a line for each section.

    Examples
    --------
    >>> as_toml(practice_rules()).splitlines()[5]
    'split = { train_frac = 0.7, validation_frac = 0.15 }'
    """
    tables: dict[str, Any] = msgspec.to_builtins(rules)
    return "".join(f"{name} = {_inline(table)}\n" for name, table in tables.items())


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        return f"{{ {', '.join(f'{k} = {_inline(v)}' for k, v in named.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_inline(v) for v in cast('list[Any]', value))}]"
    return msgspec.json.encode(value).decode()
