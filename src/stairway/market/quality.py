"""Which rows of a table can be traded on, and what happens to the others.

By default one bad row refuses the table: a file with a hole in it is better mended than
guessed at. With ``bad_rows = "drop"`` bad rows are left out and counted by reason, up to
a share that the policy sets. Nothing is ever repaired, sorted or filled in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, assert_never, cast

import numpy as np
from msgspec import Meta

from stairway.base.arrays import BoolArray, IntArray
from stairway.base.config import Config
from stairway.base.errors import DataError
from stairway.market import kernels
from stairway.market.calendar import utc_text
from stairway.market.ports import NO_TIME, RawBars

REASONS = {
    kernels.NO_TIME: "no_time",
    kernels.NOT_FINITE: "not_finite",
    kernels.NOT_POSITIVE: "not_positive",
    kernels.NEGATIVE_VOLUME: "negative_volume",
    kernels.HIGH_BELOW_LOW: "high_below_low",
    kernels.OUTSIDE_RANGE: "outside_range",
    kernels.DUPLICATE: "duplicate",
    kernels.BACKWARD: "backward",
    kernels.JUMP: "jump",
    kernels.TOO_LARGE: "too_large",
}
"""What each number of ``kernels.first_fault`` is called in a report."""

_MEANING = {
    "no_time": "the stamp cannot be read, or its hour occurs twice or never",
    "not_finite": "a cell is empty, infinite or no number",
    "not_positive": "a price is zero or less",
    "negative_volume": "a volume is less than zero",
    "high_below_low": "the high is below the low",
    "outside_range": "the open or close lies outside [low, high]",
    "duplicate": "its time was already there",
    "backward": "it is older than the row before it",
    "jump": "it lies farther from the last good close than [bars] max_jump_frac",
    "too_large": (
        f"a price is over {kernels.MOST_PRICE_USD:g} USD or a volume over "
        f"{kernels.MOST_VOLUME:g} units, which no market has"
    ),
}


class BarRules(Config, frozen=True, kw_only=True):
    """Settings under ``[bars]``.

    Attributes
    ----------
    bad_rows
        ``"refuse"`` stops at a table with a bad row, ``"drop"`` leaves such rows out.
    max_dropped_frac
        Largest share of a table's rows that may be dropped as bad.
    max_jump_frac
        Price collar: how far a bar may reach from the last good close, as a fraction.
    min_bars
        Fewest common bars worth starting with.
    """

    bad_rows: Literal["refuse", "drop"]
    max_dropped_frac: Annotated[float, Meta(ge=0.0, lt=1.0)]
    max_jump_frac: Annotated[float, Meta(gt=0.0, le=10.0)]
    min_bars: Annotated[int, Meta(ge=2, le=10**8)]


@dataclass(frozen=True, slots=True)
class Screened:
    """Which rows were kept, and how many were dropped for which reason.

    Attributes
    ----------
    keep : (n,) bool
    dropped
        Rows by reason; reasons that did not occur are absent.
    """

    keep: BoolArray
    dropped: dict[str, int]


def faults(raw: RawBars, max_jump_frac: float) -> IntArray:
    """Return the fault of each row, as a key of ``REASONS``; 0 where there is none.

    A row is judged by itself and the rows before it; what follows changes nothing.
    """
    _, first, group = np.unique(raw.time_ns, return_index=True, return_inverse=True)
    seen_before = first[group] != np.arange(len(raw))
    ohlcv = np.column_stack((raw.open, raw.high, raw.low, raw.close, raw.volume))
    return kernels.first_fault(raw.time_ns, ohlcv, seen_before, max_jump_frac)


def screen(raw: RawBars, rules: BarRules) -> Screened:
    """Keep the good rows, or refuse the table.

    Raises
    ------
    DataError
        If there are no rows; if a row is bad and the policy refuses bad rows; or if
        more rows are bad than the policy lets be dropped.
    """
    symbol = raw.instrument.symbol
    if len(raw) == 0:
        msg = f"{symbol}: the source holds no bars; give a file with at least one row of data"
        raise DataError(msg)
    found = faults(raw, rules.max_jump_frac)
    bad = found != kernels.GOOD
    dropped = _by_reason(found)
    share = float(bad.mean())
    match rules.bad_rows:
        case "refuse":
            acceptable = not dropped
            remedy = 'mend the file, or set [bars] bad_rows = "drop" to leave them out, counted'
        case "drop":
            acceptable = share <= rules.max_dropped_frac
            remedy = (
                f"[bars] max_dropped_frac lets {rules.max_dropped_frac:.2%} be dropped and "
                f"this is {share:.2%}: mend the file or choose another"
            )
        case _:
            assert_never(rules.bad_rows)
    if not acceptable and _runs_backwards(raw):
        remedy = (
            "its rows run backwards in time, the newest first: write the file anew with the "
            "oldest row first; nothing is sorted here"
        )
    if not acceptable:
        raise DataError(_complaint(raw, found, dropped, remedy))
    return Screened(~bad, dropped)


def _by_reason(found: IntArray) -> dict[str, int]:
    counts = {name: int((found == code).sum()) for code, name in REASONS.items()}
    return {name: count for name, count in counts.items() if count}


def _complaint(raw: RawBars, found: IntArray, dropped: dict[str, int], remedy: str) -> str:
    row = int(np.flatnonzero(found)[0])
    first = REASONS[int(found[row])]
    counts = ", ".join(f"{name} {count}" for name, count in dropped.items())
    return (
        f"{raw.instrument.symbol}: {sum(dropped.values())} of {len(raw)} rows are bad "
        f"({counts}); the first is row {row + 1}{_when(raw, row)}: {_MEANING[first]}"
        f"; {remedy}"
    )


def _when(raw: RawBars, row: int) -> str:
    time_ns = int(raw.time_ns[row])
    if time_ns == NO_TIME:
        return ""
    return f", closing at {utc_text(time_ns)}"


def _runs_backwards(raw: RawBars) -> bool:
    """Whether most rows are older than the row before; rows without a time do not count."""
    steps = cast("IntArray", np.diff(raw.time_ns[raw.time_ns != NO_TIME]))
    return steps.size > 0 and bool((steps < 0).mean() > 0.5)  # noqa: PLR2004 - most
