"""Does the timing matter? The same positions at every other time, in one Fourier transform.

1. The statistic is the covariance of positions with what came of them.
2. Shifting the positions round in a circle breaks their link with the outcomes and keeps
   how each follows itself; every shift gives the statistic where there is no link. One
   transform gives them all.
3. Shifts nearer than ``gap_rows`` are left out: labels overlap, and positions persist, so
   they have not lost the link yet.

A long position in a market that rises earns money at any shift; it is the *timing* that
is judged.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.errors import DataError
from stairway.evaluation.moments import Moments, Undefined, moments
from stairway.evaluation.significance.sample import (
    Unmeasured,
    require_level,
    series,
    too_few,
)

_ROUNDING = 1e-12


class ShiftNull(msgspec.Struct, frozen=True):
    """A link, and how often chance shows one as strong.

    Attributes
    ----------
    correlation
        Of positions with outcomes, as they are.
    p_two_sided
        Share of shifts, the one of nothing included, with a link as strong either way.
    p_greater
        The same for a link as strong and for the better.
    n_shifts
        Shifts it was held against.
    """

    correlation: float
    p_two_sided: float
    p_greater: float
    n_shifts: int


def shift_null(
    positions: FloatArray, outcomes: FloatArray, gap_rows: int, level: float
) -> ShiftNull | Unmeasured:
    """Judge the link of positions with outcomes against all circular shifts.

    Parameters
    ----------
    positions, outcomes : (n,) float64
        What was held at each row, and what then came.
    gap_rows
        Rows over which a position or an outcome is still related to itself: the label
        horizon at least.
    level
        Confidence at which it will be judged. Unrelated shifts must be numerous enough for
        it: 20 for 0.95, each ``gap_rows`` from the next.

    Raises
    ------
    DataError
        If a value is not finite (the message names its row), or the lengths differ.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> outcomes = rng.standard_normal(1_000)
    >>> found = shift_null(outcomes + 3.0 * rng.standard_normal(1_000), outcomes, 10, 0.95)
    >>> round(found.correlation, 2), found.p_greater < 0.05
    (0.35, True)
    >>> shift_null(outcomes[:100], outcomes[:100], 10, 0.95).findings[0].detail
    '100 of 220 rows needed'
    """
    require_level(level)
    positions = series(positions, "positions")
    links = links_by_shift(positions, outcomes, gap_rows)
    n = int(positions.size)
    needed = (math.ceil(1.0 / (1.0 - level) - _ROUNDING) + 2) * max(gap_rows, 1)
    if n < needed:
        return too_few("rows", n, needed)
    if isinstance(links, Undefined):
        return links
    link, null = links
    # A shift that repeats the data exactly is as strong, whatever the transform rounds.
    near = link - _ROUNDING, abs(link) - _ROUNDING
    return ShiftNull(
        correlation=link,
        p_two_sided=float((1 + np.sum(np.abs(null) >= near[1])) / (1 + null.size)),
        p_greater=float((1 + np.sum(null >= near[0])) / (1 + null.size)),
        n_shifts=int(null.size),
    )


def links_by_shift(
    positions: FloatArray, outcomes: FloatArray, gap_rows: int
) -> tuple[float, FloatArray] | Undefined:
    """Link of positions with outcomes as they are, and at every shift that is far enough.

    Parameters
    ----------
    positions, outcomes, gap_rows
        As in :func:`shift_null`.

    Examples
    --------
    >>> held, came = np.array([1.0, -1.0, 1.0, 1.0]), np.array([2.0, -2.0, 2.0, 2.0])
    >>> link, null = links_by_shift(held, came, 1)
    >>> round(link, 6), null.size
    (1.0, 3)
    """
    positions, outcomes = _pair(positions, outcomes, gap_rows)
    n = int(positions.size)
    held, came = moments(positions), moments(outcomes)
    if not (isinstance(held, Moments) and isinstance(came, Moments)):
        which = "positions" if isinstance(held, Undefined) else "outcomes"
        return Undefined(f"the {n} {which} are constant: they have no timing to judge")
    links = _all_shifts(
        (positions - held.mean) / held.deviation, (outcomes - came.mean) / came.deviation
    )
    return float(links[0]), links[max(gap_rows, 1) : n - max(gap_rows, 1) + 1]


def _all_shifts(held: FloatArray, came: FloatArray) -> FloatArray:
    """Correlation of positions with the outcomes 0, 1, ... n - 1 rows later, in a circle."""
    n = held.size
    spectrum = np.conj(np.fft.rfft(held)) * np.fft.rfft(came)
    products: FloatArray = np.fft.irfft(spectrum, n)
    return products / (n - 1)


def _pair(
    positions: FloatArray, outcomes: FloatArray, gap_rows: int
) -> tuple[FloatArray, FloatArray]:
    positions, outcomes = series(positions, "positions"), series(outcomes, "outcomes")
    if positions.size != outcomes.size or gap_rows < 0:
        msg = (
            f"{positions.size} positions, {outcomes.size} outcomes, a gap of {gap_rows} rows: "
            f"give as many of one as of the other, and a gap of at least 0"
        )
        raise DataError(msg)
    return positions, outcomes
