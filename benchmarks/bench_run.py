"""What a newcomer waits for: `stairway run` the first time and after that, and `--help`.

The first run compiles every kernel into a cache folder of its own; the second finds it.
Times are wall clock of the whole command; memory is the largest resident size of any of
its processes. Writes ``benchmarks/results/run.json``.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from stairway.app.machine import describe

RESULTS = Path(__file__).parent / "results"
STAIRWAY = str(Path(sys.executable).with_name("stairway"))
WARM_RUNS = 3
HELP_RUNS = 9


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """Wall time of one command."""
    started = time.perf_counter()
    subprocess.run(command, check=True, env=environment, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Measure and write down."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"XDG_CACHE_HOME": f"{folder}/cache"}
        environment.pop("NUMBA_CACHE_DIR", None)
        runs = [
            seconds([STAIRWAY, "run", "--out", f"{folder}/run-{n}"], environment)
            for n in range(1 + WARM_RUNS)
        ]
        replay = seconds([STAIRWAY, "replay", f"{folder}/run-0"], environment)
        helps = [seconds([STAIRWAY, "--help"], environment) for _ in range(HELP_RUNS)]
    peak_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    result = {
        "machine": msgspec.to_builtins(describe()),
        "first_run_s": round(runs[0], 1),
        "warm_run_median_s": round(statistics.median(runs[1:]), 1),
        "replay_s": round(replay, 1),
        "help_median_s": round(statistics.median(helps), 3),
        "peak_memory_mib": round(peak_mib),
        "bounds": {
            "first_run_s": 120,
            "warm_run_median_s": 45,
            "help_median_s": 0.3,
            "peak_memory_mib": 1536,
        },
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "run.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({k: v for k, v in result.items() if k != "machine"}, indent=2))


if __name__ == "__main__":
    main()
