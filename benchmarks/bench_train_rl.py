"""What `stairway train rl` needs: memory of all its processes together, and time.

Five seeds on the embedded sample, twice: the first time compiles every kernel into a cache
folder of its own and makes the reference, the second finds both. Memory is looked at every
50 ms, over the command and all that it started:

``peak_rss_mib``
    Largest sum of resident sizes. Pages that two processes share are counted twice, so this
    is never less than what is taken.
``peak_pss_mib``
    The same with shared pages divided among those who share them: what is taken.
``peaks_rss_mib``
    Largest resident size of each process by itself, of the command and of the one that
    trains, whenever each was.

The bound is 1 GB, read as the smaller of its two meanings: 1,000 MB of a million bytes, which
are 953.7 MiB. ``within`` says of both sums whether they stay below it. Writes
``benchmarks/results/train_rl.json``.

Run it with ``python benchmarks/bench_train_rl.py [seeds] [--minutes]``. With ``--minutes`` it
is ``--policy intraday`` on the NVDA and MSFT minutes of ``STAIRWAY_DATA``, which is several
times longer, and the file is ``train_rl_minutes.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import psutil

from stairway.app.machine import describe

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("STAIRWAY_DATA", ROOT.parent / "shared" / "data"))
EXAMPLE = ROOT / "examples" / "nvda_msft_minutes.toml"
STAIRWAY = str(Path(sys.executable).with_name("stairway"))
SEEDS = 5
BOUND_MIB = 1e9 / 2**20
EVERY_S = 0.05
ACCEPTED_OR_REFUSED = (0, 2)


class Peaks:
    """Largest sizes seen so far, MiB."""

    def __init__(self) -> None:
        self.rss = self.pss = 0.0
        self.each: dict[str, float] = {}
        self.looks = 0

    def look(self, command: psutil.Process) -> None:
        """Look at a command and all that it started; who ends meanwhile is left out."""
        rss = pss = 0.0
        for process in (command, *command.children(recursive=True)):
            try:
                name = "trainer" if "stairway.app.ward" in process.cmdline() else "other"
                size = process.memory_full_info()
            except psutil.Error:
                continue
            name = "command" if process.pid == command.pid else name
            rss, pss = rss + size.rss / 2**20, pss + size.pss / 2**20
            self.each[name] = max(self.each.get(name, 0.0), size.rss / 2**20)
        self.rss, self.pss = max(self.rss, rss), max(self.pss, pss)
        self.looks += 1


def run(more: list[str], folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Train once; return how long it took and how much it took."""
    peaks, begun = Peaks(), time.perf_counter()
    asked = [STAIRWAY, "train", "rl", *more, "--out", str(folder)]
    # Into a file and no pipe, which would have to be read meanwhile.
    with tempfile.TemporaryFile() as said:
        started = subprocess.Popen(asked, env=environment, stdout=said, stderr=said)
        command = psutil.Process(started.pid)
        while started.poll() is None:
            try:
                peaks.look(command)
            except psutil.Error:
                break
            time.sleep(EVERY_S)
        if started.wait() not in ACCEPTED_OR_REFUSED:
            said.seek(0)
            sys.exit(said.read().decode())
    return {
        "seconds": round(time.perf_counter() - begun, 1),
        "peak_rss_mib": round(peaks.rss),
        "peak_pss_mib": round(peaks.pss),
        "peaks_rss_mib": {name: round(size) for name, size in sorted(peaks.each.items())},
        "looks": peaks.looks,
        "within": {"rss": peaks.rss <= BOUND_MIB, "pss": peaks.pss <= BOUND_MIB},
    }


def minutes(place: Path) -> list[str]:
    """Write the example's source with the bars where they are; return what names it."""
    text = EXAMPLE.read_text("utf-8").replace("../shared/data", str(DATA))
    source = place / "minutes.toml"
    source.write_text(text, "utf-8")
    return ["--source", str(source), "--policy", "intraday"]


def main() -> None:
    """Measure and write down."""
    parser = argparse.ArgumentParser()
    parser.add_argument("seeds", type=int, nargs="?", default=SEEDS)
    parser.add_argument("--minutes", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        environment = os.environ | {"XDG_CACHE_HOME": f"{place}/cache"}
        environment.pop("NUMBA_CACHE_DIR", None)
        more = ["--seeds", str(asked.seeds), *(minutes(place) if asked.minutes else ())]
        first, second = (run(more, place / f"run-{n}", environment) for n in (1, 2))
    result = {
        "machine": msgspec.to_builtins(describe()),
        "seeds": asked.seeds,
        "bars": "minutes" if asked.minutes else "sample",
        "bound_mib": round(BOUND_MIB, 1),
        "kernels_and_reference_made": first,
        "kernels_and_reference_found": second,
    }
    RESULTS.mkdir(exist_ok=True)
    written = RESULTS / f"train_rl{'_minutes' if asked.minutes else ''}.json"
    written.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({k: v for k, v in result.items() if k != "machine"}, indent=2))


if __name__ == "__main__":
    main()
