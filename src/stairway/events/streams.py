"""Which streams there are, and which of them must not lose a word.

A stream is *durable* unless it is listed as telemetry: a new name errs on the safe side.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from stairway.base.errors import DataError

_NAME = re.compile(r"[a-z0-9][a-z0-9_.:-]{0,127}")
MAX_PAYLOAD_BYTES = 1_048_576
"""What is larger belongs into an artifact, and is named in the event by its digest."""

LAST_NS = 2**63 - 1
"""Last instant that can be recorded, nanoseconds since 1970."""

_BYTES = (bytes, bytearray, memoryview)

TELEMETRY = frozenset({"market.bar", "model.answer", "book.marked", "timing"})
"""Committed with ``synchronous=NORMAL``: a power cut may take the last moments."""

MEASURED = frozenset({"timing"})
"""Streams of measured durations. Left out of every comparison between runs."""

SIGNED = frozenset({"policy.generation"})
"""Streams of signatures. A key is made for each run, so the hash of a run leaves them out; what
they say is on record elsewhere, and replaying compares them byte for byte all the same."""


def is_durable(stream: str) -> bool:
    """Return True where an acknowledged event must survive a power cut.

    Examples
    --------
    >>> is_durable("fill"), is_durable("timing")
    (True, False)
    """
    return stream not in TELEMETRY


def require_name(stream: str) -> None:
    """Refuse what cannot name a stream with any engine.

    Raises
    ------
    DataError
        If it is no name.
    """
    if not _NAME.fullmatch(stream):
        msg = (
            f"{stream!r} is no name for a stream: use up to 128 of a-z 0-9 _ . : - "
            "beginning with a letter or digit"
        )
        raise DataError(msg)


def require_known(stream: str, known: Sequence[str]) -> None:
    """Refuse a stream that a log does not hold, for whoever was told its name.

    Raises
    ------
    DataError
        If it is not among those that are ``known``.

    Examples
    --------
    >>> require_known("fil", ["fill", "timing"])
    Traceback (most recent call last):
    stairway.base.errors.DataError: no stream 'fil' in this log: did you mean 'fill'? ...
    """
    if stream in known:
        return
    near = get_close_matches(stream, known, 1)
    guess = f"did you mean {near[0]!r}? " if near else ""
    held = ", ".join(known) or "nothing"
    msg = f"no stream {stream!r} in this log: {guess}It holds {held}"
    raise DataError(msg)


def require_payloads(stream: str, payloads: Sequence[bytes]) -> None:
    """Refuse what no engine can write down.

    Raises
    ------
    DataError
        If one is not made of bytes, or has more than ``MAX_PAYLOAD_BYTES``.

    Examples
    --------
    >>> require_payloads("fill", [b"a", b"b"])
    >>> require_payloads("fill", ["text"])
    Traceback (most recent call last):
    stairway.base.errors.DataError: an event for 'fill' is str, and an event is bytes: ...
    """
    kinds: set[type] = {*map(type, payloads)}
    strange = sorted(kind.__name__ for kind in kinds if not issubclass(kind, _BYTES))
    if strange:
        found = " and ".join(strange)
        msg = (
            f"an event for {stream!r} is {found}, and an event is bytes: append a list of "
            "payloads, each encoded (stairway.app.catalog.CODEC.encode of a fact)"
        )
        raise DataError(msg)
    require_size(stream, max(payloads, key=len, default=b""))


def require_recordable(upto_ns: int) -> None:
    """Refuse an instant that no engine has room for: the clock is wrong then.

    Raises
    ------
    DataError
        If it lies behind April 2262.
    """
    if not upto_ns <= LAST_NS:
        msg = (
            f"the clock says {upto_ns} ns after 1970, and events are recorded up to {LAST_NS} "
            "(April 2262): set the clock of this machine right, and append again"
        )
        raise DataError(msg)


def require_size(stream: str, payload: bytes) -> None:
    """Refuse an event that is too large for any engine.

    Raises
    ------
    DataError
        If it has more than ``MAX_PAYLOAD_BYTES``.
    """
    if not len(payload) <= MAX_PAYLOAD_BYTES:
        msg = (
            f"an event of {len(payload)} bytes for {stream!r}: at most {MAX_PAYLOAD_BYTES} "
            "are allowed; put large content into an artifact"
        )
        raise DataError(msg)
