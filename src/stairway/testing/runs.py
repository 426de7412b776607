"""Whole runs in a few seconds, for tests of what happens around a run.

Bars are made up and written as CSV, so a test goes the way that a user goes; settings
are those of ``daily.toml`` but for the few that only cost time, given as environment
variables, which is another way that a user goes.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np

from stairway.market.bars import PairBars
from stairway.testing.bars import DAY_SECONDS, random_walk

BARS = 1_100
QUICK: Mapping[str, str] = {
    "STAIRWAY__PROVER__CUTS": "8",
    "STAIRWAY__PROVER__MAX_BARS": "250",
    "STAIRWAY__BOOSTING__ROUNDS": "10",
    "STAIRWAY__CALIBRATION__MIN_SAMPLES": "5",
    "STAIRWAY__BATTERY__CUTS": "1",
    "STAIRWAY__BATTERY__SURROGATES": "8",
    "STAIRWAY__BATTERY__SHUFFLES": "8",
    "STAIRWAY__BATTERY__ROUNDS": "2",
    "STAIRWAY__LOG__BALLAST_BYTES": "4096",
}
"""Settings that cost time in a run and change nothing in kind."""

_CSV = "time,open,high,low,close,volume"
_SOURCE = """[source]
kind = "csv"
tz = "UTC"
stamp = "close"
epoch = "ns"
bar_seconds = {seconds}
"""
_FILE = """
[[source.files]]
path = "{path}"
symbol = "{symbol}"
tick_usd = 0.01
lot_units = 1.0
"""


def write_source(folder: Path, bars: PairBars | None = None, seed: int = 3) -> Path:
    """Write bars as two CSV files and a source file that names them; return the latter.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_source(Path(folder), random_walk(5, seed=1)).name
    'walk.toml'
    """
    bars = random_walk(BARS, seed) if bars is None else bars
    folder.mkdir(parents=True, exist_ok=True)
    seconds = min(int(np.diff(bars.time_ns).min()) // 1_000_000_000, DAY_SECONDS)
    text = [_SOURCE.format(seconds=seconds)]
    for k, symbol in enumerate(bars.symbols):
        path = folder / f"{symbol}.csv"
        path.write_text("\n".join((_CSV, *csv_rows(bars, k))) + "\n", encoding="utf-8")
        text.append(_FILE.format(path=path, symbol=symbol))
    source = folder / "walk.toml"
    source.write_text("".join(text), encoding="utf-8")
    return source


def csv_rows(bars: PairBars, k: int) -> list[str]:
    """Write the bars of instrument ``k`` as lines of a CSV file, to the last digit."""
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    numbers = np.column_stack([column[:, k] for column in columns]).tolist()
    times: list[int] = bars.time_ns.tolist()
    return [
        ",".join((str(time), *map(repr, row))) for time, row in zip(times, numbers, strict=True)
    ]


@contextmanager
def quickly(**more: str) -> Generator[None]:
    """Have runs that start in this block use ``QUICK``, and what else is given.

    Examples
    --------
    >>> from stairway.app.environment import overrides
    >>> with quickly(STAIRWAY__ACCOUNT__EQUITY_USD="1e5"):
    ...     wanted = overrides()
    >>> wanted["STAIRWAY__PROVER__CUTS"], wanted["STAIRWAY__ACCOUNT__EQUITY_USD"]
    ('8', '1e5')
    """
    with patch.dict("os.environ", {**QUICK, **more}):
        yield


MOVES = ("model.moved", "model.promoted", "model.rolled_back")
"""Streams that together say who was in charge when."""
