"""A training run's result, made up: for tests and examples of what is drawn from it."""

from __future__ import annotations

from typing import Any

from stairway.base.verdict import Pass, Verdict, passed, refuse
from stairway.simulation.health import Health
from stairway.testing.cycles import gate_rules, near, scenario_reports, walked
from stairway.training.journal import (
    LAYOUT,
    CycleReport,
    Decision,
    Frozen,
    Gains,
    GoldReport,
    HeldOut,
    Outcome,
    PracticeResult,
    SeedCycle,
    Span,
)
from stairway.training.measured import Criterion, Learner, Rollout, Walked

_DAY_NS = 86_400_000_000_000
_STEPS = 2_000
_SHARE = (0.05, 0.05, 0.05, 0.05, 0.55, 0.05, 0.05, 0.05, 0.1)


def rollout(seed: int, number: int, **changes: Any) -> Rollout:
    """Make the roll-out of a seed that comes nearer to its target with each number."""
    far = 0.35 / (1 + number)
    usual: dict[str, Any] = {
        "cycle": 1 + number // 6,
        "steps": 400_000 + _STEPS * (number + 1),
        "hold_rate": 0.55 + far + 0.005 * seed,
        "fills_per_session": 18.0 + 20.0 * far - seed,
        "no_fill_share": 0.95,
        "action_share": _SHARE,
        "reward": 0.2 - far,
        "reward_variance": 1.1,
        "profit_bps": -0.02,
        "rms_profit_bps": 5.0,
        "scale_bps": 5.5,
        "bonus": 1.5 - number * 0.1,
        "ticket": 0.1 * number,
        "downside": 0.0,
        "target_hold": 0.55,
        "target_fills": 18.0,
        "score": 0.3,
        "episodes": 8,
        "episode_bars": 870.0,
        "terminated": 1,
        "drawdown_frac": 0.004,
        "positions": (0.25, -0.5),
        "health": Health(0.9, 0.8, 0.7, 0.6, 1.0, 0.8) if number > 1 else None,
        "learner": Learner(entropy=1.2, kl=0.01),
    }
    return Rollout(seed=seed, **(usual | changes))


def walk(days: int, growth: float, **changes: Any) -> Walked:
    """Make a walk over some days whose equity grows by the same share each day."""
    equity = tuple((1.0 + growth) ** day for day in range(days))
    start = 17_500 * _DAY_NS
    times = tuple(start + day * _DAY_NS for day in range(days))
    return walked(
        sessions=days, equity=equity, time_ns=times, return_frac=equity[-1] - 1.0, **changes
    )


def criteria() -> tuple[Criterion, ...]:
    """Make bounds of the gate: one that holds, one that does not, one that is unknown."""
    return (
        _criterion("hold_rate", "share of steps that hold", 0.56, (0.4, 0.75)),
        _criterion("return", "return of the span", -0.01, (0.01, None)),
        _criterion("sharpe", "annual Sharpe ratio", None, (0.6, None)),
    )


def _criterion(
    code: str, what: str, value: float | None, room: tuple[float, float | None]
) -> Criterion:
    low, high = room
    holds = value is not None and low <= value <= (high or value)
    reached = 1.0 if holds else 0.3
    return Criterion(f"practice.{code}", what, value, low, high, 1_955, holds, reached)


def seed_cycle(seed: int, cycle: int, gate: Verdict) -> SeedCycle:
    """Make what one seed showed after one cycle."""
    return SeedCycle(
        seed=seed,
        cycle=cycle,
        steps=400_000 + 12_000 * cycle,
        hold_rate=0.56,
        fills_per_session=17.2,
        no_fill_share=0.95,
        validation=walk(5, -0.001),
        scenarios=scenario_reports(gate_rules()),
        divergence=near(),
        gate=gate,
        criteria=criteria(),
        attainment=1.0 if isinstance(gate, Pass) else 0.7,
        progress=0.6,
        rolled_back=False,
    )


def practice_result(*, accepted: bool = True, **changes: Any) -> PracticeResult:
    """Make the result of two seeds and two cycles.

    Examples
    --------
    >>> practice_result(accepted=False).chosen_seed is None
    True
    """
    gate: Verdict = passed("practice.return", "the return is enough", 0.012, 0.01, 5)
    if not accepted:
        gate = refuse("practice.return", "seed 1 lost on the validation days", -0.01, 0.01, 5)
    seeds = (1, 2)
    usual: dict[str, Any] = {
        "layout": LAYOUT,
        "version": "0.1.0",
        "finished": True,
        "symbols": ("NVDA", "MSFT"),
        "source": "my.toml",
        "policy_name": "intraday",
        "seeds": seeds,
        "cycles_planned": 4,
        "steps_per_cycle": 12_000,
        "spans": _spans(),
        "frozen": Frozen("da" * 32, "5e" * 32, "e0" * 32, "a0" * 32, "90" * 32, "9a" * 32),
        "gold": GoldReport("1d" * 32, "90" * 32, 409_600, 0.86, walk(5, 0.0), walk(5, 0.0001)),
        "gold_rollouts": tuple(rollout(0, n, cycle=0) for n in range(3)),
        "rollouts": tuple(rollout(seed, n) for n in range(12) for seed in seeds),
        "seed_cycles": tuple(seed_cycle(seed, c, gate) for c in range(3) for seed in seeds),
        "cycles": tuple(_cycle(number, gate, accepted=accepted) for number in (1, 2)),
        "outcome": Outcome.CONVERGED,
        "chosen_seed": 1 if accepted else None,
        "policy_digest": "b0" * 32 if accepted else None,
        "accepted": accepted,
        "held_out": tuple(HeldOut(s, walk(5, 0.0005 * s), walk(5, -0.001)) for s in seeds),
        "files": (),
        "seal": "",
    }
    return PracticeResult(**(usual | changes))


def _spans() -> tuple[Span, ...]:
    names = (("training", 14), ("validation", 5), ("held_out", 5))
    day, spans = 17_400, list[Span]()
    for name, sessions in names:
        first, last = day * _DAY_NS, (day + sessions) * _DAY_NS
        spans.append(Span(name, sessions, 391 * sessions, first, last, "f0" * 32))
        day += sessions + 1
    return tuple(spans)


def _cycle(number: int, gate: Verdict, *, accepted: bool) -> CycleReport:
    return CycleReport(
        cycle=number,
        gate=gate,
        median_seed=1,
        worst_seed=2,
        attainment=1.0 if accepted else 0.7,
        worst_attainment=0.7,
        progress=0.6,
        worst_progress=0.5,
        improvement_frac=0.1,
        stability=0.9,
        decision=Decision.KEEP if accepted else Decision.REVERT,
        reason="the gate passed" if accepted else "nearer to the gate by less than it must be",
        gains=Gains(1.0, 1.0),
        outcome=Outcome.CONTINUE if number == 1 else Outcome.CONVERGED,
    )
