"""Exact values with implausible mass, of everybody who answered at any stage."""

from __future__ import annotations

import msgspec

from stairway.app.gate.asked import Asked
from stairway.app.gate.instants import said
from stairway.app.gate.listen import listen
from stairway.app.gate.report import STATEMENT
from stairway.app.progress import Stages
from stairway.base.errors import NoRecordsError
from stairway.supervision.constants import Traced, trace
from stairway.supervision.quality_gate import PPM

_FOUND = 2
_UNLIKELY = 1e-12


class Value(msgspec.Struct, frozen=True):
    """One value that was not computed, who says it, and what travels with it.

    Attributes
    ----------
    expected, p_value
        How often its neighbours let one expect it, and a bound on the chance of so many.
    first, last
        When it was said; ``None`` where that was not kept.
    exact
        True where ``first``, ``last``, ``symbols`` and ``reasons`` cover every answer.
    """

    value: float
    model: str
    stage: str
    count: int
    share_frac: float
    expected: float
    p_value: float
    first: str | None
    last: str | None
    exact: bool
    symbols: dict[str, int]
    reasons: dict[str, int]

    def as_text(self) -> str:
        """Say it in two lines."""
        p = f"p < {_UNLIKELY:g}" if self.p_value < _UNLIKELY else f"p = {self.p_value:.2g}"
        who = f"{self.model}, {self.stage}"
        share = f"{100 * self.share_frac:.1f} %"
        times = f"{self.count:,} times, {self.expected:,.0f} expected, {p}"
        lines = [f"{self.value:<9g} {share:>7} of {who}", f"          {times}"]
        if self.first is not None:
            lines.append(f"          {self.first} to {self.last}")
        for name, found in (("reasons", self.reasons), ("instruments", self.symbols)):
            if found:
                listed = ", ".join(f"{what} {n:,}" for what, n in found.items())
                lines.append(f"          {name}: {listed}")
        return "\n".join(lines)


class Hunted(msgspec.Struct, frozen=True):
    """What was found in one source."""

    source: str
    answers: int
    found: tuple[Value, ...]
    understood: tuple[str, ...]
    statement: str = STATEMENT

    @property
    def exit_code(self) -> int:
        """0 where there were answers and no constant, else 2."""
        return _FOUND if self.found or not self.answers else 0

    def as_json(self) -> str:
        """Write it as JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"

    def as_text(self) -> str:
        """Say it in a few lines."""
        if not self.answers:
            return f"{self.source} holds no answers: there is nothing to judge\n"
        if not self.found:
            return f"{self.answers:,} answers, and no value has more mass than its neighbours\n"
        return "\n".join(one.as_text() for one in self.found) + "\n"


def hunted(asked: Asked, progress: Stages) -> Hunted:
    """Look for constants. Raises what ``gate`` raises."""
    try:
        heard = listen(asked, progress)
    except NoRecordsError:
        return Hunted(asked.shown, 0, (), ())
    tally = heard.after
    answers = sum(tally.measured(*who).events for who in tally.heard())
    return Hunted(
        asked.shown, answers, tuple(value(one) for one in trace(tally)), heard.understood
    )


def value(one: Traced) -> Value:
    """Put one constant in plain values."""
    found = one.constant
    return Value(
        value=found.value_ppm / PPM,
        model=one.model,
        stage=one.stage.name.lower(),
        count=found.count,
        share_frac=found.share,
        expected=found.expected,
        p_value=found.p_value,
        first=None if one.since_ns is None else said(one.since_ns),
        last=None if one.until_ns is None else said(one.until_ns),
        exact=one.exact,
        symbols=one.symbols,
        reasons=one.reasons,
    )
