"""Twenty years of real bars that need no download: S&P 500 and Nasdaq Composite, daily.

The ``arch`` package carries them as CSV, 1999 to 2018. The files are read by path: the
package itself, and the pandas it brings, are never imported.

Prices are the raw open, high, low and close. The file's "Adj Close" equals its "Close"
in every row, as it must for an index, so there is nothing to adjust. An index cannot be
bought; one unit here pays one USD per index point, and a lot is a thousandth of a unit,
so that even one per cent of a small account can hold a position.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from stairway.adapters.tables.pair import read_pair
from stairway.adapters.tables.settings import Columns, File, TableConfig
from stairway.adapters.tables.text import read_text
from stairway.base import config as base
from stairway.base.errors import ConfigError
from stairway.market.ports import RawPair

_TABLES = {"SP500": "data/sp500/sp500.csv.gz", "NASDAQ": "data/nasdaq/nasdaq.csv.gz"}
_COLUMNS = Columns(
    time="Date", open="Open", high="High", low="Low", close="Close", volume="Volume"
)


class Config(base.Config, frozen=True, kw_only=True):
    """Settings under ``[source]`` when ``kind = "sample"``: there are none."""


def read(config: Config) -> RawPair:  # noqa: ARG001 - every source is asked the same way
    """Read both indices; each bar is complete at 16:00 in New York.

    Raises
    ------
    ConfigError
        If the ``arch`` package is not installed.
    DataError
        If its files are damaged.
    """
    return read_pair(table_config(locate()), read_text, "CSV")


def locate(package: str = "arch") -> Path:
    """Return the folder of an installed package without importing it.

    Raises
    ------
    ConfigError
        If it is not installed.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        msg = (
            f"the sample bars come with the package {package!r}, which is not installed; run "
            "`pip install 'stairway[train]'`, or use bars of your own: [source] kind = \"csv\""
        )
        raise ConfigError(msg)
    return Path(spec.origin).parent


def table_config(folder: Path) -> TableConfig:
    """Say where in ``folder`` the two tables lie and how they are written."""
    first, second = (
        File(path=str(folder / path), symbol=symbol, tick_usd=0.01, lot_units=0.001)
        for symbol, path in _TABLES.items()
    )
    return TableConfig(
        files=(first, second),
        columns=_COLUMNS,
        tz="America/New_York",
        stamp="open",
        bar_seconds=86_400,
        day_close="16:00",
        time_format="%m/%d/%Y",
    )
