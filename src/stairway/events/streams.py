"""Which streams there are, and which of them must not lose a word.

A stream is *durable* unless it is listed as telemetry: a new name errs on the safe side.
"""

from __future__ import annotations

TELEMETRY = frozenset({"market.bar", "model.answer", "book.marked", "timing"})
"""Committed with ``synchronous=NORMAL``: a power cut may take the last moments."""

MEASURED = frozenset({"timing"})
"""Streams of measured durations. Left out of every comparison between runs."""


def is_durable(stream: str) -> bool:
    """Return True where an acknowledged event must survive a power cut.

    Examples
    --------
    >>> is_durable("fill"), is_durable("timing")
    (True, False)
    """
    return stream not in TELEMETRY
