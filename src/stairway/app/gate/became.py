"""What became of every model: who is gone, who is new, and who fell silent."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from stairway.app.gate.instants import said
from stairway.app.gate.listen import Heard
from stairway.base.units import NS_PER_HOUR
from stairway.base.verdict import Inconclusive, Verdict, all_of, refuse
from stairway.supervision.answers import Stage
from stairway.supervision.quality_gate import Counted, QualityRules
from stairway.supervision.silence import Silence
from stairway.supervision.succession import Succession, Who, succession

_TOO_LITTLE = frozenset({"gate.too_few", "gate.effective", "gate.span", "gate.symbols"})
_NOBODY = Succession({}, (), ())
_LITTLE = 10


def who_is_judged(heard: Heard) -> list[Who]:
    """List who answered on either side; a raw score only where it is all there is."""
    tallies = [tally for tally in (heard.after, heard.before) if tally is not None]
    who = list(dict.fromkeys(one for tally in tallies for one in tally.heard()))
    spoken = {model for model, stage in who if stage is not Stage.RAW}
    return [
        (model, stage)
        for model, stage in who
        if stage is not Stage.RAW or model not in spoken
        if not (heard.own and stage is Stage.INTENT)
    ]


def became(heard: Heard, rules: QualityRules) -> Succession:
    """Tell what became of those who are judged; of nobody unless both sides were heard."""
    sides = heard.sides
    if sides is None or not (sides.before.events.count and sides.after.events.count):
        return _NOBODY
    found = succession(sides, round(rules.min_span_hours * NS_PER_HOUR))
    asked = set(who_is_judged(heard))
    return Succession(
        {who: heirs for who, heirs in found.replaced.items() if who in asked},
        tuple(who for who in found.new if who in asked),
        tuple(who for who in found.silent if who in asked),
    )


def is_short(verdict: Verdict) -> bool:
    """Whether nothing is wrong but that there is too little to tell."""
    found = {one.code for one in verdict.findings}
    return isinstance(verdict, Inconclusive) and found <= _TOO_LITTLE


def silent(verdict: Verdict, was: Counted, heard: Heard, rules: QualityRules) -> Verdict:
    """Refuse a model that said nothing while enough came to have heard it as often as before.

    Until then the ``verdict`` stands, which is that there is too little.
    """
    before = 0 if heard.before is None else heard.before.events.count
    now, told = heard.after.events.count, was.events + was.violations
    if not (before > 0 and told * now >= rules.min_events * before):
        return verdict
    due = told * now // before
    detail = (
        f"not one answer since the cutover: it gave {told:,} before it, and as often as that "
        f"would have given {due:,} by now; no other version of its slot answers in its place"
    )
    return refuse("gate.silent", detail, 0, due, due)


def ended(verdict: Verdict, one: Silence | None, rules: QualityRules) -> Verdict:
    """Refuse a model beside what else is wrong, if it stopped while others went on."""
    if one is None or not one.is_death(rules):
        return verdict
    detail = f"no answer after {said(one.last_ns)}: {missing(one)}"
    return all_of([verdict, refuse("gate.silent", detail, 0, one.due, one.due)])


def last_spoke(one: Silence | None, rules: QualityRules) -> str:
    """Say when one last answered of whom nobody can tell whether it died; else nothing."""
    return said(one.last_ns) if one is not None and _is_open(one, rules) else ""


def _is_open(one: Silence, rules: QualityRules) -> bool:
    return one.is_noted(rules) and not one.is_death(rules)


def missing(one: Silence) -> str:
    """Say what came since the last answer of a model, and what it would have said to that.

    Examples
    --------
    >>> missing(Silence(0, events=600, due=300, usual=0, heirs=()))
    '600 events came since, in which at its own pace it would have given 300 answers'
    """
    came = f"{one.events:,} event{'s' if one.events > 1 else ''} came since"
    if one.due == 0:
        return came
    due = f"{came}, in which at its own pace it would have given {one.due:,} answers"
    if one.usual * _LITTLE < one.due:
        return due
    return f"{due}; its longest silence before that was of {one.usual:,}"


def quiet(
    found: Mapping[Who, Silence], judged: Collection[Who], rules: QualityRules
) -> Iterator[str]:
    """Say when somebody last answered who has been silent, but not for long enough."""
    for who, one in found.items():
        if who in judged and _is_open(one, rules):
            heirs = f"; {_in_place(one.heirs)}" if one.heirs else ""
            yield f"{_named(who)} last answered at {said(one.last_ns)}: {missing(one)}{heirs}"


def gone(found: Succession, judged: Sequence[str]) -> tuple[str, ...]:
    """Name those who were replaced and are not among the ``judged``."""
    names = dict.fromkeys(model for model, _ in found.replaced)
    return tuple(name for name in names if name not in judged)


def new(found: Succession) -> tuple[str, ...]:
    """Name those who were not heard before the cutover."""
    return tuple(dict.fromkeys(model for model, _ in found.new))


def sentences(found: Succession, judged: Sequence[str], heard: Heard) -> Iterator[str]:
    """Say by name who is gone, in whose place others answer, and who is new."""
    told = gone(found, judged)
    for who, heirs in found.replaced.items():
        if who[0] in told:
            but = _but(who, heard)
            yield f"{_named(who)} is gone since the cutover{but}: {_in_place(heirs)}"
    for who in found.new:
        yield f"{_named(who)} is new since the cutover: it is judged on its own answers alone"


def _in_place(heirs: Sequence[str]) -> str:
    return f"{' and '.join(heirs)} {'answers' if len(heirs) == 1 else 'answer'} in its place"


def _but(who: Who, heard: Heard) -> str:
    counted = heard.after.measured(*who)
    n = counted.events + counted.violations
    return f", but for {n:,} answer{'s' if n > 1 else ''} that decide nothing" if n else ""


def _named(who: Who) -> str:
    model, stage = who
    return model if stage is Stage.CALIBRATED else f"{model}, {stage.name.lower()},"
