"""One Parquet file: one answer or event to a row, and only the wanted columns are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from stairway.adapters.records.columns import Examined
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
        If it is empty.
    """
    del opening  # Parquet says itself what its columns are
    return Columns(Path(uri))


class Columns(RecordFile):
    """The :class:`~stairway.supervision.ports.Feed` of a Parquet file, decoded apart first."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with naming(str(path)):
            self._file = Examined(path)
        self._rows: int | None = None

    def head(self, rows: int) -> Table:
        """Return the first rows."""
        with naming(str(self.path)):
            self._rows, first = self._file.head(rows)
        if not self._rows:
            raise nothing_in(str(self.path))
        return Table(first, 1, "row")

    def chunks(self, rows: int, only: Sequence[str] | None = None) -> Iterator[Table]:
        """Yield rows of the wanted columns; those that are not there are left out."""
        start = 1
        with naming(str(self.path)):
            for part in self._file.parts(rows, only):
                yield Table(part, start, "row")
                start += part.height

    def more(self, rows: int, only: Sequence[str] | None = None) -> None:
        """Tell nothing: a file of columns is written anew as a whole."""
        del rows, only
        self.looked_at()

    def size(self) -> int | None:
        """Rows, as the file's footer says; ``None`` before anything was read."""
        return self._rows

    def close(self) -> None:
        """End the process that decodes it."""
        self._file.close()
