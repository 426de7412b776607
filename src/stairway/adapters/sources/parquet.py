"""Two Parquet files, one per instrument."""

from __future__ import annotations

from stairway.adapters.tables.apart import read_parquet
from stairway.adapters.tables.pair import read_pair
from stairway.adapters.tables.settings import TableConfig
from stairway.market.ports import RawPair


class Config(TableConfig, frozen=True, kw_only=True):
    """Settings under ``[source]`` when ``kind = "parquet"``."""


def read(config: Config) -> RawPair:
    """Read both files; every cell that is empty becomes NaN, and no row is lost.

    Raises
    ------
    ConfigError
        If a file or column is missing, or the settings contradict the file.
    DataError
        If a file is empty or damaged.
    """
    return read_pair(config, read_parquet, "Parquet")
