"""What it costs training to be watched: no meter, and gateways that are there, dead, or hang.

Run ``python benchmarks/bench_metrics.py [rounds]``; it prints and writes
``benchmarks/results/metrics.json``. A stand-in for training (a compiled kernel that lets
other threads run, and a little Python, 64 steps in about 1.2 ms as PPO takes) records once
a roll-out of about 2,000 steps, as training does, and in one more case every 64 steps, which
is the most there is. All cases take turns in each round, so that a busy machine is busy for
all of them; costs are medians of the rounds' ratios to no meter. CPU time is that of the
whole process, the meter's own thread included.
"""

from __future__ import annotations

import json
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from msgspec.structs import replace
from numba import njit

from stairway.adapters.telemetry import pushgateway, silent
from stairway.testing.meter import some_batch
from stairway.training.meter import Meter

ROUNDS = 15
BATCH = 64
BATCHES = 1_798
ROLLOUT_BATCHES = 31
OFTEN = "dead, told every 64 steps"
RECEIVER = Path(__file__).parents[1] / "tests/adapters/telemetry/receiver.py"


@njit(nogil=True)
def learn(x: np.ndarray, weights: np.ndarray, times: int) -> float:
    total = 0.0
    for _ in range(times):
        for i in range(x.size):
            total += np.tanh(x[i] * weights[i])
    return total


def train(meter: Meter, times: int, every: int) -> tuple[float, float]:
    """Seconds on the wall and of CPU."""
    x, batch = np.linspace(-1.0, 1.0, 64), some_batch(BATCH * every)
    wall, cpu = time.perf_counter(), time.process_time()
    for i in range(BATCHES):
        learn(x, x, times)
        sum(float(v) for v in x)
        if i % every == 0:
            meter.record(batch)
    return time.perf_counter() - wall, time.process_time() - cpu


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


def one_round(ports: dict[str, int], turns: int) -> dict[str, dict[str, float]]:
    spent = {}
    for name in ("no meter", *ports):
        meter = gateway(ports[name]) if name in ports else silent.Silent()
        wall, cpu = train(meter, turns, 1 if name == OFTEN else ROLLOUT_BATCHES)
        meter.close()
        pushed = [0, 0] if name not in ports else [meter.pushes, meter.failures]
        spent[name] = {"wall": wall, "cpu": cpu, "pushes": pushed[0], "failures": pushed[1]}
    return spent


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
        one_round(ports, turns)
        seen = [one_round(ports, turns) for _ in range(rounds)]

    def median_cost(name: str, what: str) -> float:
        ratios = (r[name][what] / r["no meter"][what] for r in seen)
        return round(100.0 * (statistics.median(ratios) - 1.0), 3)

    result = {
        "machine": {"cpu": platform.processor() or platform.machine(), "numpy": np.__version__},
        "rounds": rounds,
        "steps_per_s_without": round(
            BATCH * BATCHES / statistics.median(r["no meter"]["wall"] for r in seen)
        ),
        "record_us": record_us(),
        "cost_pct": {
            name: {
                "wall": median_cost(name, "wall"),
                "cpu": median_cost(name, "cpu"),
                "pushes": sum(int(r[name]["pushes"]) for r in seen),
                "failures": sum(int(r[name]["failures"]) for r in seen),
            }
            for name in ports
        },
    }
    path = Path(__file__).parent / "results" / "metrics.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
