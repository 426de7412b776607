"""Where counts lie: arrays that begin empty, get room, and are added to each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import IntArray
from stairway.supervision import kernels as k
from stairway.supervision.answers import Answers, Codes
from stairway.supervision.kernels import PPM

EXAMPLES = 5
_HALF = 2**16
_SHIFT, _LOW = 20, 2**20 - 1
_TENTHS = 10
_BOUNDS = (
    (k.EVENTS, k.FIRST_NS, k.LAST_NS),
    (k.FAULTY, k.FAULTY_FIRST_NS, k.FAULTY_LAST_NS),
)
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
    bounds = [(at, _bounds(ours, others, *at)) for at in _BOUNDS]
    n = later.acted.shape[1]
    before, then = mine.ends[slot, :n], later.ends[theirs]
    joined = (before[:, 1] > 0) & (then[:, 0] > 0)
    steps = 3 * (before[joined, 1].astype(np.int64) - 1) + then[joined, 0] - 1
    ours += others
    ours[k.MOVED : k.MOVED + 9] += np.bincount(steps, minlength=9)
    for (_, first, last), found in bounds:
        ours[[first, last]] = found
    before[:, 0] = np.where(before[:, 0] > 0, before[:, 0], then[:, 0])
    before[:, 1] = np.where(then[:, 1] > 0, then[:, 1], before[:, 1])
    mine.acted[slot, :n] += later.acted[theirs]
    ppm, more = bins(later, theirs)
    write_bins(mine, slot, ppm, more + _of(mine, slot, ppm))
    for one, other in zip(mine.memory[slot], later.memory[theirs], strict=True):
        _merge_memory(one, other)


def _bounds(ours: IntArray, others: IntArray, n: int, first: int, last: int) -> list[int]:
    """Return the earliest and latest of both; those of whom nothing was counted have none."""
    there = [one for one in (ours, others) if one[n] > 0] or [ours]
    return [int(min(one[first] for one in there)), int(max(one[last] for one in there))]


def _merge_memory(one: IntArray, other: IntArray) -> None:
    if one[k.VALUE] == other[k.VALUE] > 0:
        one[[k.VOTE, k.SEEN]] += other[[k.VOTE, k.SEEN]]
        one[k.SINCE] = min(one[k.SINCE], other[k.SINCE])
        one[k.UNTIL] = max(one[k.UNTIL], other[k.UNTIL])
        for part in (slice(k.SYMBOLS, k.REASONS), slice(k.REASONS, k.MEMORY)):
            one[part] = _both_listed(one[part], other[part])
    elif other[k.VOTE] > one[k.VOTE]:
        other_vote = other[k.VOTE] - one[k.VOTE]
        one[:] = other
        one[k.VOTE] = other_vote
    else:
        one[k.VOTE] -= other[k.VOTE]


def _both_listed(ours: IntArray, theirs: IntArray) -> IntArray:
    """Add codes of both; those beyond the commonest leave their counts to the last one."""
    found: dict[int, list[int]] = {}
    for code, n, taken in [*_places(ours), *_places(theirs)]:
        known = found.setdefault(code, [0, 0])
        known[0], known[1] = known[0] + n, known[1] + taken
    order = sorted(found, key=lambda code: found[code][1] - found[code][0])
    merged = np.zeros((k.LISTED, k.WIDTH), np.int64)
    for place, code in enumerate(order[: k.LISTED]):
        merged[place] = code, *found[code]
    merged[-1, 1:] += sum(found[code][0] for code in order[k.LISTED :])
    return merged.ravel()


def _places(listed: IntArray) -> list[list[int]]:
    return [place for place in listed.reshape(-1, k.WIDTH).tolist() if place[0]]


def listed(places: IntArray, codes: Codes) -> tuple[dict[str, int], int]:
    """Return what was surely said with each, the commonest first, and how many are left."""
    told = [place for place in places.reshape(-1, k.WIDTH).tolist() if place[0]]
    found = {codes.names[code - 1]: n - taken for code, n, taken in told}
    others = sum(taken for _, _, taken in told)
    return dict(sorted(found.items(), key=lambda item: -item[1])), others


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
