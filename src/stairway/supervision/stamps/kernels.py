"""Compiled reading of stamps: ISO 8601 with an offset, or a number, and nothing doubtful."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import FloatArray, IntArray
from stairway.compiled import njit
from stairway.supervision.scan.kernels import ODD, Bytes, number

NO_STAMP, ISO, WHOLE, BROKEN, STRANGE = range(5)
"""How an instant is written."""

NONE = -1
_QUOTE = 34
_MINUS, _NINE, _ZERO = 45, 57, 48
_NS = 1_000_000_000
_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_BEFORE = np.array([0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334])


@njit(cache=True, nogil=True)
def read_stamps(
    b: Bytes, start: IntArray, end: IntArray, form: NDArray[np.int8], whole: IntArray,
    broken: FloatArray,
) -> None:  # fmt: skip
    """Read values that are texts or numbers, each well-formed; 0 and 0 is none."""
    for i in range(len(start)):
        p, e = start[i], end[i]
        form[i] = NO_STAMP
        if e == 0:
            continue
        if b[p] == _QUOTE:
            is_plain, whole[i] = instant(b, p + 1, e - 1)
            form[i] = ISO if is_plain else STRANGE
        else:
            said = number(b, p, e)
            form[i] = WHOLE if said.is_whole else BROKEN
            whole[i], broken[i] = said.whole, said.value


@njit(cache=True, nogil=True)
def two_digits(b: Bytes, p: int) -> int:
    """Read two digits; a large negative number where they are none."""
    tens, ones = int(np.int64(b[p])) - _ZERO, int(np.int64(b[p + 1])) - _ZERO
    return 10 * tens + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else -1_000_000  # noqa: PLR2004


@njit(cache=True, nogil=True)
def instant(b: Bytes, p: int, e: int) -> tuple[bool, int]:
    """Read ``2026-05-15T18:18:14.25+01:00`` or with ``Z``, to nanoseconds since 1970."""
    if e - p < 20 or b[p + 4] != 45 or b[p + 7] != 45 or b[p + 13] != 58 or b[p + 16] != 58:  # noqa: PLR2004
        return False, 0
    if b[p + 10] != 84 and b[p + 10] != 32:  # noqa: PLR2004 - T or a space
        return False, 0
    days = days_since_1970(100 * two_digits(b, p) + two_digits(b, p + 2), two_digits(b, p + 5),
                           two_digits(b, p + 8))  # fmt: skip
    hour, minute, second = two_digits(b, p + 11), two_digits(b, p + 14), two_digits(b, p + 17)
    p, fraction = fraction_ns(b, p + 19, e)
    offset = offset_s(b, p, e)
    if days < 0 or not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60):  # noqa: PLR2004
        return False, 0
    if p < 0 or offset < -86_400:  # noqa: PLR2004 - no offset is as large as a day
        return False, 0
    return True, (days * 86_400 + 3_600 * hour + 60 * minute + second - offset) * _NS + fraction


@njit(cache=True, nogil=True)
def days_since_1970(year: int, month: int, day: int) -> int:
    """Count days of the calendar; ``NONE`` outside 1971 to 2260, and for no date at all."""
    if not (1971 <= year <= 2260 and 1 <= month <= 12 and day >= 1):  # noqa: PLR2004
        return NONE
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if day > _DAYS[month] + (is_leap and month == 2):  # noqa: PLR2004
        return NONE
    last = year - 1
    leaps = last // 4 - last // 100 + last // 400 - 477
    days = 365 * (year - 1970) + leaps + _BEFORE[month] + day - 1
    return days + (is_leap and month > 2)  # noqa: PLR2004


@njit(cache=True, nogil=True)
def fraction_ns(b: Bytes, p: int, e: int) -> tuple[int, int]:
    """Read a fraction of at most nine digits; return the place behind it, and it in ns."""
    if p >= e or b[p] != 46:  # noqa: PLR2004 - a point
        return p, 0
    p += 1
    n, ns = 0, 0
    while p + n < e and n < 10 and _ZERO <= b[p + n] <= _NINE:  # noqa: PLR2004
        ns = 10 * ns + b[p + n] - _ZERO
        n += 1
    if not 1 <= n <= 9:  # noqa: PLR2004
        return ODD, 0
    return p + n, ns * 10 ** (9 - n)


@njit(cache=True, nogil=True)
def offset_s(b: Bytes, p: int, e: int) -> int:
    """Read what ends an instant: ``Z``, ``+01:00`` or ``+0100``; far below 0 for another."""
    if 0 <= p == e - 1 and b[p] == 90:  # noqa: PLR2004 - Z
        return 0
    n = e - p
    if p < 0 or not 5 <= n <= 6 or (b[p] != 43 and b[p] != _MINUS):  # noqa: PLR2004
        return -1_000_000
    if n == 6 and b[p + 3] != 58:  # noqa: PLR2004 - a colon
        return -1_000_000
    hours, minutes = two_digits(b, p + 1), two_digits(b, e - 2)
    if not (0 <= hours < 24 and 0 <= minutes < 60):  # noqa: PLR2004
        return -1_000_000
    size = 3_600 * hours + 60 * minutes
    return -size if b[p] == _MINUS else size
