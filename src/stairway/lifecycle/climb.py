"""The stairs: one pure machine that hears facts and decides who stands where.

The shell tells it what happened, in order; it answers with what follows from that. It
keeps no clock and makes no draw of its own, so weeks of shadow, canary and rollback run in
seconds, and a record that is told again gives the same answers.

1. Remember the fact: once per trade, at the stage where the trade was entered.
2. Review every model that the fact touches, or that time can move: harm first, then the
   next step up (:mod:`stairway.lifecycle.review`).
3. Apply what was decided through the registry (:mod:`stairway.lifecycle.moves`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

import msgspec

from stairway.base.units import NS_PER_HOUR, UtcNs
from stairway.base.verdict import Verdict, refuse
from stairway.decision.intent import Vote
from stairway.execution.facts import TradeClosed
from stairway.lifecycle import canary, evidence, moves, probation, promotion, registry
from stairway.lifecycle import review as reviews
from stairway.lifecycle.evidence import Evidence
from stairway.lifecycle.facts import (
    CanaryHealth,
    ClimbFact,
    ClimbInput,
    Clock,
    GateGiven,
    ModelRegistered,
    OperatorMoved,
    ProofGiven,
    TradePaired,
)
from stairway.lifecycle.probation import Status
from stairway.lifecycle.registry import Entry
from stairway.lifecycle.stage import Stage
from stairway.lifecycle.state import Climb, ClimbRules, learned, start
from stairway.supervision.credit import credited, readable_r
from stairway.supervision.dedupe import admit
from stairway.supervision.facts import DriftDetected, DriftLevel

__all__ = ["Climb", "ClimbRules", "capital_share", "missing", "on", "start"]

_IN_CHARGE = (Stage.CANARY, Stage.CHAMPION)
_CAPITAL = "capital"


def on(state: Climb, fact: ClimbInput, now_ns: UtcNs) -> tuple[Climb, tuple[ClimbFact, ...]]:
    """Take one fact into account; return the state after it, and what was decided.

    Facts about a model that is not registered are ignored. Time never goes back.

    Examples
    --------
    >>> from stairway.testing.climbing import climb_rules
    >>> from stairway.base.verdict import Pass
    >>> from stairway.evaluation.proof import hash_of
    >>> from stairway.testing.proofs import proof_of
    >>> now, proof = UtcNs(0), proof_of("lightgbm")
    >>> born = ModelRegistered(now, "lightgbm", "v1", "d1", None, 1, proof=hash_of(proof))
    >>> state, _ = on(start(climb_rules()), born, now)
    >>> state, _ = on(state, ProofGiven(now, "lightgbm", "d1", proof), now)
    >>> for gate in state.rules.promotion.evidence_gates:
    ...     state, facts = on(state, GateGiven(now, gate, "lightgbm", "d1", Pass()), now)
    >>> [(fact.cause, fact.after.value) for fact in facts]
    [('promotion.shadow', 'shadow')]
    """
    state = msgspec.structs.replace(state, now_ns=UtcNs(max(state.now_ns, now_ns)))
    match fact:
        case ModelRegistered():
            return _registered(state, fact), ()
        case Clock():
            state = _gone_by(state)
            return _reviewed(state, _ripe(state))
        case TradeClosed():
            return _closed(state, fact)
        case _:
            if fact.digest not in state.known:
                return state, ()
            return _about(state, fact)


def missing(state: Climb, digest: str) -> Verdict:
    """Say what a model still lacks for its next step up, and what it has.

    Examples
    --------
    >>> from stairway.testing.climbing import climb_rules
    >>> now = UtcNs(0)
    >>> born = ModelRegistered(now, "lightgbm", "v1", "d1", None, 1)
    >>> state, _ = on(start(climb_rules()), born, now)
    >>> missing(state, "d1").findings[0].detail
    "gate 'causality' has not answered"
    """
    return reviews.next_step(state, digest)


def capital_share(state: Climb, digest: str) -> float:
    """Part of the capital that a model may use now; 0 for one that is not known."""
    entry = state.registry.entries.get(digest)
    return 0.0 if entry is None else entry.share


def _about(
    state: Climb,
    fact: GateGiven | ProofGiven | TradePaired | CanaryHealth | DriftDetected | OperatorMoved,
) -> tuple[Climb, tuple[ClimbFact, ...]]:
    match fact:
        case GateGiven():
            return _gate(state, fact)
        case ProofGiven():
            return _attached(state, fact)
        case TradePaired():
            return _paired(state, fact)
        case CanaryHealth():
            return _health(state, fact)
        case DriftDetected():
            return _drift(state, fact)
        case OperatorMoved():
            return moves.by_hand(state, fact, missing(state, fact.digest))
        case _:
            assert_never(fact)


def _reviewed(state: Climb, digests: Iterable[str]) -> tuple[Climb, tuple[ClimbFact, ...]]:
    facts: tuple[ClimbFact, ...] = ()
    for digest in digests:
        state, more = reviews.review(state, digest)
        facts = (*facts, *more)
    return state, facts


def _registered(state: Climb, fact: ModelRegistered) -> Climb:
    if fact.digest in state.known:
        return state
    state = msgspec.structs.replace(state, registry=registry.on(state.registry, fact))
    rules = state.rules
    return learned(state, fact.digest, evidence.unknown(rules.promotion, rules.probation))


def _gone_by(state: Climb) -> Climb:
    """Let one more bar pass without a sign of life from the canaries."""
    for entry in state.registry.standing(Stage.CANARY):
        what = state.known[entry.digest]
        quiet = msgspec.structs.replace(what, quiet_clocks=what.quiet_clocks + 1)
        state = learned(state, entry.digest, quiet)
    return state


def _ripe(state: Climb) -> tuple[str, ...]:
    """Return the models that time alone can move: a candidate waits for its gates."""
    needed = state.rules.promotion.shadow_trades
    return tuple(
        digest
        for digest, entry in state.registry.entries.items()
        if entry.stage in _IN_CHARGE
        or (entry.stage is Stage.SHADOW and state.known[digest].paired.n >= needed)
    )


def _gate(state: Climb, fact: GateGiven) -> tuple[Climb, tuple[ClimbFact, ...]]:
    rules = state.rules.promotion
    heard = {*rules.evidence_gates, *rules.live_gates, *rules.quarantine_gates}
    entry = state.entry(fact.digest)
    about_it = fact.model == entry.model and not fact.time_ns > state.now_ns
    of_this_stay = fact.gate not in rules.live_gates or not fact.time_ns < entry.since_ns
    if fact.gate not in heard or not (about_it and of_this_stay):
        return state, ()
    what = state.known[fact.digest]
    gates = what.gates | {fact.gate: fact.verdict}
    state = learned(state, fact.digest, msgspec.structs.replace(what, gates=gates))
    return _reviewed(state, (fact.digest,))


def _attached(state: Climb, fact: ProofGiven) -> tuple[Climb, tuple[ClimbFact, ...]]:
    """Keep the first proof that is handed in: a model has one, and it does not change."""
    what = state.known[fact.digest]
    if what.attached is not None:
        return state, ()
    what = msgspec.structs.replace(what, attached=fact.proof)
    return _reviewed(learned(state, fact.digest, what), (fact.digest,))


def _closed(state: Climb, trade: TradeClosed) -> tuple[Climb, tuple[ClimbFact, ...]]:
    facts: tuple[ClimbFact, ...] = ()
    for vote in credited(trade):
        if vote.digest not in state.known:
            continue
        what = state.known[vote.digest]
        ledger, is_new = admit(
            what.closed, trade.trade_id, min(trade.closed_ns, state.now_ns), _late_ns(state)
        )
        what = msgspec.structs.replace(what, closed=ledger)
        state = learned(state, vote.digest, what)
        if not is_new:
            continue
        state, told = _credit(state, vote, trade)
        state, decided = _reviewed(state, (vote.digest,))
        facts = (*facts, *told, *decided)
    return state, facts


def _credit(
    state: Climb, vote: Vote, trade: TradeClosed
) -> tuple[Climb, tuple[ClimbFact, ...]]:
    """Add one trade to what is known of a model, and to its probation if it is on one."""
    rules, what, r = state.rules, state.known[vote.digest], readable_r(trade.r_multiple)
    what = msgspec.structs.replace(
        what,
        health=probation.observe(what.health, r, rules.probation),
        own_r=(*what.own_r, r)[-rules.promotion.keep_trades :],
        flown=None,
    )
    if not _in_charge_at_entry(state.entry(vote.digest), vote, trade):
        return learned(state, vote.digest, what), ()
    what = msgspec.structs.replace(what, ramp_trades=what.ramp_trades + 1)
    state = learned(state, vote.digest, what)
    watched = state.probation(vote.digest)
    if watched is None or watched.status is not Status.MONITORING:
        return state, ()
    probations = state.probations | {watched.model_type: probation.closed(watched, r)}
    state = msgspec.structs.replace(state, probations=probations)
    return moves.probation_told(state, vote.digest, Status.MONITORING)


def _in_charge_at_entry(entry: Entry, vote: Vote, trade: TradeClosed) -> bool:
    """Return True for a trade of the capital, entered since the model became champion."""
    return (
        trade.book == _CAPITAL
        and entry.stage is Stage.CHAMPION
        and vote.stage == Stage.CHAMPION
        and trade.opened_ns >= entry.since_ns
    )


def _paired(state: Climb, fact: TradePaired) -> tuple[Climb, tuple[ClimbFact, ...]]:
    rules, entry, what = state.rules, state.entry(fact.digest), state.known[fact.digest]
    ledger, is_new = admit(
        what.pairs, fact.trade_id, min(fact.time_ns, state.now_ns), _late_ns(state)
    )
    what = msgspec.structs.replace(what, pairs=ledger)
    if is_new and fact.stage == entry.stage:
        what = _beside_incumbent(what, fact, entry.stage, rules)
    return _reviewed(learned(state, fact.digest, what), (fact.digest,))


def _beside_incumbent(
    what: Evidence, fact: TradePaired, stage: Stage, rules: ClimbRules
) -> Evidence:
    r, incumbent_r = fact.r, fact.incumbent_r
    paired = promotion.paired(what.paired, r, incumbent_r, rules.promotion)
    beside = what.beside
    if stage is Stage.CANARY:
        betting = rules.promotion.betting
        beside = canary.compare(beside, r, incumbent_r, rules.canary, betting)
    return msgspec.structs.replace(what, paired=paired, beside=beside)


def _health(state: Climb, fact: CanaryHealth) -> tuple[Climb, tuple[ClimbFact, ...]]:
    entry, what = state.entry(fact.digest), state.known[fact.digest]
    last_ns = entry.since_ns if what.vitals is None else what.vitals.time_ns
    if entry.stage is not Stage.CANARY or fact.time_ns < last_ns:
        return state, ()
    what = msgspec.structs.replace(what, vitals=fact, quiet_clocks=0)
    return _reviewed(learned(state, fact.digest, what), (fact.digest,))


def _drift(state: Climb, fact: DriftDetected) -> tuple[Climb, tuple[ClimbFact, ...]]:
    """Roll back on proven drift. A signal moves nobody, and neither does old news."""
    entry = state.entry(fact.digest)
    if fact.level is not DriftLevel.DRIFT or entry.stage not in _IN_CHARGE:
        return state, ()
    if fact.time_ns < entry.since_ns:
        return state, ()
    detail = f"{fact.detector} rang after {fact.trades} recent trades"
    verdict = refuse("drift.detected", detail, fact.value, fact.bound)
    grade = reviews.harm(state, fact.digest)
    return moves.roll_back(state, fact.digest, "rollback.drift", verdict, grade)


def _late_ns(state: Climb) -> int:
    return int(state.rules.promotion.late_hours * NS_PER_HOUR)
