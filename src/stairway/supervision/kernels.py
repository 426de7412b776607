"""Compiled loops that count answers: one pass over a chunk, in integers, without the lock.

1. ``find_repeats`` marks rows that say again what was said among the last rows with an id.
2. ``count_answers`` sorts each row by model and stage: a fault, or an answer that adds to
   counts, to the histogram of whole millionths, and to what is remembered of its value.
3. ``count_events`` joins neighbouring rows of one instant and instrument to an event, and
   counts its votes, its hour and its distance from the one before.

State is changed in place and carried from chunk to chunk, so that no cut of the stream
changes what is counted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stairway.base.arrays import FloatArray, IntArray

PPM = 1_000_000
SKIPPED, TAKEN, REPEATED = 0, 1, 2
NO_TIME = -(2**63)
CALIBRATED = 1

# --- counters of one model at one stage
EVENTS, FAULTS, REPEATS, FIRST_NS, LAST_NS, ACTED, MOVED = 0, 1, 4, 5, 6, 7, 10
COUNTERS = 19
ABSENT, STRANGE, OUTSIDE = 0, 1, 2
"""Faults: something is missing, a label nobody knows, a confidence outside [0, 1]."""

# --- what is remembered of a value. Codes and values are kept plus one; 0 is an empty place.
BUCKETS, LISTED = 512, 6
VALUE, VOTE, SINCE, UNTIL, SEEN = 0, 1, 2, 3, 4
SYMBOLS = 5
REASONS = SYMBOLS + 2 * LISTED
MEMORY = REASONS + 2 * LISTED

# --- counters of events
GROUPS, BACKWARDS, GAP_NS, GAP_START_NS, AT_NS, SYMBOL, OPEN = 0, 1, 2, 3, 4, 5, 6
VOTES, EARLIEST, LATEST, HARD, FIRST_MET = 7, 10, 11, 12, 13
EVENT_COUNTERS = 14
MEMBERS = 65
MINUTES = 64
_MINUTE_NS = 60_000_000_000
_HOUR_NS = 60 * _MINUTE_NS


class Rows(NamedTuple):
    """The columns of a chunk, and which of its rows to count."""

    time_ns: IntArray
    model: NDArray[np.int32]
    symbol: NDArray[np.int32]
    action: NDArray[np.int8]
    confidence: FloatArray
    stage: NDArray[np.int8]
    reason: NDArray[np.int32]
    regime: NDArray[np.int32]
    take: NDArray[np.uint8]


class Counts(NamedTuple):
    """What is counted of each model at each stage; the first axis is its slot.

    The histogram is kept as low and high halves: the high ones are hardly ever touched, and
    memory that is not touched is not taken.
    """

    slot: NDArray[np.int16]
    counters: IntArray
    low: NDArray[np.uint16]
    high: NDArray[np.uint16]
    acted: IntArray
    ends: NDArray[np.int8]
    memory: IntArray
    examples: IntArray


class Pace(NamedTuple):
    """What is counted of events."""

    counters: IntArray
    votes: IntArray
    hours: IntArray
    regimes: IntArray
    minutes: IntArray
    heard: IntArray


class Seen(NamedTuple):
    """The last keys, in order (``ring``) and to be found (``table``); ``at`` is how many."""

    ring: NDArray[np.uint64]
    table: NDArray[np.uint64]
    at: IntArray


@njit(cache=True, nogil=True)
def key_of(event: np.uint64, model: int, stage: int) -> np.uint64:
    """Mix an event's hash (splitmix64); the model changes low bits only, to lie beside it."""
    z = event + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = (z ^ (z >> np.uint64(31))) ^ np.uint64(model * 4 + stage)
    return z if z != np.uint64(0) else np.uint64(1)


@njit(cache=True, nogil=True)
def home_of(key: np.uint64, mask: int) -> int:
    """Where in the table a key is looked for first: all models of an event in one line."""
    line = np.int64(key >> np.uint64(11)) * 8
    return int((line + np.int64(key & np.uint64(7))) & mask)


@njit(cache=True, nogil=True)
def place_of(table: NDArray[np.uint64], key: np.uint64) -> int:
    """Where a key is, or the empty place where it would be."""
    mask = len(table) - 1
    at = home_of(key, mask)
    while table[at] != np.uint64(0) and table[at] != key:
        at = (at + 1) & mask
    return at


@njit(cache=True, nogil=True)
def forget(table: NDArray[np.uint64], key: np.uint64) -> None:
    """Take a key out, and close the hole so that no other key is lost behind it."""
    mask = len(table) - 1
    hole = place_of(table, key)
    at = hole
    table[hole] = np.uint64(0)
    while True:
        at = (at + 1) & mask
        if table[at] == np.uint64(0):
            return
        home = home_of(table[at], mask)
        if ((at - home) & mask) >= ((at - hole) & mask):
            table[hole] = table[at]
            table[at] = np.uint64(0)
            hole = at


@njit(cache=True, nogil=True)
def find_repeats(
    event: NDArray[np.uint64],
    model: NDArray[np.int32],
    stage: NDArray[np.int8],
    seen: Seen,
    take: NDArray[np.uint8],
) -> None:
    """Mark rows whose event, model and stage are among the last ones; remember the others."""
    size = len(seen.ring)
    for i in range(len(event)):
        take[i] = TAKEN
        if event[i] == np.uint64(0):
            continue
        key = key_of(event[i], model[i], stage[i])
        at = place_of(seen.table, key)
        if seen.table[at] == key:
            take[i] = REPEATED
            continue
        oldest = int(seen.at[0] % size)
        seen.table[at] = key
        if seen.at[0] >= size:
            forget(seen.table, seen.ring[oldest])
        seen.ring[oldest] = key
        seen.at[0] += 1


@njit(cache=True, nogil=True)
def fault_of(rows: Rows, i: int) -> int:
    """Return the fault of a row; -1 for none. NaN is missing."""
    c, action = rows.confidence[i], rows.action[i]
    if c != c or action == 4 or rows.symbol[i] < 0 or rows.time_ns[i] == NO_TIME:  # noqa: PLR0124, PLR2004 - NaN; MISSING
        return ABSENT
    if action > 2 or action < 0:  # noqa: PLR2004 - UNKNOWN
        return STRANGE
    return -1 if 0.0 <= c <= 1.0 else OUTSIDE


@njit(cache=True, nogil=True)
def count_answers(rows: Rows, counts: Counts, start: int, keep: int) -> int:
    """Count rows from ``start`` on; return where a model without a slot stopped it.

    ``keep`` is the number of faults of each slot and kind whose rows are written down.
    """
    for i in range(start, len(rows.take)):
        if rows.take[i] == SKIPPED:
            continue
        slot = int(counts.slot[rows.model[i], rows.stage[i]])
        if slot < 0:
            return i
        mine = counts.counters[slot]
        if rows.take[i] == REPEATED:
            mine[REPEATS] += 1
            continue
        fault = fault_of(rows, i)
        if fault >= 0:
            mine[FAULTS + fault] += 1
            write_example(counts.examples[slot, fault], i, keep)
            continue
        ppm = int(np.rint(rows.confidence[i] * PPM))
        count_kept(rows, i, counts, slot)
        counts.low[slot, ppm] += np.uint16(1)
        if counts.low[slot, ppm] == np.uint16(0):
            counts.high[slot, ppm] += np.uint16(1)
        remember(rows, i, ppm, counts.memory[slot])
    return len(rows.take)


@njit(cache=True, nogil=True)
def write_example(example: IntArray, row: int, keep: int) -> None:
    """Write down the row of a fault, if there is room. Place 0 holds how many there are."""
    if example[0] < keep:
        example[1 + example[0]] = row
        example[0] += 1


@njit(cache=True, nogil=True)
def count_kept(rows: Rows, i: int, counts: Counts, slot: int) -> None:
    """Count the action of an answer that keeps the contract, and the step it makes."""
    mine, action, symbol = counts.counters[slot], rows.action[i], rows.symbol[i]
    t = rows.time_ns[i]
    if mine[EVENTS] == 0 or t < mine[FIRST_NS]:
        mine[FIRST_NS] = t
    if mine[EVENTS] == 0 or t > mine[LAST_NS]:
        mine[LAST_NS] = t
    mine[EVENTS] += 1
    mine[ACTED + action] += 1
    counts.acted[slot, symbol, action] += 1
    ends = counts.ends[slot, symbol]
    if ends[0] == 0:
        ends[0] = action + 1
    else:
        mine[MOVED + 3 * (ends[1] - 1) + action] += 1
    ends[1] = action + 1


@njit(cache=True, nogil=True)
def bucket_of(ppm: int) -> int:
    """Spread values over the buckets, round ones too."""
    mixed = np.uint64(ppm + 1) * np.uint64(0x9E3779B97F4A7C15)
    return int(mixed >> np.uint64(55))


@njit(cache=True, nogil=True)
def remember(rows: Rows, i: int, ppm: int, memory: IntArray) -> None:
    """Let the values of a bucket vote who is remembered; a value with most of it stays."""
    one = memory[bucket_of(ppm)]
    t = rows.time_ns[i]
    if one[VALUE] != ppm + 1:
        one[VOTE] -= 1
        if one[VOTE] > 0:
            return
        one[:] = 0
        one[VALUE], one[SINCE], one[UNTIL] = ppm + 1, t, t
    one[VOTE] += 1
    one[SEEN] += 1
    one[SINCE], one[UNTIL] = min(one[SINCE], t), max(one[UNTIL], t)
    list_code(one[SYMBOLS:REASONS], rows.symbol[i])
    if rows.reason[i] >= 0:
        list_code(one[REASONS:MEMORY], rows.reason[i])


@njit(cache=True, nogil=True)
def list_code(listed: IntArray, code: int) -> None:
    """Count a code among the first ones met; what has no place is not counted."""
    for k in range(LISTED):
        if listed[2 * k] in (0, code + 1):
            listed[2 * k] = code + 1
            listed[2 * k + 1] += 1
            return


@njit(cache=True, nogil=True)
def close_event(pace: Pace) -> None:
    """Count the votes of the event that is open, and leave none."""
    mine = pace.counters
    sells, holds, buys = mine[VOTES], mine[VOTES + 1], mine[VOTES + 2]
    members = min(sells + holds + buys, MEMBERS - 1)
    pace.votes[members, min(max(sells, holds, buys), MEMBERS - 1)] += 1
    mine[HARD] += sells > 0 and buys > 0
    mine[VOTES : VOTES + 3] = 0
    mine[OPEN] = 0


@njit(cache=True, nogil=True)
def open_event(pace: Pace, t: int, symbol: int, regime: int) -> None:
    """Begin an event, and count how far it lies from the one before."""
    mine = pace.counters
    if mine[GROUPS] == 0:
        mine[EARLIEST], mine[LATEST], mine[FIRST_MET] = t, t, t
    elif t < mine[AT_NS]:
        mine[BACKWARDS] += 1
    elif t - mine[AT_NS] > mine[GAP_NS]:
        mine[GAP_NS], mine[GAP_START_NS] = t - mine[AT_NS], mine[AT_NS]
    mine[EARLIEST], mine[LATEST] = min(mine[EARLIEST], t), max(mine[LATEST], t)
    mine[GROUPS] += 1
    mine[AT_NS], mine[SYMBOL], mine[OPEN] = t, symbol, 1
    pace.hours[(t // _HOUR_NS) % 24] += 1
    pace.regimes[regime + 1] += 1
    minute = t // _MINUTE_NS
    ring = pace.minutes[minute % MINUTES]
    if minute > ring[0] or ring[1] == 0:
        ring[0], ring[1] = minute, 0
    if minute == ring[0]:
        ring[1] += 1


@njit(cache=True, nogil=True)
def count_events(rows: Rows, pace: Pace) -> None:
    """Join rows to events. A model that answers again at a stage begins a new one."""
    mine = pace.counters
    for i in range(len(rows.take)):
        t = rows.time_ns[i]
        if rows.take[i] != TAKEN or t == NO_TIME:
            continue
        who = 4 * rows.model[i] + rows.stage[i]
        again = pace.heard[who] == mine[GROUPS]
        if mine[OPEN] == 0 or t != mine[AT_NS] or rows.symbol[i] != mine[SYMBOL] or again:
            if mine[OPEN] == 1:
                close_event(pace)
            open_event(pace, t, rows.symbol[i], rows.regime[i])
        pace.heard[who] = mine[GROUPS]
        if rows.stage[i] == CALIBRATED and fault_of(rows, i) < 0:
            mine[VOTES + rows.action[i]] += 1
