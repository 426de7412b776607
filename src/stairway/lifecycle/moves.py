"""The moves: one step up, all the way back, and whatever a person orders.

Each returns the new state together with the facts that made it so, complete: who left,
who came, with which share of the capital, and on probation until when.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from stairway.base.errors import InvariantError
from stairway.base.units import NS_PER_HOUR, UtcNs
from stairway.base.verdict import (
    Finding,
    Inconclusive,
    Pass,
    Refuse,
    Verdict,
    passed,
    refuse,
)
from stairway.lifecycle import probation, promotion, rollback
from stairway.lifecycle.facts import (
    ClimbFact,
    GateGiven,
    ModelMoved,
    OperatorMoved,
    ProbationChanged,
    RampChanged,
)
from stairway.lifecycle.probation import Grade, Status
from stairway.lifecycle.registry import SUPERSEDED, Entry
from stairway.lifecycle.stage import MOVES, Stage
from stairway.lifecycle.state import Climb, learned, recorded

Facts: TypeAlias = tuple[ClimbFact, ...]

_OPERATOR = "operator"
_UP = (Stage.CANDIDATE, Stage.SHADOW, Stage.CANARY, Stage.CHAMPION)
_HIGHER = frozenset(_UP[1:])


def proven(state: Climb, digest: str) -> Verdict:
    """Say whether a model has a proof that counts: without one nobody leaves the ground."""
    what, gates = state.known[digest], state.rules.promotion.evidence_gates
    return promotion.proven(state.entry(digest), what.attached, gates)


def move(
    state: Climb, digest: str, after: Stage, cause: str, verdict: Verdict
) -> tuple[Climb, Facts]:
    """Take one step, with all that it brings along.

    Raises
    ------
    InvariantError
        If it is a step up of a model that has no proof that counts.
    """
    entry = state.entry(digest)
    if after in _HIGHER and not isinstance(proven(state, digest), Pass):
        msg = f"{digest!r} was about to become {after} without a proof that passed"
        raise InvariantError(msg)
    if after is Stage.CHAMPION:
        share = state.rules.canary.ramp_shares[0]
        return _crown(state, entry, share, cause, verdict)
    facts: Facts = (_moved(state, entry, after, cause, verdict),)
    if after is Stage.CANARY:
        facts = (*facts, _ramped(state, entry, state.rules.canary.share))
    return recorded(state, *facts), facts


def roll_back(
    state: Climb, digest: str, cause: str, verdict: Verdict, grade: Grade
) -> tuple[Climb, Facts]:
    """Take a canary or champion down, and put the champion before it back in charge."""
    entry, rules = state.entry(digest), state.rules
    watched = state.probation(digest)
    facts: Facts = ()
    if watched is not None and entry.stage is Stage.CHAMPION:
        facts = (_probation(state, digest, watched, Status.ROLLED_BACK),)
    after = rollback.landing(grade)
    facts = (*facts, _moved(state, entry, after, cause, verdict, grade.value))
    state = _resting(recorded(state, *facts), digest, grade)
    if entry.stage is not Stage.CHAMPION:
        return state, facts
    rest = rollback.rested(state.rest(entry.model), state.now_ns, rules.rollback)
    state = msgspec.structs.replace(state, rests=state.rests | {entry.model: rest})
    state, restored = _restore(state, entry.model)
    return state, (*facts, *restored)


def by_hand(state: Climb, order: OperatorMoved, verdict: Verdict) -> tuple[Climb, Facts]:
    """Carry out a person's order, or refuse it on the record.

    Parameters
    ----------
    verdict
        What the stairs themselves would have said, kept with the move.
    """
    entry = state.entry(order.digest)
    signed = _signed(verdict, order)
    reachable = order.after in _path(entry.stage) or order.after in MOVES[entry.stage]
    shown = proven(state, order.digest)
    if reachable and order.after in _ascent(entry.stage) and not isinstance(shown, Pass):
        unproven = GateGiven(
            state.now_ns, _OPERATOR, entry.model, entry.digest, _signed(shown, order)
        )
        return state, (unproven,)
    if order.after in _path(entry.stage):
        facts: Facts = ()
        for stage in _path(entry.stage):
            state, more = move(state, order.digest, stage, _OPERATOR, signed)
            facts = (*facts, *more)
            if stage is order.after:
                break
        return state, facts
    if order.after not in MOVES[entry.stage]:
        why = f"a {entry.stage} cannot be moved to {order.after}"
        refused = refuse("operator.illegal", f"{order.who}: {why}")
        return state, (GateGiven(state.now_ns, _OPERATOR, entry.model, entry.digest, refused),)
    return _down(state, entry, order.after, signed)


def probation_told(state: Climb, digest: str, status: Status) -> tuple[Climb, Facts]:
    """Put the probation of a model on record, with its status."""
    watched = state.probation(digest)
    if watched is None:
        return state, ()
    fact = _probation(state, digest, watched, status)
    return recorded(state, fact), (fact,)


def ramp(state: Climb, digest: str, share: float) -> tuple[Climb, Facts]:
    """Set a champion's share of the capital."""
    fact = _ramped(state, state.entry(digest), share)
    return recorded(state, fact), (fact,)


def _crown(
    state: Climb, entry: Entry, share: float, cause: str, verdict: Verdict
) -> tuple[Climb, Facts]:
    facts: Facts = ()
    old = state.registry.champion(entry.model)
    if old is not None:
        why = passed("superseded", f"{entry.version} takes its place")
        facts = (_moved(state, old, Stage.RETIRED, SUPERSEDED, why),)
    now_ns, rules = state.now_ns, state.rules.probation
    before = None if old is None else old.digest
    watched = probation.begin(entry.model, entry.digest, before, now_ns, rules)
    facts = (
        *facts,
        _moved(state, entry, Stage.CHAMPION, cause, verdict),
        _ramped(state, entry, share),
        ProbationChanged(now_ns, watched, _evidence(state, entry.digest)),
    )
    return recorded(state, *facts), facts


def _restore(state: Climb, model: str) -> tuple[Climb, Facts]:
    digest = rollback.target(state.registry, model, state.rest(model), state.rules.rollback)
    if digest is None or any(isinstance(v, Refuse) for v in state.known[digest].gates.values()):
        return state, ()
    entry = state.entry(digest)
    verdict = passed("rollback.restored", f"{entry.version} was champion before")
    share = entry.reached or state.rules.canary.ramp_shares[0]
    return _crown(state, entry, share, "rollback.restored", verdict)


def _down(state: Climb, entry: Entry, after: Stage, verdict: Verdict) -> tuple[Climb, Facts]:
    """Carry out an order to leave a step that is not a step up."""
    if after is Stage.CHAMPION:
        return move(state, entry.digest, after, _OPERATOR, verdict)
    watched = state.probation(entry.digest)
    facts: Facts = ()
    if watched is not None and entry.stage is Stage.CHAMPION:
        facts = (_probation(state, entry.digest, watched, Status.ROLLED_BACK),)
    facts = (*facts, _moved(state, entry, after, _OPERATOR, verdict))
    state = _resting(recorded(state, *facts), entry.digest, Grade.SUSPECTED)
    if entry.stage is not Stage.CHAMPION:
        return state, facts
    state, restored = _restore(state, entry.model)
    return state, (*facts, *restored)


def _resting(state: Climb, digest: str, grade: Grade) -> Climb:
    what, rules = state.known[digest], state.rules.rollback
    until_ns = UtcNs(state.now_ns + int(rules.cooldown_hours * NS_PER_HOUR))
    factor = rules.likely_factor if grade is Grade.LIKELY else 1.0
    return learned(
        state,
        digest,
        msgspec.structs.replace(
            what, resting_until_ns=until_ns, needed_e=what.needed_e * factor
        ),
    )


def _ascent(stage: Stage) -> tuple[Stage, ...]:
    """Return the steps above a stage; above retirement, all that are above the ground."""
    return _path(stage) if stage in _UP else _UP[1:]


def _path(stage: Stage) -> tuple[Stage, ...]:
    return _UP[_UP.index(stage) + 1 :] if stage in _UP else ()


def _signed(verdict: Verdict, order: OperatorMoved) -> Verdict:
    finding = Finding("operator.ordered", f"{order.who}: {order.why}")
    match verdict:
        case Pass(findings):
            return Pass((*findings, finding))
        case Refuse(findings):
            return Refuse((*findings, finding))
        case Inconclusive(findings):
            return Inconclusive((*findings, finding))


def _evidence(state: Climb, digest: str) -> float:
    return probation.evidence(state.known[digest].health)


def _moved(
    state: Climb, entry: Entry, after: Stage, cause: str, verdict: Verdict, grade: str = ""
) -> ModelMoved:
    return ModelMoved(
        time_ns=state.now_ns,
        model=entry.model,
        digest=entry.digest,
        before=entry.stage,
        after=after,
        cause=cause,
        verdict=verdict,
        grade=grade,
    )


def _ramped(state: Climb, entry: Entry, share: float) -> RampChanged:
    return RampChanged(state.now_ns, entry.model, entry.digest, share)


def _probation(
    state: Climb, digest: str, watched: probation.Probation, status: Status
) -> ProbationChanged:
    changed = msgspec.structs.replace(watched, status=status)
    return ProbationChanged(state.now_ns, changed, _evidence(state, digest))
