"""What steering costs: the controller's laws and the regime detector, a step each.

Run ``python benchmarks/bench_controller.py``; it prints and writes
``benchmarks/results/controller.json``. Compiled figures are those inside a compiled loop,
which is how training meets them (the regime score of a course is made once, by ``batch``);
beside them stands what one call from Python costs. The bound is 1 microsecond a step each.

The regime's step cannot be brought under it from Python: its arithmetic alone takes about
0.8 us, handing arrays to compiled code and back 0.3 to 0.5 us, and saying what was found in
Python's own numbers about 0.3 us. The rest is the new state: a state is a value, which
trading, replay and tests rely on, so each step copies what it changes.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from bench_features import REGIME, per_bar_us, streamed
from numba import njit

from stairway.features import regime
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
        },
    }
    worst = max(
        result["regulated"]["step_us"],
        result["regime"]["compiled_us"],
        *(case["compiled_us"] for case in result["literal"].values()),
    )
    result["within_bound"] = worst <= BOUND_US
    path = Path(__file__).parent / "results" / "controller.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
