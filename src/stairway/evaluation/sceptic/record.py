"""Returns of everything that was tried, at the same rows, and how many tries there were."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.errors import DataError
from stairway.evaluation.finite import require_finite

_ROWS_AND_COLUMNS, _NAMED = 2, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Returns after costs of every configuration that was tried, at the same rows.

    Attributes
    ----------
    net : (n, k) float64
        Simple return of each bar, bars without a position included.
    names
        Of the columns.
    chosen
        Column that is to be proved.
    n_trials
        Configurations that were tried in all, abandoned ones included; at least k.
    periods_per_year
        Bars in a year; never inferred.
    baseline, champion : (n,) float64
        After costs, of the static rule and of what is in charge, or ``None``.
    gross : (n,) float64
        Of the chosen one before costs, or ``None``.

    Raises
    ------
    DataError
        If a return is not finite (the message names row and column), the shapes do not
        fit, or fewer trials than columns are claimed.

    Examples
    --------
    >>> two = np.zeros((3, 2))
    >>> record = Record(net=two, names=("a", "b"), chosen=0, n_trials=5, periods_per_year=3)
    >>> record.n_rows, record.years
    (3, 1.0)
    """

    net: FloatArray
    names: tuple[str, ...]
    chosen: int
    n_trials: int
    periods_per_year: float
    baseline: FloatArray | None = None
    champion: FloatArray | None = None
    gross: FloatArray | None = None

    def __post_init__(self) -> None:
        shape = self.net.shape
        if not (
            len(shape) == _ROWS_AND_COLUMNS and shape[1] == len(self.names) > self.chosen >= 0
        ):
            msg = (
                f"returns of shape {shape} for {len(self.names)} names, column {self.chosen} "
                "chosen; give rows by columns, a name for each, and choose one of them"
            )
            raise DataError(msg)
        if self.n_trials < shape[1]:
            msg = (
                f"{self.n_trials} trials, but {shape[1]} columns of returns "
                f"({first_of(self.names)}): every configuration that was tried counts; give "
                "at least as many trials, or take out a column that is none"
            )
            raise DataError(msg)
        if not (math.isfinite(self.periods_per_year) and self.periods_per_year > 0.0):
            msg = f"a year of {self.periods_per_year} rows; give a number above 0, such as 252"
            raise DataError(msg)
        for column, name in enumerate(self.names):
            require_finite(self.net[:, column], f"returns of {name}")
        for what in ("baseline", "champion", "gross"):
            self._require_beside(what, getattr(self, what))

    def _require_beside(self, what: str, one: FloatArray | None) -> None:
        if one is None:
            return
        if one.shape != (self.n_rows,):
            msg = f"{what} of shape {one.shape} beside {self.n_rows} rows; give one for each"
            raise DataError(msg)
        require_finite(one, f"returns of the {what}" if what != "gross" else "gross returns")

    @property
    def returns(self) -> FloatArray:
        """(n,) float64: after costs, of the chosen one."""
        return np.ascontiguousarray(self.net[:, self.chosen])

    @property
    def n_rows(self) -> int:
        """Rows of the record."""
        return int(self.net.shape[0])

    @property
    def years(self) -> float:
        """Length of the record."""
        return self.n_rows / self.periods_per_year


def first_of(names: Sequence[str]) -> str:
    """Names as a sentence has them, the first six of many.

    Examples
    --------
    >>> first_of(["a", "b"]), first_of("abcdefgh")
    ('a, b', 'a, b, c, d, e, f and 2 more')
    """
    rest = len(names) - _NAMED
    named = ", ".join(names[:_NAMED])
    return f"{named} and {rest} more" if rest > 0 else named
