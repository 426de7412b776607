"""Text, a line at a time, in memory that does not grow with it.

A line of more than ``LONGEST`` bytes is no record of telemetry, and is refused before it
is read into memory.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import polars as pl

from stairway.adapters.records.files import bytes_of
from stairway.base.arrays import IntArray
from stairway.base.errors import DataError
from stairway.supervision.lines import Lines
from stairway.supervision.ports import Documents

LONGEST = 16_777_216
_BOM = b"\xef\xbb\xbf"
_WIDE = (b"\xff\xfe", b"\xfe\xff")
_ZSTD = (b"\x28\xb5\x2f\xfd", b"\x2a\x4d\x18")
_PAGE = 16_384
_BLOCK = 8_388_608
_LINE_END = b"\n"
_NEWLINE, _BRACE = b"\n{"


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
    with path.open("rb") as file:
        first = file.read(4)
    # A frame that may be skipped begins with another byte, and then with the same three.
    if not (first.startswith(_ZSTD[0]) or first.endswith(_ZSTD[1])):
        msg = f"{path} is not packed with zstd, though it is called so ({first!r} comes first)"
        raise DataError(msg)
    for batch in pl.scan_lines(path).collect_batches(chunk_size=_PAGE):
        for line in batch["line"].to_list():
            yield f"{line}\n".encode()


def blocks_of(path: Path, rows: int) -> Generator[Documents]:
    """Yield the lines of a file as documents, at most ``rows`` each time, no empty ones.

    Raises
    ------
    DataError
        If a line is longer than any record.
    """
    if path.suffix == ".zst":
        with lines_of(path) as lines:
            yield from documents(lines, repeat(rows), str(path))
        return
    with bytes_of(path) as file:
        yield from blocks_in(file, rows, str(path))


def blocks_in(stream: BinaryIO, rows: int, what: str, start: int = 1) -> Generator[Documents]:
    """Yield the lines of a stream as documents, from the line with the number ``start`` on.

    Raises
    ------
    DataError
        If a line is longer than any record.
    """
    for block, left in _blocks(stream):
        require_text(block, what, start)
        lines = _cut(block)
        for at in range(0, len(lines), rows):
            part = lines[at : at + rows]
            yield from _without_blanks(part, start)
            start += len(part)
        if left >= LONGEST:
            raise _too_long(what, start)


def _blocks(stream: BinaryIO) -> Iterator[tuple[bytearray, int]]:
    """Yield whole lines, some megabytes each time; the last may lack its end.

    Beside them stands how many bytes there are already of the line that comes next.
    """
    rest, is_first = bytearray(), True
    while True:
        block = bytearray(len(rest) + _BLOCK)
        block[: len(rest)] = rest
        n = _filled(stream, block, len(rest))
        is_last = n < len(block)
        del block[n:]
        if is_first:
            block, is_first = block.removeprefix(_BOM), False
        end = len(block) if is_last else block.rfind(_LINE_END) + 1
        rest = block[end:]
        del block[end:]
        if block or len(rest) >= LONGEST:
            yield block, len(rest)
        if is_last:
            return


def _filled(stream: Any, block: bytearray, at: int) -> int:
    """Fill a block from a place on; return where what was read ends."""
    with memoryview(block) as whole:
        while at < len(block) and (n := stream.readinto(whole[at:])):
            at += n
    return at


def _cut(block: bytearray) -> Lines:
    letters = np.frombuffer(block, np.uint8)
    end: IntArray = np.flatnonzero(letters == _NEWLINE) + 1
    if block and block[-1] != _NEWLINE:
        end = np.append(end, len(block))
    return Lines(block, end - np.diff(end, prepend=0), end)


def _without_blanks(lines: Lines, start: int) -> Iterator[Documents]:
    first = np.frombuffer(lines.text, np.uint8)[lines.start]
    kept = np.ones(len(lines), dtype=np.bool_)
    for row in np.flatnonzero(first != _BRACE).tolist():
        kept[row] = bool(lines[row].strip())
    open_end = lines.text[int(lines.end[-1]) - 1] != _NEWLINE
    if kept.all():
        yield Documents(lines, start, open_end=open_end)
    elif kept.any():
        rows = np.flatnonzero(kept)
        texts = [lines[row] for row in rows.tolist()]
        yield Documents(texts, start, "line", open_end, (rows + start).tolist())


def require_text(part: bytes | bytearray, what: str, start: int) -> None:
    """Refuse bytes that no text has; ``start`` is the number of the first line.

    Raises
    ------
    DataError
        If there are any; it counts them and names the line of the first.
    """
    at = part.find(0)
    if at < 0:
        return
    line = start + part.count(b"\n", 0, at)
    if part.startswith(_WIDE) and line == 1:
        msg = f"{what} is text in UTF-16: convert it first, iconv -f UTF-16 -t UTF-8"
        raise DataError(msg)
    msg = (
        f"{what}, line {line}: there are NUL bytes in it ({part.count(0):,} from there on), as "
        "where a writer was killed or a disk was full; take that line out, or fetch it again"
    )
    raise DataError(msg)


def _too_long(what: str, start: int) -> DataError:
    msg = (
        f"{what} has a line of more than {LONGEST:,} bytes from line {start} on: "
        "these are no JSON lines"
    )
    return DataError(msg)


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
            raise _too_long(what, start)
        for row, text in enumerate(texts):
            require_text(text, what, start + row)
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
