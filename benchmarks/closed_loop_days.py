"""Where the closed loop is measured, and what is looked at: for ``bench_closed_loop.py``.

NVDA and MSFT minutes from ``STAIRWAY_DATA``, divided as a run divides them, and the figures
of one policy in practice and on each span of days.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stairway.adapters.sources import csv
from stairway.adapters.tables.settings import Columns, File
from stairway.app.rl import rules as rl_rules
from stairway.app.rules import watch_rules
from stairway.app.settings import load
from stairway.market.align import align
from stairway.market.bars import PairBars
from stairway.simulation.course import Course, course
from stairway.simulation.targets import TargetRules, targets_at
from stairway.training.measured import Rollout, Walked
from stairway.training.ppo.frozen import FrozenPolicy
from stairway.training.practice_ground import PracticeGround, divided, prepare, quiet
from stairway.training.practice_rules import PracticeRules
from stairway.training.walk import walk

DATA = Path(os.environ.get("STAIRWAY_DATA", Path(__file__).parents[2] / "shared" / "data"))
BARS = DATA / "stocks_1m_nvda_msft_2018"
HOLD = 0.55
SPANS = ("training", "validation", "held_out", "unseen")


class Days(NamedTuple):
    """Rules, the days by name, and the whole ground of a run on them."""

    rules: PracticeRules
    days: dict[str, Course]
    bars: PairBars
    whole: PracticeGround


def ground() -> Days:
    """Read the bars and make of them what a run makes."""
    settings = load("intraday")
    rules, _ = rl_rules.load(rl_rules.SHIPPED, settings.session.kind)
    files = tuple(
        File(path=str(next(BARS.glob(f"{one}_1m_*"))), symbol=one, tick_usd=0.01, lot_units=1.0)
        for one in ("NVDA", "MSFT")
    )
    config = csv.Config(
        files=files,
        columns=Columns(time="datetime_et"),
        bar_seconds=60,
        tz="America/New_York",
        stamp="open",
    )
    bars, _ = align(csv.read(config), settings.bars, settings.session)
    watch = watch_rules(settings)
    rng = np.random.Generator(np.random.PCG64(rules.cycles.judging_seed))
    whole = prepare(bars, watch, rules, rng)
    later = course(bars, watch, settings.session, whole.normaliser).part(
        divided(bars, rules.split)[0], len(bars)
    )
    courses = (whole.training, whole.validation, whole.held_out, later)
    return Days(rules, dict(zip(SPANS, courses, strict=True)), bars, whole)


def walked(
    policy: FrozenPolicy, seed: int, ground: Days, targets: TargetRules
) -> dict[str, dict[str, float]]:
    """Walk every span once, without noise; the draws depend on span and seed alone."""
    found: dict[str, dict[str, float]] = {}
    env = quiet(ground.rules.environment)
    for place, (name, days) in enumerate(ground.days.items()):
        key = np.random.SeedSequence((place, seed))
        one = walk(policy, days, env, np.random.Generator(np.random.PCG64(key)))
        found[name] = figures(one, targets_at(float(days.score.mean()), targets).hold)
    return found


def figures(one: Walked, aim: float) -> dict[str, float]:
    return {
        "hold_rate": round(one.hold_rate, 4),
        "target_hold": round(aim, 4),
        "hold_error": round(one.hold_rate - aim, 4),
        "fills_per_session": round(one.fills_per_session, 3),
        "no_fill_share": round(one.no_fill_share, 4),
        "drawdown_frac": round(one.drawdown_frac, 5),
        "return_frac": round(one.return_frac, 5),
    }


def practised(tail: Sequence[Rollout]) -> dict[str, float]:
    """Average the last 12,000 steps; the drawdown is the deepest of any account in them."""
    aims = [HOLD if r.target_hold is None else r.target_hold for r in tail]
    return {
        "hold_rate": mean([r.hold_rate for r in tail]),
        "target_hold": mean(aims),
        "hold_error": mean([r.hold_rate - aim for r, aim in zip(tail, aims, strict=True)]),
        "fills_per_session": mean([r.fills_per_session for r in tail], 3),
        "no_fill_share": mean([r.no_fill_share for r in tail]),
        "drawdown_frac": round(max(r.drawdown_frac for r in tail), 5),
    }


def weather(days: Course) -> dict[str, float]:
    """Measure features in deviations of the training rows, and the regime score."""
    return {
        "sessions": len(np.unique(days.session)),
        "feature_rms": round(float(np.sqrt(np.mean(days.features[days.first :] ** 2))), 3),
        "score": mean(days.score[days.first :].tolist(), 3),
    }


def mean(values: Sequence[float], digits: int = 4) -> float:
    return round(float(np.mean(values)), digits)
