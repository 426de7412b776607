"""Compiled loops that count answers: one pass over a chunk, in integers, without the lock.

1. ``count_answers`` sorts each row by model and stage: a fault, or an answer that adds to
   counts, to the histogram of whole millionths, and to what is remembered of its value.
   Which rows are repeats was marked before (:mod:`~stairway.supervision.repeats.kernels`).
2. ``count_events`` joins neighbouring rows of one instant and instrument to an event, and
   counts its votes, its hour and its distance from the one before.
3. ``count_minutes`` counts answers by who gave them and in which minutes.

State is changed in place and carried from chunk to chunk, so that no cut of the stream
changes what is counted.

Each loop takes the arrays out of their tuple once: taken out row by row, every access
counts a reference up and down, which costs four times what the counting does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import FloatArray, IntArray
from stairway.compiled import njit

PPM = 1_000_000
SKIPPED, TAKEN, REPEATED, CONTRADICTS, REUSED = 0, 1, 2, 3, 5
NO_TIME = -(2**63)
CALIBRATED = 1

# --- counters of one model at one stage
EVENTS, FAULTS, REPEATS, FIRST_NS, LAST_NS, ACTED, MOVED = 0, 1, 4, 5, 6, 7, 10
OPPOSED, OTHERS = 19, 20
FAULTY, FAULTY_FIRST_NS, FAULTY_LAST_NS = 21, 22, 23
COUNTERS = 24
ABSENT, STRANGE, OUTSIDE, AGAIN = 0, 1, 2, 3
"""Faults: something is missing, a label nobody knows, a confidence outside [0, 1]. And no fault
of the answer: the id of its event was used before, for another."""

# --- what is remembered of a value. Codes and values are kept plus one; 0 is an empty place.
# A listed code takes three places: itself, a count, and how much of that another code left.
# Symbols and reasons take turns, so that the first of both lie beside the value.
BUCKETS, LISTED, WIDTH, TURN = 512, 64, 3, 6
VALUE, VOTE, SINCE, UNTIL, SEEN = 0, 1, 2, 3, 4
SYMBOLS = 5
REASONS = SYMBOLS + WIDTH
MEMORY = SYMBOLS + TURN * LISTED

# --- counters of events
GROUPS, BACKWARDS, GAP_NS, GAP_START_NS, AT_NS, SYMBOL, OPEN = 0, 1, 2, 3, 4, 5, 6
VOTES, EARLIEST, LATEST, HARD = 7, 10, 11, 12
EVENT_COUNTERS = 13
MEMBERS = 65
MINUTES = 64
WHO = 1024
"""Codes of who answered: four stages of each model."""

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


@njit(cache=True, nogil=True)
def fault_of(time_ns: int, symbol: int, action: int, confidence: float) -> int:
    """Return the fault of an answer; -1 for none. NaN is missing."""
    c = confidence
    if c != c or action >= 4 or symbol < 0 or time_ns == NO_TIME:  # noqa: PLR0124, PLR2004 - NaN; MISSING, NAMELESS
        return ABSENT
    if action > 2 or action < 0:  # noqa: PLR2004 - UNKNOWN
        return STRANGE
    return -1 if 0.0 <= c <= 1.0 else OUTSIDE


@njit(cache=True, nogil=True)
def count_answers(rows: Rows, counts: Counts, start: int, keep: int) -> int:
    """Count rows from ``start`` on; return where a model without a slot stopped it.

    ``keep`` is the number of faults of each slot and kind whose rows are written down.
    """
    time_ns, model, symbol, action, confidence, stage, reason, _, take = rows
    slots, counters, low, high, acted, ends, memory, examples = counts
    n, kept = len(take), 0
    whose, values = np.empty(n - start, np.int16), np.empty(n - start, np.int32)
    for i in range(start, n):
        if take[i] == SKIPPED:
            continue
        slot = int(slots[model[i], stage[i]])
        if slot < 0:
            n = i
            break
        if take[i] == REPEATED:
            counters[slot, REPEATS] += 1
            continue
        if take[i] == REUSED:
            counters[slot, OTHERS] += 1
            write_example(examples, (slot, AGAIN), i, keep)
        t, s, a = time_ns[i], int(symbol[i]), int(action[i])
        fault = fault_of(t, s, a, confidence[i])
        if fault >= 0:
            counters[slot, FAULTS + fault] += 1
            count_faulty(counters, slot, t)
            write_example(examples, (slot, fault), i, keep)
            continue
        counters[slot, OPPOSED] += take[i] == CONTRADICTS
        count_kept(counters, acted, ends, slot, (t, s, a))
        ppm = int(np.rint(confidence[i] * PPM))
        remember(memory, (slot, bucket_of(ppm)), ppm, t, (s, int(reason[i])))
        whose[kept], values[kept] = slot, ppm
        kept += 1
    count_values(low, high, whose[:kept], values[:kept])
    return n


@njit(cache=True, nogil=True)
def write_example(examples: IntArray, fault: tuple[int, int], row: int, keep: int) -> None:
    """Write down the row of a fault, if there is room. Place 0 holds how many there are."""
    slot, kind = fault
    at = examples[slot, kind, 0]
    if at < keep:
        examples[slot, kind, 1 + at] = row
        examples[slot, kind, 0] = at + 1


@njit(cache=True, nogil=True)
def count_faulty(counters: IntArray, slot: int, t: int) -> None:
    """Count an answer that broke the contract by when it was given, if that is said."""
    if t == NO_TIME:
        return
    if counters[slot, FAULTY] == 0 or t < counters[slot, FAULTY_FIRST_NS]:
        counters[slot, FAULTY_FIRST_NS] = t
    if counters[slot, FAULTY] == 0 or t > counters[slot, FAULTY_LAST_NS]:
        counters[slot, FAULTY_LAST_NS] = t
    counters[slot, FAULTY] += 1


@njit(cache=True, nogil=True)
def count_kept(
    counters: IntArray,
    acted: IntArray,
    ends: NDArray[np.int8],
    slot: int,
    said: tuple[int, int, int],
) -> None:
    """Count the action of an answer that keeps the contract, and the step it makes."""
    t, symbol, action = said
    if counters[slot, EVENTS] == 0 or t < counters[slot, FIRST_NS]:
        counters[slot, FIRST_NS] = t
    if counters[slot, EVENTS] == 0 or t > counters[slot, LAST_NS]:
        counters[slot, LAST_NS] = t
    counters[slot, EVENTS] += 1
    counters[slot, ACTED + action] += 1
    acted[slot, symbol, action] += 1
    if ends[slot, symbol, 0] == 0:
        ends[slot, symbol, 0] = action + 1
    else:
        counters[slot, MOVED + 3 * (ends[slot, symbol, 1] - 1) + action] += 1
    ends[slot, symbol, 1] = action + 1


@njit(cache=True, nogil=True)
def count_values(
    low: NDArray[np.uint16],
    high: NDArray[np.uint16],
    whose: NDArray[np.int16],
    values: NDArray[np.int32],
) -> None:
    """Count values in their histograms: a short loop of its own, whose misses overlap."""
    for k in range(len(values)):
        slot, ppm = whose[k], values[k]
        low[slot, ppm] += np.uint16(1)
        if low[slot, ppm] == np.uint16(0):
            high[slot, ppm] += np.uint16(1)


@njit(cache=True, nogil=True)
def bucket_of(ppm: int) -> int:
    """Spread values over the buckets, round ones too."""
    mixed = np.uint64(ppm + 1) * np.uint64(0x9E3779B97F4A7C15)
    return int(mixed >> np.uint64(55))


@njit(cache=True, nogil=True)
def remember(
    memory: IntArray, where: tuple[int, int], ppm: int, t: int, codes: tuple[int, int]
) -> None:
    """Let the values of a bucket vote who is remembered; a value with most of it stays.

    ``where`` is slot and bucket, ``codes`` are the symbol and the reason, which may be -1.
    """
    s, b = where
    if memory[s, b, VALUE] != ppm + 1:
        memory[s, b, VOTE] -= 1
        if memory[s, b, VOTE] > 0:
            return
        forget(memory, where)
        memory[s, b, VALUE], memory[s, b, SINCE], memory[s, b, UNTIL] = ppm + 1, t, t
    memory[s, b, VOTE] += 1
    memory[s, b, SEEN] += 1
    memory[s, b, SINCE] = min(memory[s, b, SINCE], t)
    memory[s, b, UNTIL] = max(memory[s, b, UNTIL], t)
    list_code(memory, where, SYMBOLS, codes[0])
    if codes[1] >= 0:
        list_code(memory, where, REASONS, codes[1])


@njit(cache=True, nogil=True)
def forget(memory: IntArray, where: tuple[int, int]) -> None:
    """Forget the value of a bucket and what was said with it, touching what is in use only."""
    s, b = where
    memory[s, b, VOTE], memory[s, b, SEEN] = 0, 0
    for first in (SYMBOLS, REASONS):
        for k in range(first, MEMORY, TURN):
            if memory[s, b, k] == 0:
                break
            memory[s, b, k] = 0


@njit(cache=True, nogil=True)
def list_code(memory: IntArray, where: tuple[int, int], first: int, code: int) -> None:
    """Count a code; where all places are taken it gets that of the rarest (space-saving).

    A count less what it took over is never more than the truth, and a code with more than
    one in 64 of all always has a place.
    """
    s, b = where
    rarest = first
    for k in range(first, MEMORY, TURN):
        if memory[s, b, k] == code + 1:
            memory[s, b, k + 1] += 1
            return
        if memory[s, b, k] == 0:
            memory[s, b, k], memory[s, b, k + 1], memory[s, b, k + 2] = code + 1, 1, 0
            return
        if memory[s, b, k + 1] < memory[s, b, rarest + 1]:
            rarest = k
    memory[s, b, rarest] = code + 1
    memory[s, b, rarest + 2] = memory[s, b, rarest + 1]
    memory[s, b, rarest + 1] += 1


@njit(cache=True, nogil=True)
def close_event(counters: IntArray, votes: IntArray) -> None:
    """Count the votes of the event that is open, and leave none."""
    sells, holds, buys = counters[VOTES], counters[VOTES + 1], counters[VOTES + 2]
    members = min(sells + holds + buys, MEMBERS - 1)
    votes[members, min(max(sells, holds, buys), MEMBERS - 1)] += 1
    counters[HARD] += sells > 0 and buys > 0
    counters[VOTES], counters[VOTES + 1], counters[VOTES + 2] = 0, 0, 0
    counters[OPEN] = 0


@njit(cache=True, nogil=True)
def open_event(mine: IntArray, minutes: IntArray, t: int, symbol: int) -> None:
    """Begin an event, and count how far it lies from the one before."""
    if mine[GROUPS] == 0:
        mine[EARLIEST], mine[LATEST] = t, t
    elif t < mine[AT_NS]:
        mine[BACKWARDS] += 1
    elif t - mine[AT_NS] > mine[GAP_NS]:
        mine[GAP_NS], mine[GAP_START_NS] = t - mine[AT_NS], mine[AT_NS]
    mine[EARLIEST], mine[LATEST] = min(mine[EARLIEST], t), max(mine[LATEST], t)
    mine[GROUPS] += 1
    mine[AT_NS], mine[SYMBOL], mine[OPEN] = t, symbol, 1
    minute = t // _MINUTE_NS
    at = minute % MINUTES
    if minute > minutes[at, 0] or minutes[at, 1] == 0:
        minutes[at, 0], minutes[at, 1] = minute, 0
    if minute == minutes[at, 0]:
        minutes[at, 1] += 1


@njit(cache=True, nogil=True)
def count_events(rows: Rows, pace: Pace) -> None:
    """Join rows to events. A model that answers again at a stage begins a new one."""
    time_ns, model, symbol, action, confidence, stage, _, regime, take = rows
    mine, votes, hours, regimes, minutes, heard = pace
    for i in range(len(take)):
        t, s = time_ns[i], symbol[i]
        if take[i] & 1 == 0 or t == NO_TIME:  # odd ones count
            continue
        who = 4 * model[i] + stage[i]
        again = heard[who] == mine[GROUPS]
        if mine[OPEN] == 0 or t != mine[AT_NS] or s != mine[SYMBOL] or again:
            if mine[OPEN] == 1:
                close_event(mine, votes)
            open_event(mine, minutes, t, s)
            hours[(t // _HOUR_NS) % 24] += 1
            regimes[regime[i] + 1] += 1
        heard[who] = mine[GROUPS]
        if stage[i] == CALIBRATED and fault_of(t, s, action[i], confidence[i]) < 0:
            mine[VOTES + action[i]] += 1


@njit(cache=True, nogil=True)
def count_minutes(rows: Rows, width: int, keys: IntArray, often: IntArray) -> int:
    """Count answers that keep the contract in runs; return how many runs there are.

    A run is of one model at one stage, within ``width`` minutes, and ends with its next
    answer in others. ``keys[i]`` is ``minute // width * WHO + 4 * model + stage`` of a run
    and ``often[i]`` its answers; both have room for every row.
    """
    time_ns, model, symbol, action, confidence, stage, _, _, take = rows
    last = np.full(WHO, -1)
    runs = 0
    for i in range(len(take)):
        if take[i] & 1 == 0 or fault_of(time_ns[i], symbol[i], action[i], confidence[i]) >= 0:
            continue
        who = 4 * model[i] + stage[i]
        key = time_ns[i] // (_MINUTE_NS * width) * WHO + who
        at = last[who]
        if at < 0 or keys[at] != key:
            at = last[who] = runs
            keys[at], often[at] = key, 0
            runs += 1
        often[at] += 1
    return runs
