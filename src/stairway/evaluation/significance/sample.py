"""What must hold of a sample before anything is concluded from it."""

from __future__ import annotations

from typing import TypeAlias

from stairway.base.arrays import FloatArray
from stairway.base.errors import DataError
from stairway.base.verdict import Inconclusive, inconclusive
from stairway.evaluation.finite import numbers, one_row, require_finite
from stairway.evaluation.moments import Undefined

Unmeasured: TypeAlias = Undefined | Inconclusive
"""Instead of a number: there is none, or there is not enough to tell."""


def series(values: FloatArray, what: str) -> FloatArray:
    """Return numbers of any kind as (n,) float64; refuse what is not finite."""
    found = one_row(values, what)
    require_finite(found, what)
    return found


def table(values: FloatArray, what: str) -> FloatArray:
    """Return numbers of any kind as (n, k) float64; refuse what is not finite."""
    found = numbers(values, what)
    if found.ndim != 2:  # noqa: PLR2004 - rows and columns
        msg = f"{what} must be rows by columns, got an array of shape {found.shape}"
        raise DataError(msg)
    require_finite(found, what)
    return found


def require_level(level: float) -> None:
    """Refuse a confidence that is none."""
    if not 0.0 < level < 1.0:
        msg = f"a level of confidence lies between 0 and 1, such as 0.95; got {level}"
        raise DataError(msg)


def too_few(what: str, n: int, needed: int) -> Inconclusive:
    """Say how many there are and how many are needed.

    Examples
    --------
    >>> too_few("returns", 12, 30).findings[0].detail
    '12 of 30 returns needed'
    """
    detail = f"{n:,} of {needed:,} {what} needed"
    return inconclusive("significance.too_few", detail, n, needed, n)
