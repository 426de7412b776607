"""What steering costs: the controller's laws and the regime detector, a step each.

Run ``python benchmarks/bench_controller.py``; it prints and writes
``benchmarks/results/controller.json``. Compiled figures are those inside a compiled loop,
which is how training meets them (the regime score of a course is made once, by ``batch``);
beside them stands what one call from Python costs. The bound is 1 microsecond a step each;
``within_bound`` says of every figure by itself whether it is, those from Python included.

The regime's step from Python stays over it, and cannot come under: beside its arithmetic
there are a call of compiled code with twelve numbers of a bar, a copy of the state (which is
a value: trading, replay and tests step old ones again), and two records for what is said and
what is kept. ``floor_us`` is what those cost when nothing at all is detected.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from bench_features import REGIME, per_bar_us, streamed
from numba import njit

from stairway.features import regime
from stairway.features.regime import Regime
from stairway.market.bars import PairBar, PairBars
from stairway.simulation.controller import Law, Rates, regulate, start
from stairway.simulation.controlling import kernels
from stairway.simulation.lanes import Lanes
from stairway.simulation.terms import Terms, as_array
from stairway.testing.bars import random_walk
from stairway.testing.steering import controller_rules

ENVS = 8
STEPS = 200_000
ROLLOUT_STEPS = 2_000
BOUND_US = 1.0

Step = Callable[[regime.RegimeState, PairBar], tuple[regime.RegimeState, Regime]]


@njit
def walk(
    memory: np.ndarray,
    knobs: np.ndarray,
    terms: np.ndarray,
    held: np.ndarray,
    score: np.ndarray,
) -> float:
    bonus = 0.0
    for i in range(held.size):
        bonus += kernels.literal_step(memory, knobs, terms, held[i], score[i])
    return bonus


def least_us(call: Callable[[], object], n: int) -> float:
    """Least of seven runs, per step: the machine may be busy with something else."""
    spent = []
    for _ in range(7):
        begun = time.perf_counter_ns()
        call()
        spent.append(time.perf_counter_ns() - begun)
    return round(min(spent) / n / 1e3, 4)


def literal(window: int) -> dict[str, float]:
    """Microseconds a step of all environments, compiled and called from Python."""
    rules = controller_rules(Law.LITERAL)
    fresh = start(rules, ENVS)
    assert isinstance(fresh, Lanes)
    lanes = Lanes(np.append(fresh.memory[: kernels.HEAD], np.zeros(window)), fresh.knobs)
    rng = np.random.default_rng(7)
    held = rng.integers(0, ENVS + 1, STEPS).astype(np.float64)
    score, terms = rng.uniform(-3.0, 3.0, STEPS), as_array(Terms(5.5, 0.0, 0.0, 0.0))
    walk(lanes.memory, lanes.knobs, terms, held, score)
    some = list(zip(held[:20_000].tolist(), score[:20_000].tolist(), strict=True))

    def from_python() -> None:
        for h, s in some:
            lanes.step(terms, h, s)

    compiled = least_us(lambda: walk(lanes.memory, lanes.knobs, terms, held, score), STEPS)
    return {"compiled_us": compiled, "from_python_us": least_us(from_python, len(some))}


def regulated() -> dict[str, float]:
    """Microseconds a roll-out, and a step of it."""
    rules = controller_rules()
    measured = Rates(0.7, 12.0, 0.97, 6.0, ROLLOUT_STEPS, 0.4)
    state = start(rules)
    regulate(state, measured, rules)
    rollout = least_us(lambda: [regulate(state, measured, rules) for _ in range(1_000)], 1_000)
    return {"rollout_us": rollout, "step_us": round(rollout / ROLLOUT_STEPS, 5)}


@njit
def nothing(  # noqa: PLR0913, PLR0917 - as the regime's kernel
    memory: np.ndarray, window: np.ndarray, time_ns: int, session: int,  # noqa: ARG001
    open_1: float, high_1: float, low_1: float, close_1: float, volume_1: float,  # noqa: ARG001
    open_2: float, high_2: float, low_2: float, close_2: float, volume_2: float,  # noqa: ARG001
) -> tuple[float, int, float, float, float, float, bool, int]:  # fmt: skip
    """Answer as the regime's kernel does, without looking at anything."""
    return open_1, 0, high_1, low_1, close_1, open_2, True, 1


def in_vain(state: regime.RegimeState, bar: PairBar) -> tuple[regime.RegimeState, Regime]:
    """Step as ``regime.step`` does, and detect nothing."""
    memory = state.memory.copy()
    a, b = bar.bars
    score, code, momentum, ratio, divergence_z, correlation, warm, _ = nothing(
        memory, state.window, bar.time_ns, bar.session,
        a.open, a.high, a.low, a.close, a.volume, b.open, b.high, b.low, b.close, b.volume,
    )  # fmt: skip
    after = regime.RegimeState(memory, state.window, state.blocks, state.dropped)
    label = regime.LABELS[code]
    return after, Regime(score, label, momentum, ratio, divergence_z, correlation, warm)


def stepped_us(step: Step, bars: PairBars) -> float:
    """Median microseconds of a step from Python; the clock's own are in it."""
    state, spent = regime.start(REGIME), np.empty(len(bars))
    for i, bar in enumerate(bars):
        begun = time.perf_counter_ns()
        state, _ = step(state, bar)
        spent[i] = time.perf_counter_ns() - begun
    return round(float(np.median(spent[100:])) / 1e3, 3)


def within(result: dict[str, Any]) -> dict[str, bool]:
    """Hold every figure against the bound by itself; ``floor_us`` is none of ours."""
    weather = result["regime"]
    found = {
        "regulated": result["regulated"]["step_us"],
        "regime, compiled": weather["compiled_us"],
        "regime, from Python, p50": weather["streamed"]["p50_us"],
        "regime, from Python, p99": weather["streamed"]["p99_us"],
    }
    for window, cost in result["literal"].items():
        found[f"literal, {window}, compiled"] = cost["compiled_us"]
        found[f"literal, {window}, from Python"] = cost["from_python_us"]
    return {name: us <= BOUND_US for name, us in found.items()}


def main() -> None:
    bars = random_walk(20_000, seed=7, bar_seconds=60)
    streamed(bars.part(0, 300))
    result = {
        "machine": {"cpu": platform.processor() or platform.machine(), "numpy": np.__version__},
        "envs": ENVS,
        "bound_us": BOUND_US,
        "regulated": regulated(),
        "literal": {f"window {w}": literal(w) for w in (25, 250, 25_000)},
        "regime": {
            "compiled_us": per_bar_us(lambda: regime.batch(bars, REGIME), len(bars)),
            "streamed": streamed(bars)["regime.step"],
            "floor_us": stepped_us(in_vain, bars),
        },
    }
    result["within_bound"] = within(result)
    path = Path(__file__).parent / "results" / "controller.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
