"""Compiled reading of plain JSON: what is not plain is left to the careful way, whole.

1. A token is walked over once. Anything that two readers might take in two ways (an escape
   in a name, a key met twice, a number of twenty digits, a value of a type that no field
   takes) is ``ODD``, and whoever called reads that record the careful way.
2. A number is read exactly: digits to an integer, and that divided by the power of ten with
   one rounding, to the nearest double and to even on a tie.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stairway.compiled import njit

ODD = -1
DEEPEST = 60

Bytes = NDArray[np.uint8]

_QUOTE, _SLASH, _OPEN, _CLOSE = 34, 92, 123, 125
_LIST, _LIST_END, _COMMA, _COLON, _MINUS, _DOT = 91, 93, 44, 58, 45, 46
_FIRST_TEXT, _ZERO, _NINE = 32, 48, 57
_ESCAPED = np.zeros(256, np.uint8)
for _said, _meant in zip(b'"\\/bfnrt', b'"\\/\b\f\n\r\t', strict=True):
    _ESCAPED[_said] = _meant
_LITERALS = np.zeros((3, 5), np.uint8)
for _row, _word in enumerate((b"true", b"false", b"null")):
    _LITERALS[_row, : len(_word)] = list(_word)

_MOST_DIGITS, _MOST_WHOLE, _MOST_EXPONENT = 19, 18, 300
_MOST_TENS, _MOST_FIVES = 22, 27
_TENS = np.array([float(10**k) for k in range(_MOST_TENS + 1)])
_EXACT = np.uint64(2**53)
_SHIFTS = np.array([64 - (5**k).bit_length() for k in range(_MOST_FIVES + 1)])
_FIVES = np.array(
    [5**k << (64 - (5**k).bit_length()) for k in range(_MOST_FIVES + 1)], np.uint64
)
_U1, _U10, _U11, _U32, _U63 = (np.uint64(n) for n in (1, 10, 11, 32, 63))
_U0, _LOW, _BASE = np.uint64(0), np.uint64(2**32 - 1), np.uint64(2**32)
_TOP, _PAST, _HALF = np.uint64(2**63), np.uint64(0x7FF), np.uint64(0x400)


class Number(NamedTuple):
    """A number that was read. ``at`` is behind it, or ``ODD``."""

    at: int
    is_whole: bool
    whole: int
    value: float


NOTHING = Number(at=ODD, is_whole=False, whole=0, value=0.0)


@njit(cache=True, nogil=True)
def past_space(b: Bytes, p: int, e: int) -> int:
    """Return the place of the next byte that is no white space of JSON."""
    while p < e and (b[p] == 32 or b[p] == 10 or b[p] == 13 or b[p] == 9):  # noqa: PLR2004 - one compare each is faster
        p += 1
    return p


@njit(cache=True, nogil=True)
def string_end(b: Bytes, p: int, e: int) -> int:
    """Return the place of the quote that ends a text without escapes."""
    while p < e and b[p] != _QUOTE:
        if b[p] == _SLASH or b[p] < _FIRST_TEXT:
            return ODD
        p += 1
    return p if p < e else ODD


@njit(cache=True, nogil=True)
def escaped_end(b: Bytes, p: int, e: int) -> int:
    """Return the place of the quote that ends a text; escapes of one letter may be in it."""
    while p < e:
        c = b[p]
        if c == _QUOTE:
            return p
        if c < _FIRST_TEXT:
            return ODD
        if c == _SLASH:
            p += 1
            if p >= e or _ESCAPED[b[p]] == 0:
                return ODD
        p += 1
    return ODD


@njit(cache=True, nogil=True)
def unescape(b: Bytes, p: int, e: int, to: int) -> tuple[int, int]:
    """Write a text without its escapes to ``to``; return where it ends here, and there."""
    while p < e:
        c = b[p]
        if c == _QUOTE:
            return p, to
        if c == _SLASH:
            p += 1
            c = _ESCAPED[b[p]] if p < e else np.uint8(0)
            if c == 0:
                return ODD, 0
        elif c < _FIRST_TEXT:
            return ODD, 0
        b[to] = c
        to += 1
        p += 1
    return ODD, 0


@njit(cache=True, nogil=True)
def next_key(b: Bytes, p: int, e: int, is_first: bool) -> tuple[int, int, int]:  # noqa: FBT001
    """Step to the next field of an object: place of its value, begin and end of its name.

    At the end of the object the place is behind it and the end of the name is ``ODD``.
    """
    p = past_space(b, p, e)
    if p < e and b[p] == _CLOSE:
        return p + 1, 0, ODD
    if not is_first:
        if p >= e or b[p] != _COMMA:
            return ODD, 0, 0
        p = past_space(b, p + 1, e)
    if p >= e or b[p] != _QUOTE:
        return ODD, 0, 0
    end = string_end(b, p + 1, e)
    if end < 0:
        return ODD, 0, 0
    at = past_space(b, end + 1, e)
    if at >= e or b[at] != _COLON:
        return ODD, 0, 0
    at = past_space(b, at + 1, e)
    return (at, p + 1, end) if at < e else (ODD, 0, 0)


@njit(cache=True, nogil=True)
def past_literal(b: Bytes, p: int, e: int) -> int:
    """Return the place behind ``true``, ``false`` or ``null``."""
    for row in range(3):
        n = 5 if row == 1 else 4
        if p + n <= e and b[p] == _LITERALS[row, 0]:
            for i in range(n):
                if b[p + i] != _LITERALS[row, i]:
                    return ODD
            return p + n
    return ODD


@njit(cache=True, nogil=True)
def past_atom(b: Bytes, p: int, e: int) -> int:
    """Return the place behind a text, a number or a literal."""
    if b[p] == _QUOTE:
        end = escaped_end(b, p + 1, e)
        return end + 1 if end >= 0 else ODD
    if b[p] == _MINUS or _ZERO <= b[p] <= _NINE:
        return number(b, p, e).at
    return past_literal(b, p, e)


@njit(cache=True, nogil=True)
def past_value(b: Bytes, p: int, e: int) -> int:
    """Return the place behind a value of any kind that is well-formed."""
    objects, depth = 0, 0
    while p < e:
        if b[p] == _OPEN or b[p] == _LIST:
            if depth == DEEPEST:
                return ODD
            depth += 1
            objects = 2 * objects + (b[p] == _OPEN)
            p, is_closed = past_opening(b, p, e)
            if not is_closed:
                if p < 0:
                    return ODD
                continue
            depth -= 1
            objects >>= 1
        else:
            p = past_atom(b, p, e)
        p, depth, objects = past_closings(b, p, e, depth, objects)
        if depth == 0 or p < 0:
            return p
    return ODD


@njit(cache=True, nogil=True)
def past_opening(b: Bytes, p: int, e: int) -> tuple[int, bool]:
    """Step into an object or list, to its first value; True where it is empty and over."""
    closes = b[p] + 2
    is_object = b[p] == _OPEN
    p = past_space(b, p + 1, e)
    if p < e and b[p] == closes:
        return p + 1, True
    if is_object:
        p, _, _ = next_key(b, p, e, is_first=True)
    return p, False


@njit(cache=True, nogil=True)
def past_closings(b: Bytes, p: int, e: int, depth: int, objects: int) -> tuple[int, int, int]:
    """Step over the brackets that close behind a value, and the comma before the next."""
    while p >= 0 and depth > 0:
        p = past_space(b, p, e)
        if p >= e:
            return ODD, depth, objects
        is_object = objects & 1 == 1
        if b[p] == (_CLOSE if is_object else _LIST_END):
            p, depth, objects = p + 1, depth - 1, objects >> 1
        elif is_object:
            p, _, end = next_key(b, p, e, is_first=False)
            return (p if end >= 0 else ODD), depth, objects
        elif b[p] == _COMMA:
            return past_space(b, p + 1, e), depth, objects
        else:
            return ODD, depth, objects
    return p, depth, objects


@njit(cache=True, nogil=True)
def digits(b: Bytes, p: int, e: int, m: np.uint64, n: int) -> tuple[int, np.uint64, int]:
    """Read digits into ``m``, of which ``n`` count already; zeros before the first do not."""
    while p < e and _ZERO <= b[p] <= _NINE:
        m = m * _U10 + np.uint64(b[p] - _ZERO)
        n += int(m > _U0)
        p += 1
        if n > _MOST_DIGITS:
            return ODD, m, n
    return p, m, n


@njit(cache=True, nogil=True)
def number(b: Bytes, p: int, e: int) -> Number:
    """Read a number as JSON writes it."""
    is_minus = b[p] == _MINUS
    p += int(is_minus)
    start = p
    p, m, n = digits(b, p, e, _U0, 0)
    if p <= start or (b[start] == _ZERO and p > start + 1):
        return NOTHING
    tens, is_whole = 0, True
    if p < e and b[p] == _DOT:
        point, is_whole = p + 1, False
        p, m, n = digits(b, point, e, m, n)
        if p <= point:
            return NOTHING
        tens = point - p
    if p < e and (b[p] == 69 or b[p] == 101):  # noqa: PLR2004 - e, E
        is_whole = False
        p, power = exponent(b, p + 1, e)
        tens += power
    if p < 0 or (is_whole and n > _MOST_WHOLE):
        return NOTHING
    value = scaled(m, tens)
    whole = int(np.int64(m)) if is_whole else 0
    if is_minus:
        value, whole = -value, -whole
    return Number(p if value == value else ODD, is_whole, whole, value)  # noqa: PLR0124 - NaN


@njit(cache=True, nogil=True)
def exponent(b: Bytes, p: int, e: int) -> tuple[int, int]:
    """Read the power behind an ``e``."""
    is_minus = p < e and b[p] == _MINUS
    if p < e and (b[p] == _MINUS or b[p] == 43):  # noqa: PLR2004 - a plus
        p += 1
    end, power, _ = digits(b, p, e, _U0, 0)
    if end <= p or power > np.uint64(_MOST_EXPONENT):
        return ODD, 0
    return end, int(-np.int64(power) if is_minus else np.int64(power))


@njit(cache=True, nogil=True)
def scaled(m: np.uint64, tens: int) -> float:
    """Return ``m * 10**tens`` as the nearest double; NaN where that is not done here."""
    if m == _U0:
        return 0.0
    if m <= _EXACT and -_MOST_TENS <= tens <= _MOST_TENS:
        return float(m) / _TENS[-tens] if tens < 0 else float(m) * _TENS[tens]
    if tens == 0:
        return float(m)
    return divided(m, -tens) if -_MOST_FIVES <= tens < 0 else math.nan


@njit(cache=True, nogil=True)
def divided(m: np.uint64, tens: int) -> float:
    """Return ``m / 10**tens`` with one rounding: a quotient of 64 bits, and if it is exact."""
    power = _SHIFTS[tens] - tens - 64
    while m & _TOP == _U0:
        m <<= _U1
        power -= 1
    by = _FIVES[tens]
    rest = _U0
    if m >= by:
        m, rest, power = m >> _U1, (m & _U1) << _U63, power + 1
    quotient, left = long_division(m, rest, by)
    found, tail = quotient >> _U11, quotient & _PAST
    is_up = tail > _HALF or (tail == _HALF and (left != _U0 or found & _U1 == _U1))
    return math.ldexp(float(found + (_U1 if is_up else _U0)), power + 11)


@njit(cache=True, nogil=True)
def long_division(
    high: np.uint64, low: np.uint64, by: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """Divide 128 bits by 64, whose top bit is set, two digits of 32 bits after each other."""
    first, middle = digit(high, low >> _U32, by)
    second, left = digit(middle, low & _LOW, by)
    return (first << _U32) + second, left


@njit(cache=True, nogil=True)
def digit(high: np.uint64, low: np.uint64, by: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Return one digit of a quotient and what is left, from ``high`` and 32 bits of ``low``."""
    guess = high // (by >> _U32)
    rest = high - guess * (by >> _U32)
    while guess >= _BASE or guess * (by & _LOW) > (rest << _U32) + low:
        guess -= _U1
        rest += by >> _U32
        if rest >= _BASE:
            break
    return guess, (high << _U32) + low - guess * by
