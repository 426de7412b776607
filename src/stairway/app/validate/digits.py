"""Numbers in sentences, with digits enough to see what is said of them."""

from __future__ import annotations


def exactly(number: float) -> str:
    """Write a number with no more digits than it takes to tell it from every other.

    Examples
    --------
    >>> exactly(1.2), exactly(2.0), exactly(1.0000001)
    ('1.2', '2', '1.0000001')
    """
    short = f"{number:g}"
    return short if float(short) == number else repr(float(number))


def told_both(one: float, other: float) -> tuple[str, str]:
    """Write two numbers with six digits, or exactly where these are the same.

    Examples
    --------
    >>> told_both(1 / 3, 0.5), told_both(0.12345671, 0.12345672)
    (('0.333333', '0.5'), ('0.12345671', '0.12345672'))
    """
    short = f"{one:.6g}", f"{other:.6g}"
    return short if short[0] != short[1] else (exactly(one), exactly(other))
