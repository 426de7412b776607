"""Two tail areas that the battery needs, exact and without a library."""

from __future__ import annotations

import math

_STEPS = 300
_TINY = 1e-300
_ENOUGH = 1e-14


def student_two_sided(mean: float, error: float, freedom: int) -> float:
    """How often Student's t lies as far from 0, either way, as a mean over its error.

    An error of 0 makes any mean but 0 impossible by chance; NaN stays NaN, which no
    comparison passes.

    Examples
    --------
    >>> round(student_two_sided(2.262157, 1.0, 9), 6)
    0.05
    >>> student_two_sided(0.1, 0.0, 9), student_two_sided(0.0, 0.0, 9)
    (0.0, 1.0)
    """
    if error == 0.0:
        return 1.0 if mean == 0.0 else 0.0
    t = mean / error
    return _incomplete_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5)


def fewest_beyond(n: int, share: float, level: float) -> int:
    """Return the least count that so many trials reach with a chance of at most ``level``.

    Examples
    --------
    Of 40 surrogates 1 in 100 lies far out; four of them do so once in 1,500 times.

    >>> fewest_beyond(40, 0.01, 0.005)
    4
    """
    under = 0.0
    for count in range(n + 1):
        if 1.0 - under <= level:
            return count
        under += math.comb(n, count) * share**count * (1.0 - share) ** (n - count)
    return n + 1


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function, by the continued fraction of Lentz."""
    if not 0.0 < x < 1.0:
        return x
    front = math.exp(
        math.lgamma(a + b)
        - math.lgamma(a)
        - math.lgamma(b)
        + a * math.log(x)
        + b * math.log1p(-x)
    )
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _fraction(x, a, b) / a
    return 1.0 - front * _fraction(1.0 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 / _away(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / _away(1.0 + term * d)
            c = _away(1.0 + term / c)
            value *= c * d
        if abs(c * d - 1.0) < _ENOUGH:
            break
    return value


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
