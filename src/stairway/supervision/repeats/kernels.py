"""Compiled search for what was said before, among the last answers.

1. A key is made of an event, a model and a stage. Without an id the event is an instant and
   an instrument, and a second key beside it in the table says what was answered. A table
   finds keys, and a ring knows their order: the newest drives out the oldest.
2. The table is larger than caches are. Keys are therefore looked up a block ahead, which
   makes the waits for memory overlap.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stairway.base.arrays import FloatArray, IntArray

AHEAD = 64
"""Rows of which the keys are looked up ahead."""

TAKEN, REPEATED, OPPOSED = 1, 2, 3
"""New; said before; new, where something else was said of the same before, without an id."""

_NO_TIME = -(2**63)


class Said(NamedTuple):
    """Columns by which an answer is known again; the last four where its event has no id."""

    event: NDArray[np.uint64]
    model: NDArray[np.int32]
    stage: NDArray[np.int8]
    time_ns: IntArray
    symbol: NDArray[np.int32]
    action: NDArray[np.int8]
    confidence: FloatArray


class Seen(NamedTuple):
    """The last keys, in order (``ring``) and to be found (``table``); ``at[0]`` is how many.

    ``at[1]`` means nothing: see :func:`warm`. ``at[2]`` is the place of the oldest.
    """

    ring: NDArray[np.uint64]
    table: NDArray[np.uint64]
    at: IntArray


@njit(cache=True, nogil=True)
def mix(event: np.uint64) -> np.uint64:
    """Spread the bits of a number over all of them (splitmix64)."""
    z = event + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def key_of(event: np.uint64, model: int, stage: int) -> np.uint64:
    """Mix an event's hash; the model changes low bits only, to lie beside it."""
    z = mix(event) ^ np.uint64(model * 4 + stage)
    return z if z != np.uint64(0) else np.uint64(1)


@njit(cache=True, nogil=True)
def event_of(time_ns: int, symbol: int) -> np.uint64:
    """Make an event of an instant and an instrument; 0 where one is missing."""
    if time_ns == _NO_TIME or symbol < 0:
        return np.uint64(0)
    return mix(np.uint64(time_ns)) + np.uint64(symbol + 1) * np.uint64(0xD6E8FEB86659FD93)


@njit(cache=True, nogil=True)
def said_of(key: np.uint64, action: int, confidence: float) -> np.uint64:
    """Make the key of what was answered: high bits only differ, to lie beside the other."""
    bits = mix(
        np.uint64(np.int64(confidence * 2.0**53)) ^ (np.uint64(action + 1) << np.uint64(57))
    )
    return key ^ (bits << np.uint64(36)) ^ np.uint64(2**35)


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
def find_repeats(said: Said, seen: Seen, take: NDArray[np.uint8]) -> None:
    """Mark rows whose event, model and stage are among the last ones; remember the others.

    Without an id, only one that answers the same is a repeat; another is ``OPPOSED``.
    """
    event, action, confidence = said.event, said.action, said.confidence
    ring, table, known = seen
    keys = np.empty(len(event), np.uint64)
    for i in range(len(event)):
        if i % AHEAD == 0:
            known[1] = warm(seen, key_block(said, keys, i), int(known[2]))
        take[i] = TAKEN
        key = np.uint64(keys[i])
        if key == np.uint64(0):
            continue
        if event[i] != np.uint64(0):
            if is_known(ring, table, known, key):
                take[i] = REPEATED
        elif is_known(ring, table, known, said_of(key, int(action[i]), float(confidence[i]))):
            take[i] = REPEATED
        elif is_known(ring, table, known, key):
            take[i] = OPPOSED


@njit(cache=True, nogil=True)
def is_known(
    ring: NDArray[np.uint64], table: NDArray[np.uint64], known: IntArray, key: np.uint64
) -> bool:
    """Tell whether a key is among the last ones; remember it where it is not."""
    at = place_of(table, key)
    if table[at] == key:
        return True
    table[at] = key
    oldest = int(known[2])
    if known[0] >= len(ring):
        forget(table, ring[oldest])
    ring[oldest] = key
    known[0] += 1
    known[2] = oldest + 1 if oldest + 1 < len(ring) else 0
    return False


@njit(cache=True, nogil=True)
def key_block(said: Said, keys: NDArray[np.uint64], start: int) -> NDArray[np.uint64]:
    """Write the keys of some rows, 0 for a row whose event is not known; return these."""
    event, model, stage, time_ns, symbol, _, _ = said
    stop = min(start + AHEAD, len(keys))
    for i in range(start, stop):
        known = event[i] or event_of(time_ns[i], symbol[i])
        keys[i] = key_of(known, model[i], stage[i]) if known else np.uint64(0)
    return keys[start:stop]


@njit(cache=True, nogil=True)
def warm(seen: Seen, keys: NDArray[np.uint64], oldest: int) -> int:
    """Read all places that some keys will need, so that the waits for memory overlap.

    The table is larger than caches are, and each row needs a place for its own key and that
    of the key it drives out. What is returned means nothing: it keeps the reads from being
    left out.
    """
    ring, table, _ = seen
    mask, size = len(table) - 1, len(ring)
    read = np.uint64(0)
    for k in range(len(keys)):
        read ^= table[home_of(keys[k], mask)]
        read ^= table[home_of(ring[(oldest + k) % size], mask)]
    return int(read & np.uint64(1))
