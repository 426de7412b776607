"""Separated values, plain or compressed (``.gz``, ``.zst``): one answer or event to a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from pathlib import Path

from stairway.adapters.records.files import RecordFile, naming, nothing_in
from stairway.adapters.records.lines import lines_of
from stairway.adapters.records.rows import tables
from stairway.supervision.field_map import Opening
from stairway.supervision.ports import Table


def open_feed(uri: str, opening: Opening) -> SeparatedValues:
    """Open the file at ``uri``, a path.

    Raises
    ------
    ConfigError
        If it is not there or may not be read.
    DataError
        If it is empty.
    """
    return SeparatedValues(Path(uri), opening)


class SeparatedValues(RecordFile):
    """The :class:`~stairway.supervision.ports.Feed` of one file of rows.

    Parameters
    ----------
    opening
        Whether there is a header, and what stands between two values.
    """

    def __init__(self, path: Path, opening: Opening) -> None:
        super().__init__(path)
        self._opening = opening

    def head(self, rows: int) -> Table:
        """Return the first rows."""
        for chunk in self.chunks(rows):
            return chunk
        what = f"{self.path} (but for its header)"
        raise nothing_in(what)

    def chunks(self, rows: int, only: Sequence[str] | None = None) -> Iterator[Table]:
        """Yield rows as columns of text, of the wanted columns where all rows fit."""
        name = str(self.path)
        with naming(name), lines_of(self.path) as lines:
            yield from tables(lines, repeat(rows), name, self._opening, only)

    def size(self) -> int | None:
        """Nobody knows without reading it."""
        return None
