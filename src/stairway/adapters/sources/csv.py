"""Two CSV files, one per instrument, plain or compressed (``.gz``, ``.zst``)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import polars as pl
from msgspec import Meta

from stairway.adapters.tables.pair import read_pair
from stairway.adapters.tables.settings import TableConfig
from stairway.adapters.tables.text import read_text
from stairway.market.ports import RawPair


class Config(TableConfig, frozen=True, kw_only=True):
    """Settings under ``[source]`` when ``kind = "csv"``.

    Attributes
    ----------
    separator
        The one character between two cells.
    """

    separator: Annotated[str, Meta(min_length=1, max_length=1)] = ","


def read(config: Config) -> RawPair:
    """Read both files; a cell that is no number becomes NaN, and no row is lost.

    Raises
    ------
    ConfigError
        If a file or column is missing, or the settings contradict the file.
    DataError
        If a file is empty or damaged.
    """

    def load(path: Path) -> pl.DataFrame:
        return read_text(path, config.separator)

    return read_pair(config, load, "CSV")
