"""Compiled looking up of words: one is kept once and stands for itself by its number.

Bytes are read eight at a time, so behind a text there have to be :data:`SPARE` more.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import IntArray
from stairway.compiled import njit
from stairway.supervision.scan.kernels import ODD, Bytes

SPARE = 16
"""Bytes behind a text that may be read, or written upon, and mean nothing."""

_U32 = np.uint64(32)
_QUOTE, _SLASH = 34, 92
_ONES, _TOPS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_QUOTES, _SLASHES = _ONES * np.uint64(_QUOTE), _ONES * np.uint64(_SLASH)
_SPACES = _ONES * np.uint64(32)
_U0, _U1, _U7, _U8, _U56 = (np.uint64(n) for n in (0, 1, 7, 8, 56))


class Words(NamedTuple):
    """Words met so far, each with what it names: ``pool[start[i] : start[i + 1]]``.

    ``table`` finds them (number plus one, 0 is empty); ``used`` counts words and bytes.
    """

    pool: Bytes
    start: IntArray
    table: NDArray[np.int32]
    used: IntArray


@njit(cache=True, nogil=True)
def eight(b: Bytes, p: np.uint64) -> np.uint64:
    """Return eight bytes as a number, the first the lowest: one load, as it is compiled."""
    return (
        np.uint64(b[p])
        | np.uint64(b[p + np.uint64(1)]) << np.uint64(8)
        | np.uint64(b[p + np.uint64(2)]) << np.uint64(16)
        | np.uint64(b[p + np.uint64(3)]) << np.uint64(24)
        | np.uint64(b[p + np.uint64(4)]) << np.uint64(32)
        | np.uint64(b[p + np.uint64(5)]) << np.uint64(40)
        | np.uint64(b[p + np.uint64(6)]) << np.uint64(48)
        | np.uint64(b[p + np.uint64(7)]) << np.uint64(56)
    )


@njit(cache=True, nogil=True)
def is_equal(b: Bytes, p: int, other: int, size: int) -> bool:
    """Whether as many bytes are the same in both places."""
    one, two, left = np.uint64(p), np.uint64(other), size
    while left >= 8:  # noqa: PLR2004 - a word
        if eight(b, one) != eight(b, two):
            return False
        one, two, left = one + _U8, two + _U8, left - 8
    if left == 0:
        return True
    unasked = np.uint64(64 - 8 * left)
    return (eight(b, one) ^ eight(b, two)) << unasked == _U0


@njit(cache=True, nogil=True)
def plain_end(b: Bytes, p: int, e: int) -> int:
    """Return the place of the next quote, stroke or control character; at most ``e``."""
    at = np.uint64(p)
    while at < np.uint64(e):
        word = eight(b, at)
        quotes, slashes = word ^ _QUOTES, word ^ _SLASHES
        # The lowest mark is always right; only above it may there be one too many.
        marks = (quotes - _ONES) & ~quotes
        marks |= (slashes - _ONES) & ~slashes
        marks |= (word - _SPACES) & ~word
        marks &= _TOPS
        if marks != _U0:
            below = ((marks & (~marks + _U1)) - _U1) & _ONES
            return min(int(np.int64(at + ((below * _ONES) >> _U56) - _U1)), e)
        at += _U8
    return e


@njit(cache=True, nogil=True)
def copy_text(b: Bytes, p: int, behind: int, to: int) -> int:
    """Write a text between quotes to ``to``; return the place behind it."""
    b[to] = _QUOTE
    out, at = np.uint64(to + 1), np.uint64(p)
    while at < np.uint64(behind):
        word = eight(b, at)
        for k in range(8):
            b[out + np.uint64(k)] = np.uint8((word >> np.uint64(8 * k)) & np.uint64(255))
        at, out = at + _U8, out + _U8
    last = to + 1 + behind - p
    b[last] = _QUOTE
    return last + 1


@njit(cache=True, nogil=True)
def mixed(hashed: np.uint64) -> np.uint64:
    """Spread the bits of a number, the upper ones over the lower ones too."""
    hashed *= np.uint64(0x9E3779B97F4A7C15)
    return hashed ^ (hashed >> _U32)


@njit(cache=True, nogil=True)
def find_words(b: Bytes, start: IntArray, end: IntArray, words: Words, found: IntArray) -> int:
    """Write the number of each word, -1 of none; return for how many there was room."""
    for i in range(len(start)):
        found[i] = -1
        if end[i] > 0:
            found[i] = word_of(b, start[i], end[i], words)
            if found[i] < 0:
                return i
    return len(start)


@njit(cache=True, nogil=True)
def word_of(b: Bytes, p: int, e: int, words: Words) -> int:
    """Return the number of a word, a new one if it is new; ``ODD`` where there is no room."""
    size = e - p
    hashed = np.uint64(size)
    for at in range(p, e - 7, 8):
        hashed = mixed(hashed ^ eight(b, np.uint64(at)))
    if size & 7:
        last = eight(b, np.uint64(e - (size & 7)))
        hashed = mixed(hashed ^ (last << np.uint64(64 - 8 * (size & 7))))
    mask = len(words.table) - 1
    at = np.int64(hashed >> _U32) & mask
    while words.table[at] != 0:
        known = words.table[at] - 1
        if is_word(words, known, b, p, e):
            return known
        at = (at + 1) & mask
    n, to = words.used[0], words.used[1]
    if n + 1 >= len(words.start) or to + size + SPARE > len(words.pool):
        return ODD
    for i in range(size):
        words.pool[to + i] = b[p + i]
    words.start[n + 1], words.table[at] = to + size, n + 1
    words.used[0], words.used[1] = n + 1, to + size
    return n


@njit(cache=True, nogil=True)
def is_word(words: Words, known: int, b: Bytes, p: int, e: int) -> bool:
    """Whether a word that is known is the one at hand."""
    start, size = words.start[known], e - p
    if words.start[known + 1] - start != size:
        return False
    for at in range(0, size - 7, 8):
        if eight(words.pool, np.uint64(start + at)) != eight(b, np.uint64(p + at)):
            return False
    left = size & 7
    if left == 0:
        return True
    one = eight(words.pool, np.uint64(start + size - left))
    return (one ^ eight(b, np.uint64(e - left))) << np.uint64(64 - 8 * left) == np.uint64(0)


@njit(cache=True, nogil=True)
def join_words(b: Bytes, start: IntArray, end: IntArray, out: Bytes) -> int:
    """Write words, each with the end of a line behind it; return how many bytes these are."""
    n = 0
    for i in range(len(start)):
        for p in range(start[i], end[i]):
            out[n] = b[p]
            n += 1
        out[n] = 10
        n += 1
    return n
