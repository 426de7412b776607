"""One measured value against where it must lie: does it hold, how near, and in words.

A value *at* its bound holds, unless the bound is strict. What is not a number never holds.
Attainment is ``1 / (1 + shortfall / width)`` with the width of the bound: 1 where the value
holds, less the further outside it lies, 0 where it is not a number.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from stairway.base.verdict import Verdict, passed, refuse
from stairway.training.measured import Criterion


class Check(NamedTuple):
    """One measured value and its bounds.

    Attributes
    ----------
    code, what
        Dotted name, and what was measured, in words.
    value, low, high
        As measured, and where it must lie; infinite where there is no such bound.
    width
        Shortfall that halves the attainment.
    n
        Samples that the value rests on.
    strict
        At a bound is not enough.
    """

    code: str
    what: str
    value: float
    low: float
    high: float
    width: float
    n: int
    strict: bool = False

    @property
    def holds(self) -> bool:
        """Written so that NaN does not hold."""
        if self.strict:
            return self.low < self.value < self.high
        return self.low <= self.value <= self.high

    @property
    def attainment(self) -> float:
        """1 where it holds, less the further outside the value lies, 0 for NaN."""
        if self.holds:
            return 1.0
        if not math.isfinite(self.value):
            return 0.0
        shortfall = max(self.low - self.value, self.value - self.high, 0.0)
        return 1.0 / (1.0 + shortfall / self.width)

    @property
    def verdict(self) -> Verdict:
        """The answer, with the value and the bound that decides."""
        high = self.value > self.high or self.low == -math.inf
        bound = self.high if high else self.low
        if self.holds:
            detail = f"{self.what} is {self.value:g}"
            return passed(self.code, detail, self.value, bound, self.n)
        if math.isnan(self.value):
            detail = f"{self.what} could not be measured ({self.n} samples)"
            return refuse(self.code, detail, None, bound, self.n)
        detail = f"{self.what} is {self.value:g}, allowed is {self._allowed}"
        return refuse(self.code, detail, self.value, bound, self.n)

    @property
    def criterion(self) -> Criterion:
        """The same, to be written down: ``None`` for what is not finite."""
        return Criterion(
            code=self.code,
            what=self.what,
            value=_finite(self.value),
            low=_finite(self.low),
            high=_finite(self.high),
            n=self.n,
            holds=self.holds,
            attainment=self.attainment,
        )

    @property
    def _allowed(self) -> str:
        words = ("over", "under") if self.strict else ("at least", "at most")
        bounds = zip(words, (self.low, self.high), strict=True)
        return " and ".join(f"{word} {b:g}" for word, b in bounds if math.isfinite(b))


def at_least(code: str, what: str, value: float, bound: float, n: int) -> Check:
    """Check against a lower bound; it is its own width.

    Examples
    --------
    >>> at_least("a.b", "return", 0.25, 0.5, 100).verdict.findings[0].detail
    'return is 0.25, allowed is at least 0.5'
    """
    return Check(code, what, value, bound, math.inf, abs(bound), n)


def at_most(code: str, what: str, value: float, bound: float, n: int) -> Check:
    """Check against an upper bound; it is its own width."""
    return Check(code, what, value, -math.inf, bound, abs(bound), n)


def within(code: str, what: str, value: float, band: tuple[float, float], n: int) -> Check:
    """Check against both bounds; the upper one is the width."""
    return Check(code, what, value, *band, max(band[1], math.ulp(1.0)), n)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
