"""State is what the recorded facts add up to.

Nothing that can be folded is stored a second time: start-up reads the record again, so
what is in memory cannot disagree with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from operator import attrgetter
from typing import TypeVar

from stairway.events.envelope import Envelope
from stairway.events.ports import EventLog

S = TypeVar("S")


def in_order(log: EventLog, streams: Sequence[str]) -> Iterator[Envelope]:
    """Yield the events of several streams in the order in which they were appended.

    A stream that holds nothing, or is named twice, adds nothing.
    """
    readers = [log.read(stream) for stream in dict.fromkeys(streams)]
    return merge(*readers, key=attrgetter("recorded_ns"))


def fold(
    log: EventLog, streams: Sequence[str], reducer: Callable[[S, Envelope], S], state: S
) -> S:
    """Apply ``reducer`` to every event of ``streams``, oldest first; return the last state.

    Raises
    ------
    DamagedLogError
        If an event is not what was written. No state is returned then.
    """
    for envelope in in_order(log, streams):
        state = reducer(state, envelope)
    return state
