"""One CSV file as a table of text: what a cell means is decided later, in one place."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from stairway.base.errors import DataError

_FOREIGN = "invalid utf-8"
"""How polars calls bytes that are no UTF-8."""


def read_text(path: Path, separator: str = ",") -> pl.DataFrame:
    """Read every cell as text; gzip and zstd are unpacked and their checksums verified.

    Raises what polars and the system raise, also for a compressed file that was cut
    short or changed.

    Raises
    ------
    DataError
        If it is not written in UTF-8.
    """
    try:
        table = pl.read_csv(path, separator=separator, infer_schema=False)
    except pl.exceptions.ComputeError as error:
        if _FOREIGN not in str(error):
            raise
        msg = (
            f"{path} holds bytes that are no UTF-8; save it as UTF-8, or fetch it again if it "
            "is damaged"
        )
        raise DataError(msg) from error
    # In UTF-16 every other byte of plain English is 0, which UTF-8 allows and no text has.
    if any("\0" in name for name in table.columns):
        msg = (
            f"{path} is not UTF-8, it looks like UTF-16; save it as UTF-8, with a spreadsheet "
            "or by: iconv -f UTF-16 -t UTF-8 OLD > NEW"
        )
        raise DataError(msg)
    return table
