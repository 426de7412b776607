"""Count every trade once, also when it is delivered twice or late.

Deliveries repeat after a crash. Ids are remembered for as long as a repeat is believed
possible; whatever arrives later than that is turned away, so that forgetting an id can
never mean counting it again. Memory is bounded by the trades of that span.
"""

from __future__ import annotations

import msgspec

from stairway.base.units import UtcNs


class Dedupe(msgspec.Struct, frozen=True):
    """What was counted lately.

    Attributes
    ----------
    newest_ns
        Latest event time that was admitted.
    seen
        (event time, id) of everything admitted inside the span.
    repeated, late
        How many deliveries were turned away, and why.
    """

    newest_ns: UtcNs = UtcNs(0)
    seen: tuple[tuple[int, str], ...] = ()
    repeated: int = 0
    late: int = 0


def admit(dedupe: Dedupe, key: str, time_ns: UtcNs, span_ns: int) -> tuple[Dedupe, bool]:
    """Say whether ``key`` is to be counted, and remember it.

    Examples
    --------
    >>> dedupe, first = admit(Dedupe(), "t-1", UtcNs(100), span_ns=50)
    >>> dedupe, again = admit(dedupe, "t-1", UtcNs(100), span_ns=50)
    >>> first, again, dedupe.repeated
    (True, False, 1)
    """
    if any(key == known for _, known in dedupe.seen):
        return msgspec.structs.replace(dedupe, repeated=dedupe.repeated + 1), False
    if not time_ns >= dedupe.newest_ns - span_ns:
        return msgspec.structs.replace(dedupe, late=dedupe.late + 1), False
    newest_ns = max(dedupe.newest_ns, time_ns)
    kept = tuple(item for item in dedupe.seen if item[0] >= newest_ns - span_ns)
    return msgspec.structs.replace(
        dedupe, newest_ns=newest_ns, seen=(*kept, (time_ns, key))
    ), True
