"""What it costs training to be watched: no meter, and gateways that are there, dead, or hang.

Run ``python benchmarks/bench_metrics.py [rounds]``; it prints and writes
``benchmarks/results/metrics.json``. A stand-in for training (a compiled kernel that lets
other threads run, and a little Python, 64 steps in about 1.2 ms as PPO takes) records once
a roll-out of about 2,000 steps, as training does, and in one more case every 64 steps, which
is the most there is. All cases take turns in each round, in an order that moves on by one, so
that a busy machine is busy for all of them; costs are medians of the rounds' ratios to no
meter, and between ``low`` and ``high`` lies the median with a chance of 95 % (by the order
of the ratios, whatever their distribution). Three times are taken of each case:

``wall_pct``
    What the bound of 1 % is of: how much longer training takes, waits for the interpreter's
    lock included.
``training_thread_cpu_pct``
    CPU time of the thread that trains. It says what recording costs where the machine is
    too busy for the wall to say anything.
``process_cpu_pct``
    CPU time of all threads, the one that pushes included.

``nothing, again`` is a second round without a meter: what it seems to cost is how well this
machine can tell at all. ``bound`` is ``held`` or ``broken`` only where the whole interval of
the wall lies on one side of it, and ``cannot be told`` elsewhere.
"""

from __future__ import annotations

import json
import math
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import numpy as np
from msgspec.structs import replace
from numba import njit

from stairway.adapters.telemetry import pushgateway, silent
from stairway.app.machine import describe
from stairway.testing.meter import some_batch
from stairway.training.meter import Meter

ROUNDS = 31
BOUND_PCT = 1.0
BATCH = 64
BATCHES = 1_798
ROLLOUT_BATCHES = 31
OFTEN = "dead, told every 64 steps"
NOTHING, AGAIN = "no meter", "nothing, again"
TIMES = ("wall", "training_thread_cpu", "process_cpu")
RECEIVER = Path(__file__).parents[1] / "tests/adapters/telemetry/receiver.py"


@njit(nogil=True)
def learn(x: np.ndarray, weights: np.ndarray, times: int) -> float:
    total = 0.0
    for _ in range(times):
        for i in range(x.size):
            total += np.tanh(x[i] * weights[i])
    return total


def now() -> tuple[float, ...]:
    """Seconds by each of the clocks, as ``TIMES``."""
    return time.perf_counter(), time.thread_time(), time.process_time()


def train(meter: Meter, times: int, every: int) -> dict[str, float]:
    """Seconds that a stretch of training took."""
    x, batch = np.linspace(-1.0, 1.0, 64), some_batch(BATCH * every)
    begun = now()
    for i in range(BATCHES):
        learn(x, x, times)
        sum(float(v) for v in x)
        if i % every == 0:
            meter.record(batch)
    spent = (after - before for before, after in zip(begun, now(), strict=True))
    return dict(zip(TIMES, spent, strict=True))


@contextmanager
def receiver(mode: str, folder: Path) -> Iterator[int]:
    """Give the port of one that takes, fails or hangs."""
    command = [sys.executable, str(RECEIVER), mode, "0", str(folder / f"{mode}.jsonl")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()


def dead_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def gateway(port: int) -> pushgateway.Pushgateway:
    settings = pushgateway.rehearsal()
    url = f"http://127.0.0.1:{port}"
    return pushgateway.connect(replace(settings, url=url, timeout_s=5.0, close_s=0.2), "seed-1")


def kernel_turns() -> int:
    """How often the kernel must turn for 64 steps to take about 1.2 ms."""
    x = np.linspace(-1.0, 1.0, 64)
    learn(x, x, 1)
    begun = time.perf_counter()
    learn(x, x, 2_000)
    return max(1, round(2_000 * 1.2e-3 / (time.perf_counter() - begun)))


def one_round(ports: dict[str, int], turns: int, number: int) -> dict[str, dict[str, float]]:
    cases = (NOTHING, *ports, AGAIN)
    first = number % len(cases)
    return {name: one_case(name, ports, turns) for name in cases[first:] + cases[:first]}


def one_case(name: str, ports: dict[str, int], turns: int) -> dict[str, float]:
    meter = gateway(ports[name]) if name in ports else silent.Silent()
    spent = train(meter, turns, 1 if name == OFTEN else ROLLOUT_BATCHES)
    meter.close()
    if isinstance(meter, pushgateway.Pushgateway):
        return spent | {"pushes": meter.pushes, "failures": meter.failures}
    return spent | {"pushes": 0, "failures": 0}


def spread(ratios: list[float]) -> dict[str, float]:
    """Median of costs in per cent, and between what it lies with a chance of 95 %."""
    costs = sorted(100.0 * (ratio - 1.0) for ratio in ratios)
    beyond = np.cumsum([math.comb(len(costs), k) / 2 ** len(costs) for k in range(len(costs))])
    k = max(int((beyond <= 0.025).sum()), 1)
    found = (statistics.median(costs), costs[k - 1], costs[-k])
    return dict(zip(("median", "low", "high"), (round(one, 3) for one in found), strict=True))


def bound_of(wall: dict[str, float]) -> str:
    if wall["high"] < BOUND_PCT:
        return "held"
    return "broken" if wall["low"] >= BOUND_PCT else "cannot be told"


def cost(name: str, seen: list[dict[str, dict[str, float]]]) -> dict[str, object]:
    """Compare a case with the one without a meter of the same round."""
    costs = {
        f"{what}_pct": spread([r[name][what] / r[NOTHING][what] for r in seen])
        for what in TIMES
    }
    told = {what: sum(int(r[name][what]) for r in seen) for what in ("pushes", "failures")}
    return {"bound": bound_of(costs["wall_pct"]), **costs, **told}


def record_us() -> float:
    meter, batch = gateway(dead_port()), some_batch(BATCH)
    best = min(
        _timed(lambda: [meter.record(batch) for _ in range(1_000)]) / 1_000 for _ in range(20)
    )
    meter.close()
    return round(best * 1e6, 3)


def _timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def main(rounds: int) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports = {"dead": dead_port(), OFTEN: dead_port()}
        for name, mode in (("listening", "take"), ("hanging", "hang"), ("failing", "fail")):
            ports[name] = stack.enter_context(receiver(mode, folder))
        turns = kernel_turns()
        one_round(ports, turns, 0)
        seen = [one_round(ports, turns, number) for number in range(rounds)]
    result = {
        "machine": msgspec.to_builtins(describe()),
        "rounds": rounds,
        "steps_per_s_without": round(
            BATCH * BATCHES / statistics.median(r[NOTHING]["wall"] for r in seen)
        ),
        "record_us": record_us(),
        "bound_pct": BOUND_PCT,
        "cost": {name: cost(name, seen) for name in (*ports, AGAIN)},
    }
    path = Path(__file__).parent / "results" / "metrics.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
