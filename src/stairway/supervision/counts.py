"""Where counts lie: arrays that begin empty, get room, and are added to each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import IntArray
from stairway.supervision import kernels as k
from stairway.supervision.kernels import PPM

EXAMPLES = 5
_HALF = 2**16
FAULTS = ("absent", "strange", "outside")


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
    return there, _of(counts, slot, there)


def write_bins(counts: k.Counts, slot: int, ppm: IntArray, often: IntArray) -> None:
    """Write how often confidences occurred, touching no others."""
    counts.low[slot, ppm] = often % _HALF
    large = often >= _HALF
    counts.high[slot, ppm[large]] = often[large] // _HALF


def _of(counts: k.Counts, slot: int, ppm: IntArray) -> IntArray:
    return counts.low[slot, ppm] + _HALF * counts.high[slot, ppm].astype(np.int64)


def merge_slot(mine: k.Counts, slot: int, later: k.Counts, theirs: int) -> None:
    """Add what was counted later of one model at one stage."""
    ours, others = mine.counters[slot], later.counters[theirs]
    bounds = [c[[k.FIRST_NS, k.LAST_NS]] for c in (ours, others) if c[k.EVENTS] > 0]
    n = later.acted.shape[1]
    before, then = mine.ends[slot, :n], later.ends[theirs]
    joined = (before[:, 1] > 0) & (then[:, 0] > 0)
    steps = 3 * (before[joined, 1].astype(np.int64) - 1) + then[joined, 0] - 1
    ours += others
    ours[k.MOVED : k.MOVED + 9] += np.bincount(steps, minlength=9)
    if bounds:
        ours[k.FIRST_NS] = min(first for first, _ in bounds)
        ours[k.LAST_NS] = max(last for _, last in bounds)
    before[:, 0] = np.where(before[:, 0] > 0, before[:, 0], then[:, 0])
    before[:, 1] = np.where(then[:, 1] > 0, then[:, 1], before[:, 1])
    mine.acted[slot, :n] += later.acted[theirs]
    ppm, more = bins(later, theirs)
    write_bins(mine, slot, ppm, more + _of(mine, slot, ppm))
    for one, other in zip(mine.memory[slot], later.memory[theirs], strict=True):
        _merge_memory(one, other)


def _merge_memory(one: IntArray, other: IntArray) -> None:
    if one[k.VALUE] == other[k.VALUE] > 0:
        one[[k.VOTE, k.SEEN]] += other[[k.VOTE, k.SEEN]]
        one[k.SINCE] = min(one[k.SINCE], other[k.SINCE])
        one[k.UNTIL] = max(one[k.UNTIL], other[k.UNTIL])
        for part in (slice(k.SYMBOLS, k.REASONS), slice(k.REASONS, k.MEMORY)):
            for code, n in other[part].reshape(-1, 2):
                _add_listed(one[part].reshape(-1, 2), int(code), int(n))
    elif other[k.VOTE] > one[k.VOTE]:
        other_vote = other[k.VOTE] - one[k.VOTE]
        one[:] = other
        one[k.VOTE] = other_vote
    else:
        one[k.VOTE] -= other[k.VOTE]


def _add_listed(listed: IntArray, code: int, n: int) -> None:
    for place in listed:
        if code and place[0] in {0, code}:
            place[0], place[1] = code, place[1] + n
            return
