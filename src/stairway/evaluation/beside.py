"""A figure and its bound in one sentence, written so that they differ where they do."""

from __future__ import annotations

_MOST_PLACES = 12


def told_apart(value: float, bound: float, places: int, sign: str = "") -> tuple[str, str]:
    """Write two numbers with so many decimals, or with as many more as tell them apart.

    Parameters
    ----------
    value, bound
        NaN and infinities are written as Python writes them.
    sign
        ``"+"`` writes the sign of a positive value too; the bound never has one.

    Examples
    --------
    >>> told_apart(3.21, 7.6, 1), told_apart(0.079, 0.113, 1), told_apart(2.0, 2.0, 1)
    (('3.2', '7.6'), ('0.08', '0.11'), ('2.0', '2.0'))
    """
    for digits in range(places, _MOST_PLACES):
        one, other = f"{value:{sign}.{digits}f}", f"{bound:.{digits}f}"
        if value == bound or float(one) != float(other):
            return one, other
    return f"{value:{sign}.{_MOST_PLACES}f}", f"{bound:.{_MOST_PLACES}f}"


def short(number: str) -> str:
    """Leave out decimals that are 0.

    Examples
    --------
    >>> short("0.0500"), short("5.0"), short("20")
    ('0.05', '5', '20')
    """
    return number.rstrip("0").rstrip(".") if "." in number else number
