"""Exact values that occur far too often to have been computed.

1. Every value with a share of at least 0.5 % is a suspect.
2. Its neighbours, 16 different values on either side, say how often a value there occurs
   if the density is smooth: their median, or that of the nearest three if it is larger. It
   is taken over values that did occur, so that confidences rounded to two places are
   judged among such.
3. The chance of so many is bounded in two ways, and the larger holds: as a count (negative
   binomial, Chernoff's bound), and as an outlier on the logarithmic scale, where neighbours
   tell by how much counts differ from one to the next (robustly, and a quarter at least).
   The second keeps lattices and slopes from being accused. It is multiplied by the number
   of suspects.
4. Where seven values or more are heavy (three times their neighbours, and 0.2 % of all),
   they are compared with each other as outliers: a calibrator fitted by isotonic steps has
   many, and a constant among them is one that stands out from those. Fewer than seven can
   hide behind nobody: with less than twelve to compare with, the rest count as having
   occurred once.
5. Neighbours that differ wildly, as on a lattice of which every other point is rare, would
   excuse anything. So a value is a constant too where the heaviest of all others, in the
   place of what is expected, leaves it implausible: about six times as many.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from stairway.base.arrays import FloatArray, IntArray
from stairway.base.units import UtcNs
from stairway.supervision.answers import Stage
from stairway.supervision.tally import Spread, Tally

LEAST_SHARE = 0.005
LEAST_COUNT = 5
IMPLAUSIBLE = 1e-3
_NEIGHBOURS, _NEAREST = 16, 3
_COMPARED = 12
_STEPS = 7
_HEAVY_COUNT, _HEAVY_SHARE, _HEAVY_TIMES = 3, 0.002, 3
_SHAPE = 100.0
"""Of the negative binomial: a smooth density is believed to 10 %, not better."""

_LEAST_DEVIATION = 0.25
_TOWERING = 0.4
"""Deviation, on the logarithmic scale, of how far the heaviest value goes beyond the next."""

_MAD_TO_DEVIATION = 1.4826


@dataclass(frozen=True, slots=True)
class Constant:
    """One value that was not computed.

    Attributes
    ----------
    value_ppm
        Confidence in millionths.
    count, share
        Answers with exactly this value, and their share.
    expected
        How many there would be if it were like its neighbours.
    p_value, log10_p
        Bound on the chance of so many, for all suspects together; the logarithm does not
        end at 1e-308.
    """

    value_ppm: int
    count: int
    share: float
    expected: float
    p_value: float
    log10_p: float


@dataclass(frozen=True, slots=True)
class Constants:
    """What was found in one histogram.

    Attributes
    ----------
    found
        The implausible values, the commonest first.
    steps
        Heavy values that are like each other, as a calibrator by steps has them; 0 for none.
    """

    found: tuple[Constant, ...]
    steps: int


@dataclass(frozen=True, slots=True)
class Traced:
    """A constant, who says it, and what travels with it.

    Attributes
    ----------
    since_ns, until_ns
        Within which it was said. It had begun by ``since_ns``, exactly then if ``exact``.
    exact
        Whether all of this covers every answer with the value.
    symbols, reasons
        How many of the answers seen with it had each, the commonest first.
    other_symbols, other_reasons
        Answers seen with it that are counted under none of these.
    """

    model: str
    stage: Stage
    constant: Constant
    since_ns: UtcNs | None
    until_ns: UtcNs | None
    exact: bool
    symbols: dict[str, int]
    reasons: dict[str, int]
    other_symbols: int = 0
    other_reasons: int = 0


def constants(values: Spread) -> Constants:
    """Find values whose mass is implausible under a smooth density.

    Examples
    --------
    >>> import numpy as np
    >>> smooth = np.arange(400_000, 600_000, 1_000)
    >>> counts = np.where(smooth == 500_000, 30, 1)
    >>> [c.value_ppm for c in constants(Spread(smooth, counts)).found]
    [500000]
    """
    n, counts = int(values.count.sum()), values.count.astype(np.float64)
    suspects = np.flatnonzero((counts >= LEAST_SHARE * n) & (counts >= LEAST_COUNT)).tolist()
    tries = len(suspects)
    spikes = [
        (i, *judged)
        for i in suspects
        if (judged := _sticks_out(counts, i, tries) or _towers(counts, i, tries))
    ]
    heavy = _heavy(counts, n) if spikes else []
    steps = len(heavy) if len(heavy) >= _STEPS else 0
    if steps:
        spikes = [
            (i, *judged)
            for i, _, _ in spikes
            if (
                judged := _stands_out(counts, i, [k for k in heavy if k != i], tries)
                or _towers(counts, i, tries)
            )
        ]
        steps -= len(spikes)
    found = [_constant(values, n, i, expected, log_p) for i, expected, log_p in spikes]
    return Constants(tuple(sorted(found, key=lambda c: (-c.count, c.value_ppm))), steps)


def trace(tally: Tally) -> list[Traced]:
    """Find the constants of everybody at every stage, the largest share first."""
    found = [
        _traced(tally, model, stage, constant)
        for model, stage in tally.heard()
        for constant in constants(tally.spread(model, stage)).found
    ]
    return sorted(found, key=lambda one: -one.constant.share)


def _traced(tally: Tally, model: str, stage: Stage, constant: Constant) -> Traced:
    told = tally.told(model, constant.value_ppm, stage)
    if told is None:
        return Traced(model, stage, constant, None, None, exact=False, symbols={}, reasons={})
    return Traced(
        model=model,
        stage=stage,
        constant=constant,
        since_ns=UtcNs(told.since_ns),
        until_ns=UtcNs(told.until_ns),
        exact=told.is_all_of(constant.count),
        symbols=told.symbols,
        reasons=told.reasons,
        other_symbols=told.other_symbols,
        other_reasons=told.other_reasons,
    )


def _near(counts: FloatArray, i: int, reach: int = _NEIGHBOURS) -> FloatArray:
    return np.concatenate((counts[max(i - reach, 0) : i], counts[i + 1 :][:reach]))


def _expected(counts: FloatArray, i: int) -> float:
    """Return the median of the neighbours, or of the nearest ones if that is larger."""
    far, close = _padded(_near(counts, i)), _near(counts, i, _NEAREST)
    return max(float(np.median(far)), float(np.median(close)) if len(far) > _COMPARED else 1.0)


def _heavy(counts: FloatArray, n: int) -> list[int]:
    """Return which values have much more than their neighbours, and enough to matter."""
    some = np.flatnonzero((counts >= _HEAVY_COUNT) & (counts >= _HEAVY_SHARE * n)).tolist()
    return [i for i in some if counts[i] >= _HEAVY_TIMES * _expected(counts, i)]


def _sticks_out(counts: FloatArray, i: int, tries: int) -> tuple[float, float] | None:
    """Compare a value with its neighbours. A slope is no deviation."""
    near = _near(counts, i)
    logs = np.log(_padded(near))
    moves = np.abs(np.diff(logs)) / math.sqrt(2)
    moves = moves if len(near) >= _COMPARED else np.abs(logs - np.median(logs))
    return _implausible(counts[i], _expected(counts, i), float(np.median(moves)), tries)


def _stands_out(
    counts: FloatArray, i: int, others: list[int], tries: int
) -> tuple[float, float] | None:
    """Compare a heavy value with the other heavy ones."""
    logs = np.log(counts[others])
    middle = float(np.median(logs))
    return _implausible(
        counts[i], math.exp(middle), float(np.median(np.abs(logs - middle))), tries
    )


def _towers(counts: FloatArray, i: int, tries: int) -> tuple[float, float] | None:
    """Compare a value with the heaviest of all others."""
    next_heaviest = float(np.delete(counts, i).max(initial=1.0))
    return _implausible(counts[i], next_heaviest, _TOWERING / _MAD_TO_DEVIATION, tries)


def _padded(others: FloatArray) -> FloatArray:
    return np.concatenate((others, np.ones(max(_COMPARED - len(others), 0))))


def _implausible(
    count: float, expected: float, usual: float, tries: int
) -> tuple[float, float] | None:
    """Return what was expected and the natural log of p, if p is small enough.

    ``usual`` is the median distance of logarithms of counts.
    """
    if not count > expected:
        return None
    deviation = max(_MAD_TO_DEVIATION * usual, _LEAST_DEVIATION)
    z = math.log(count / expected) / deviation
    log_p = math.log(tries) + max(_log_count_tail(count, expected), _log_normal_tail(z))
    return (expected, min(log_p, 0.0)) if log_p < math.log(IMPLAUSIBLE) else None


def _log_count_tail(count: float, mean: float) -> float:
    """Chernoff's bound on the upper tail of a negative binomial."""
    shape = _SHAPE
    ahead = (count + shape) * math.log((count + shape) / (mean + shape))
    return ahead - count * math.log(count / mean)


def _log_normal_tail(z: float) -> float:
    """Upper bound exp(-z^2 / 2) / 2 of the normal tail, for z >= 0."""
    return -z * z / 2 - math.log(2)


def _constant(values: Spread, n: int, i: int, expected: float, log_p: float) -> Constant:
    count = int(values.count[i])
    p = math.exp(log_p)
    return Constant(int(values.ppm[i]), count, count / n, expected, p, log_p / math.log(10))


def mass(values: Spread, ppm: int) -> int:
    """Return how often exactly this value occurred.

    Examples
    --------
    >>> one = Spread(np.array([500_000]), np.array([3]))
    >>> mass(one, 500_000), mass(one, 500_001)
    (3, 0)
    """
    at: IntArray = np.flatnonzero(values.ppm == ppm)
    return int(values.count[at].sum())
