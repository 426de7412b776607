"""How many planted leaks the battery finds, and how often it cries wolf, market by market.

A *case* is the honest study under one way of folding, or a study with one leak. A *cell*
is a case on a market: so many seeds, each a market of its own and a battery of its own.
The table of ``docs/battery.md`` is made here from the counts that the benchmark wrote.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.verdict import Inconclusive
from stairway.evaluation.battery.battery import battery
from stairway.evaluation.battery.study import BatteryRules
from stairway.testing.studies import Folding, Leak, MovesStudy, garch_moves

ROWS = 2_000
STAGES = ("causality", "purge", "surrogates", "sentinel")
HONEST = {f"honest, {folding.value}": MovesStudy(None, folding) for folding in Folding}
PLANTED = {leak.value: MovesStudy(leak) for leak in Leak}
SIMULATED: Mapping[str, Callable[[int], FloatArray]] = {
    "GARCH, t5": lambda seed: garch_moves(ROWS, seed),
    "GARCH, t5, drift": lambda seed: garch_moves(ROWS, seed, drift_frac=0.08),
}
TRUE_EDGE = "GARCH, t5, true edge"
RECORDED = {
    "daily bars": [
        f"stocks_daily/{name}_1d_to_2019.csv.gz" for name in ("NVDA", "MSFT", "SPY")
    ],
    "minute bars": [
        f"stocks_1m_nvda_msft_2018/{name}_1m_2018-02-16_2018-03-29.csv.gz"
        for name in ("NVDA", "MSFT")
    ],
}


class Cell(msgspec.Struct, frozen=True):
    """What came of one case on one market.

    Attributes
    ----------
    seeds
        Batteries that were run.
    alarms
        In how many at least one stage refused.
    inconclusive
        In how many there was too little to tell.
    by
        In how many each stage refused.
    """

    seeds: int
    alarms: int
    inconclusive: int
    by: dict[str, int]


class Counts(msgspec.Struct, frozen=True):
    """Cells by market and case, and how long one battery takes.

    Attributes
    ----------
    rows
        Of each market.
    cells
        By market, then by case.
    seconds
        Of one battery of the honest study, by rows of the market.
    """

    rows: int
    rules: BatteryRules
    cells: dict[str, dict[str, Cell]]
    seconds: dict[str, float]


def true_edge(seed: int) -> FloatArray:
    """Draw moves that follow the last five, so that an honest study earns."""
    return garch_moves(ROWS, seed, momentum_frac=0.4)


def recorded(folder: Path, name: str, seed: int) -> FloatArray:
    """Cut a window at random from recorded bars: moves of the logarithm of the close."""
    files = RECORDED[name]
    moves = _moves(folder / files[seed % len(files)])
    rng = np.random.Generator(np.random.PCG64((seed, 78)))
    first = int(rng.integers(0, moves.size - ROWS + 1))
    return moves[first : first + ROWS]


def cell(
    study: MovesStudy,
    moves: Callable[[int], FloatArray],
    seeds: Iterable[int],
    rules: BatteryRules,
) -> Cell:
    """Run the battery once for each seed."""
    by: Counter[str] = Counter()
    alarms = open_ = done = 0
    for seed in seeds:
        report = battery(study, moves(seed), rules, seed)
        by.update(report.fired)
        alarms += bool(report.fired)
        open_ += isinstance(report.verdict, Inconclusive)
        done += 1
    return Cell(done, alarms, open_, {stage: by[stage] for stage in STAGES})


def table(counts: Counts) -> str:
    """Return the table of the page: alarms of each cell, and which stages made them.

    Examples
    --------
    >>> one = Cell(100, 97, 0, {"causality": 0, "purge": 0, "surrogates": 97, "sentinel": 2})
    >>> print(table(Counts(2_000, BatteryRules(), {"m": {"a leak": one}}, {})))
    | study | m |
    |---|---|
    | a leak | 97 of 100 (surrogates 97, sentinel 2) |
    <BLANKLINE>
    """
    markets = list(counts.cells)
    cases = list(dict.fromkeys(case for cells in counts.cells.values() for case in cells))
    lines = [f"| study | {' | '.join(markets)} |", "|---" * (len(markets) + 1) + "|"]
    for case in cases:
        said = [_said(counts.cells[market].get(case)) for market in markets]
        lines.append(f"| {case} | {' | '.join(said)} |")
    return "\n".join(lines) + "\n"


def _said(found: Cell | None) -> str:
    if found is None:
        return ""
    stages = ", ".join(f"{stage} {found.by[stage]}" for stage in STAGES if found.by[stage])
    return f"{found.alarms} of {found.seeds}" + (f" ({stages})" if stages else "")


@cache
def _moves(path: Path) -> FloatArray:
    with gzip.open(path, "rt") as lines:
        close = np.array([float(row["close"]) for row in csv.DictReader(lines)])
    return np.diff(np.log(close))
