"""Compiled search for what was said before, among the last answers.

1. A key is made of an event, a model and a stage. Beside it is kept what was answered: action,
   confidence, instant and instrument. The same again is a repeat. Under an id, anything else
   shows that the id was used again: nobody knows then what was sent twice.
2. Without an id the event is an instant and an instrument, and many answers may belong to it.
   A second key says that one of them was given.
3. Keys lie in two tables, of the present generation and of the one before. A generation ends
   with as many keys as the window has, and the older one is then emptied for the next: what
   is among the last keys is always found, and nothing is ever taken out by itself.
4. Answers beyond the first under one key have keys of their own, spread over the whole table:
   a source may give every event the same id, and each is still found within a few lines.
5. A table consists of lines as caches have them, each filled from its beginning, so that one
   look at a line finds a key or the place for it. Tables are larger than caches are: lines
   are looked up a block ahead, which makes the waits for memory overlap.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import IntArray
from stairway.compiled import njit

AHEAD = 64
"""Rows of which the keys are looked up ahead."""

LINE = 8
"""Keys that lie in one line of a cache."""

BITS = 16
"""Of a hash of what was answered. One of 65,536 other answers is taken for the same."""

TAKEN, REPEATED, OPPOSED, REUSED = 1, 2, 3, 5
"""New; said before; new, where something else was said of the same before: without an id, and
under the same one. Odd ones count."""

Lines = NDArray[np.uint64]
Hashes = NDArray[np.uint64]

_NO_TIME = -(2**63)
_INFINITE = 0x7FF0000000000000


class Said(NamedTuple):
    """Columns by which an answer is known again. ``belief`` are the bits of its confidence.

    ``dated`` tells whether the instant is the event's own, and no time at which it came.
    """

    event: Hashes
    model: NDArray[np.int32]
    stage: NDArray[np.int8]
    time_ns: IntArray
    symbol: NDArray[np.int32]
    action: NDArray[np.int8]
    belief: Hashes
    dated: NDArray[np.bool_]


class Seen(NamedTuple):
    """The last keys: two tables end to end, and what is known of them.

    The lowest ``BITS`` of what stands in ``table`` are what was answered under a key; those
    of the key say in which line it lies.
    ``at[0]`` counts keys that were remembered, ``at[1]`` those of the present generation, and
    ``at[2]`` is 0 or 1, its table. ``at[3]`` means nothing: see :func:`warm`.
    """

    table: Lines
    window: int
    at: IntArray


def nothing_said(window: int) -> Seen:
    """Return empty tables for so many keys a generation.

    Their lines lie where those of a cache do: each would else be two waits for memory.
    """
    lines = 2 ** int(np.ceil(np.log2(max(2 * window // LINE, 1))))
    room = np.zeros((2 * lines + 1) * LINE, np.uint64)
    first = -room.ctypes.data % (8 * LINE) // 8
    table = room[first : first + 2 * lines * LINE].reshape(-1, LINE)
    return Seen(table, window, np.zeros(4, np.int64))


@njit(cache=True, nogil=True)
def mix(event: np.uint64) -> np.uint64:
    """Spread the bits of a number over all of them (splitmix64)."""
    z = event + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def key_of(event: np.uint64, model: int, stage: int) -> np.uint64:
    """Mix an event's hash; the model changes high bits only, to lie beside it."""
    z = mix(event) ^ (np.uint64(model * 4 + stage) << np.uint64(54))
    return z if z != np.uint64(0) else np.uint64(1)


@njit(cache=True, nogil=True)
def event_of(time_ns: int, symbol: int) -> np.uint64:
    """Make an event of an instant and an instrument; 0 where one is missing."""
    if time_ns == _NO_TIME or symbol < 0:
        return np.uint64(0)
    return mix(np.uint64(time_ns)) + np.uint64(symbol + 1) * np.uint64(0xD6E8FEB86659FD93)


@njit(cache=True, nogil=True)
def answer_of(action: int, belief: np.uint64, time_ns: int, symbol: int) -> np.uint64:
    """Mix what was answered, and of what. NaN is one number, and so is 0 with any sign."""
    size = belief & np.uint64(2**63 - 1)
    bits = belief if size <= np.uint64(_INFINITE) else np.uint64(_INFINITE + 1)
    bits = bits if size != np.uint64(0) else size
    z = bits ^ (np.uint64(time_ns) * np.uint64(0xD6E8FEB86659FD93))
    return mix(z) + np.uint64(8 * symbol + action + 8) * np.uint64(0xA0761D6478BD642F)


@njit(cache=True, nogil=True)
def said_of(key: np.uint64, answer: np.uint64) -> np.uint64:
    """Make the key of one answer, far from the event's: one event may have any number."""
    return mix(key ^ (answer + np.uint64(1)))


@njit(cache=True, nogil=True)
def short_of(answer: np.uint64) -> np.uint64:
    """Cut a hash of what was answered to what is kept of it; never 0."""
    return max(answer >> np.uint64(64 - BITS), np.uint64(1))


@njit(cache=True, nogil=True)
def home_of(key: np.uint64, mask: int) -> int:
    """Where the line begins in which a key is looked for first: one for all of an event."""
    return int(np.int64(key) & mask)


@njit(cache=True, nogil=True)
def place_of(table: Lines, first: int, mask: int, key: np.uint64) -> tuple[int, int]:
    """Where a key may be put into the lines from ``first`` on; beyond a line if it is there."""
    home, mine = home_of(key, mask), key >> np.uint64(BITS)
    while True:
        line, hits, full = first + home, 0, 0
        for k in range(LINE):
            hits += table[line, k] >> np.uint64(BITS) == mine
            full += table[line, k] != np.uint64(0)
        if hits > 0:
            while table[line, hits - 1] >> np.uint64(BITS) != mine:
                hits += 1
            return line, LINE + hits - 1
        if full < LINE:
            return line, full
        home = (home + 1) & mask


@njit(cache=True, nogil=True)
def find_repeats(said: Said, seen: Seen, take: NDArray[np.uint8]) -> None:
    """Mark rows that say again what is among the last answers; remember the others.

    Another answer to the same is new: ``OPPOSED`` without an id, and ``REUSED`` under one.
    """
    event, (table, window, known) = said.event, seen
    keys, answers = np.empty(len(event), np.uint64), np.empty(len(event), np.uint64)
    for i in range(len(event)):
        if i % AHEAD == 0:
            stop = key_block(said, keys, answers, i)
            known[3] = warm(table, event[i:stop], keys[i:stop], answers[i:stop])
        take[i] = TAKEN
        key, answer = np.uint64(keys[i]), np.uint64(answers[i])
        if key == np.uint64(0):
            continue
        named = event[i] != np.uint64(0)
        was = recall(table, window, known, key if named else said_of(key, answer), answer)
        if was == np.uint64(0):
            if not named and recall(table, window, known, key, answer) != np.uint64(0):
                take[i] = OPPOSED
        elif was == short_of(answer):
            take[i] = REPEATED
        else:
            again = recall(table, window, known, said_of(key, answer), answer)
            take[i] = REUSED if again == np.uint64(0) else REPEATED


@njit(cache=True, nogil=True)
def recall(
    table: Lines, window: int, known: IntArray, key: np.uint64, answer: np.uint64
) -> np.uint64:
    """Return what was answered under a key among the last ones; else 0, and remember it."""
    half = len(table) // 2
    present = half * known[2]
    line, at = place_of(table, present, half - 1, key)
    if at >= LINE:
        return answer_in(table, line, at)
    other, found = place_of(table, half - present, half - 1, key)
    if found >= LINE:
        return answer_in(table, other, found)
    table[line, at] = (key >> np.uint64(BITS) << np.uint64(BITS)) | short_of(answer)
    known[0] += 1
    known[1] += 1
    if known[1] == window:
        known[1], known[2] = 0, 1 - known[2]
        empty(table, half - present, half)
    return np.uint64(0)


@njit(cache=True, nogil=True)
def answer_in(table: Lines, line: int, found: int) -> np.uint64:
    """Read what was answered under the key that was found."""
    return np.uint64(table[line, found - LINE]) & np.uint64(2**BITS - 1)


@njit(cache=True, nogil=True)
def empty(table: Lines, first: int, lines: int) -> None:
    """Forget a generation."""
    for line in range(first, first + lines):
        for k in range(LINE):
            table[line, k] = np.uint64(0)


@njit(cache=True, nogil=True)
def key_block(said: Said, keys: Hashes, answers: Hashes, start: int) -> int:
    """Write the keys of some rows, 0 for one whose event is not known; return where they end.

    What each of them answered is written beside.
    """
    event, model, stage, time_ns, symbol, action, belief, dated = said
    stop = min(start + AHEAD, len(keys))
    for i in range(start, stop):
        known = event[i] or event_of(time_ns[i], symbol[i])
        keys[i] = key_of(known, model[i], stage[i]) if known else np.uint64(0)
        when = time_ns[i] if dated[i] else 0
        answers[i] = answer_of(action[i], belief[i], when, symbol[i])
    return stop


@njit(cache=True, nogil=True)
def warm(table: Lines, event: Hashes, keys: Hashes, answers: Hashes) -> int:
    """Read all lines that some keys will need, so that the waits for memory overlap.

    Without an id that of the answer is needed too. Other answers under an id are rare. What
    is returned means nothing: it keeps the reads from being left out.
    """
    half = len(table) // 2
    read = np.uint64(0)
    for k in range(len(keys)):
        home = home_of(keys[k], half - 1)
        read ^= table[home, 0] ^ table[half + home, 0]
        if event[k] == np.uint64(0):
            home = home_of(said_of(keys[k], answers[k]), half - 1)
            read ^= table[home, 0] ^ table[half + home, 0]
    return int(read & np.uint64(1))
