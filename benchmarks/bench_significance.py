"""How long it takes to ask whether a result is luck, and two peers beside it.

Run ``python benchmarks/bench_significance.py``; it prints a table and writes
``benchmarks/results/significance.json``. Milliseconds are those that the thread spent on a
core, so that a busy machine does not count against either side; medians of many calls, and
ratios of medians, of the same run. Both sides get the same numbers from the same seed.

Peers: purgedcv for PBO and empyrical-reloaded (arrays, its fast form) for drawdown and
Sharpe ratio, in a process of their own (``benchmarks/peers_significance.py``). They are
installed into ``build/peers`` by this run and never into the project's environment: see
``benchmarks/peers.py``. ``sharpe_with_intervals`` has no peer: it is the ratio with the
interval that serial correlation cannot flatter.
"""

from __future__ import annotations

import json
import platform
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import peers

from stairway.evaluation.metrics import max_drawdown
from stairway.evaluation.sharpe import Sharpe, sharpe, sharpe_ratio
from stairway.evaluation.significance.block_length import block_length
from stairway.evaluation.significance.bootstrap import Resampling
from stairway.evaluation.significance.confidence_set import confidence_set
from stairway.evaluation.significance.pbo import Overfitting, overfitting
from stairway.evaluation.significance.shift_null import shift_null
from stairway.evaluation.significance.spa import superior_ability

PACKAGES = ("purgedcv==0.1.11", "empyrical-reloaded==0.7.1")
LONG, ROWS, CONFIGURATIONS, BLOCKS = 1_000_000, 2_048, 50, 16
BOUNDS = {"pbo": 200.0, "max_drawdown": 50.0, "sharpe": 5.0}
MOST_MEMORY_MB = 1_000
CALLS = 15


def milliseconds(call: Callable[[], object]) -> float:
    """Give the median time of a call on a core."""
    call()
    spent = []
    for _ in range(CALLS):
        begun = time.thread_time()
        call()
        spent.append(time.thread_time() - begun)
    return round(1e3 * statistics.median(spent), 4)


def long_returns() -> np.ndarray:
    return np.random.default_rng(0).standard_normal(LONG) * 1e-4 + 1e-6


def configurations() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((ROWS, CONFIGURATIONS)) * 0.01


def ours() -> tuple[dict[str, float], dict[str, Any]]:
    """Measure milliseconds, and the values that the peers are held against."""
    returns, table = long_returns(), configurations()
    rng, rules = np.random.default_rng(2), Resampling(n_resamples=1_000, block_rows=None)
    held = rng.standard_normal(LONG)
    calls: dict[str, Callable[[], object]] = {
        "pbo": lambda: overfitting(table, BLOCKS),
        "max_drawdown": lambda: max_drawdown(returns),
        "sharpe": lambda: sharpe_ratio(returns),
        "sharpe_with_intervals": lambda: sharpe(returns, 252.0, 0.95),
        "shift_null_1e6": lambda: shift_null(held, returns, 100, 0.95),
        "block_length_1e6": lambda: block_length(returns),
        "spa_50_of_2048": lambda: superior_ability(np.zeros(ROWS), table, rules, rng),
        "confidence_set_50_of_2048": lambda: confidence_set(table, 0.95, rules, rng),
    }
    found, full = overfitting(table, BLOCKS), sharpe(returns, 252.0, 0.95)
    assert isinstance(found, Overfitting)
    assert isinstance(full, Sharpe)
    values = {
        "pbo_below": found.pbo_below,
        "pbo": found.pbo,
        "n_splits": int(found.logits.size),
        "max_drawdown": max_drawdown(returns),
        "sharpe": full.annual_iid,
    }
    return {name: milliseconds(call) for name, call in calls.items()}, values


def main() -> None:
    """Measure, print and write down."""
    why = peers.install(*PACKAGES)
    theirs = {} if why else peers.measure("peers_significance.py")
    taken, values = ours()
    peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0)
    told = {
        "unit": "milliseconds of one core, median",
        "returns": LONG,
        "pbo_size": {"rows": ROWS, "configurations": CONFIGURATIONS, "blocks": BLOCKS},
        "ours": taken,
        "values": values,
        "peers": theirs,
        "peers_missing": why,
        "times_faster": {
            name: round(theirs["ms"][name] / taken[name], 1) for name in BOUNDS if theirs
        },
        "pbo_identical": bool(theirs) and theirs["values"]["pbo_below"] == values["pbo_below"],
        "bounds": {"times_faster": BOUNDS, "peak_memory_mb": MOST_MEMORY_MB},
        "peak_memory_mb": peak,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "significance.json").write_text(json.dumps(told, indent=2) + "\n")
    for name, spent in taken.items():
        print(f"{name:<28}{spent:>12,.3f} ms")
    for name, ratio in told["times_faster"].items():
        print(f"{name:<28}{ratio:>10,.1f} x its peer (at least {BOUNDS[name]:g})")
    print(f"PBO identical: {told['pbo_identical']}; peak memory {peak} MB")
    if why:
        print(f"peers not installed: {why}")


if __name__ == "__main__":
    main()
