"""Which rows follow upon the head of a stream."""

from __future__ import annotations

from collections.abc import Sequence

from stairway.adapters.journal.store import Row
from stairway.events.envelope import Head, chain
from stairway.events.streams import require_payloads, require_recordable


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
    require_payloads(stream, payloads)
    require_recordable(first_ns + len(payloads))
    rows: list[Row] = []
    position, seal = head.position, head.hash
    for n, payload in enumerate(payloads):
        position += 1
        seal = chain(seal, stream, position, payload)
        rows.append(Row(stream, position, first_ns + n, seal, bytes(payload)))
    return rows
