"""Each model of a pass on its own: what it said, what that comes to, what is drawn of it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from msgspec.structs import replace

from stairway.app.gate.became import ended, is_short, last_spoke, silent, who_is_judged
from stairway.app.gate.instants import said
from stairway.app.gate.listen import Heard
from stairway.app.gate.report import Comparison, Example, ModelReport, Rate, Side, Spike
from stairway.app.gate.vocabulary import WAY_OUT
from stairway.base.units import NS_PER_HOUR
from stairway.base.verdict import Finding, Refuse, Verdict
from stairway.supervision.answers import MISSING, NAMELESS, NO_TIME, Stage
from stairway.supervision.constants import constants
from stairway.supervision.cutover import Comparison as Compared
from stairway.supervision.cutover import Delta
from stairway.supervision.event_rate import LEAST_PER_MINUTE, Events, eta_ns, judge_rate
from stairway.supervision.quality_gate import PPM, QualityRules, judge
from stairway.supervision.silence import Silence
from stairway.supervision.succession import Succession, Who, slot_of
from stairway.supervision.tally import FAULTS, Spread, Tally
from stairway.supervision.tally import Example as Fault

BINS = 100
_WORDS = ("SELL", "HOLD", "BUY", "unknown", "missing", "of no model")
_MINUTE_NS = NS_PER_HOUR // 60
_SILENT_NS = 10 * _MINUTE_NS
_SLOW_HOURS = 24.0
_MOST_WORDS = 3
_REUSED, _STRANGE = "reused", "strange"


def judged(
    heard: Heard,
    compared: Compared | None,
    rules: QualityRules,
    became: Succession,
    silences: Mapping[Who, Silence],
) -> tuple[ModelReport, ...]:
    """Judge all who answered on either side; a raw score only where it is all there is.

    What capital wanted, of a log of our own, is followed and not judged: no model said it.
    Who was replaced at the cutover and of whom too little came since is gone, and not judged.
    """
    changes = {(d.model, d.stage): d for d in compared.deltas} if compared else {}
    found: list[ModelReport] = []
    for who in who_is_judged(heard):
        one = _model(who, heard, changes.get(who), rules, became)
        if one is not None:
            silence = None if who in became.replaced else silences.get(who)
            verdict = ended(one.verdict, silence, rules)
            after, spoke = replace(one.after, verdict=verdict), last_spoke(silence, rules)
            found.append(replace(one, after=after, last_spoke=spoke))
    return tuple(found)


def _model(
    who: Who, heard: Heard, change: Delta | None, rules: QualityRules, became: Succession
) -> ModelReport | None:
    """Report on one model; ``None`` where it is gone."""
    model, stage = who
    after = side(heard.after, model, stage, rules, heard)
    if who in became.replaced and is_short(after.verdict):
        return None
    before = None if heard.before is None else side(heard.before, model, stage, rules, heard)
    if who in became.silent and before is not None:
        after = replace(after, verdict=silent(after.verdict, before.counted, heard, rules))
    return ModelReport(
        model=model,
        stage=stage.name.lower(),
        after=after,
        before=before,
        tests=_tests(change),
        holds_by_design=slot_of(model) in rules.holds_by_design,
    )


def _tests(change: Delta | None) -> tuple[Comparison, ...]:
    """Put the tests of one model in a row; nothing where a side has too little."""
    if change is None or change.confidence is None or change.actions is None:
        return ()
    said, acted = change.confidence, change.actions
    detail = f"worth {said.worth[0]:,} independent answers before, {said.worth[1]:,} after"
    return (
        Comparison(
            "confidence", "Cliff's delta", said.cliffs_delta, said.cliffs_p, said.effect
        ),
        Comparison("its distribution", "KS", said.ks, said.ks_p, detail),
        Comparison("its distribution", "energy", said.energy, said.energy_p, detail),
        Comparison("actions", "Cramér's V", acted.cramers_v, acted.p, detail),
    )


def side(tally: Tally, model: str, stage: Stage, rules: QualityRules, heard: Heard) -> Side:
    """Judge what one model said on one side."""
    counted = tally.measured(model, stage)
    slot = slot_of(model)
    acted = tally.acted(model, stage)
    examples = _examples(tally, model, stage, heard)
    return Side(
        counted=counted,
        verdict=_quoting(judge(counted, slot, rules), examples),
        bars=bars(tally.spread(model, stage)),
        spikes=_spikes(tally.spread(model, stage)),
        transitions=tuple(tuple(row) for row in tally.moved(model, stage).tolist()),
        symbols={
            tally.names.symbols.names[i]: tuple(mix)
            for i, mix in enumerate(acted.tolist())
            if any(mix)
        },
        examples=examples,
    )


def _quoting(verdict: Verdict, examples: tuple[Example, ...]) -> Verdict:
    """Quote the first example of each fault behind the sentence that counts them."""
    first = {one.kind: one for one in reversed(examples)}
    kinds = [kind for kind in FAULTS if kind in first and kind != _REUSED]
    found: list[Finding] = []
    for one in verdict.findings:
        if one.code == "gate.contract" and one.value and kinds:
            example = first[kinds.pop(0)]
            what = f"{example.confidence:.12g}" if example.kind == "outside" else example.what
            detail = f"{one.detail}; the first: {what} ({example.at})"
            detail += f": {WAY_OUT}" if example.kind == _STRANGE else ""
            found.append(replace(one, detail=detail))
        elif one.code == "gate.event_id" and _REUSED in first:
            detail = f"{one.detail}; the first: {_briefly(first[_REUSED])}"
            found.append(replace(one, detail=detail))
        else:
            found.append(one)
    return replace(verdict, findings=tuple(found))


def _briefly(example: Example) -> str:
    said = "no confidence" if example.confidence is None else f"{example.confidence:.12g}"
    return f"{example.action} with {said} ({example.at})"


def _spikes(values: Spread) -> tuple[Spike, ...]:
    return tuple(
        Spike(one.value_ppm / PPM, one.count, one.share, one.expected, one.p_value)
        for one in constants(values).found
    )


def bars(values: Spread) -> tuple[int, ...]:
    """Count confidences in a hundred equal bins; 1 falls into the last.

    Examples
    --------
    >>> bars(Spread(np.array([0, 999_999, 1_000_000]), np.array([5, 1, 2])))[::99]
    (5, 3)
    """
    bins = np.minimum(values.ppm * BINS // PPM, BINS - 1)
    return tuple(np.bincount(bins, values.count, BINS).astype(int).tolist())


def rate(
    heard: Heard, models: tuple[ModelReport, ...], rules: QualityRules, until_ns: int | None
) -> Rate:
    """Say how fast events come, and when there will be enough of every model.

    Parameters
    ----------
    until_ns
        Now, of a stream that goes on: silence up to now is counted. ``None`` of a record.
    """
    events = heard.after.events
    slow = rules.min_span_hours >= _SLOW_HOURS
    gap_ns, _ = events.largest_gap
    span_ns = events.latest_ns - events.earliest_ns
    return Rate(
        events=events.count,
        duplicates=max((m.after.counted.repeats for m in models), default=0),
        late=events.backwards,
        first=said(events.earliest_ns) if events.count else "",
        last=said(events.latest_ns) if events.count else "",
        span_hours=span_ns / NS_PER_HOUR,
        per_minute=events.per_minute,
        largest_gap_s=gap_ns / 1e9,
        eta_minutes=_eta(heard.after, models, rules),
        alert="" if slow else _alert(events, until_ns),
    )


def _alert(events: Events, until_ns: int | None) -> str:
    """Say that events come slowly, or have stopped; nothing where they come as they should."""
    silent_ns = until_ns - events.latest_ns if until_ns is not None and events.count else 0
    if silent_ns >= _SILENT_NS:
        minutes = f"{silent_ns / _MINUTE_NS:,.0f} minutes"
        return f"no event for {minutes}, where {LEAST_PER_MINUTE} a minute should come"
    is_slow = isinstance(judge_rate(events), Refuse)
    return f"events come slowly: {_pace(events)}" if is_slow else ""


def _pace(events: Events) -> str:
    """Say how fast events come: of late, where they come more slowly than before."""
    whole, lately = events.per_minute or 0.0, events.lately or 0.0
    if whole < LEAST_PER_MINUTE:
        return f"{whole:.3g} a minute of {LEAST_PER_MINUTE}"
    bound = f"{lately:.3g} a minute of {LEAST_PER_MINUTE}"
    return f"{bound} in the ten minutes before the last one, and {whole:.3g} on the whole"


def _eta(tally: Tally, models: tuple[ModelReport, ...], rules: QualityRules) -> float | None:
    """Minutes until every model has answered often and long enough, at its own pace."""
    waits = [_wait_ns(tally, one, rules) for one in models]
    longest = max(waits, default=math.inf)
    return longest / _MINUTE_NS if math.isfinite(longest) else None


def _wait_ns(tally: Tally, model: ModelReport, rules: QualityRules) -> float:
    """Return how long until a model has enough; infinite where it does not answer.

    Its pace is that since it began: the longer it is silent, the slower it is.
    """
    counted = model.after.counted
    _, last_ns = tally.heard_between(model.model, Stage[model.stage.upper()])
    minutes = (counted.span_ns + tally.events.latest_ns - last_ns) / _MINUTE_NS
    waits = [max(rules.min_span_hours * NS_PER_HOUR - counted.span_ns, 0.0)]
    for n, least in (
        (counted.events, rules.min_events),
        (counted.effective, rules.min_effective_events),
    ):
        left_ns = eta_ns(n, least, n / minutes if minutes > 0 else None)
        waits.append(math.inf if left_ns is None else left_ns)
    return max(waits)


def _examples(tally: Tally, model: str, stage: Stage, heard: Heard) -> tuple[Example, ...]:
    return tuple(
        Example(
            what=_what(one, tally, heard),
            at=_where(one, heard),
            action=_WORDS[one.action],
            confidence=None if math.isnan(one.confidence) else one.confidence,
            kind=one.fault,
        )
        for one in tally.examples
        if (one.model, one.stage) == (model, stage)
    )


def _what(one: Fault, tally: Tally, heard: Heard) -> str:
    """Name the part at fault."""
    if one.fault == _STRANGE:
        return _words(tally, one.model, one.stage) or "an action that is not known"
    if one.fault == _REUSED:
        return "an event_id that another answer has"
    if one.fault == "outside":
        return "confidence outside [0, 1]"
    return "no model" if one.action == NAMELESS else _lacking(one, heard)


def _lacking(one: Fault, heard: Heard) -> str:
    """Name what an answer lacks, or quote what stands there."""
    if math.isnan(one.confidence):
        quoted = heard.quoted.get(one.place)
        return "no confidence" if quoted is None else f'confidence "{quoted}" is no number'
    if one.action == MISSING:
        return "no action"
    if one.time_ns != NO_TIME:
        return "no instrument"
    stamp = heard.stamps.get(one.place)
    return "no time" if stamp is None else f'time "{stamp}" is not understood'


def _words(tally: Tally, model: str, stage: Stage) -> str:
    """Quote the words of a model that are no action, the commonest first."""
    names = tally.names
    said = tally.strange.said(names.models.names.index(model), int(stage), names.words.names)
    told = ", ".join(
        f'"{word}" ({n:,} time{"s" if n > 1 else ""})' for word, n in said[:_MOST_WORDS]
    )
    return f"the action {told} is not known" if told else ""


def _where(one: Fault, heard: Heard) -> str:
    place = heard.places.get(one.place, f"record {one.place + 1}" if one.place >= 0 else "")
    when = "no time" if one.time_ns == NO_TIME else said(one.time_ns)
    return ", ".join(filter(None, (place, when)))
