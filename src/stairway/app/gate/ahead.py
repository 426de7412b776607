"""Make the next of something while the present one is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

_T = TypeVar("_T")


def ahead(made: Iterable[_T]) -> Iterator[_T]:
    """Yield the same in the same order; one more is being made on another core meanwhile.

    What goes wrong while one is made is raised where it would have been yielded.

    Examples
    --------
    >>> list(ahead(n * n for n in range(4)))
    [0, 1, 4, 9]
    """
    source = iter(made)
    with ThreadPoolExecutor(1, "ahead") as worker:
        coming = worker.submit(_some, source)
        while there := coming.result():
            coming = worker.submit(_some, source)
            yield from there


def _some(source: Iterator[_T]) -> list[_T]:
    """Return the next one in a list, which is empty at the end."""
    return list(islice(source, 1))
