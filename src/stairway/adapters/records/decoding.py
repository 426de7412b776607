"""The process that may die of a Parquet file: ``python -m stairway.adapters.records.decoding``.

The file is an open one whose number it is given; it never sees a path, an environment or
anything else of the process that started it, and ends with it.

1. Memory, processor time and core dumps are limited to what the arguments say.
2. ``READY`` on standard error says that whatever happens from here on is the file's doing.
3. Each line of standard input asks for something to be decoded, and standard output answers:
   the rows of the file, the size of a table, and that table as an Arrow stream. Only the first
   rows are handed over; the rest is decoded and dropped.
"""

from __future__ import annotations

import io
import os
import resource
import struct
import sys
from collections.abc import Iterator, Sequence

import msgspec
import polars as pl

READY = "ready"
REFUSED = 3
"""Exit code where what is in the file is no table."""

BEGINS = struct.Struct("<QQ")
"""Rows of the file, and bytes of the table that follows."""


class Wanted(msgspec.Struct, frozen=True):
    """What is to be decoded: the first rows, or all in parts of so many; which columns."""

    rows: int
    only: tuple[str, ...] | None = None
    is_head: bool = False


def main(arguments: Sequence[str]) -> int:
    """Decode what is asked for, within ``arguments``: bytes, seconds, number of the file."""
    memory_bytes, seconds, number = map(int, arguments)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _say(READY)
    try:
        for line in sys.stdin.buffer:
            _answer(f"/dev/fd/{number}", msgspec.json.decode(line, type=Wanted))
    except pl.exceptions.PolarsError as error:
        _say(str(error).strip().partition("\n")[0])
        return REFUSED
    return os.EX_OK


def _answer(source: str, wanted: Wanted) -> None:
    lazy = pl.scan_parquet(source)
    rows = int(lazy.select(pl.len()).collect().item())
    table = io.BytesIO()
    if wanted.is_head:
        lazy.head(wanted.rows).collect().write_ipc_stream(table)
    else:
        for _ in batches(source, wanted.rows, wanted.only):
            pass
    sys.stdout.buffer.write(BEGINS.pack(rows, table.tell()) + table.getvalue())
    sys.stdout.buffer.flush()


def batches(source: str, rows: int, only: Sequence[str] | None) -> Iterator[pl.DataFrame]:
    """Yield the rows of a file, decoded in parts; columns that are not there are left out."""
    lazy = pl.scan_parquet(source)
    if only is not None:
        there = lazy.collect_schema().names()
        lazy = lazy.select([name for name in there if name in set(only)])
    for frame in lazy.collect_batches(chunk_size=rows, maintain_order=True):
        yield from frame.iter_slices(rows)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
