"""Look at one model, where it stands, and decide.

Harm first: a guardrail, a breaker or a refusing gate takes a model down before anything
can move it up. Then the next step, which needs every check to pass. What is decided, and
what is still missing, is put on record whenever that changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

import msgspec

from stairway.base.units import NS_PER_HOUR
from stairway.base.verdict import (
    Inconclusive,
    Pass,
    Refuse,
    Verdict,
    all_of,
    inconclusive,
    passed,
)
from stairway.lifecycle import canary, probation, promotion
from stairway.lifecycle.facts import GateGiven
from stairway.lifecycle.moves import Facts, move, probation_told, proven, ramp, roll_back
from stairway.lifecycle.preflight import preflight
from stairway.lifecycle.probation import Grade, Status
from stairway.lifecycle.registry import Entry
from stairway.lifecycle.stage import Stage
from stairway.lifecycle.state import Climb, learned


def review(state: Climb, digest: str) -> tuple[Climb, Facts]:
    """Decide about one model; the facts are empty where nothing changes."""
    entry = state.entry(digest)
    match entry.stage:
        case Stage.CANDIDATE:
            return _candidate(state, entry)
        case Stage.SHADOW:
            return _shadow(state, entry)
        case Stage.CANARY:
            return _canary(state, entry)
        case Stage.CHAMPION:
            return _champion(state, entry)
        case Stage.RETIRED | Stage.QUARANTINED | Stage.BASELINE:
            return state, ()
        case _:
            assert_never(entry.stage)


def next_step(state: Climb, digest: str) -> Verdict:
    """Say what a model still lacks for its next step up; a champion, to end probation."""
    entry = state.entry(digest)
    match entry.stage:
        case Stage.CANDIDATE:
            gates = state.rules.promotion.evidence_gates
            said = promotion.proof(state.known[digest].gates, gates)
            return all_of((said, proven(state, digest)))
        case Stage.SHADOW:
            return all_of(_to_canary(state, entry))
        case Stage.CANARY:
            return _with_preflight(state, entry, all_of(_to_champion(state, entry)))
        case Stage.CHAMPION:
            watched = state.probation(digest)
            if watched is None:
                return inconclusive("probation.none", "no probation is on record")
            return probation.judge(watched, state.now_ns, state.rules.probation)
        case Stage.RETIRED | Stage.QUARANTINED | Stage.BASELINE:
            return inconclusive("promotion.over", f"a {entry.stage} does not climb")
        case _:
            assert_never(entry.stage)


def harm(state: Climb, digest: str) -> Grade:
    """Grade the most evidence there was, since its promotion, that a model loses."""
    return probation.grade(state.known[digest].health.peak, state.rules.probation)


def _candidate(state: Climb, entry: Entry) -> tuple[Climb, Facts]:
    verdict = next_step(state, entry.digest)
    match verdict:
        case Pass():
            return move(state, entry.digest, Stage.SHADOW, "promotion.shadow", verdict)
        case Refuse():
            # Refused only once every gate has spoken: the record then holds all reasons.
            gates = state.known[entry.digest].gates
            if not all(name in gates for name in state.rules.promotion.evidence_gates):
                return state, ()
            after = Stage.RETIRED if _tainted(state, entry) is None else Stage.QUARANTINED
            return move(state, entry.digest, after, "gate.refused", verdict)
        case Inconclusive():
            return state, ()
        case _:
            assert_never(verdict)


def _shadow(state: Climb, entry: Entry) -> tuple[Climb, Facts]:
    tainted = _tainted(state, entry)
    if tainted is not None:
        return move(state, entry.digest, Stage.QUARANTINED, "gate.refused", tainted)
    verdict = next_step(state, entry.digest)
    return _step_up(state, entry, Stage.CANARY, "promotion.canary", verdict)


def _canary(state: Climb, entry: Entry) -> tuple[Climb, Facts]:
    fallen = _fallen(state, entry, _guardrails(state, entry))
    if fallen is not None:
        return fallen
    state = _rehearsed(state, entry)
    verdict = next_step(state, entry.digest)
    return _step_up(state, entry, Stage.CHAMPION, "promotion.champion", verdict)


def _champion(state: Climb, entry: Entry) -> tuple[Climb, Facts]:
    fallen = _fallen(state, entry, Pass())
    if fallen is not None:
        return fallen
    facts: Facts = ()
    watched = state.probation(entry.digest)
    if watched is not None and watched.status is Status.MONITORING:
        rules = state.rules.probation
        if isinstance(probation.judge(watched, state.now_ns, rules), Pass):
            state, facts = probation_told(state, entry.digest, Status.PASSED)
    state, ramped = _ramp(state, entry)
    return state, (*facts, *ramped)


def _fallen(state: Climb, entry: Entry, guardrails: Verdict) -> tuple[Climb, Facts] | None:
    """Roll back for the first harm that is found, the gravest first; ``None`` without any."""
    tainted = _tainted(state, entry)
    if tainted is not None:
        return _roll(state, entry, "rollback.guardrail", tainted, Grade.CONFIRMED)
    grade, breaker = harm(state, entry.digest), _breaker(state, entry)
    if isinstance(breaker, Refuse):
        return _roll(state, entry, "rollback.breaker", breaker, grade)
    gates = (*state.rules.promotion.evidence_gates, *state.rules.promotion.live_gates)
    refused = promotion.refusing(state.known[entry.digest].gates, gates)
    if refused is not None:
        return _roll(state, entry, "rollback.guardrail", refused, grade)
    if isinstance(guardrails, Refuse):
        return _roll(state, entry, "rollback.guardrail", guardrails, grade)
    return None


def _roll(
    state: Climb, entry: Entry, cause: str, verdict: Verdict, grade: Grade
) -> tuple[Climb, Facts]:
    return roll_back(state, entry.digest, cause, verdict, grade)


def _breaker(state: Climb, entry: Entry) -> Verdict:
    """Refuse on a trip of the rule, or on proof that the model loses."""
    rules = state.rules.probation
    checks = [probation.bleeds(state.known[entry.digest].health, rules)]
    watched = state.probation(entry.digest)
    if (
        entry.stage is Stage.CHAMPION
        and watched is not None
        and watched.status is Status.MONITORING
    ):
        checks.append(probation.judge(watched, state.now_ns, rules))
    return all_of(checks)


def _guardrails(state: Climb, entry: Entry) -> Verdict:
    what, rules = state.known[entry.digest], state.rules.canary
    vitals = inconclusive("canary.no_health", "no sign of life yet")
    if what.vitals is not None:
        vitals = canary.vital(what.vitals, rules)
    silent = canary.alive(what.quiet_clocks, rules)
    return all_of((vitals, silent, canary.degraded(what.beside, rules)))


def _tainted(state: Climb, entry: Entry) -> Verdict | None:
    gates = state.known[entry.digest].gates
    return promotion.refusing(gates, state.rules.promotion.quarantine_gates)


def _to_canary(state: Climb, entry: Entry) -> Iterator[Verdict]:
    rules, what = state.rules.promotion, state.known[entry.digest]
    yield promotion.proof(what.gates, (*rules.evidence_gates, *rules.live_gates))
    yield promotion.enough_hours(entry.since_ns, state.now_ns, rules.shadow_hours)
    yield promotion.enough_trades(what.paired.n, rules.shadow_trades)
    yield from _sound(state, entry)


def _to_champion(state: Climb, entry: Entry) -> Iterator[Verdict]:
    rules, what = state.rules.promotion, state.known[entry.digest]
    yield promotion.proof(what.gates, (*rules.evidence_gates, *rules.live_gates))
    yield _guardrails(state, entry)
    yield promotion.enough_hours(entry.since_ns, state.now_ns, rules.canary_hours)
    yield promotion.enough_trades(what.paired.n, rules.canary_trades)
    yield from _sound(state, entry)
    slot_until_ns = state.rest(entry.model).until_ns
    yield promotion.cooled(state.now_ns, slot_until_ns, f"the slot {entry.model}")
    yield _free(state, entry)


def _sound(state: Climb, entry: Entry) -> Iterator[Verdict]:
    what = state.known[entry.digest]
    yield promotion.no_worse(what.paired, what.needed_e)
    yield promotion.cooled(state.now_ns, what.resting_until_ns, "the model")
    yield probation.bleeds(what.health, state.rules.probation)


def _free(state: Climb, entry: Entry) -> Verdict:
    """Pass unless the slot's champion is itself still on probation."""
    watched = state.probations.get(entry.model)
    busy = watched is not None and watched.status is Status.MONITORING
    if busy and state.registry.champion(entry.model) is not None:
        return inconclusive("promotion.slot_busy", "the slot's champion is on probation")
    return passed("promotion.slot_busy", "nobody is on probation in the slot")


def _with_preflight(state: Climb, entry: Entry, verdict: Verdict) -> Verdict:
    """Add the preflight, which is dear, where it is all that is missing."""
    if not isinstance(verdict, Pass):
        return verdict
    flown = state.known[entry.digest].flown
    return all_of((verdict, _fly(state, entry) if flown is None else flown))


def _rehearsed(state: Climb, entry: Entry) -> Climb:
    """Keep what the preflight says, once per trade, where it is all that is missing."""
    what = state.known[entry.digest]
    if what.flown is not None or not isinstance(all_of(_to_champion(state, entry)), Pass):
        return state
    flown = msgspec.structs.replace(what, flown=_fly(state, entry))
    return learned(state, entry.digest, flown)


def _fly(state: Climb, entry: Entry) -> Verdict:
    rules, own_r = state.rules, state.known[entry.digest].own_r
    return preflight(own_r, entry.digest, rules.promotion.preflight, rules.probation)


def _step_up(
    state: Climb, entry: Entry, after: Stage, cause: str, verdict: Verdict
) -> tuple[Climb, Facts]:
    if isinstance(verdict, Pass):
        return move(state, entry.digest, after, cause, verdict)
    what = state.known[entry.digest]
    words = (type(verdict).__name__, *(finding.code for finding in verdict.findings))
    if words == what.told:
        return state, ()
    told = msgspec.structs.replace(what, told=words)
    given = GateGiven(state.now_ns, cause, entry.model, entry.digest, verdict)
    return learned(state, entry.digest, told), (given,)


def _ramp(state: Climb, entry: Entry) -> tuple[Climb, Facts]:
    """Raise a champion's share by one step; to the whole only after probation."""
    rules, what = state.rules.canary, state.known[entry.digest]
    higher = [share for share in rules.ramp_shares if share > entry.share]
    hours = (state.now_ns - what.ramp_since_ns) / NS_PER_HOUR
    if not higher or hours < rules.ramp_hours or what.ramp_trades < rules.ramp_trades:
        return state, ()
    watched = state.probation(entry.digest)
    watching = watched is not None and watched.status is Status.MONITORING
    if len(higher) == 1 and watching:
        return state, ()
    return ramp(state, entry.digest, higher[0])
