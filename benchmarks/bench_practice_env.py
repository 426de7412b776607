"""Steps a second of the practice environment: the kernel, its faces, and two peers beside them.

Run ``python benchmarks/bench_practice_env.py``; it prints a table and writes
``benchmarks/results/practice_env.json``. Everything runs on one thread, at random actions
drawn beforehand, on 12,000 made-up minutes with costs, resets included; rewards carry all
four terms. Seconds are those that the thread spent on a core, so that a busy machine does
not count against either side; medians by the clock on the wall stand beside them. What is
held against the bounds are medians, and ratios of medians, of the same run.

Peers: gym-anytrading and Gym-Trading-Env, 26 numbers a step each, in a process of their own
(``benchmarks/peers_practice_env.py``). They are installed into ``build/peers`` by this run
and never into the project's environment: see ``benchmarks/peers.py``.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import peers

from stairway.simulation import kernels
from stairway.simulation.batch import PairBatch
from stairway.simulation.env import PairTradingEnv
from stairway.simulation.terms import Terms
from stairway.simulation.vector import PairTradingVecEnv
from stairway.testing.practice import actions_for, env_rules, made_course
from stairway.training.ppo.vecenv import PairVecEnv

BARS, WINDOWS, WINDOW_S = 12_000, 25, 0.1
PACKAGES = ("gym-anytrading==2.0.0", "gym-trading-env==0.3.5")
COURSE = made_course(BARS, seed=7, bar_seconds=60)
RULES = env_rules(episode_steps=1_000)
TERMS = Terms(scale_bps=5.5, bonus=0.1, ticket=0.1, downside=0.1)
BOUNDS = {"kernel_256": 10e6, "gymnasium_env": 300e3, "sb3_vecenv_64": 3e6}
RATIOS = {"gym_anytrading": 30.0, "gym_trading_env": 150.0}

Rates = dict[str, float]


def rates(move: Callable[[int], object], steps_each: int) -> Rates:
    """Measure steps a second of a core: median and best of several windows."""
    begun = time.perf_counter()
    for i in range(64):
        move(i % 64)
    calls = max(1, round(WINDOW_S / ((time.perf_counter() - begun) / 64)))
    spent = np.empty((WINDOWS, 2))
    for window in range(WINDOWS):
        begun = time.thread_time(), time.perf_counter()
        for i in range(calls):
            move(i % 64)
        spent[window] = time.thread_time() - begun[0], time.perf_counter() - begun[1]
    return summary(calls * steps_each / spent)


def summary(found: np.ndarray) -> Rates:
    """Give steps a second of the core, and by the wall clock, from (windows, 2)."""
    core, wall = found.T
    names = {"median": np.median(core), "best": core.max(), "wall_median": np.median(wall)}
    return {name: round(float(rate)) for name, rate in names.items()}


def kernel(n_envs: int, noise: float = 0.0) -> Rates:
    """Call the compiled function for N accounts."""
    rules = env_rules(episode_steps=1_000, observation_noise=noise)
    batch = PairBatch(COURSE, rules, n_envs, seed=1)
    batch.set_terms(TERMS)
    seen, actions = batch.reset(), actions_for(64, n_envs, seed=2)
    arrays = batch.arrays
    batch.step(actions[0])
    return rates(lambda i: kernels.step_pairs(*arrays, actions[i], seen), n_envs)


def gymnasium_env() -> Rates:
    """Step the class itself, terms in ``info``, with a reset wherever an episode ends."""
    env = PairTradingEnv(COURSE, RULES, TERMS)
    env.reset(seed=1)
    actions: list[list[int]] = actions_for(64, 100, seed=2).tolist()

    def move(i: int) -> None:
        for action in actions[i]:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()

    return rates(move, 100)


def gymnasium_vector(n_envs: int) -> Rates:
    """Step through Gymnasium's vector interface."""
    envs = PairTradingVecEnv(COURSE, RULES, n_envs, TERMS)
    envs.reset(seed=1)
    actions = actions_for(64, n_envs, seed=2)
    return rates(lambda i: envs.step(actions[i]), n_envs)


def sb3_vecenv(n_envs: int) -> Rates:
    """Step through the interface of Stable-Baselines3."""
    env = PairVecEnv(COURSE, RULES, n_envs, seed=1)
    env.set_terms(TERMS)
    env.reset()
    actions = actions_for(64, n_envs, seed=2)
    return rates(lambda i: env.step(actions[i]), n_envs)


def peers_of() -> tuple[dict[str, Rates], str | None]:
    """Return both peers' figures, or why there are none."""
    why = peers.install(*PACKAGES)
    return ({}, why) if why else (peers.measure("peers_practice_env.py"), None)


def main() -> None:
    """Measure, print and write down."""
    theirs, missing = peers_of()
    ours: dict[str, Rates] = {f"kernel_{n}": kernel(n) for n in (1, 8, 64, 256, 1_024, 4_096)}
    ours["kernel_256_with_noise"] = kernel(256, noise=1.0)
    ours["gymnasium_env"] = gymnasium_env()
    ours |= {f"gymnasium_vector_{n}": gymnasium_vector(n) for n in (64, 256)}
    ours |= {f"sb3_vecenv_{n}": sb3_vecenv(n) for n in (8, 64, 256)}
    fast = ours["kernel_256"]["median"]
    ratios = {name: round(fast / one["median"], 1) for name, one in theirs.items()}
    told = {
        "unit": "environment steps a second of one core",
        "bars": BARS,
        "ours": ours,
        "peers": theirs,
        "peers_missing": missing,
        "kernel_256_over_peer": ratios,
        "bounds": {"steps_per_s": BOUNDS, "kernel_256_over_peer": RATIOS},
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "practice_env.json").write_text(json.dumps(told, indent=2) + "\n")
    for name, one in {**ours, **theirs}.items():
        print(f"{name:<24}" + "".join(f"{rate:>14,.0f} {what}" for what, rate in one.items()))
    for name, ratio in ratios.items():
        print(f"kernel over {name:<18} {ratio:>8,.1f} x (at least {RATIOS[name]:g})")
    if missing:
        print(f"peers not installed: {missing}")


if __name__ == "__main__":
    main()
