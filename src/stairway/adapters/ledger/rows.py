"""Which rows follow upon the head of a stream."""

from __future__ import annotations

from collections.abc import Sequence

from stairway.adapters.journal import rows
from stairway.adapters.journal.store import Row
from stairway.events.envelope import Head


def follow(stream: str, head: Head, payloads: Sequence[bytes], first_ns: int) -> list[Row]:
    """Chain ``payloads`` to ``head``, one nanosecond apart.

    Raises
    ------
    DataError
        If one is too large or is not made of bytes, or the clock says what cannot be recorded.

    Examples
    --------
    >>> [(row.position, row.recorded_ns) for row in follow("fill", Head(), [b"a", b"b"], 7)]
    [(1, 7), (2, 8)]
    """
    return [
        Row(stream, position, recorded_ns, digest.hex(), payload)
        for _, position, recorded_ns, _, digest, payload in rows.follow(
            head, stream, payloads, first_ns
        )
    ]
