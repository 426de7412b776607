"""Insert rows of events many to a statement.

SQLite's calls let go of Python's interpreter lock, and beside a busy thread each of them waits
to win it back, however many rows it takes: ``benchmarks/results/event_log.json`` has the rate
there. To hand ``MOST`` over, though, keeps the lock for long, so ``STEP`` are given where other
threads shall go on meanwhile, with a pause in between.

A statement says ``or rollback``: a plain one copies every page it changes, so that it alone
could be taken back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

_SIZES = (256, 64, 32, 8, 1)
MOST = _SIZES[0]
"""Most rows of a statement."""
STEP = 32
"""Most rows of one after which others get the interpreter's lock soon enough."""
INSERT = {
    count: f"insert or rollback into event values {','.join(['(?,?,?,?,?,?)'] * count)}"  # noqa: S608 -- constants
    for count in _SIZES
}
"""The statement for so many rows."""

_Row = TypeVar("_Row")


def parts(rows: Sequence[_Row], most: int) -> Iterator[Sequence[_Row]]:
    """Yield ``rows`` in order, in parts that there is a statement for, of at most ``most``.

    Examples
    --------
    >>> [len(part) for part in parts(range(330), MOST)]
    [256, 64, 8, 1, 1]
    >>> [len(part) for part in parts(range(129), STEP)]
    [32, 32, 32, 32, 1]
    """
    start = 0
    for size in (size for size in _SIZES if size <= most):
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size
