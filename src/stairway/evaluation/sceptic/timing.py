"""Does the timing matter? The positions that were held, at every other time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.errors import DataError
from stairway.base.verdict import Finding, Inconclusive, Verdict, inconclusive
from stairway.evaluation.evidence import EvidenceRules
from stairway.evaluation.moments import Undefined
from stairway.evaluation.sceptic.answer import against, held_against, not_shown, unmeasured
from stairway.evaluation.significance.block_length import block_length
from stairway.evaluation.significance.sample import Unmeasured
from stairway.evaluation.significance.shift_null import links_by_shift, shift_null
from stairway.evaluation.skill import Forecasts

_N_BINS = 60

SAID, HELD = "what was said", "what was held"
"""Probabilities, and positions, in words."""


@dataclass(frozen=True, slots=True)
class Timed:
    """Positions, what then came of each, and how long either remembers.

    Attributes
    ----------
    name
        Of the instrument, or empty.
    held, came : (n,) float64
        What was held, or said, at each row, and what came.
    gap_rows
        Rows over which either is related to itself: the label horizon at least.
    what
        ``held`` in words.
    """

    name: str
    held: FloatArray
    came: FloatArray
    gap_rows: int
    what: str = SAID


class Shifts(msgspec.Struct, frozen=True):
    """A link of positions with outcomes, and the links that chance shows.

    Attributes
    ----------
    name
        Of the instrument, or empty.
    link, p_greater, n_shifts
        As they are, and how often another timing links as well.
    edges, counts
        Histogram of the links at all other times.
    """

    name: str
    link: float
    p_greater: float
    n_shifts: int
    edges: tuple[float, ...]
    counts: tuple[int, ...]


def timed(forecasts: Forecasts) -> tuple[Timed, ...]:
    """Take probabilities for positions: one series for each instrument that was foretold.

    A row without an answer or an outcome counts as the mean of the others: it has no link.
    """
    found: list[Timed] = []
    for column in range(forecasts.confidence.shape[1]):
        scored = forecasts.scored[:, column]
        rows = np.flatnonzero(scored)
        if rows.size == 0:
            continue
        span = slice(int(rows[0]), int(rows[-1]) + 1)
        held = _filled(forecasts.confidence[span, column], scored[span])
        came = _filled(forecasts.outcome[span, column].astype(np.float64), scored[span])
        found.append(Timed(f"instrument {column + 1}", held, came, forecasts.horizon_bars))
    if len(found) == 1:
        return (Timed("", found[0].held, found[0].came, found[0].gap_rows),)
    return tuple(found)


def in_time(
    series: tuple[Timed, ...], rules: EvidenceRules
) -> tuple[tuple[Shifts, ...], Verdict]:
    """Hold the timing against every other; of several series the best, all counted.

    Examples
    --------
    >>> in_time((), None)[1].findings[0].code
    'proof.not_shown.timing'
    """
    if not series:
        return (), not_shown("timing", "positions and what came of them, or probabilities")
    code, shown = "proof.timing", list[Shifts]()
    for one in series:
        found = _shifts(one, rules.level)
        if isinstance(found, Inconclusive):
            return tuple(shown), _too_short(code, found.findings[0], one)
        if isinstance(found, Undefined):
            return tuple(shown), unmeasured(code, found)
        shown.append(found)
    best = min(shown, key=lambda one: one.p_greater)
    p_value, allowed = min(1.0, best.p_greater * len(shown)), 1.0 - rules.level
    where = f" on {best.name}" if best.name else ""
    as_much, at_most = against(p_value, allowed)
    said = Finding(
        code,
        f"{series[0].what} and what came go together by {best.link:+.4f}{where}; at another "
        f"time as much with a probability {as_much}, and at most {at_most} is allowed",
        p_value,
        allowed,
        best.n_shifts,
    )
    return tuple(shown), held_against(p_value <= allowed, said)


def _shifts(one: Timed, level: float) -> Shifts | Unmeasured:
    gap = _gap(one)
    found = shift_null(one.held, one.came, gap, level)
    if isinstance(found, Unmeasured):
        return found
    links = links_by_shift(one.held, one.came, gap)
    if isinstance(links, Unmeasured):
        return links
    counts, edges = np.histogram(links[1], bins=_N_BINS)
    return Shifts(
        name=one.name,
        link=found.correlation,
        p_greater=found.p_greater,
        n_shifts=found.n_shifts,
        edges=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
    )


def _too_short(code: str, found: Finding, one: Timed) -> Verdict:
    n = int(one.held.size)
    gap = _gap(one)
    rows = "1 row" if gap == 1 else f"{gap:,} rows"
    detail = (
        f"the timing: {found.detail}, since {one.what}, or what came of it, is like itself "
        f"for {rows}, and other times must lie as far apart"
    )
    return inconclusive(code, detail, n, found.bound, n)


def _gap(one: Timed) -> int:
    """Rows that either series needs to forget itself; unknown where they are too few."""
    lengths = [block_length(series) for series in (one.held, one.came)]
    known = [math.ceil(length) for length in lengths if isinstance(length, float)]
    return max(1, one.gap_rows, *known)


def _filled(values: FloatArray, known: np.ndarray) -> FloatArray:
    if not bool(known.any()):
        msg = "nothing was foretold; give at least one probability with its outcome"
        raise DataError(msg)
    return np.where(known, values, float(values[known].mean()))
