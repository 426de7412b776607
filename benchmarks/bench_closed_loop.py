"""Does the controller regulate a policy that learns? Measured on seeds that tuned nothing.

Writes ``benchmarks/results/closed_loop.json``; ``scripts/closed_loop.py`` puts it into
``docs/practice.md`` and draws it. Run it with::

    .venv/bin/python benchmarks/bench_closed_loop.py

NVDA and MSFT minutes from ``STAIRWAY_DATA``, the shipped ``intraday.toml`` and
``practice.toml``. Every seed starts from the one reference that holds over 80 % of the time
and practises 4 x 12,000 steps.

``as run`` is the whole ``School`` of ``stairway train rl`` under the shipped settings: cycles
are validated, kept or reverted, and the controller is adjusted between them. It says what a
run ends with: the cycle that stands. The other cases are the loop without the gate round it:
``Pupil``, which is ``FastPPO`` on ``PairVecEnv`` under the controller, and nothing is
validated, kept, reverted or tuned. They compare laws. ``met`` says of the run, and of the
loop alone, whether what is asked was reached; the program fails unless both did.

``practice`` are means over the roll-outs of the last 12,000 steps, noise and all; the
drawdown there is the deepest fall from a session's peak of any account. After them the
policy is frozen and walks each span of days once, without noise, by the same draws under
every law: ``training``, and ``validation``, ``held_out`` and both in one go (``unseen``),
which are days that no law was trained on. Drawdowns of walks are from the span's peak. The
noise, T* and the learning rate of ``practice.toml``, and the rules by which a cycle is kept,
were chosen on other seeds than these, but with figures of the later days in sight. Once a
setting or a rule is changed for what these seeds show, they belong into ``LOOKED_AT``, and
others are to be reported.

One thread, about two minutes of a quiet core; the figures do not depend on the machine's speed.
"""

from __future__ import annotations

import dataclasses
import json
import platform
import re
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from closed_loop_days import BARS, HOLD, SPANS, Days, ground, mean, practised, walked, weather
from msgspec.structs import replace
from threadpoolctl import threadpool_limits

from stairway.simulation.controller import Law
from stairway.simulation.targets import TargetMode
from stairway.testing.ears import Deaf, one_by_one
from stairway.training.divergence import Parameters, drift
from stairway.training.gold import Gold, make
from stairway.training.journal import CycleReport
from stairway.training.keeping import Midway, Saved
from stairway.training.measured import Rollout
from stairway.training.practice_ground import quiet
from stairway.training.practice_rules import PracticeRules
from stairway.training.pupil import Pupil
from stairway.training.pupil_rules import PupilRules
from stairway.training.pupil_state import parameters_of
from stairway.training.school import School

RESULT = Path(__file__).parent / "results" / "closed_loop.json"
SEEDS = tuple(range(7101, 7111))
LOOKED_AT = {
    "how a cycle is kept was tried on them": (*range(1, 6), *range(2001, 2021)),
    "reported before decision 19, which begins with them": tuple(range(1001, 1011)),
    "the tests hold every change against them": tuple(range(9001, 9011)),
}
"""Seeds that somebody looked at while something was decided: never to be reported."""
HOLD_WITHIN, FILLS = 0.05, (15.0, 20.0)
NEEDED = {"hold": 9, "fills": 8, "seeds": 10, "drawdown_worse_frac": 0.01}
AS_RUN = "as run"
JUDGED = (AS_RUN, "regulated")
DRAWN_DOWN = ("practice", "training", "validation", "held_out")
ASKED = ("hold", "fills", "drawdown, practice")


class Case(NamedTuple):
    """One way to set the terms.

    ``noise`` is on what is observed while practising; ``learning`` is a factor on the
    learning rate, to see how far a policy drifts that learns too fast.
    """

    name: str
    law: Law
    mode: TargetMode = TargetMode.FIXED
    noise: bool = True
    learning: float = 1.0


REGULATED, FIXED = Case("regulated", Law.REGULATED), Case("fixed", Law.FIXED)
CASES = (
    REGULATED,
    Case("regulated, linear target", Law.REGULATED, TargetMode.LINEAR),
    Case("literal", Law.LITERAL),
    Case("literal, linear target", Law.LITERAL, TargetMode.LINEAR),
    Case("plan", Law.PLAN),
    Case("plan, linear target", Law.PLAN, TargetMode.LINEAR),
    FIXED,
    Case("regulated, no noise", Law.REGULATED, noise=False),
    Case("regulated, learning twice as fast", Law.REGULATED, learning=2.0),
)


def lessons(case: Case, rules: PracticeRules) -> PupilRules:
    """Take the shipped lessons, but for what the case says."""
    taught = rules.lessons
    targets = replace(taught.controller.targets, mode=case.mode, hold=HOLD)
    steered = replace(taught.controller, law=case.law, targets=targets)
    env = taught.env if case.noise else quiet(taught.env)
    rate = case.learning * taught.learner.learning_rate
    learner = replace(taught.learner, learning_rate=rate)
    return dataclasses.replace(taught, env=env, controller=steered, learner=learner)


def reference(ground: Days, case: Case) -> Gold:
    """Make the policy that every seed starts from."""
    taught = lessons(case, ground.rules)
    return make(ground.days["training"], taught, ground.rules.gold, lambda _done, _of: None)


def parameters(pupil: Pupil) -> Parameters:
    """Copy every tensor of the policy as it is."""
    now = pupil.freeze()
    return parameters_of(now.layout, now.flat)


def trained(case: Case, seed: int, gold: Gold, ground: Days) -> dict[str, Any]:
    """Practise one seed to the end, and look at it."""
    taught, cycles = lessons(case, ground.rules), ground.rules.cycles
    pupil = Pupil(ground.days["training"], taught, seed)
    pupil.begin_from(gold.put_down)
    start, over = parameters(pupil), ground.rules.divergence.over
    seen: list[Rollout] = []
    moved: list[float] = []
    begun = time.thread_time()
    each = taught.learner.rollouts(cycles.steps_per_cycle, "steps_per_cycle")
    for cycle in range(1, cycles.cycles + 1):
        pupil.practise(cycle, each, lambda _done, rollout: seen.append(rollout))
        now = parameters(pupil)
        moved.append(round(drift(now.part(over), start.part(over))[0], 4))
    spent = time.thread_time() - begun
    return {
        "seed": seed,
        "practice": practised(seen[-each:]),
        "walked": walked(pupil.freeze(), seed, ground, taught.controller.targets),
        "divergence_by_cycle": moved,
        "cpu_s": round(spent, 2),
        "rollouts": [(r.hold_rate, r.fills_per_session) for r in seen],
    }


class Nothing:
    """A keeper of nothing: the run is not stopped."""

    def midway(self, midway: Midway) -> None:
        """Forget it."""

    def cycle(self, saved: Saved) -> None:
        """Forget it."""


def as_run(seeds: Sequence[int], gold: Gold, ground: Days) -> dict[str, Any]:
    """Let the school of a run do its cycles on all seeds, and look at what stands."""
    school = School(ground.whole, ground.rules, gold, seeds, "")
    begun = time.thread_time()
    school.begin()
    school.run(Nothing(), Deaf(), one_by_one)
    spent = (time.thread_time() - begun) / len(seeds)
    stands = 0 if school.last_kept is None else school.last_kept.cycle
    rows = [stood(school, seed, stands, ground) | {"cpu_s": round(spent, 2)} for seed in seeds]
    return {"rows": rows, "cycles": [decided(report) for report in school.reports]}


def stood(school: School, seed: int, cycle: int, ground: Days) -> dict[str, Any]:
    """Look at the policy that one seed ended with."""
    mine = [r for r in school.rollouts if r.seed == seed]
    shown = [s for s in school.seed_cycles if s.seed == seed and s.cycle > 0]
    targets = ground.rules.controller.targets
    return {
        "seed": seed,
        "practice": practised([r for r in mine if r.cycle == cycle]),
        "walked": walked(school.good_policy(seed), seed, ground, targets),
        "divergence_by_cycle": [round(s.divergence.norm_frac or 0.0, 4) for s in shown],
        "rollouts": [(r.hold_rate, r.fills_per_session) for r in mine],
    }


def decided(report: CycleReport) -> dict[str, Any]:
    return {
        "cycle": report.cycle,
        "decision": report.decision.value,
        "progress": round(report.progress, 3),
        "worst_progress": round(report.worst_progress, 3),
        "gains": [round(report.gains.hold, 3), round(report.gains.trades, 3)],
        "outcome": report.outcome.value,
    }


def summary(rows: list[dict[str, Any]], limit: float) -> dict[str, Any]:
    """Count what holds, and average the rest over the seeds."""
    last = [row["divergence_by_cycle"][-1] for row in rows]
    return {
        "seeds": len(rows),
        "practice": counted([row["practice"] for row in rows]),
        "walked": {
            span: counted([row["walked"][span] for row in rows]) for span in rows[0]["walked"]
        },
        "divergence": {"mean": mean(last), "most": max(last)},
        "divergence_refused": sum(not value <= limit for value in last),
        "cpu_s": mean([row["cpu_s"] for row in rows], 2),
    }


def counted(each: list[dict[str, float]]) -> dict[str, float]:
    """Average every figure, and count the seeds that are where they should be."""
    low, high = FILLS
    return {name: mean([one[name] for one in each]) for name in each[0]} | {
        "hold_near_055": sum(abs(one["hold_rate"] - HOLD) <= HOLD_WITHIN for one in each),
        "hold_near_target": sum(abs(one["hold_error"]) <= HOLD_WITHIN for one in each),
        "fills_in_band": sum(low <= one["fills_per_session"] <= high for one in each),
    }


def curve(rows: list[dict[str, Any]]) -> dict[str, list[list[float]]]:
    """Least, median and most of the seeds, roll-out by roll-out."""
    every = np.array([row["rollouts"] for row in rows])
    parts = {"hold_rate": every[..., 0], "fills_per_session": every[..., 1]}
    return {
        name: np.round(np.quantile(part, (0.0, 0.5, 1.0), axis=0), 3).tolist()
        for name, part in parts.items()
    }


def paired(
    rows: list[dict[str, Any]], fixed: list[dict[str, Any]]
) -> dict[str, dict[str, float]]:
    """Drawdown less that of the same seed under fixed terms; positive is worse."""
    found: dict[str, dict[str, float]] = {}
    for span in ("practice", *SPANS):
        apart = [
            fell(mine, span) - fell(theirs, span)
            for mine, theirs in zip(rows, fixed, strict=True)
        ]
        found[span] = {"mean_frac": mean(apart, 5), "worst_frac": round(max(apart), 5)}
    return found


def fell(row: dict[str, Any], span: str) -> float:
    return ({"practice": row["practice"]} | row["walked"])[span]["drawdown_frac"]


def measured(seeds: Sequence[int]) -> dict[str, Any]:
    """Measure every case on these seeds."""
    torch.set_num_threads(1)
    threadpool_limits(limits=1)
    there = ground()
    limit = there.rules.divergence.diverged_frac
    golds = {n: reference(there, REGULATED._replace(noise=n)) for n in (True, False)}
    print(AS_RUN, flush=True)
    school = as_run(seeds, golds[True], there)
    rows: dict[str, list[dict[str, Any]]] = {AS_RUN: school["rows"]}
    for case in CASES:
        print(case.name, flush=True)
        rows[case.name] = [trained(case, seed, golds[case.noise], there) for seed in seeds]
    cases = {
        name: {
            **summary(mine, limit),
            "drawdown_against_fixed": paired(mine, rows[FIXED.name]),
            "curve": curve(mine),
            "each": [{k: v for k, v in row.items() if k != "rollouts"} for row in mine],
        }
        for name, mine in rows.items()
    }
    return {
        "machine": {
            "cpu": platform.processor() or platform.machine(),
            **{n: version(n) for n in ("numpy", "numba", "torch", "stable-baselines3")},
        },
        "data": BARS.name,
        "bars_fingerprint": there.bars.fingerprint,
        "settings": settings_of(there.rules),
        "days": {name: weather(days) for name, days in there.days.items()},
        "needed": NEEDED,
        "reference": {
            ("noise" if noise else "no noise"): looked_at(
                gold, REGULATED._replace(noise=noise), there
            )
            for noise, gold in golds.items()
        },
        "met": {name: met(cases[name]) for name in JUDGED},
        "cycles": school["cycles"],
        "cases": cases,
    }


def settings_of(rules: PracticeRules) -> dict[str, Any]:
    """Name the settings that the figures depend on most, and hash all of them."""
    targets, cycles = rules.controller.targets, rules.cycles
    return {
        "fingerprint": rules.fingerprint,
        "steps": cycles.cycles * cycles.steps_per_cycle,
        "cycles": cycles.cycles,
        "rollout_steps": rules.learner.rollout_steps,
        "observation_noise": rules.environment.observation_noise,
        "feature_clip": rules.environment.feature_clip,
        "fills_per_session": targets.fills_per_session,
        "learning_rate": rules.learner.learning_rate,
        "ent_coef": rules.learner.ent_coef,
        "gamma": rules.learner.gamma,
        "fixed_bonus": rules.controller.fixed.bonus,
        "fixed_ticket": rules.controller.fixed.ticket,
        "divergence_limit": rules.divergence.diverged_frac,
    }


def looked_at(gold: Gold, case: Case, there: Days) -> dict[str, Any]:
    seed, taught = there.rules.gold.seed, lessons(case, there.rules)
    pupil = Pupil(there.days["training"], taught, seed)
    pupil.begin_from(gold.put_down)
    last = gold.rollouts[-1]
    return {
        "hold_rate": round(gold.hold_rate, 4),
        "fills_per_session": round(last.fills_per_session, 3),
        "steps": last.steps,
        "walked": walked(pupil.freeze(), seed, there, taught.controller.targets),
    }


def met(case: dict[str, Any]) -> dict[str, bool]:
    """Whether one case reached what is asked of its last 12,000 steps, and what lies beside."""
    worse, practice = case["drawdown_against_fixed"], case["practice"]
    bound = NEEDED["drawdown_worse_frac"]
    return {
        "hold": practice["hold_near_055"] >= NEEDED["hold"],
        "fills": practice["fills_in_band"] >= NEEDED["fills"],
        **{f"drawdown, {span}": worse[span]["mean_frac"] <= bound for span in DRAWN_DOWN},
    }


def written(result: dict[str, Any]) -> str:
    """Indented, with every list of plain values on one line."""
    text = json.dumps(result, indent=2) + "\n"
    return re.sub(r"\[([^\[\]{}]*)\]", lambda found: f"[{' '.join(found[1].split())}]", text)


def show(cases: dict[str, Any]) -> None:
    for name, case in cases.items():
        print(f"{name}: divergence up to {case['divergence']['most']:.3f}")
        worse = case["drawdown_against_fixed"]
        for span, one in ({"practice": case["practice"]} | case["walked"]).items():
            depth = (
                f"drawdown {one['drawdown_frac']:.2%} ({worse[span]['mean_frac']:+.2%})"
                if span in worse
                else ""
            )
            print(
                f"  {span:<10} hold {one['hold_rate']:.3f} ({one['hold_near_055']} near 0.55, "
                f"{one['hold_near_target']} near {one['target_hold']:.2f})  fills "
                f"{one['fills_per_session']:4.1f} ({one['fills_in_band']} in band)  {depth}"
            )


def main() -> int:
    if not BARS.is_dir():
        print(f"no minutes at {BARS}: set STAIRWAY_DATA to the folder that holds them")
        return 0
    result = measured(SEEDS)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(written(result), "utf-8")
    show(result["cases"])
    print(result["met"])
    return int(not all(one[name] for one in result["met"].values() for name in ASKED))


if __name__ == "__main__":
    sys.exit(main())
