"""The answer every gate gives: pass, refuse, or not enough to tell.

Two things Python does by default would let an unsafe trade through, so they are
switched off here. ``all([])`` is true, so a gate that checked nothing would pass:
:func:`all_of` is inconclusive instead. Any object is truthy, so ``if verdict:`` would
always pass: a verdict raises when asked for its truth value.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NoReturn, TypeAlias, assert_never

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """One thing a gate measured, and what it was held against.

    Attributes
    ----------
    code
        Stable dotted name, such as ``"risk.daily_loss"``. Alerts may rely on it.
    detail
        One line for a person. May change in any release.
    value
        What was measured; ``None`` where nothing could be.
    bound
        What it was compared with, in the same unit.
    n
        How many independent samples the value rests on.
    """

    code: str
    detail: str
    value: float | None = None
    bound: float | None = None
    n: int | None = None

    def __post_init__(self) -> None:
        # A count given as a value is written down as the float that it is read back as,
        # so that a finding keeps its hash when it is recorded, read and recorded again.
        for name in ("value", "bound"):
            given = getattr(self, name)
            if given is not None:
                number = float(given) if math.isfinite(given) else None
                msgspec.structs.force_setattr(self, name, number)


class _Answer(msgspec.Struct, frozen=True):
    findings: tuple[Finding, ...] = ()

    def __bool__(self) -> NoReturn:
        msg = "a verdict has no truth value; match on Pass(), Refuse(...) or Inconclusive(...)"
        raise TypeError(msg)


class Pass(_Answer, frozen=True, tag="pass"):
    """The gate looked, and found nothing wrong."""


class Refuse(_Answer, frozen=True, tag="refuse"):
    """The gate looked and said no, or could not look."""

    def __post_init__(self) -> None:
        if not self.findings:
            msg = "a refusal must say why"
            raise ValueError(msg)


class Inconclusive(_Answer, frozen=True, tag="inconclusive"):
    """The gate looked, and has not seen enough to say. Blocks exactly as a refusal does."""

    def __post_init__(self) -> None:
        if not self.findings:
            msg = "an inconclusive verdict must say what is missing"
            raise ValueError(msg)


Verdict: TypeAlias = Pass | Refuse | Inconclusive


def refuse(
    code: str,
    detail: str,
    value: float | None = None,
    bound: float | None = None,
    n: int | None = None,
) -> Refuse:
    """Refuse for a single reason.

    Examples
    --------
    >>> refuse("risk.daily_loss", "lost 3 % of equity").findings[0].code
    'risk.daily_loss'
    """
    return Refuse((Finding(code, detail, value, bound, n),))


def inconclusive(
    code: str,
    detail: str,
    value: float | None = None,
    bound: float | None = None,
    n: int | None = None,
) -> Inconclusive:
    """Say what is missing, for a single reason.

    Examples
    --------
    >>> inconclusive("gate.too_few", "41 of 200 events", 41, 200).findings[0].bound
    200.0
    """
    return Inconclusive((Finding(code, detail, value, bound, n),))


def passed(
    code: str,
    detail: str,
    value: float | None = None,
    bound: float | None = None,
    n: int | None = None,
) -> Pass:
    """Pass, saying what was looked at.

    Examples
    --------
    >>> passed("gate.std", "spread of confidence", 0.11, 0.05, 300).findings[0].value
    0.11
    """
    return Pass((Finding(code, detail, value, bound, n),))


def all_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Combine verdicts: a refusal outweighs an inconclusive one, which outweighs a pass.

    The result keeps the findings of the verdicts that decided it; a pass keeps all.

    Examples
    --------
    >>> all_of([Pass(), Pass()])
    Pass(findings=())
    >>> all_of([]).findings[0].code
    'gate.empty'
    """
    seen = False
    good: list[Finding] = []
    bad: list[Finding] = []
    missing: list[Finding] = []
    for verdict in verdicts:
        seen = True
        match verdict:
            case Pass(findings):
                good.extend(findings)
            case Refuse(findings):
                bad.extend(findings)
            case Inconclusive(findings):
                missing.extend(findings)
            case _:
                assert_never(verdict)
    if bad:
        return Refuse(tuple(bad))
    if not seen:
        missing.append(Finding("gate.empty", "no check was made"))
    return Inconclusive(tuple(missing)) if missing else Pass(tuple(good))
