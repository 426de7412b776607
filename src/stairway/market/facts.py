"""What the market step records: where the bars came from, and what was left out."""

from __future__ import annotations

import msgspec

from stairway.base.units import UtcNs


class TableReport(msgspec.Struct, frozen=True):
    """What became of one instrument's rows.

    Attributes
    ----------
    symbol
        Name of the instrument.
    rows
        Rows in the source.
    kept
        Rows that are part of the pair; ``rows`` less everything in ``dropped``.
    dropped
        Rows left out, by reason: those of ``market.quality``, ``outside_session`` (not
        within the hours of ``[session]``), and ``no_partner`` (the other instrument has
        no bar that closes at that instant).
    carried_opens
        Kept bars whose open equals the close before it to the last digit, though the bar
        then moved: the source carried the close over, and a fill there flatters.
    """

    symbol: str
    rows: int
    kept: int
    dropped: dict[str, int]
    carried_opens: int = 0


class DataReport(msgspec.Struct, frozen=True, tag="data.report"):
    """What a run trades on.

    Attributes
    ----------
    tables
        First and second instrument.
    bars
        Common bars.
    sessions
        Trading sessions they lie in.
    gaps
        Places inside a session where at least one bar is missing; 0 on daily bars.
    cut_short
        Sessions that end before the calendar says so, the series' last one left out.
        There the last decision could not be known to be the last.
    first_ns, last_ns
        Close times of the first and last common bar.
    bar_seconds
        Spacing by the policy, which the bars' median spacing was found to equal.
    fingerprint
        Hash of the aligned series.
    """

    tables: tuple[TableReport, TableReport]
    bars: int
    sessions: int
    gaps: int
    cut_short: int
    first_ns: UtcNs
    last_ns: UtcNs
    bar_seconds: int
    fingerprint: str
