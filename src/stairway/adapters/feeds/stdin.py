"""Standard input: JSON where the first record begins with ``{`` or ``[``, else rows of values.

What was compressed is unpacked by whoever sends it (``zcat log.gz | stairway gate ...``). A
pipe can be read once, so there is one pass; what was passed is counted and hashed.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, BinaryIO

from stairway.adapters.records.files import naming, nothing_in
from stairway.adapters.records.lines import documents, lines_in
from stairway.adapters.records.rows import tables
from stairway.base.errors import ConfigError, DataError
from stairway.supervision.field_map import Opening
from stairway.supervision.ports import Chunk

_WHAT = "standard input"
_PACKED = {
    b"\x1f\x8b": "gzip: send it through zcat",
    b"\x28\xb5\x2f\xfd": "zstd: send it through zstdcat",
    b"PAR1": "Parquet: give the path of the file instead",
}


def open_feed(uri: str, opening: Opening) -> Pipe:
    """Open standard input, whatever the ``uri`` (``-``).

    Raises
    ------
    DataError
        If it ends before it begins, or holds packed bytes.
    ConfigError
        If nobody has connected it to anything.
    """
    del uri
    if sys.stdin is None or sys.stdin.isatty():
        msg = "standard input is a terminal: send records into it, as in `cat log.jsonl | ...`"
        raise ConfigError(msg)
    return Pipe(sys.stdin.buffer, opening)


class Pipe:
    """The :class:`~stairway.supervision.ports.Feed` of one stream of bytes, read once."""

    def __init__(self, stream: BinaryIO, opening: Opening) -> None:
        self._lines = lines_in(stream)
        self._opening = opening
        self._hash = hashlib.sha256()
        self._bytes = 0
        self._head: Chunk | None = None
        self._rest: Iterator[Chunk] | None = None
        self._asked = 0

    def head(self, rows: int) -> Chunk:
        """Return the first records; they are yielded again by the one pass."""
        if self._head is None:
            self._asked = rows
            self._rest = self._opened()
            self._head = next(self._rest, None)
        if self._head is None:
            raise nothing_in(_WHAT)
        return self._head

    def chunks(self, rows: int, only: Sequence[str] | None = None) -> Iterator[Chunk]:
        """Yield everything, once, beginning with the head that was shown.

        Raises
        ------
        DataError
            If it was read already.
        """
        del only
        first = self.head(rows)
        self._asked = rows
        rest, self._rest = self._rest, None
        if rest is None:
            msg = f"{_WHAT} can be read once: save it in a file to look at it twice"
            raise DataError(msg)
        yield first
        yield from rest

    def _opened(self) -> Iterator[Chunk]:
        first = next(self._lines, b"")
        for magic, what in _PACKED.items():
            if first.startswith(magic):
                msg = f"{_WHAT} holds {what}"
                raise DataError(msg)
        lines = self._counted(chain([first] if first else [], self._lines))
        with naming(_WHAT):
            if first.lstrip().startswith((b"{", b"[")):
                yield from documents(lines, self._sizes(), _WHAT)
            else:
                yield from tables(lines, self._sizes(), _WHAT, self._opening, None)

    def _sizes(self) -> Iterator[int]:
        while True:
            yield self._asked

    def _counted(self, lines: Iterable[bytes]) -> Generator[bytes]:
        for line in lines:
            self._hash.update(line)
            self._bytes += len(line)
            yield line

    def more(self, rows: int, only: Sequence[str] | None = None) -> None:
        """Nothing comes after the end of a pipe."""
        del rows, only

    def size(self) -> int | None:
        """Nobody knows before it ends."""
        return None

    def mark(self) -> Mapping[str, Any]:
        """Bytes and SHA-256 of what has passed so far."""
        return {"path": "-", "bytes": self._bytes, "sha256": self._hash.hexdigest()}

    def wait(self, seconds: float) -> bool:
        """Nothing comes after the end of a pipe."""
        del seconds
        return False

    def close(self) -> None:
        """Leave it open: it is not ours."""
