"""One Parquet file: one answer or event to a row, and only the wanted columns are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from stairway.adapters.records.files import RecordFile, naming, nothing_in
from stairway.supervision.field_map import Opening
from stairway.supervision.ports import Table


def open_feed(uri: str, opening: Opening) -> Columns:
    """Open the file at ``uri``, a path.

    Raises
    ------
    ConfigError
        If it is not there or may not be read.
    DataError
        If it is empty, or no Parquet.
    """
    del opening  # Parquet says itself what its columns are
    return Columns(Path(uri))


class Columns(RecordFile):
    """The :class:`~stairway.supervision.ports.Feed` of one Parquet file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with naming(str(path)):
            self._rows = int(pl.scan_parquet(path).select(pl.len()).collect().item())

    def head(self, rows: int) -> Table:
        """Return the first rows."""
        if not self._rows:
            raise nothing_in(str(self.path))
        with naming(str(self.path)):
            return Table(pl.scan_parquet(self.path).head(rows).collect(), 1, "row")

    def chunks(self, rows: int, only: Sequence[str] | None = None) -> Iterator[Table]:
        """Yield rows of the wanted columns; those that are not there are left out."""
        with naming(str(self.path)):
            lazy = pl.scan_parquet(self.path)
            if only is not None:
                there = lazy.collect_schema().names()
                lazy = lazy.select([name for name in there if name in set(only)])
            start = 1
            for frame in lazy.collect_batches(chunk_size=rows, maintain_order=True):
                for part in frame.iter_slices(rows):
                    yield Table(part, start, "row")
                    start += part.height

    def size(self) -> int | None:
        """Rows, as the file's footer says."""
        return self._rows
