"""The bounds of the training gate in words: measured, allowed, and resting on how much.

A code says what is measured and in which unit it is read: returns and falls in per cent,
trades in trades a day. A value that misses its bound by little gets as many digits as it
takes to see that it does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from stairway.dashboard.words import MINUS, count, counted, decimals, percent, share, trades
from stairway.training.measured import Criterion, ScenarioReport

_SCENARIO = "practice.scenario"
_MORE_DIGITS = 4
_RETURN, _FALL, _EARLY = "mean return", "mean drawdown", "share ended early"


@dataclass(frozen=True, slots=True)
class Bound:
    """One bound of the gate, as text."""

    word: str
    what: str
    code: str
    value: str
    allowed: str
    over: str


@dataclass(frozen=True, slots=True)
class Weather:
    """One scenario for one seed, as text; ``why`` where no bound of its own says it."""

    scenario: str
    provenance: str
    word: str
    why: str
    episodes: str
    length: str
    mean_return: Bound
    fall: Bound
    early: Bound
    worst: str
    hold: str
    trades: str


class _Kind(NamedTuple):
    """How one code is read; ``strict``: its bounds themselves are not allowed."""

    what: str
    noun: str
    unit: str = "%"
    signed: bool = False
    strict: bool = False

    @property
    def scale(self) -> float:
        """What a value is multiplied by to be in its unit."""
        return 100.0 if self.unit else 1.0

    def text(self, value: float, digits: int) -> str:
        """Write a value in its unit."""
        if self.unit:
            return percent(value, digits, signed=self.signed)
        return f"{value:,.{digits}f}".replace("-", MINUS)

    def digits(self, value: float) -> int:
        """Digits after the point that a value needs."""
        return 1 if self.unit else decimals(value)


_KINDS = {
    "practice.return": _Kind("return", "bar", signed=True),
    "practice.drawdown": _Kind("deepest fall", "bar"),
    "practice.trades": _Kind("trades a day", "day", unit=""),
    "practice.sharpe": _Kind("annual Sharpe ratio", "bar", unit=""),
    "practice.win_rate": _Kind("round trips won", "round trip"),
    "practice.hold_rate": _Kind("hold rate", "bar"),
    "practice.episode_length": _Kind(
        "mean length of an episode, bars", "episode", unit="", strict=True
    ),
    "practice.early_end": _Kind("episodes ended by a loss", "episode", strict=True),
}
_IN_SCENARIO = {
    _RETURN: _Kind("mean return", "episode", signed=True),
    _FALL: _Kind("mean fall", "episode"),
    _EARLY: _Kind("ended by a loss", "episode"),
}


def bounds(criteria: Sequence[Criterion]) -> tuple[Bound, ...]:
    """Write the bounds of the gate as text, each in its own unit."""
    return tuple(_bound(one) for one in criteria)


def of_the_span(criteria: Sequence[Criterion]) -> tuple[Bound, ...]:
    """Give those that are no scenario's own; the scenarios have a table for theirs."""
    return tuple(_bound(one) for one in criteria if one.code != _SCENARIO)


def missed(criteria: Sequence[Criterion]) -> tuple[str, ...]:
    """Say which bounds were missed, one line each.

    Examples
    --------
    >>> missed([Criterion("practice.drawdown", "drawdown", 0.13, None, 0.1, 753, False, 0.5)])
    ('deepest fall 13.0 %, must be at most 10 %',)
    """
    return tuple(
        f"{one.what} {one.value}, must be {one.allowed}"
        for one in bounds(criteria)
        if one.word != "pass"
    )


def tally(criteria: Sequence[Criterion]) -> str:
    """Say how many bounds were missed.

    Examples
    --------
    >>> tally([Criterion("practice.drawdown", "drawdown", 0.13, None, 0.1, 753, False, 0.5)])
    '1 of 1 bound missed'
    """
    out = sum(1 for one in criteria if not one.holds)
    return f"{out} of {counted(len(criteria), 'bound')} missed"


def weathers(
    reports: Sequence[ScenarioReport], criteria: Sequence[Criterion], word: dict[str, str]
) -> tuple[Weather, ...]:
    """Write what happened in each scenario; ``word`` holds verdicts by scenario."""
    return tuple(_weather(one, criteria, word[one.episodes.scenario]) for one in reports)


def _bound(one: Criterion) -> Bound:
    what, kind = _read(one)
    return Bound(
        word="pass" if one.holds else "refuse",
        what=what,
        code=one.code,
        value=_value(one, kind),
        allowed=_allowed(one, kind),
        over=counted(one.n, kind.noun),
    )


def _read(one: Criterion) -> tuple[str, _Kind]:
    if one.code == _SCENARIO:
        measure, _, name = one.what.partition(" in ")
        kind = _IN_SCENARIO.get(measure)
        if kind is not None:
            return f"{name.replace('_', ' ')}: {kind.what}", kind
    kind = _KINDS.get(one.code, _Kind(one.what, "sample", unit=""))
    return kind.what, kind


def _value(one: Criterion, kind: _Kind) -> str:
    """Write a value with few digits, and with more where it would seem to be its bound."""
    if one.value is None:
        return "not known"
    given = [bound for bound in (one.low, one.high) if bound is not None]
    first = kind.digits(one.value)
    if one.value in given:
        return kind.text(one.value, first)
    most = first + _MORE_DIGITS
    told_apart = (
        digits
        for digits in range(first, most)
        if all(_rounded(one.value, kind, digits) != _rounded(b, kind, digits) for b in given)
    )
    return kind.text(one.value, next(told_apart, most))


def _rounded(value: float, kind: _Kind, digits: int) -> float:
    return round(value * kind.scale, digits)


def _allowed(one: Criterion, kind: _Kind) -> str:
    """Write where a value must lie.

    Examples
    --------
    >>> _allowed(Criterion("x", "x", 0.1, 0.6, None, 3, False, 0.5), _Kind("x", "bar", unit=""))
    'at least 0.6'
    """
    low = None if one.low is None else _given(one.low, kind)
    high = None if one.high is None else _given(one.high, kind)
    if low is not None and high is not None:
        return f"{low.removesuffix(' %')} to {high}"
    if low is not None:
        return f"{'over' if kind.strict else 'at least'} {low}"
    return "" if high is None else f"{'under' if kind.strict else 'at most'} {high}"


def _given(bound: float, kind: _Kind) -> str:
    """Write a bound with no more digits than it was given with."""
    exact = (
        digits
        for digits in range(_MORE_DIGITS)
        if math.isclose(_rounded(bound, kind, digits), bound * kind.scale, rel_tol=1e-9)
    )
    return kind.text(bound, next(exact, _MORE_DIGITS))


def _weather(report: ScenarioReport, criteria: Sequence[Criterion], word: str) -> Weather:
    seen = report.episodes
    mine = {
        one.what.partition(" in ")[0]: one
        for one in criteria
        if one.code == _SCENARIO and one.what.partition(" in ")[2] == seen.scenario
    }
    said = "; ".join(f.detail for f in report.verdict.findings)
    return Weather(
        scenario=seen.scenario.replace("_", " "),
        provenance=seen.provenance,
        word=word,
        why=said if word != "pass" and not mine else "",
        episodes=count(seen.n),
        length=count(round(seen.length_bars)),
        mean_return=_cell(mine, _RETURN, seen.return_frac),
        fall=_cell(mine, _FALL, seen.drawdown_frac),
        early=_cell(mine, _EARLY, seen.early_frac),
        worst=percent(seen.worst_return_frac),
        hold=share(seen.hold_rate),
        trades=trades(seen.fills_per_session),
    )


def _cell(mine: dict[str, Criterion], measure: str, value: float) -> Bound:
    if measure in mine:
        return _bound(mine[measure])
    kind = _IN_SCENARIO[measure]
    return Bound("pass", kind.what, _SCENARIO, kind.text(value, 1), "", "")
