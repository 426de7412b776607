"""Where counts lie: arrays that begin empty and get room, and what is read off them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import IntArray
from stairway.supervision import kernels as k
from stairway.supervision.answers import Answers, Codes
from stairway.supervision.kernels import PPM

EXAMPLES = 5
TOLD = 6
"""Reasons and instruments of a value that are told; more are counted."""

_HALF = 2**16
_SHIFT, _LOW = 20, 2**20 - 1
_TENTHS = 10
FAULTS = ("absent", "strange", "outside", "reused")


def rows_of(answers: Answers, take: NDArray[np.uint8]) -> k.Rows:
    """Return the columns that are counted; ``take`` says which rows are."""
    return k.Rows(
        answers.time_ns, answers.model, answers.symbol, answers.action, answers.confidence,
        answers.stage, answers.reason, answers.regime, take,
    )  # fmt: skip


def nothing(slots: int, symbols: int, slot: NDArray[np.int16]) -> k.Counts:
    """Return counts of nothing. What is never written to takes no memory."""
    return k.Counts(
        slot=slot,
        counters=np.zeros((slots, k.COUNTERS), np.int64),
        low=np.zeros((slots, PPM + 1), np.uint16),
        high=np.zeros((slots, PPM + 1), np.uint16),
        acted=np.zeros((slots, symbols, 3), np.int64),
        ends=np.zeros((slots, symbols, 2), np.int8),
        memory=np.zeros((slots, k.BUCKETS, k.MEMORY), np.int64),
        examples=np.zeros((slots, len(FAULTS), 1 + EXAMPLES), np.int64),
    )


def grown(old: k.Counts, slots: int, symbols: int) -> k.Counts:
    """Return the same counts with room for more, touching only what is in use."""
    new, (had, known) = nothing(slots, symbols, old.slot), old.acted.shape[:2]
    if slots == had:
        new = new._replace(low=old.low, high=old.high, memory=old.memory)
    else:
        for slot in range(had):
            write_bins(new, slot, *bins(old, slot))
        new.memory[:had] = old.memory
    new.counters[:had] = old.counters
    new.acted[:had, :known], new.ends[:had, :known] = old.acted, old.ends
    new.examples[:had] = old.examples
    return new


def bins(counts: k.Counts, slot: int) -> tuple[IntArray, IntArray]:
    """Return the confidences that occurred, in millionths and ascending, and how often."""
    there = np.flatnonzero(counts.low[slot] | counts.high[slot])
    return there, counts.low[slot, there] + _HALF * counts.high[slot, there].astype(np.int64)


def write_bins(counts: k.Counts, slot: int, ppm: IntArray, often: IntArray) -> None:
    """Write how often confidences occurred, touching no others."""
    counts.low[slot, ppm] = often % _HALF
    large = often >= _HALF
    counts.high[slot, ppm[large]] = often[large] // _HALF


def _list(memory: IntArray, first: int) -> IntArray:
    """Look at the places of one list, (LISTED, WIDTH)."""
    which = (first - k.SYMBOLS) // k.WIDTH
    return memory[k.SYMBOLS :].reshape(k.LISTED, 2, k.WIDTH)[:, which]


def _places(memory: IntArray, first: int) -> list[list[int]]:
    """Return code, count and what was taken over, up to the first place that is free."""
    listed = _list(memory, first)
    used = np.append(np.flatnonzero(listed[:, 0] == 0), k.LISTED)[0]
    return listed[:used].tolist()


@dataclass(frozen=True, slots=True)
class Listed:
    """What was said with a value: what is told of it, of how much, and whether that is all.

    Attributes
    ----------
    told
        How often each was surely said, the commonest first: at most six, and none that
        may be rarer than one that has no place.
    others
        How many answers had another, or cannot be told to have had one of these.
    whole
        True where nothing ever lost its place, so that what is told is exact.
    """

    told: dict[str, int]
    others: int
    whole: bool


def listed(memory: IntArray, first: int, codes: Codes) -> Listed:
    """Return what was said with a value, of the list that begins there."""
    found = _places(memory, first)
    hidden = min(n for _, n, _ in found) if any(took for _, _, took in found) else 0
    sure = sorted(((n - took, code) for code, n, took in found), key=lambda one: -one[0])
    told = {codes.names[code - 1]: n for n, code in sure[:TOLD] if n > 0 and n >= hidden}
    total = sum(n for _, n, _ in found)
    return Listed(told, total - sum(told.values()), hidden == 0)


def sums(ppm: IntArray, count: IntArray) -> tuple[int, int]:
    """Return the exact sum and sum of squares, of whatever size."""
    square = ppm * ppm
    squares = (int((square >> _SHIFT) @ count) << _SHIFT) + int((square & _LOW) @ count)
    return int(ppm @ count), squares


def heard_of(answers: IntArray) -> int:
    """Count instruments that have at least a tenth of an even share of the answers.

    Examples
    --------
    >>> heard_of(np.array([500, 500])), heard_of(np.array([999, 1, 0]))
    (2, 1)
    """
    there = np.count_nonzero(answers)
    return int(np.count_nonzero((answers > 0) & (_TENTHS * there * answers >= answers.sum())))
