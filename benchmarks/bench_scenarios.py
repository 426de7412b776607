"""What made-up markets cost: learning once, then each of the five by each method.

Run ``python benchmarks/bench_scenarios.py``; it prints a table and writes
``benchmarks/results/scenarios.json``. Twenty sessions of 391 minutes each. Beside our fit of
regime switching stands that of ``statsmodels``, which does one of the two instruments.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

from stairway.market.bars import PairBars
from stairway.simulation import garch, switching
from stairway.simulation.drawing import Drawn, draw
from stairway.simulation.learning import Past, learn
from stairway.simulation.scenarios import Method, Scenario
from stairway.simulation.timetable import timetable
from stairway.testing.bars import random_walk
from stairway.testing.scenarios import scenario_rules
from stairway.testing.source import intraday_session

SESSIONS = 29
HOURS = intraday_session(60, "16:01")
RULES = scenario_rules(sessions=20, model_sessions=60)


def minutes() -> PairBars:
    """Make a walk on the clock of 391 minutes, with calm and wild days."""
    per_session = HOURS.bars_per_session
    walk = random_walk(SESSIONS * per_session, seed=7)
    rng = np.random.default_rng(7)
    level = np.repeat(np.exp(rng.normal(0.0, 0.4, SESSIONS)), per_session)[:, None] / 20.0
    close = 100.0 * np.exp(
        np.cumsum(level * np.diff(np.log(walk.close), axis=0, prepend=0.0), axis=0)
    )
    table = timetable(0, SESSIONS, HOURS)
    shape = [
        close * (column / walk.close) ** level for column in (walk.open, walk.high, walk.low)
    ]
    return PairBars(
        walk.instruments,
        table.time_ns,
        table.session,
        table.last_of_session,
        *shape,
        close,
        walk.volume,
    )


def median_ms(call: Callable[[int], object], runs: int) -> float:
    """Median of several runs, each told its number."""
    spent: list[float] = []
    for run in range(runs):
        begun = time.perf_counter_ns()
        call(run)
        spent.append((time.perf_counter_ns() - begun) / 1e6)
    return round(float(np.median(spent)), 3)


def drawn(past: Past, scenario: Scenario, method: Method, seed: int) -> Drawn:
    found = draw(past, scenario, method, np.random.default_rng(seed))
    assert isinstance(found, Drawn), found
    return found


def main() -> None:
    bars = minutes()
    past = learn(bars, len(bars), HOURS, RULES)
    assert isinstance(past, Past), past
    pure = past.wardrobe.pure
    result = {
        "machine": {"cpu": platform.processor() or platform.machine(), "numpy": np.__version__},
        "bars": {"recorded": len(bars), "made": 20 * 391},
        "learn_ms": median_ms(lambda _: learn(bars, len(bars), HOURS, RULES), 5),
        "fit_ms": {
            "garch": median_ms(lambda _: garch.fit(pure, RULES.garch), 5),
            "switching": median_ms(lambda _: switching.fit(pure, 391, RULES.switching), 5),
        },
        "draw_ms": {
            scenario.value: {
                method.value: median_ms(lambda k, s=scenario, m=method: drawn(past, s, m, k), 9)
                for method in Method
            }
            for scenario in Scenario
        },
        "peer_fit_ms": {
            "statsmodels MarkovRegression, one instrument": median_ms(
                lambda _: MarkovRegression(
                    pure[:, 0], k_regimes=2, switching_variance=True
                ).fit(disp=False),
                3,
            )
        },
    }
    path = Path(__file__).parent / "results" / "scenarios.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
