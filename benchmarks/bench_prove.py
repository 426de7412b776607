"""How long it takes to prove a function of 26 features, and how that grows with the bars.

Run ``python benchmarks/bench_prove.py``; it prints a table and writes
``benchmarks/results/prove.json``. Two functions are asked, as a user writes them. The past
of the first stays equal to the last bit: thirteen features of each of two prices. That of
the second, 26 causal convolutions by FFT, differs by rounding under every future, and has to
be compared value by value.

They are asked under 12 cuts of each of the seven kinds of future that change or take away
bars, under the eighth, which moves them in time, and near both ends. Seconds are those that
the process spent on a core, the least of two runs; those spent in the function itself are
among them and told apart. There is no peer: no package that we know of proves causality.

Cost is linear where time per bar at 200,000 bars is at most 1.5 times that at 25,000: the
caches of the processor hold the shorter series and not the longer.
"""

from __future__ import annotations

import json
import platform
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import fftconvolve

from stairway.base.verdict import Pass
from stairway.features.function import ProverRules, prove_function
from stairway.testing.leaks import series

RESULT = Path(__file__).parent / "results" / "prove.json"
RULES = ProverRules(cuts=12, max_bars=10**8, min_bars=200, min_prefix_bars=512, tolerance=1e-9)
SIZES = (25_000, 50_000, 100_000, 200_000)
MOST_S, AT, MOST_GROWTH, MOST_MEMORY_MB = 20.0, 100_000, 1.5, 1_000


def rolling(x: np.ndarray, n: int) -> np.ndarray:
    """Give the trailing mean by one running sum."""
    out = np.full(x.size, np.nan)
    total = np.cumsum(np.insert(x, 0, 0.0))
    out[n - 1 :] = (total[n:] - total[:-n]) / n
    return out


def lagged(x: np.ndarray, n: int) -> np.ndarray:
    return np.concatenate((np.full(n, np.nan), x[:-n]))


def of_one(x: np.ndarray, volume: np.ndarray, name: str) -> dict[str, np.ndarray]:
    move = np.diff(x, prepend=x[0])
    made = {"move": move, "fast": x - lagged(x, 15), "slow": x - lagged(x, 120)}
    squares = move * move
    for n in (30, 120, 390):
        made[f"volatility_{n}"] = np.sqrt(np.maximum(rolling(squares, n), 0.0))
        made[f"distance_{n}"] = x - rolling(x, n)
        made[f"volume_{n}"] = volume / rolling(volume, n)
    highest = sliding_window_view(x, 20).max(axis=1)
    made["high"] = np.concatenate((np.full(19, np.nan), highest)) - x
    return {f"{name}_{key}": column for key, column in made.items()}


def features(bars: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    volume = bars["volume"]
    of_close = of_one(np.log(bars["close"]), volume, "close")
    return of_close | of_one(np.log(bars["high"]), np.sqrt(volume), "high")


def convolutions(bars: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    x = np.log(bars["close"])
    move = np.diff(x, prepend=x[0])
    return {
        f"fading_{n}": fftconvolve(move, np.exp(-np.arange(n) / 7.0))[: x.size]
        for n in range(20, 46)
    }


CASES = {"equal to the last bit": features, "equal but for rounding": convolutions}


def proved(function: Any, bars: dict[str, np.ndarray]) -> dict[str, float]:
    """Seconds of a proof, of its function alone, and how often and about what it asked."""
    own_s = 0.0

    def asked(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        nonlocal own_s
        begun = time.process_time()
        answer = function(given)
        own_s += time.process_time() - begun
        return answer

    begun = time.process_time()
    proof = prove_function(asked, bars, RULES, seed=1)
    spent_s = time.process_time() - begun
    assert isinstance(proof.verdict, Pass), proof.verdict
    return {"seconds": round(spent_s, 3), "in_function_s": round(own_s, 3),
            "futures": proof.probes, "columns": proof.columns}  # fmt: skip


def measured(name: str, whole: dict[str, np.ndarray]) -> dict[str, Any]:
    rows = []
    for n in SIZES:
        bars = {column: values[:n] for column, values in whole.items()}
        least = min((proved(CASES[name], bars) for _ in range(2)), key=lambda s: s["seconds"])
        rows.append({"bars": n, **least, "us_per_bar": round(1e6 * least["seconds"] / n, 2)})
        print(
            f"{name:<24}{n:>8,} bars  {least['columns']} columns  {least['futures']} futures  "
            f"{least['seconds']:7.2f} s, {least['in_function_s']:.2f} of it the function"
        )
    growth = round(rows[-1]["us_per_bar"] / rows[0]["us_per_bar"], 3)
    return {"case": name, "rows": rows, "growth_of_us_per_bar": growth}


def main() -> None:
    names = ("open", "high", "low", "close", "volume", "time_ns", "available_ns")
    whole = series(max(SIZES), seed=1)
    cases = [measured(name, {column: whole[column] for column in names}) for name in CASES]
    memory_mb = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    longest_s = max(
        row["seconds"] for case in cases for row in case["rows"] if row["bars"] == AT
    )
    growth = max(case["growth_of_us_per_bar"] for case in cases)
    held = bool(longest_s <= MOST_S and growth <= MOST_GROWTH and memory_mb <= MOST_MEMORY_MB)
    RESULT.write_text(
        json.dumps(
            {"cases": cases, "most_growth": MOST_GROWTH, "most_seconds_at_100000": MOST_S,
             "memory_mb": memory_mb, "held": held,
             "machine": platform.processor() or platform.machine()},
            indent=1,
        )
        + "\n"
    )  # fmt: skip
    print(f"per bar, longest to shortest: {growth}; {memory_mb} MB; targets held: {held}")


if __name__ == "__main__":
    main()
