"""PBO by purgedcv, drawdown and Sharpe by empyrical; run by ``bench_significance.py``.

The numbers are made from the same seeds as there. PBO takes a minute, so it runs once.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np

CALLS = 15


def milliseconds(call: Callable[[], object], calls: int) -> float:
    """Give the median time of a call on a core."""
    spent = []
    for _ in range(calls):
        begun = time.thread_time()
        call()
        spent.append(time.thread_time() - begun)
    return 1e3 * statistics.median(spent)


def main() -> None:
    """Print one line of JSON."""
    warnings.simplefilter("ignore")
    import empyrical  # noqa: PLC0415 - installed for this run only
    import purgedcv  # noqa: PLC0415 - as above

    returns = np.random.default_rng(0).standard_normal(1_000_000) * 1e-4 + 1e-6
    table = np.random.default_rng(1).standard_normal((2_048, 50)) * 0.01
    pbo: list[float] = []

    def judge() -> None:
        found = purgedcv.probability_of_backtest_overfitting(table.T, 16)
        pbo.append(found.pbo)

    def sharpe() -> float:
        return float(empyrical.sharpe_ratio(returns, annualization=252))

    sharpe()
    told = {
        "ms": {
            "pbo": round(milliseconds(judge, 1), 1),
            "max_drawdown": round(
                milliseconds(lambda: empyrical.max_drawdown(returns), CALLS), 3
            ),
            "sharpe": round(milliseconds(sharpe, CALLS), 3),
        },
        "values": {
            "pbo_below": pbo[0],
            "max_drawdown": float(empyrical.max_drawdown(returns)),
            "sharpe": sharpe(),
        },
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
