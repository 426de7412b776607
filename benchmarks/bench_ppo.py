"""How fast PPO trains, with our kernels and as Stable-Baselines3 does it.

Writes ``benchmarks/results/ppo.json``. Run it with::

    .venv/bin/python benchmarks/bench_ppo.py [rounds]

Both train the same policy (two nets of 64-64 tanh units) on the same environment, one
thread each, taking turns, so that a busy machine slows both alike; the ratio is that of
the medians. ``schedule`` is the training of one seed, 4 x 12,000 steps, without validation:
``one_seed_s`` is the learner alone, ``one_seed_of_a_run_s`` what the cycles of a whole run take
from their beginning to their validation, as ``stairway train rl`` does it: the controller, a
checkpoint and ``live.json`` after every roll-out. ``one_seed_of_a_run_cpu_s`` is the processor
time of all threads in the same spans, which a busy machine does not lengthen.
"""

from __future__ import annotations

import json
import platform
import sys
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.logger import Logger
from threadpoolctl import threadpool_limits

from stairway.app.progress import Silent
from stairway.app.rl import rules as rl_rules
from stairway.app.rl.ask import RlRequest
from stairway.app.rl.request import prepare
from stairway.app.rl.train import train
from stairway.testing.cycles import (
    MINUTES,
    as_toml,
    cycle_rules,
    gold_rules,
    minutes,
    practice_rules,
)
from stairway.testing.ears import Deaf
from stairway.testing.practice import env_rules, made_course
from stairway.testing.runs import write_source
from stairway.training.ppo.fast import FastPPO, run_rollouts
from stairway.training.ppo.kernels import chances
from stairway.training.ppo.vecenv import PairVecEnv
from stairway.training.ppo.weights import layout_of, weights

RESULT = Path(__file__).parent / "results" / "ppo.json"
ROUNDS = 7
COURSE = made_course(5_000, seed=7)
WIDE: dict[str, Any] = {"n_envs": 64, "n_steps": 32, "batch_size": 64}
CYCLE: dict[str, Any] = {"n_envs": 8, "n_steps": 250, "batch_size": 100}
ROLLOUTS_A_CYCLE, CYCLES, SEEDS = 6, 4, 5


def model(kind: type[PPO], seed: int, *, n_envs: int, **settings: Any) -> Any:
    env = PairVecEnv(COURSE, env_rules(), n_envs=n_envs, seed=seed)
    built = kind("MlpPolicy", env, n_epochs=10, seed=seed, device="cpu", **settings)
    built.set_logger(Logger(None, []))
    return built


def spent_s(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def trained(kind: type[PPO], settings: dict[str, Any]) -> Callable[[], object]:
    """Four roll-outs and updates of a model that is already warm."""
    one = model(kind, 3, **settings)
    steps = settings["n_envs"] * settings["n_steps"]
    one.learn(steps)
    return lambda: one.learn(4 * steps, reset_num_timesteps=False)


def against_stock(rounds: int, settings: dict[str, Any]) -> dict[str, Any]:
    steps = 4 * settings["n_envs"] * settings["n_steps"]
    ours, theirs = trained(FastPPO, settings), trained(PPO, settings)
    took = [(spent_s(ours), spent_s(theirs)) for _ in range(rounds)]
    fast, stock = (median(column) for column in zip(*took, strict=True))
    return {
        **settings,
        "steps_per_s": round(steps / fast),
        "stock_steps_per_s": round(steps / stock),
        "times_stock": round(stock / fast, 1),
    }


def halves(rounds: int, settings: dict[str, Any]) -> dict[str, float]:
    """Time a gradient step, and a step of all environments."""
    one = model(FastPPO, 3, **settings)
    run_rollouts(one, 1)
    watcher, buffer = one.get_ready(), one.rollout_buffer
    collect, train = [], []
    for _ in range(rounds):
        collect.append(
            spent_s(lambda: one.collect_rollouts(one.env, watcher, buffer, one.n_steps))
        )
        train.append(spent_s(one.train))
    gradients = 10 * settings["n_envs"] * settings["n_steps"] / settings["batch_size"]
    return {
        "vector_step_us": round(1e6 * median(collect) / settings["n_steps"], 1),
        "gradient_step_us": round(1e6 * median(train) / gradients, 1),
    }


def one_seed(seed: int) -> None:
    one = model(FastPPO, seed, **CYCLE)
    for _ in range(CYCLES):
        run_rollouts(one, ROLLOUTS_A_CYCLE)


def all_seeds() -> None:
    threads = [threading.Thread(target=one_seed, args=(seed,)) for seed in range(SEEDS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Stopwatch(Deaf):
    """Hears how long the cycles practise: all stages that are called after a cycle."""

    def __init__(self) -> None:
        self.wall_s = self.cpu_s = 0.0
        self._begun: tuple[float, float] | None = None

    def begin(self, label: str, total: int) -> None:
        """Stop the time of the stage before, and start that of a cycle's practice."""
        del total
        now = (time.perf_counter(), time.process_time())
        if self._begun is not None:
            self.wall_s += now[0] - self._begun[0]
            self.cpu_s += now[1] - self._begun[1]
        self._begun = now if label.startswith("cycle ") else None


def whole_runs(rounds: int) -> dict[str, float]:
    """Time whole runs of one seed, but for making their reference and for validating."""
    rules = practice_rules(
        learner=rl_rules.load(rl_rules.SHIPPED, "intraday")[0].learner,
        gold=gold_rules(steps=2_000, n_steps=250, batch_size=100),
        cycles=cycle_rules(keep_tolerance=0.9, stop_from_cycle=9, episodes_per_scenario=2),
    )
    heard = [Stopwatch() for _ in range(rounds + 1)]
    with TemporaryDirectory() as place, patch.dict("os.environ", MINUTES):
        home = Path(place)
        practice = home / "practice.toml"
        practice.write_text(as_toml(rules), "utf-8")
        source = str(write_source(home / "bars", minutes()))
        for number, ear in enumerate(heard):
            request = RlRequest(
                source, "intraday", str(practice), (1,), home / f"run-{number}", home / "gold"
            )
            train(prepare(request, Silent()).root, ear)
    # The first run compiles what the others find compiled.
    return {
        "one_seed_of_a_run_s": round(median(ear.wall_s for ear in heard[1:]), 2),
        "one_seed_of_a_run_cpu_s": round(median(ear.cpu_s for ear in heard[1:]), 2),
    }


def frozen_us(rounds: int, rows: int) -> float:
    policy = model(FastPPO, 1, **CYCLE).policy
    layout, flat = layout_of(policy), weights(policy)
    net = layout.net
    seen = np.random.default_rng(0).normal(size=(rows, 26)).astype(np.float32)
    room = np.empty(rows * layout.units, np.float32)

    def answer() -> object:
        return chances(net, flat, seen, room).argmax(axis=1)

    answer()
    return round(1e6 * median(spent_s(answer) for _ in range(rounds)), 1)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    torch.set_num_threads(1)
    threadpool_limits(1)
    one_seed(99)
    result = {
        "machine": {
            "cpu": platform.processor() or platform.machine(),
            **{
                name: version(name) for name in ("numpy", "numba", "torch", "stable-baselines3")
            },
        },
        "rounds": rounds,
        "against_stock": [against_stock(rounds, settings) for settings in (WIDE, CYCLE)],
        "halves": {
            "n=64, batch 64": halves(rounds, WIDE),
            "n=8, batch 100": halves(rounds, CYCLE),
        },
        "schedule": {
            "steps": CYCLES * ROLLOUTS_A_CYCLE * 2_000,
            "one_seed_s": round(median(spent_s(lambda: one_seed(1)) for _ in range(rounds)), 2),
            **whole_runs(rounds),
            "five_seeds_in_threads_s": round(median(spent_s(all_seeds) for _ in range(3)), 2),
        },
        "frozen_policy_us": {f"{n} rows": frozen_us(200, n) for n in (1, 100)},
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
