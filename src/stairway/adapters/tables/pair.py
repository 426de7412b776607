"""Two tables, read by whatever function a plug-in brings, as a raw pair."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from stairway.adapters.tables.cells import numbers_or_nan
from stairway.adapters.tables.settings import Columns, File, TableConfig
from stairway.adapters.tables.stamps import close_ns
from stairway.base.errors import ConfigError, DataError
from stairway.market.calendar import require_spacing
from stairway.market.ports import NO_TIME, RawBars, RawPair

Load = Callable[[Path], pl.DataFrame]

# A damaged Parquet footer makes polars panic, which Python sees as a BaseException.
_DAMAGE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


def read_pair(config: TableConfig, load: Load, form: str) -> RawPair:
    """Read both files of ``config`` with ``load``.

    Parameters
    ----------
    load
        Reads one file into a table; may raise what polars and the system raise.
    form
        What the files should be, for messages: ``"CSV"``.

    Raises
    ------
    ConfigError
        If a file or a column is not there, or the settings contradict the file.
    DataError
        If a file is empty or damaged.
    """
    first, second = (_raw(file, config, _table(file, load, form)) for file in config.files)
    return RawPair(first, second)


def _table(file: File, load: Load, form: str) -> pl.DataFrame:
    path = Path(file.path)
    if not path.is_file():
        state = "is no file" if path.exists() else "does not exist"
        msg = (
            f"{file.symbol}: {file.path!r} {state} (looked in {Path.cwd()}); "
            f"set [source] files to the {form} file of this instrument"
        )
        raise ConfigError(msg)
    try:
        return load(path)
    except pl.exceptions.NoDataError as error:
        msg = f"{file.symbol}: {file.path!r} is empty; give a {form} file with bars in it"
        raise DataError(msg) from error
    except PermissionError as error:
        msg = f"{file.symbol}: {file.path!r} may not be read; change its permissions"
        raise ConfigError(msg) from error
    except _DAMAGE as error:
        why = str(error).strip().partition("\n")[0]
        msg = (
            f"{file.symbol}: {file.path!r} cannot be read as {form} ({why}); "
            "it is damaged or of another format: fetch it again"
        )
        raise DataError(msg) from error


def _raw(file: File, config: TableConfig, table: pl.DataFrame) -> RawBars:
    _require_columns(file, config.columns, table.columns)
    time_ns = close_ns(table[config.columns.time], config, file.path)
    known = time_ns[time_ns != NO_TIME]
    require_spacing(known, config.bar_seconds, file.symbol, "[source] bar_seconds")
    numbers = {
        ours: numbers_or_nan(
            table[theirs], f"{file.symbol}: column {theirs!r} of {file.path!r}"
        )
        for ours, theirs in config.columns.prices_and_volume.items()
    }
    return RawBars(file.instrument, time_ns, **numbers)


def _require_columns(file: File, columns: Columns, found: list[str]) -> None:
    wanted = {"time": columns.time} | columns.prices_and_volume
    missing = [theirs for theirs in wanted.values() if theirs not in found]
    if missing:
        msg = (
            f"{file.symbol}: {file.path!r} has no column {', '.join(map(repr, missing))}; it "
            f"has {', '.join(map(repr, found))}: name them under [source.columns]"
        )
        raise ConfigError(msg)
