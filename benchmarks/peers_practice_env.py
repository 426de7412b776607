"""Steps a second of two public trading environments; run by ``bench_practice_env.py``.

Both walk 20,000 made-up bars at random actions drawn beforehand, resets included, and show
26 numbers a step: ``StocksEnv`` of gym-anytrading a window of 13 bars of two, ``TradingEnv``
of Gym-Trading-Env 24 features and what it holds.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

WINDOWS, WINDOW_S, BARS = 15, 0.2, 20_000


def bars(rng: np.random.Generator) -> pd.DataFrame:
    """Bars of one instrument."""
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-3, BARS)))
    columns = {"open": close, "high": close * 1.001, "low": close * 0.999, "close": close}
    columns["volume"] = rng.integers(1, 1_000, BARS).astype(np.float64)
    index = pd.date_range("2024-01-01", periods=BARS, freq="min")
    return pd.DataFrame(columns, index=index)


def gym_anytrading(rng: np.random.Generator) -> Any:
    """Make the first peer."""
    from gym_anytrading.envs import StocksEnv  # noqa: PLC0415 - installed for this run only

    frame = bars(rng).rename(columns=str.title)
    return StocksEnv(df=frame, window_size=13, frame_bound=(13, BARS))


def gym_trading_env(rng: np.random.Generator) -> Any:
    """Make the second peer."""
    from gym_trading_env.environments import TradingEnv  # noqa: PLC0415 - as above

    frame = bars(rng)
    features = {f"feature_{k}": rng.standard_normal(BARS) for k in range(24)}
    frame = pd.concat((frame, pd.DataFrame(features, index=frame.index)), axis=1)
    return TradingEnv(df=frame, positions=[-1, 0, 1], trading_fees=1e-4, verbose=0)


def rates(make: Callable[[np.random.Generator], Any]) -> dict[str, float]:
    """Measure steps a second of a core, as ``bench_practice_env.py`` does."""
    rng = np.random.default_rng(0)
    env = make(rng)
    env.reset(seed=0)
    actions = rng.integers(0, env.action_space.n, 1_000).tolist()
    core: list[float] = []
    wall: list[float] = []
    for _ in range(WINDOWS):
        steps, begun = 0, (time.thread_time(), time.perf_counter())
        while time.perf_counter() - begun[1] < WINDOW_S:
            for action in actions[:200]:
                _, _, terminated, truncated, _ = env.step(action)
                if terminated or truncated:
                    env.reset()
            steps += 200
        core.append(steps / (time.thread_time() - begun[0]))
        wall.append(steps / (time.perf_counter() - begun[1]))
    found = {"median": np.median(core), "best": max(core), "wall_median": np.median(wall)}
    return {name: round(float(rate)) for name, rate in found.items()}


def main() -> None:
    """Print one line of JSON."""
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(io.StringIO()):
        found = {f.__name__: rates(f) for f in (gym_anytrading, gym_trading_env)}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
