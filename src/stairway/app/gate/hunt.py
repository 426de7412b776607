"""Exact values with implausible mass, of everybody who answered at any stage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import msgspec

from stairway.app.gate.asked import Asked
from stairway.app.gate.instants import said
from stairway.app.gate.listen import listen
from stairway.app.gate.report import STATEMENT
from stairway.app.gate.rules import policy
from stairway.app.progress import Stages
from stairway.base.errors import NoRecordsError
from stairway.supervision.answers import Stage
from stairway.supervision.collapse import enough
from stairway.supervision.constants import IMPLAUSIBLE, Traced, trace
from stairway.supervision.quality_gate import PPM, reused_ids
from stairway.supervision.tally import Tally

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
        True where ``first``, ``last``, ``symbols`` and ``reasons`` are of every answer, and
        every count is exact.
    symbols, reasons
        How many answers had each of the six commonest, the commonest first; at least so many
        where it is not exact.
    other_symbols, other_reasons
        Answers that are counted under none of these.
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
    other_symbols: int = 0
    other_reasons: int = 0

    def as_text(self) -> str:
        """Say it in two lines."""
        p = f"p < {_UNLIKELY:g}" if self.p_value < _UNLIKELY else f"p = {self.p_value:.2g}"
        who = f"{self.model}, {self.stage}"
        share = f"{100 * self.share_frac:.1f} %"
        times = f"{self.count:,} times, {self.expected:,.0f} expected, {p}"
        lines = [f"{self.value:<9g} {share:>7} of {who}", f"          {times}"]
        if self.first is not None:
            lines.append(f"          {self.first} to {self.last}")
        lines.extend(f"          {line}" for line in companions(self))
        return "\n".join(lines)


class Listing(Protocol):
    """What travels with a value."""

    @property
    def count(self) -> int:
        """Answers with the value."""
        ...

    @property
    def exact(self) -> bool:
        """Whether it is of every answer, and every count is exact."""
        ...

    @property
    def symbols(self) -> dict[str, int]:
        """Instruments, and how many answers each has."""
        ...

    @property
    def reasons(self) -> dict[str, int]:
        """Reasons, and how many answers each has."""
        ...

    @property
    def other_symbols(self) -> int:
        """Answers with other instruments."""
        ...

    @property
    def other_reasons(self) -> int:
        """Answers with other reasons."""
        ...


def companions(one: Listing) -> list[str]:
    """Say which reasons and instruments travel with a value, each with its count."""
    return [
        f"{name}: {_said(found, others, exact=one.exact or sum(found.values()) == one.count)}"
        for name, found, others in (
            ("reasons", one.reasons, one.other_reasons),
            ("instruments", one.symbols, one.other_symbols),
        )
        if found or others
    ]


def _said(found: dict[str, int], others: int, *, exact: bool) -> str:
    if not found:
        return f"none is common among {others:,} answers"
    least = "" if exact else "at least "
    said = [f"{least}{n:,} x {what}" for what, n in found.items()]
    return ", ".join([*said, f"and {others:,} others"] if others else said)


class Common(msgspec.Struct, frozen=True):
    """The commonest value of somebody, whether or not anything is wrong with it."""

    value: float
    model: str
    stage: str
    count: int
    share_frac: float

    def as_text(self) -> str:
        """Say it in a few words."""
        share = f"{100 * self.share_frac:.1f} %"
        return f"{self.value:g} in {share} of {self.model}, {self.stage}"


class Hunted(msgspec.Struct, frozen=True):
    """What was found in one source.

    Attributes
    ----------
    answers, violations
        Answers that keep the contract, and those that break it and are not looked at.
    judged
        How many models, each at one stage, said enough.
    too_few
        Who said too little for anything to be said of it, as ``diagnose`` holds it.
    reused
        Who answered otherwise under an event_id that was used before, a sentence each.
    commonest
        The commonest value of everybody who said enough, the largest share first.
    """

    source: str
    answers: int
    found: tuple[Value, ...]
    understood: tuple[str, ...]
    judged: int = 0
    too_few: tuple[str, ...] = ()
    reused: tuple[str, ...] = ()
    statement: str = STATEMENT
    violations: int = 0
    commonest: tuple[Common, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 where everybody said enough and there is no constant, else 2."""
        found = self.found or self.too_few or self.reused
        return _FOUND if found or not self.answers else 0

    def as_json(self) -> str:
        """Write it as JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"

    def as_text(self) -> str:
        """Say it in a few lines."""
        if not self.answers and not self.violations:
            return f"{self.source} holds no answers: there is nothing to judge\n"
        lines = [one.as_text() for one in self.found]
        if self.judged and not self.found:
            lines.append(
                f"{self.answers:,} answers, and no value stands out from its neighbours "
                f"(p < {IMPLAUSIBLE:g})"
            )
            lines.append("the commonest:")
            lines.extend(f"  {one.as_text()}" for one in self.commonest)
        if self.too_few:
            lines.append(f"too few answers to tell: {'; '.join(self.too_few)}")
        lines.extend(self.reused)
        if self.violations:
            total = self.violations + self.answers
            lines.append(
                f"{self.violations:,} of {total:,} answers break the contract and are not "
                "looked at: stairway gate says what is wrong with them"
            )
        return "\n".join(lines) + "\n"


def hunted(asked: Asked, progress: Stages) -> Hunted:
    """Look for constants. Raises what ``gate`` raises."""
    least = enough(policy(asked.policy).rules)
    try:
        heard = listen(asked, progress)
    except NoRecordsError:
        return Hunted(asked.shown, 0, (), ())
    tally = heard.after
    measured = {who: tally.measured(*who) for who in tally.heard()}
    said_n = {who: one.events for who, one in measured.items()}
    few = tuple(named(who) for who, n in said_n.items() if n < least)
    return Hunted(
        source=asked.shown,
        answers=sum(said_n[who] for who in tally.answering()),
        found=tuple(value(one) for one in trace(tally)),
        understood=heard.understood,
        judged=len(said_n) - len(few),
        too_few=few,
        reused=reused(tally),
        violations=sum(measured[who].violations for who in tally.answering()),
        commonest=tuple(_commonest(tally, least)),
    )


def _commonest(tally: Tally, least: int) -> Iterator[Common]:
    """Name the commonest value of everybody who said enough, the largest share first."""
    measured = {who: tally.measured(*who) for who in tally.heard()}
    shares = {who: m.commonest / m.events for who, m in measured.items() if m.events >= least}
    for who, share in sorted(shares.items(), key=lambda one: -one[1]):
        values = tally.spread(*who)
        at = int(values.count.argmax())
        model, stage = who
        count = int(values.count[at])
        yield Common(int(values.ppm[at]) / PPM, model, stage.name.lower(), count, share)


def reused(tally: Tally) -> tuple[str, ...]:
    """Say of everybody how many answers have the event_id of another one."""
    counted = {who: tally.measured(*who) for who in tally.answering()}
    return tuple(f"{named(who)}: {reused_ids(m)}" for who, m in counted.items() if m.reused)


def named(who: tuple[str, Stage]) -> str:
    """Name a model and the stage at which it was heard."""
    return f"{who[0]}, {who[1].name.lower()}"


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
        other_symbols=one.other_symbols,
        other_reasons=one.other_reasons,
    )
