"""The process that may die of a Parquet file: ``python -m stairway.adapters.tables.reader``.

The file is standard input and the table, as an Arrow stream, standard output. It never sees
a path, an environment or anything else of the process that started it.

1. Memory, processor time and core dumps are limited to what the arguments say.
2. ``READY`` on standard error says that whatever happens from here on is the file's doing.
3. The table is written; where there is none, standard error says why.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Sequence

import polars as pl

READY = "ready"
DAMAGED = 3
"""Exit code where what is in the file is no table."""


def main(arguments: Sequence[str]) -> int:
    """Pass the table on within ``arguments``: bytes of address space, seconds."""
    memory_bytes, seconds = map(int, arguments)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _say(READY)
    try:
        pl.read_parquet(sys.stdin.buffer).write_ipc_stream(sys.stdout.buffer)
    except pl.exceptions.PolarsError as error:
        _say(str(error).strip().partition("\n")[0])
        return DAMAGED
    return os.EX_OK


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
