"""Follow confidence from raw score to final intent, and say where it dies."""

from __future__ import annotations

import msgspec

from stairway.app.gate.asked import Asked
from stairway.app.gate.became import last_spoke, missing
from stairway.app.gate.hunt import Value, companions, named, reused, value
from stairway.app.gate.instants import said
from stairway.app.gate.listen import listen
from stairway.app.gate.report import STATEMENT
from stairway.app.gate.rules import policy
from stairway.app.progress import Stages
from stairway.base.errors import NoRecordsError
from stairway.base.verdict import Finding
from stairway.supervision.collapse import Death, diagnose
from stairway.supervision.quality_gate import PPM, Counted
from stairway.supervision.silence import Silence, silences
from stairway.supervision.succession import Who

_DEAD = 2


class Died(msgspec.Struct, frozen=True):
    """A stage of one member at which variance dies, and the evidence.

    Attributes
    ----------
    before
        ``"alive"``, or ``"not recorded"``: what the stage before it was.
    value, count, share_frac, share_before_frac
        The commonest confidence, its mass there, and its share at the stage before.
    symbols, reasons, other_symbols, other_reasons, exact
        What travels with it, as for :class:`~stairway.app.gate.hunt.Value`.
    """

    member: str
    stage: str
    sentence: str
    before: str
    std: float
    std_before: float | None
    value: float
    count: int
    share_frac: float
    share_before_frac: float | None
    first: str | None
    last: str | None
    symbols: dict[str, int]
    reasons: dict[str, int]
    findings: tuple[Finding, ...]
    exact: bool = False
    other_symbols: int = 0
    other_reasons: int = 0

    def as_text(self) -> str:
        """Say it in a few lines."""
        lines = [self.sentence]
        if self.first is not None:
            lines.append(f"  {self.first} to {self.last}")
        lines.extend(f"  {line}" for line in companions(self))
        lines.extend(f"  {one.code}: {one.detail}" for one in self.findings)
        return "\n".join(lines)


class Followed(msgspec.Struct, frozen=True):
    """What was found on the way.

    Attributes
    ----------
    deaths, leaks
        Stages at which variance dies; values with too much mass where it does not.
    alive, too_few
        Who is alive at which stage, and who said too little to tell.
    reused
        Who answered otherwise under an event_id that was used before, a sentence each.
    silent, broken
        Who stopped answering while others went on, and of whom too little is left since
        answers break the contract, a sentence each.
    last_spoke
        Who would be alive, but has been silent, and nobody can tell whether it died.
    """

    source: str
    deaths: tuple[Died, ...]
    leaks: tuple[Value, ...]
    alive: tuple[str, ...]
    too_few: tuple[str, ...]
    reused: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    last_spoke: tuple[str, ...] = ()
    statement: str = STATEMENT

    @property
    def exit_code(self) -> int:
        """0 where everybody is alive everywhere and every value was computed, else 2."""
        told = self.deaths or self.leaks or self.too_few or self.reused
        found = told or self.silent or self.broken
        return 0 if (self.alive or self.last_spoke) and not found else _DEAD

    def as_json(self) -> str:
        """Write it as JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"

    def as_text(self) -> str:
        """Say it in a few lines."""
        lines = [one.as_text() for one in self.deaths]
        if self.alive:
            lines.append(f"alive: {'; '.join(self.alive)}")
        if self.too_few:
            lines.append(f"too few answers to tell: {'; '.join(self.too_few)}")
        lines.extend((*self.last_spoke, *self.silent, *self.broken, *self.reused))
        if not lines:
            lines.append(f"{self.source} holds no answers: there is nothing to follow")
        if self.leaks:
            lines.append("values that were not computed, though the rest lives:")
            lines.extend(one.as_text() for one in self.leaks)
        return "\n".join(lines) + "\n"


def followed(asked: Asked, progress: Stages) -> Followed:
    """Follow confidence through the stages. Raises what ``gate`` raises."""
    bounds = policy(asked.policy)
    try:
        heard = listen(asked, progress)
    except NoRecordsError:
        return Followed(asked.shown, (), (), (), ())
    silent = silences(heard.after, bounds.rules, heard.before, own=heard.own)
    found = diagnose(heard.after, bounds.rules, silent)
    spoke = {
        who: at for who in found.alive if (at := last_spoke(silent.get(who), bounds.rules))
    }
    return Followed(
        source=asked.shown,
        deaths=tuple(_died(one) for one in found.deaths),
        leaks=tuple(value(one) for one in found.leaks),
        alive=tuple(named(one) for one in found.alive if one not in spoke),
        too_few=tuple(named(one) for one in found.too_few),
        reused=reused(heard.after),
        silent=tuple(_silent(who, one) for who, one in found.silent.items()),
        broken=tuple(
            _broken(who, n, heard.after.measured(*who)) for who, n in found.broken.items()
        ),
        last_spoke=tuple(f"{named(who)}, last spoke at {at}" for who, at in spoke.items()),
    )


def _silent(who: Who, one: Silence) -> str:
    return f"{named(who)}, fell silent at {said(one.last_ns)}: {missing(one)}"


def _broken(who: Who, n: int, counted: Counted) -> str:
    return (
        f"{named(who)}: {n:,} of {n + counted.events:,} answers break the contract, and the "
        "rest are too few to tell: stairway gate says what is wrong with them"
    )


def _died(one: Death) -> Died:
    told = one.told
    return Died(
        member=one.member,
        stage=one.stage.name.lower(),
        sentence=one.sentence,
        before=one.before.value,
        std=one.std,
        std_before=one.std_before,
        value=one.value_ppm / PPM,
        count=one.count,
        share_frac=one.share,
        share_before_frac=one.share_before,
        first=None if told is None else said(told.since_ns),
        last=None if told is None else said(told.until_ns),
        symbols={} if told is None else told.symbols,
        reasons={} if told is None else told.reasons,
        findings=one.reasons,
        exact=one.exact,
        other_symbols=0 if told is None else told.other_symbols,
        other_reasons=0 if told is None else told.other_reasons,
    )
