"""What a bar costs before any model is asked: features and regime, streamed and at once.

Run ``python benchmarks/bench_features.py``; it prints a table and writes
``benchmarks/results/features.json``. Peers: the same twelve features by numpy over the
trailing windows of one bar (what streaming without kept sums would cost).
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from stairway.features import engine, regime
from stairway.features.labels import LabelRules, triple_barrier
from stairway.features.regime import RegimeRules
from stairway.features.spec import VOLATILITY_LONG, FeatureRules
from stairway.market.bars import PairBars
from stairway.testing.bars import random_walk

BARS = 20_000
FEATURES = FeatureRules(
    momentum_short_bars=15,
    momentum_long_bars=120,
    volatility_short_bars=30,
    volatility_long_bars=390,
    rsi_bars=14,
    ema_bars=60,
    volume_bars=390,
    clock="session",  # pyright: ignore[reportArgumentType]
    session_seconds=23_460,
    count_session_gaps=False,
)
REGIME = RegimeRules(
    session_bars=391,
    history_bars=11_730,
    min_samples=100,
    weight_momentum=0.4,
    weight_volatility=0.3,
    weight_divergence=0.3,
    max_score=3.0,
    crisis_enter=2.0,
    crisis_leave=1.5,
    crisis_divergence=3.0,
    trend_enter=2.0,
    trend_leave=1.0,
    count_session_gaps=False,
)
LABELS = LabelRules(horizon_bars=30, stop_vol=4.0, target_vol=4.0, within_session=True)


def streamed(bars: PairBars) -> dict[str, dict[str, float]]:
    """Microseconds of each step, for every bar."""
    features, weather = engine.start(FEATURES), regime.start(REGIME)
    spent = np.empty((2, len(bars)))
    for i, bar in enumerate(bars):
        begun = time.perf_counter_ns()
        features, _ = engine.step(features, bar)
        between = time.perf_counter_ns()
        weather, _ = regime.step(weather, bar)
        spent[:, i] = between - begun, time.perf_counter_ns() - between
    warm = spent[:, 100:] / 1e3
    named = {"features.step": warm[0], "regime.step": warm[1], "both": warm.sum(axis=0)}
    return {name: percentiles(us) for name, us in named.items()}


def percentiles(us: np.ndarray) -> dict[str, float]:
    marks = {"p50_us": 50, "p95_us": 95, "p99_us": 99, "p999_us": 99.9}
    return {name: round(float(np.percentile(us, q)), 3) for name, q in marks.items()}


def per_bar_us(call: Callable[[], object], n: int) -> float:
    """Least of five runs."""
    spent = []
    for _ in range(5):
        begun = time.perf_counter_ns()
        call()
        spent.append(time.perf_counter_ns() - begun)
    return round(min(spent) / n / 1e3, 4)


def by_numpy(bars: PairBars, row: int) -> np.ndarray:
    """One bar's features from its trailing windows, without any kept sum."""
    r = np.diff(np.log(bars.close[row - 390 : row + 1]), axis=0)
    up, down = r[-14:].clip(min=0.0).sum(axis=0), -r[-14:].clip(max=0.0).sum(axis=0)
    x = np.log1p(bars.volume[row - 389 : row + 1])
    short, long = r[-30:].std(axis=0, ddof=1), r.std(axis=0, ddof=1)
    weights = (59 / 61) ** np.arange(390)[::-1]
    return np.stack(
        (
            r[-1],
            r[-15:].sum(axis=0),
            r[-120:].sum(axis=0),
            short,
            long,
            short / long,
            100 * up / (up + down),
            59 / 61 * (weights[:, None] * r).sum(axis=0),
            (x[-1] - x.mean(axis=0)) / x.std(axis=0, ddof=1),
            np.log(bars.high[row] / bars.low[row]),
        )
    )


def main() -> None:
    bars = random_walk(BARS, seed=7, bar_seconds=60)
    streamed(bars.part(0, 300))
    volatility = engine.batch(bars, FEATURES)[:, :, VOLATILITY_LONG]
    result = {
        "machine": {"cpu": platform.processor() or platform.machine(), "numpy": np.__version__},
        "bars": BARS,
        "streaming": streamed(bars),
        "batch_us_per_bar": {
            "features": per_bar_us(lambda: engine.batch(bars, FEATURES), BARS),
            "regime": per_bar_us(lambda: regime.batch(bars, REGIME), BARS),
            "labels": per_bar_us(lambda: triple_barrier(bars, volatility, LABELS), BARS),
        },
        "peer_us_per_bar": {
            "ten features by numpy on trailing windows": per_bar_us(
                lambda: [by_numpy(bars, row) for row in range(1_000, 1_500)], 500
            )
        },
    }
    path = Path(__file__).parent / "results" / "features.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
