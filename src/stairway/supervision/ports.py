"""What judging telemetry needs from outside: records, as somebody else wrote them.

A feed is a module: ``adapters/feeds/<scheme>.py`` with ``open_feed(uri, opening) -> Feed``.
It says what lies where and nothing of what it means: that is read in one place,
``supervision.reading``, whatever the records came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import polars as pl

ENTRY_ID = "@id"
"""Column of a table that names each row's place, where rows have names of their own."""


@dataclass(frozen=True, slots=True)
class Ragged:
    """Rows that do not have as many values as the header has names.

    Attributes
    ----------
    names
        Fields that the header names; 0 where there is no header.
    widths
        How many rows there are of each number of values.
    first
        Place of the first row of another width than the header.
    """

    names: int
    widths: Mapping[int, int]
    first: str


@dataclass(frozen=True, slots=True)
class Table:
    """Some records as columns; a value is what was found, and text stays text.

    Attributes
    ----------
    frame
        Columns in the order of the record. Those behind the last name of the header are
        called ``#18``, ``#19``: their number, counted from 1.
    start, word
        Number and kind of the first row's place: ``2`` and ``"line"``.
    ragged
        Where rows and header do not fit each other.
    is_cut
        True where a line without an end came after these rows, and was left out.
    """

    frame: pl.DataFrame
    start: int
    word: str
    ragged: Ragged | None = None
    is_cut: bool = False

    def __len__(self) -> int:
        return self.frame.height

    def place(self, row: int) -> str:
        """Name the place of a row, so that a person finds it.

        Examples
        --------
        >>> Table(pl.DataFrame({"a": [1, 2]}), 2, "line").place(1)
        'line 3'
        """
        if ENTRY_ID in self.frame.columns:
            return f"entry {self.frame[ENTRY_ID][row]}"
        return f"{self.word} {self.start + row}"


@dataclass(frozen=True, slots=True)
class Documents:
    """Some records as JSON texts, none of them empty.

    Attributes
    ----------
    texts
        One document each.
    start, word
        Number and kind of the first document's place.
    open_end
        True where the last one has no end of line: it may still be being written.
    numbers
        Number of each document's place, where empty lines lie between them.
    """

    texts: Sequence[str | bytes]
    start: int
    word: str = "line"
    open_end: bool = False
    numbers: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def place(self, row: int) -> str:
        """Name the place of a document, so that a person finds it."""
        number = self.start + row if self.numbers is None else self.numbers[row]
        return f"{self.word} {number}"


Chunk: TypeAlias = Table | Documents


class Feed(Protocol):
    """Records of telemetry, read and never written.

    Promises
    --------
    - Nothing is written to, trimmed or acknowledged in what is read; a right to read is
      enough, and ``mark`` is equal before and after.
    - ``chunks`` begins at the first record each time it is called (standard input has one
      pass), holds no more than about one chunk in memory, and yields no empty chunk.
    - Where there is nothing to read, for whatever reason, one sentence says which.

    Raises
    ------
    ConfigError
        If the source is not there, may not be read, or is of another kind.
    DataError
        If what is there is damaged, or there is nothing in it.
    """

    def head(self, rows: int) -> Chunk:
        """Return the first records, at most ``rows``: what a layout is recognised by.

        Raises
        ------
        DataError
            If there are none.
        """
        ...

    def chunks(self, rows: int, only: Sequence[str] | None = None) -> Iterator[Chunk]:
        """Yield the records in order, at most ``rows`` at a time.

        ``only`` names the columns that are wanted, where they cost something each.
        """
        ...

    def more(self, rows: int, only: Sequence[str] | None = None) -> Iterator[Chunk] | None:
        """Yield what came since the last call, everything at the first; each call to its end.

        A record that is not whole yet is left for the next call. ``None`` where a source is
        written anew each time, so that only a whole pass tells.

        Raises
        ------
        SourceChangedError
            If what was yielded before is no longer there.
        """
        ...

    def size(self) -> int | None:
        """Count the records, for a progress bar; ``None`` where that takes a pass."""
        ...

    def mark(self) -> Mapping[str, Any]:
        """Describe what is there now: length, first and last id, or size and hash.

        After ``more``, a file is described as far as that has come.

        Raises
        ------
        SourceChangedError
            If that is no longer what was yielded.
        """
        ...

    def wait(self, seconds: float) -> bool:
        """Wait until there is more than at the last ``mark`` or ``more``; else False."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
