"""Separated values, plain or compressed (``.gz``, ``.zst``): one answer or event to a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path

from stairway.adapters.records.files import RecordFile, naming, nothing_in
from stairway.adapters.records.growing import Growing
from stairway.adapters.records.lines import lines_in, lines_of
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
        self._header = b""

    def head(self, rows: int) -> Table:
        """Return the first rows."""
        for chunk in self.chunks(rows):
            return chunk
        with naming(str(self.path)), lines_of(self.path) as lines:
            is_cut = not [b"\n", *lines][-1].endswith(b"\n")
        beside = "its header and a line that is not complete yet" if is_cut else "its header"
        what = f"{self.path} (but for {beside})"
        raise nothing_in(what)

    def chunks(self, rows: int, only: Sequence[str] | None = None) -> Iterator[Table]:
        """Yield rows as columns of text, of the wanted columns where all rows fit."""
        name = str(self.path)
        with naming(name), lines_of(self.path) as lines:
            yield from tables(lines, repeat(rows), name, self._opening, only)

    def more(self, rows: int, only: Sequence[str] | None = None) -> Iterator[Table] | None:
        """Yield the whole rows that came since; a packed file is written anew."""
        growing = self.news()
        return None if growing is None else self._news(growing, rows, only)

    def _news(self, growing: Growing, rows: int, only: Sequence[str] | None) -> Iterator[Table]:
        name, before = str(self.path), growing.line - 1
        with naming(name), growing.news() as file:
            lines = lines_in(file)
            if before and self._header:
                # Every part has the header before it, as if it were a file of its own.
                lines, before = chain([self._header], lines), before - 1
            for table in tables(self._keeping(lines), repeat(rows), name, self._opening, only):
                yield replace(table, start=table.start + before)

    def _keeping(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        """Keep the line that names the columns."""
        first = next(lines, b"")
        if self._opening.header:
            self._header = first
        return chain([first] if first else [], lines)

    def size(self) -> int | None:
        """Nobody knows without reading it."""
        return None
