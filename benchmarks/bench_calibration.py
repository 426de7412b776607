"""What calibration costs: the isotonic fit beside scikit-learn's, and serving a probability.

Run ``python benchmarks/bench_calibration.py``; it prints a table and writes
``benchmarks/results/calibration.json``. Times are those that the thread spent on a core, so
that a busy machine does not count against either side. Ours and scikit-learn's take turns
on the same numbers; ratios are of medians. ``apart`` is the greatest distance between the
two fits at any point. Serving is one margin to one probability, the live path; a table of
129 rows is that of a curve, 1,024 the largest there is.
"""

from __future__ import annotations

import json
import platform
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.isotonic import IsotonicRegression

from stairway.evaluation.calibration import MeasureRules, measure
from stairway.evaluation.calibration_state import (
    CalibrationState,
    Outcome,
    TrackRules,
    add,
    empty,
    read,
)
from stairway.models.calibration import (
    REGIMES,
    Calibration,
    CalibrationForm,
    RegimeMap,
    apply,
)
from stairway.models.isotonic import isotonic

POINTS, ROUNDS, CALLS = 1_000_000, 9, 20_000
BOUNDS = {"times_faster": 1.1, "apart": 1e-12, "serve_us": 2.0, "peak_memory_mb": 1_000}
TRACK = TrackRules(
    n_bins=10, eps=1e-6, prior_n=20.0, block_outcomes=50, min_blocks=20, level=0.95
)


def spent_ms(call: Callable[[], object]) -> float:
    begun = time.thread_time()
    call()
    return 1e3 * (time.thread_time() - begun)


def points(shape: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Margins, outcomes and weights, of which both sides get the same."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(POINTS)
    y = (rng.random(POINTS) < 1.0 / (1.0 + np.exp(-x))).astype(np.float64)
    weights = rng.uniform(0.2, 1.0, POINTS) if shape == "weighted" else np.ones(POINTS)
    if shape == "tied":
        x = np.round(x, 2)
    if shape == "sorted":
        order = np.argsort(x)
        x, y = x[order], y[order]
    return x, y, weights


def beside_scikit_learn(shape: str) -> dict[str, float]:
    x, y, weights = points(shape)
    theirs = IsotonicRegression().fit(x, y, weights)
    found = isotonic(x, y, weights)
    apart = float(np.abs(found.level - theirs.predict(found.x)).max())
    ours_ms, theirs_ms = [], []
    for _ in range(ROUNDS):
        ours_ms.append(spent_ms(lambda: isotonic(x, y, weights)))
        theirs_ms.append(spent_ms(lambda: IsotonicRegression().fit(x, y, weights)))
    ours, other = statistics.median(ours_ms), statistics.median(theirs_ms)
    return {
        "ours_ms": round(ours, 2),
        "scikit_learn_ms": round(other, 2),
        "times_faster": round(other / ours, 2),
        "apart": apart,
    }


def serve_us(knots: int) -> dict[str, float]:
    """Microseconds of one answer: the median and the 99th of a hundred batches."""
    x, y = np.linspace(-4.0, 4.0, knots), np.linspace(0.1, 0.9, knots)
    table = RegimeMap(CalibrationForm.ISOTONIC, 9_000, 9_000.0, tuple(x), tuple(y))
    calibration = Calibration(dict.fromkeys(REGIMES, table))
    margins = np.random.default_rng(1).standard_normal(CALLS // 100).tolist()
    batches = []
    for _ in range(100):
        begun = time.thread_time_ns()
        for margin in margins:
            apply(calibration, margin, "trend")
        batches.append((time.thread_time_ns() - begun) / 1e3 / len(margins))
    batches.sort()
    return {"median": round(batches[50], 3), "p99": round(batches[98], 3)}


def track_us() -> float:
    """Microseconds to count one outcome."""
    rng = np.random.default_rng(2)
    said = rng.uniform(0.3, 0.7, CALLS)
    up = (rng.random(CALLS) < said).astype(np.int64)
    seen = [
        Outcome("trend", p, 0.5, y) for p, y in zip(said.tolist(), up.tolist(), strict=True)
    ]
    state = empty(TRACK)
    begun = time.thread_time()
    for outcome in seen:
        grown = add(state, outcome)
        assert isinstance(grown, CalibrationState)
        state = grown
    spent = time.thread_time() - begun
    read(state)
    return round(1e6 * spent / CALLS, 3)


def measure_ms() -> float:
    x, y, _ = points("random")
    said = 1.0 / (1.0 + np.exp(-x))
    rules = MeasureRules(min_samples=100, n_bins=10, eps=1e-6, level=0.95)
    measure(said, y, rules)
    return round(
        statistics.median(spent_ms(lambda: measure(said, y, rules)) for _ in range(5)), 1
    )


def main() -> None:
    """Measure, print and write down."""
    isotonic(np.zeros(2), np.zeros(2), np.ones(2))
    fits = {s: beside_scikit_learn(s) for s in ("random", "weighted", "tied", "sorted")}
    served = {str(knots): serve_us(knots) for knots in (129, 1_024)}
    told = {
        "unit": "time of one core, median",
        "points": POINTS,
        "isotonic": fits,
        "serve_us": served,
        "track_one_outcome_us": track_us(),
        "measure_ms": measure_ms(),
        "bounds": BOUNDS,
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "calibration.json").write_text(json.dumps(told, indent=2) + "\n")
    for shape, one in fits.items():
        print(
            f"isotonic, {shape:<10}{one['ours_ms']:>8.1f} ms, scikit-learn "
            f"{one['scikit_learn_ms']:>8.1f} ms: {one['times_faster']:.2f} x, "
            f"apart {one['apart']:.1e}"
        )
    for knots, one in served.items():
        print(f"serving from {knots:>5} rows: {one['median']} us, p99 {one['p99']} us")
    print(f"counting one outcome: {told['track_one_outcome_us']} us")
    print(f"all measures of {POINTS:,} forecasts: {told['measure_ms']} ms")
    print(f"peak memory {told['peak_memory_mb']} MB")


if __name__ == "__main__":
    main()
