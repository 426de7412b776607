"""Text, a line at a time, in memory that does not grow with it.

A line of more than ``LONGEST`` bytes is no record of telemetry, and is refused before it
is read into memory.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

import polars as pl

from stairway.adapters.records.files import bytes_of
from stairway.base.errors import DataError
from stairway.supervision.ports import Documents

LONGEST = 16_777_216
_BOM = b"\xef\xbb\xbf"
_PAGE = 16_384


@contextmanager
def lines_of(path: Path) -> Generator[Iterator[bytes]]:
    """Yield the lines of a file, each with its end; ``.gz`` and ``.zst`` are unpacked."""
    if path.suffix == ".zst":
        with closing(_unpacked(path)) as lines:
            yield lines
    else:
        with bytes_of(path) as file:
            yield lines_in(file)


def lines_in(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a stream, each with its end, without a mark of byte order."""
    lines = iter(partial(stream.readline, LONGEST), b"")
    first = next(lines, b"")
    return chain([first.removeprefix(_BOM)], lines) if first else iter(())


def _unpacked(path: Path) -> Generator[bytes]:
    for batch in pl.scan_lines(path).collect_batches(chunk_size=_PAGE):
        for line in batch["line"].to_list():
            yield f"{line}\n".encode()


def documents(lines: Iterable[bytes], sizes: Iterator[int], what: str) -> Iterator[Documents]:
    """Yield lines as documents, at most the next of ``sizes`` each time, no empty ones.

    Raises
    ------
    DataError
        If a line is longer than any record.
    """
    source, start = iter(lines), 1
    while texts := list(islice(source, next(sizes))):
        if max(map(len, texts)) >= LONGEST:
            msg = (
                f"{what} has a line of more than {LONGEST:,} bytes from line {start} on: "
                "these are no JSON lines"
            )
            raise DataError(msg)
        yield from _document(texts, start)
        start += len(texts)


def _document(texts: list[bytes], start: int) -> Iterator[Documents]:
    open_end = not texts[-1].endswith(b"\n")
    if all(map(bytes.strip, texts)):
        yield Documents(texts, start, open_end=open_end)
        return
    kept = [row for row, line in enumerate(texts) if line.strip()]
    if kept:
        numbers = [start + row for row in kept]
        yield Documents([texts[row] for row in kept], start, "line", open_end, numbers)
