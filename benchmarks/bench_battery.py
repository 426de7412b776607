"""What the leak battery finds of planted leaks, how often it cries wolf, and what it costs.

Run ``python benchmarks/bench_battery.py [JOBS]``; it prints the table of ``docs/battery.md``
and writes ``benchmarks/results/battery.json``. Recorded bars are read from the folder of
``STAIRWAY_DATA``; without it those markets are left out. Every count is of 100 seeds, and
the same on any machine. Seconds are those of one core. The battery looks as hard as every
shipped policy says.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import msgspec

from stairway.app.settings import load
from stairway.evaluation.battery.battery import battery
from stairway.testing.leak_counts import (
    HONEST,
    PLANTED,
    RECORDED,
    ROWS,
    SIMULATED,
    TRUE_EDGE,
    Cell,
    Counts,
    cell,
    recorded,
    table,
    true_edge,
)
from stairway.testing.studies import garch_moves, study

SEEDS, ROUNDS = 100, 5
RULES = load("daily").battery.asked
DATA = Path(
    os.environ.get("STAIRWAY_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
)


def measured(place: tuple[str, str]) -> Cell:
    market, case = place
    if market == TRUE_EDGE:
        moves = true_edge
    else:
        moves = SIMULATED.get(market) or partial(recorded, DATA, market)
    return cell((HONEST | PLANTED)[case], moves, range(SEEDS), RULES)


def seconds(rows: int) -> float:
    moves, spent = garch_moves(rows, 1), []
    for _ in range(ROUNDS):
        begun = time.thread_time()
        battery(study(), moves, RULES, 1)
        spent.append(time.thread_time() - begun)
    return round(statistics.median(spent), 2)


def main() -> None:
    """Measure, print and write down."""
    markets = [*SIMULATED, *(RECORDED if DATA.is_dir() else ())]
    places = [(market, case) for market in markets for case in HONEST | PLANTED]
    places += [(TRUE_EDGE, case) for case in HONEST]
    with ProcessPoolExecutor(int(sys.argv[1]) if sys.argv[1:] else 1) as pool:
        cells: dict[str, dict[str, Cell]] = {}
        for (market, case), one in zip(places, pool.map(measured, places), strict=True):
            cells.setdefault(market, {})[case] = one
            print(f"{market}: {case}: {one}", file=sys.stderr, flush=True)
    spent = {str(rows): seconds(rows) for rows in (5_000, 100_000)}
    counts = Counts(ROWS, RULES, cells, spent)
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    told = msgspec.json.format(msgspec.json.encode(counts), indent=2)
    (results / "battery.json").write_bytes(told + b"\n")
    print(table(counts))
    print(f"one battery, seconds of one core by rows: {spent}")


if __name__ == "__main__":
    main()
