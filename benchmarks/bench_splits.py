"""How long it takes to split rows, and two peers beside it.

Run ``python benchmarks/bench_splits.py``; it prints a table and writes
``benchmarks/results/splits.json``. Each side makes its splitter and takes every split of
CPCV(6,2) over 100,000 rows in a loop that keeps none, and in another that keeps all. Ours
has labels of 100 rows each; the peers know no labels and purge by row count, which for
equal labels comes to the same rows, and that is checked. Milliseconds are those that the
thread spent on a core; medians of many loops, ratios of medians of the same run.

What an array costs depends on whether the C library still holds memory to put it in. It
does once the program has freed a larger one. Both states are measured: ``fresh`` is a
process that has not yet, ``used`` is the same one after it has. The bounds are held
against ``fresh``, in which ours finds itself no other memory than it asks for.

Peers: skfolio and fynance, in a process of their own (``benchmarks/peers_splits.py``) and
in ``build/peers-splits``, since skfolio needs other packages than the other peers. Of
fynance one file is measured, which needs numpy only; the whole of it brings PyTorch along.
"""

from __future__ import annotations

import json
import platform
import resource
import statistics
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import peers

from stairway.evaluation.splits import (
    CombinatorialRules,
    FoldRules,
    PurgedCombinatorial,
    PurgedKFold,
    PurgedWalkForward,
    SplitRules,
    ends_in_rows,
)

FOLDER = peers.FOLDER.parent / "peers-splits"
ROWS, EVEN_ROWS, HORIZON, EMBARGO = 100_000, 99_996, 100, 0.01
CPCV = CombinatorialRules(n_blocks=6, n_test_blocks=2, gap_bars=0, embargo_frac=EMBARGO)
FOLDS = FoldRules(n_blocks=10)
WALK = SplitRules(n_blocks=10, first_train_frac=0.3, gap_bars=100, embargo_frac=EMBARGO)
BOUNDS = {"skfolio": 50.0, "fynance": 10.0}
MOST_MEMORY_MB = 1_000
LOOPS = 31


def milliseconds(call: Callable[[], object]) -> float:
    """Give the median time of a call on a core."""
    call()
    spent = []
    for _ in range(LOOPS):
        begun = time.thread_time()
        call()
        spent.append(time.thread_time() - begun)
    return round(1e3 * statistics.median(spent), 4)


def taken(splits: Any) -> None:
    """Take every split and keep none."""
    for _train, _test in splits:
        pass


def sums(splits: Any) -> list[list[int]]:
    """Say of every split how many rows it has, and what they add up to."""
    return [
        [int(f(part)) for part in (train, test) for f in (np.size, np.sum)]
        for train, test in splits
    ]


def ours() -> dict[str, Any]:
    end = np.arange(ROWS) + HORIZON
    uneven = np.arange(ROWS) + np.random.default_rng(0).integers(1, 2 * HORIZON, ROWS)
    start_ns = np.arange(ROWS) * 60_000_000_000
    end_ns = start_ns + HORIZON * 60_000_000_000
    calls: dict[str, Callable[[], object]] = {
        "cpcv": lambda: taken(PurgedCombinatorial(CPCV, end).split()),
        "cpcv_uneven_labels": lambda: taken(PurgedCombinatorial(CPCV, uneven).split()),
        "cpcv_kept": lambda: list(PurgedCombinatorial(CPCV, end).split()),
        "k_fold_10": lambda: taken(PurgedKFold(FOLDS, end).split()),
        "walk_forward_10": lambda: taken(PurgedWalkForward(WALK, end).split()),
        "ends_in_rows": lambda: ends_in_rows(start_ns, end_ns),
    }
    fresh = {name: milliseconds(call) for name, call in calls.items()}
    np.ones(4_000_000)
    return {"fresh": fresh, "used": {name: milliseconds(call) for name, call in calls.items()}}


def memory_mb() -> float:
    """Give the most memory that a loop over the splits holds."""
    splitter = PurgedCombinatorial(CPCV, np.arange(ROWS) + HORIZON)
    tracemalloc.start()
    taken(splitter.split())
    most = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return round(most, 1)


def main() -> None:
    """Measure, print and write down."""
    why = peers.install("skfolio==1.12.2", folder=FOLDER) or peers.install(
        "fynance==2.13.1", folder=FOLDER, alone=True
    )
    theirs = {} if why else peers.measure("peers_splits.py", folder=FOLDER)
    found = ours()
    rows = {
        "fynance": sums(PurgedCombinatorial(CPCV, np.arange(ROWS) + HORIZON).split()),
        "skfolio": sums(PurgedCombinatorial(CPCV, np.arange(EVEN_ROWS) + HORIZON).split()),
    }
    told = {
        "unit": "milliseconds of one core, median",
        "rows": ROWS,
        "ours": found,
        "peers": theirs.get("ms"),
        "peers_missing": why,
        "times_faster": {
            state: {
                name: round(theirs["ms"][state][name] / found[state]["cpcv"], 1)
                for name in BOUNDS
            }
            for state in ("fresh", "used")
            if theirs
        },
        "same_rows": {name: theirs["rows"][name] == rows[name] for name in BOUNDS if theirs},
        "bounds": {"times_faster": BOUNDS, "peak_memory_mb": MOST_MEMORY_MB},
        "loop_memory_mb": memory_mb(),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "splits.json").write_text(json.dumps(told, indent=2) + "\n")
    for name, spent in found["fresh"].items():
        print(f"{name:<24}{spent:>10,.3f} ms{found['used'][name]:>10,.3f} ms")
    for state, ratios in told["times_faster"].items():
        for name, ratio in ratios.items():
            print(f"{state:<8}{ratio:>10,.1f} x {name} (at least {BOUNDS[name]:g})")
    print(f"same rows: {told['same_rows']}; peak memory {told['peak_memory_mb']} MB")
    if why:
        print(f"peers not installed: {why}")


if __name__ == "__main__":
    main()
