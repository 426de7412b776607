"""State is what the recorded facts add up to.

Nothing that can be folded is stored a second time: start-up reads the record again, so
what is in memory cannot disagree with it: ``functools.reduce(reducer, in_order(...), state)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge
from operator import attrgetter
from typing import Protocol

from stairway.events.envelope import Envelope


class Readable(Protocol):
    """A log, or what is left of one."""

    def read(self, stream: str) -> Iterator[Envelope]:
        """Yield the events of ``stream``."""
        ...


def in_order(log: Readable, streams: Sequence[str]) -> Iterator[Envelope]:
    """Yield the events of several streams in the order in which they were appended.

    A stream that holds nothing, or is named twice, adds nothing.
    """
    readers = [log.read(stream) for stream in dict.fromkeys(streams)]
    return merge(*readers, key=attrgetter("recorded_ns"))
