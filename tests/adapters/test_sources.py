"""Every file in adapters/sources meets the source contract, or CI fails.

A new source adds itself to the walk by being there, and one function to ``EXAMPLES``
that makes settings for it; without that function the walk fails.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from stairway.adapters import sources
from stairway.adapters.tables.settings import File
from stairway.app.plugins import load
from stairway.market.ports import RawBars
from stairway.testing.bars import random_walk
from stairway.testing.source import (
    DAILY,
    REFUSE,
    Case,
    SourceContract,
    as_raw,
    intraday_session,
)

NAMES = sorted(m.name for m in pkgutil.iter_modules(sources.__path__))


def frame(raw: RawBars) -> pl.DataFrame:
    time = pl.Series(raw.time_ns).cast(pl.Datetime("ns", "UTC"))
    numbers = ("open", "high", "low", "close", "volume")
    return pl.DataFrame({"time": time} | {name: getattr(raw, name) for name in numbers})


def write_csv(table: pl.DataFrame, path: Path) -> None:
    table.write_csv(path, datetime_format="%Y-%m-%dT%H:%M:%SZ")


def tables(
    folder: Path, ending: str, write: Callable[[pl.DataFrame, Path], Any]
) -> dict[str, Any]:
    raw = as_raw(random_walk(800, seed=6, bar_seconds=60))
    files = []
    for side in (raw.first, raw.second):
        path = folder / f"{side.instrument.symbol}.{ending}"
        write(frame(side), path)
        files.append(
            File(path=str(path), symbol=side.instrument.symbol, tick_usd=0.01, lot_units=1.0)
        )
    return {"files": tuple(files), "tz": "UTC", "stamp": "close", "bar_seconds": 60}


def csv_case(plugin: Any, folder: Path) -> Case:
    config = plugin.Config(**tables(folder, "csv", write_csv))
    return Case(plugin, config, REFUSE, intraday_session(60))


def parquet_case(plugin: Any, folder: Path) -> Case:
    config = plugin.Config(**tables(folder, "parquet", pl.DataFrame.write_parquet))
    return Case(plugin, config, REFUSE, intraday_session(60))


def sample_case(plugin: Any, _folder: Path) -> Case:
    return Case(plugin, plugin.Config(), REFUSE, DAILY)


EXAMPLES = {"csv": csv_case, "parquet": parquet_case, "sample": sample_case}


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    plugin: Any = load("sources", request.param)
    return EXAMPLES[request.param](plugin, tmp_path)


class TestSources(SourceContract):
    pass


def test_every_source_has_an_example_and_every_example_a_source() -> None:
    assert set(EXAMPLES) == set(NAMES)


@pytest.mark.parametrize("name", ["csv", "parquet"])
def test_what_was_written_is_what_is_read(name: str, tmp_path: Path) -> None:
    walk = random_walk(800, seed=6, bar_seconds=60)
    plugin: Any = load("sources", name)
    case = EXAMPLES[name](plugin, tmp_path)
    raw = plugin.read(case.config)
    for k, side in enumerate((raw.first, raw.second)):
        assert side.time_ns.tolist() == walk.time_ns.tolist()
        assert side.close.tolist() == walk.close[:, k].tolist()
        assert side.volume.tolist() == walk.volume[:, k].tolist()
