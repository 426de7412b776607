"""CPCV(6,2) by skfolio and fynance; run by ``bench_splits.py``.

Labels of 100 rows each are purged by 99 rows on both sides here. skfolio gives the test as
a list of blocks, so its rows are joined for the check, which is not timed; its last block
takes what does not divide, so it is checked on a number of rows that does.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROWS, EVEN_ROWS, PURGE = 100_000, 99_996, 99
LOOPS = {"fynance": 31, "skfolio": 7}


def milliseconds(call: Callable[[], object], loops: int) -> float:
    """Give the median time of a call on a core."""
    call()
    spent = []
    for _ in range(loops):
        begun = time.thread_time()
        call()
        spent.append(time.thread_time() - begun)
    return round(1e3 * statistics.median(spent), 3)


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


def fynance() -> Callable[[int], Any]:
    """Load the one file: the package around it imports PyTorch."""
    (folder,) = (Path(p) for p in sys.path if (Path(p) / "fynance/data/split.py").exists())
    spec = importlib.util.spec_from_file_location("split", folder / "fynance/data/split.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda n: module.combinatorial_purged_cv(n, 6, 2, PURGE, n // 100)


def skfolio() -> Callable[[int], Any]:
    from skfolio.model_selection import CombinatorialPurgedCV  # noqa: PLC0415 - as above

    def split(n: int) -> Any:
        cv = CombinatorialPurgedCV(6, 2, purged_size=PURGE, embargo_size=n // 100)
        return cv.split(np.zeros((n, 1)))

    return split


def main() -> None:
    """Print one line of JSON."""
    warnings.simplefilter("ignore")
    makers = {"fynance": fynance()}
    ms: dict[str, dict[str, float]] = {"fresh": {}, "used": {}}

    def measured(state: str, name: str) -> None:
        ms[state][name] = milliseconds(lambda: taken(makers[name](ROWS)), LOOPS[name])

    # fynance first: what skfolio frees would make it another process.
    measured("fresh", "fynance")
    makers["skfolio"] = skfolio()
    measured("fresh", "skfolio")
    np.ones(4_000_000)
    for name in makers:
        measured("used", name)
    joined = ((train, np.concatenate(tests)) for train, tests in makers["skfolio"](EVEN_ROWS))
    rows = {"fynance": sums(makers["fynance"](ROWS)), "skfolio": sums(joined)}
    sys.stdout.write(json.dumps({"ms": ms, "rows": rows}) + "\n")


if __name__ == "__main__":
    main()
