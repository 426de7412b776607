"""One CSV file as a table of text: what a cell means is decided later, in one place."""

from __future__ import annotations

from pathlib import Path

import polars as pl


def read_text(path: Path, separator: str = ",") -> pl.DataFrame:
    """Read every cell as text; gzip and zstd are unpacked and their checksums verified.

    Raises what polars and the system raise, also for a compressed file that was cut
    short or changed.
    """
    return pl.read_csv(path, separator=separator, infer_schema=False)
