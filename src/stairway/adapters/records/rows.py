"""Rows of separated values, as columns of text.

Python's own reader counts the values of each row, where others fill up or cut off what does
not fit the header: a column too many would then move every name by one, in silence.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, zip_longest
from typing import Any

import polars as pl

from stairway.adapters.records.lines import require_text
from stairway.base.errors import DataError
from stairway.supervision.field_map import Opening
from stairway.supervision.ports import Ragged, Table


def tables(
    lines: Iterable[bytes],
    sizes: Iterator[int],
    what: str,
    opening: Opening,
    only: Sequence[str] | None,
) -> Iterator[Table]:
    """Yield rows as tables of text, of at most the next of ``sizes`` each time.

    Parameters
    ----------
    lines
        With their ends; a value in quotes may run over several.
    only
        Columns that are wanted; all where a row does not fit the header.

    Raises
    ------
    DataError
        If it is no text of separated values.
    """
    text = _Text(lines, what)
    reader: Any = csv.reader(text, delimiter=opening.between(what), strict=True)
    try:
        first = _some(reader, 1) if opening.header else []
        header = _names(first[0] if first else [])
        for table in _tables(reader, sizes, header, only):
            yield replace(table, is_cut=True) if text.is_cut else table
    except csv.Error as error:
        msg = f"{what}, line {reader.line_num}: these are no separated values ({error})"
        msg += text.stray
        raise DataError(msg) from error
    if text.stray:
        msg = f"{what}: a quote is missing{text.stray}"
        raise DataError(msg)


def _tables(
    reader: Any,
    sizes: Iterator[int],
    header: list[str],
    only: Sequence[str] | None,
) -> Iterator[Table]:
    before, count = reader.line_num, 0
    while found := _some(reader, next(sizes)):
        taken = reader.line_num - before
        plain = all(found)
        # A row is a line, until a line is empty or a value runs over several.
        in_lines = taken == len(found) and plain
        word, start = ("line", before + 1) if in_lines else ("row", count + 1)
        kept = found if plain else list(filter(None, found))
        before, count = reader.line_num, count + len(kept)
        if kept:
            yield _table(kept, header, start, word, only)


def _some(reader: Any, rows: int) -> list[list[str]]:
    return list(islice(reader, rows))


def _table(
    found: list[list[str]], header: list[str], start: int, word: str, only: Sequence[str] | None
) -> Table:
    widths = Counter(map(len, found))
    width = len(header) or max(widths)
    names = [*header, *(f"#{n}" for n in range(len(header) + 1, max(widths) + 1))]
    ragged = None
    if set(widths) != {width}:
        first = next(row for row, values in enumerate(found) if len(values) != width)
        ragged = Ragged(len(header), dict(widths), f"{word} {start + first}")
    wanted = set(names if only is None or ragged else only)
    columns = zip_longest(names, zip_longest(*found), fillvalue=(None,) * len(found))
    frame = pl.DataFrame(
        [pl.Series(name, values, dtype=pl.String) for name, values in columns if name in wanted]
    )
    return Table(frame, start, word, ragged)


def _names(header: list[str]) -> list[str]:
    """Return names of columns, all different; one that is empty is called by its number."""
    names: list[str] = []
    for number, said in enumerate(header, 1):
        name = said.strip() or f"#{number}"
        names.append(name if name not in names else f"{name}#{number}")
    return names


class _Text:
    """Lines as text, whether the quotes in them come in pairs, and whether the last was cut.

    A last line without an end may be half a line: ``0.18`` where 0.183963 is being written. It
    is left out, and that is known before the line ahead of it is read.
    """

    def __init__(self, lines: Iterable[bytes], what: str) -> None:
        self._lines, self._what = lines, what
        self._quotes = self._first = 0
        self.is_cut = False

    def _whole(self) -> Iterator[bytes]:
        lines = iter(self._lines)
        line = next(lines, b"")
        for coming in lines:
            self.is_cut = not coming.endswith(b"\n")
            yield line
            line = coming
        if line and not self.is_cut:
            yield line

    def __iter__(self) -> Iterator[str]:
        for number, line in enumerate(self._whole(), 1):
            require_text(line, self._what, number)
            quotes = line.count(b'"')
            if quotes % 2 and not self._quotes % 2:
                self._first = number
            self._quotes += quotes
            try:
                yield line.decode()
            except UnicodeDecodeError as error:
                msg = f"{self._what}, line {number}: this is no text in UTF-8; convert it first"
                raise DataError(msg) from error

    @property
    def stray(self) -> str:
        """Which quote has no other, as the end of a sentence; nothing where all have one."""
        if not self._quotes % 2:
            return ""
        return f"; the quote that opens in line {self._first} is never closed"
