"""Training in cycles as a machine of data: what was seen goes in, what to do comes out.

One machine decides for all seeds of a run::

    train -> validate -> gate -> keep   -> adjust -> train ... or done
                              -> revert ->

1. ``train``: every seed takes the steps of one cycle.
2. ``validate``: every seed's policy is frozen and walked; it gets a standing.
3. ``gate``: the seeds are ranked. Those that diverged are the worst; the median is the lower
   middle of the others. The gate must pass for the median seed and for the worst.
4. ``keep``: seeds that did not diverge go on from here; one that did goes back to its own
   last accepted parameters. ``revert``: every seed goes back.
5. ``adjust``: the controller's gains change (:func:`adjusted`), and training goes on unless
   the cycles are used up, it converged, or a kept cycle improved too little.

What a cycle is compared with is the best that was kept, so that small falls do not add up.
Once the gate passed, a cycle is kept only if it passes too and fell behind in nothing: a
policy that could be accepted is not given up for one that cannot.

Each phase waits for exactly one kind of event; any other is our own mistake and raises.
The machine knows no clock, no file and no policy: a shell does what it asks for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, TypeAlias

import msgspec

from stairway.base.errors import InvariantError
from stairway.base.verdict import Pass, Verdict
from stairway.training.cycle_rules import CycleRules, KeepWhen
from stairway.training.gains import LaneErrors, adjusted, lowered
from stairway.training.journal import CycleReport, Decision, Gains, Outcome
from stairway.training.ranking import Figures, Kept, Ranking, Standing, kept, ranked

LEAST_PROGRESS = 0.01
"""Improvement is measured in shares of the progress before, and of no less than this."""


class Phase(StrEnum):
    """What the machine waits for."""

    TRAIN = "train"
    VALIDATE = "validate"
    GATE = "gate"
    KEEP = "keep"
    REVERT = "revert"
    ADJUST = "adjust"
    DONE = "done"


class State(msgspec.Struct, frozen=True):
    """Everything the machine remembers. Written down when a cycle begins."""

    phase: Phase
    cycle: int
    gains: Gains
    kept: Kept
    earlier: tuple[LaneErrors, ...] = ()
    """Of the cycle that this one went on from."""
    lanes: tuple[LaneErrors, ...] = ()
    standings: tuple[Standing, ...] = ()
    report: CycleReport | None = None
    reports: tuple[CycleReport, ...] = ()


class Trained(msgspec.Struct, frozen=True, tag="trained"):
    """Every seed took its steps; how its controller did, where there is one."""

    lanes: tuple[LaneErrors, ...]


class Validated(msgspec.Struct, frozen=True, tag="validated"):
    """Every seed was walked."""

    standings: tuple[Standing, ...]


class Gated(msgspec.Struct, frozen=True, tag="gated"):
    """The gate answered for the median seed and the worst one together."""

    verdict: Verdict


class Settled(msgspec.Struct, frozen=True, tag="settled"):
    """What was kept is accepted, and what was rolled back is verified."""


class Adjusted(msgspec.Struct, frozen=True, tag="adjusted"):
    """The controllers have their gains for the next cycle."""


class Train(msgspec.Struct, frozen=True, tag="train"):
    """Let every seed take the steps of this cycle, under these gains."""

    cycle: int
    gains: Gains


class Validate(msgspec.Struct, frozen=True, tag="validate"):
    """Walk every seed's policy, frozen as it is."""

    cycle: int


class Gate(msgspec.Struct, frozen=True, tag="gate"):
    """Ask the gate about these two seeds."""

    median_seed: int
    worst_seed: int


class Settle(msgspec.Struct, frozen=True, tag="settle"):
    """Accept the parameters of some seeds; put the others back to their last accepted."""

    accept: tuple[int, ...]
    roll_back: tuple[int, ...]


class Adjust(msgspec.Struct, frozen=True, tag="adjust"):
    """Give the controllers these gains."""

    gains: Gains


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Nothing is left to do."""

    outcome: Outcome


Event: TypeAlias = Trained | Validated | Gated | Settled | Adjusted
Command: TypeAlias = Train | Validate | Gate | Settle | Adjust | Stop


class Step(NamedTuple):
    """The machine after an event, and what it asks for."""

    state: State
    command: Command


def start(reference: Sequence[Standing]) -> Step:
    """Begin at the reference: what every seed starts from is cycle 0, and kept.

    Parameters
    ----------
    reference
        Its standing, once; or one for each seed where they start from different ones.

    Examples
    --------
    >>> gold = Standing(0, 0.5, 0.5, False, Figures(0.85, 3.0, 0.0, 0.01))
    >>> start([gold]).command
    Train(cycle=1, gains=Gains(hold=1.0, trades=1.0))
    """
    gains = Gains(1.0, 1.0)
    state = State(Phase.TRAIN, 1, gains, kept(0, ranked(reference)))
    return Step(state, Train(1, gains))


def pending(state: State) -> Command:
    """Return what a machine that was written down at the start of a cycle asks for.

    Raises
    ------
    InvariantError
        If it was written down in the middle of one.
    """
    match state.phase:
        case Phase.TRAIN:
            return Train(state.cycle, state.gains)
        case Phase.DONE:
            return Stop(state.reports[-1].outcome)
        case _:
            msg = f"a run is resumed where a cycle begins, and not in phase {state.phase}"
            raise InvariantError(msg)


def on(state: State, event: Event, rules: CycleRules) -> Step:
    """Take one event.

    Raises
    ------
    InvariantError
        If the phase does not wait for such an event.
    """
    match state.phase, event:
        case Phase.TRAIN, Trained(lanes):
            after = msgspec.structs.replace(state, phase=Phase.VALIDATE, lanes=lanes)
            return Step(after, Validate(state.cycle))
        case Phase.VALIDATE, Validated(standings):
            return _validated(state, standings)
        case Phase.GATE, Gated(verdict):
            return _gated(state, verdict, rules)
        case ((Phase.KEEP | Phase.REVERT), Settled()):
            after = msgspec.structs.replace(state, phase=Phase.ADJUST)
            return Step(after, Adjust(_report(state).gains))
        case Phase.ADJUST, Adjusted():
            return _next(state)
        case _:
            msg = f"phase {state.phase} of cycle {state.cycle} does not wait for {event!r}"
            raise InvariantError(msg)


def _validated(state: State, standings: tuple[Standing, ...]) -> Step:
    ranking = ranked(standings)
    after = msgspec.structs.replace(state, phase=Phase.GATE, standings=standings)
    return Step(after, Gate(ranking.middle.seed, ranking.worst.seed))


def _gated(state: State, verdict: Verdict, rules: CycleRules) -> Step:
    ranking = ranked(state.standings)
    now = kept(state.cycle, ranking, passed=isinstance(verdict, Pass))
    decision, reason = _decided(state.kept, now, ranking, rules)
    keeps = decision is Decision.KEEP
    before = state.kept.progress
    improvement = (now.progress - before) / max(before, LEAST_PROGRESS)
    stability = _stability(state.kept.figures, now.figures, rules)
    if keeps:
        gains = adjusted(state.gains, state.earlier, state.lanes, rules.gains)
    else:
        gains = lowered(state.gains, rules.gains)
    report = CycleReport(
        cycle=state.cycle,
        gate=verdict,
        median_seed=ranking.middle.seed,
        worst_seed=ranking.worst.seed,
        attainment=ranking.middle.attainment,
        worst_attainment=ranking.worst.attainment,
        progress=now.progress,
        worst_progress=now.worst_progress,
        improvement_frac=improvement,
        stability=stability,
        decision=decision,
        reason=reason,
        gains=gains,
        outcome=_outcome(state.cycle, improvement, stability, decision, rules),
    )
    healthy = tuple(sorted(s.seed for s in ranking.healthy)) if keeps else ()
    others = tuple(sorted(s.seed for s in ranking.ordered if s.seed not in healthy))
    after = msgspec.structs.replace(
        state,
        phase=Phase.KEEP if keeps else Phase.REVERT,
        kept=_followed(state.kept, now, ranking) if keeps else state.kept,
        report=report,
    )
    return Step(after, Settle(accept=healthy, roll_back=others))


def _followed(before: Kept, now: Kept, ranking: Ranking) -> Kept:
    return before.followed_by(now, everybody=len(ranking.healthy) == len(ranking.ordered))


def _decided(
    before: Kept, now: Kept, ranking: Ranking, rules: CycleRules
) -> tuple[Decision, str]:
    if not ranking.healthy:
        return Decision.REVERT, "every seed diverged from the reference"
    if before.passed and not now.passed:
        return Decision.REVERT, f"the gate did not pass, and it passed in cycle {before.cycle}"
    if now.passed:
        # The first to pass may have fallen back: there is nothing that it could be worse than.
        fell = _fallen(before, now, 0.0) if before.passed else None
        why = "the gate passed for the median seed and for the worst"
        return (Decision.KEEP, why) if fell is None else (Decision.REVERT, fell)
    match rules.keep_when:
        case KeepWhen.GATE:
            return Decision.REVERT, "the gate did not pass"
        case KeepWhen.PROGRESS:
            fell = _fallen(before, now, rules.keep_tolerance)
            why = f"the gate did not pass{_held(before, now, rules.keep_tolerance)}"
            return (Decision.KEEP, why) if fell is None else (Decision.REVERT, fell)


def _fallen(before: Kept, now: Kept, slack: float) -> str | None:
    """Say who fell back behind the best that was kept, and how far; ``None`` where nobody."""
    for who, was, by, is_now in (
        ("median", before.progress, before.progress_by, now.progress),
        ("worst", before.worst_progress, before.worst_by, now.worst_progress),
    ):
        # Written so that NaN falls back.
        if not is_now >= was - slack:
            reached = f"cycle {by}" if by else "the reference"
            how = f"progress {is_now:.3f}, and {was:.3f} was reached by {reached}"
            return f"the {who} seed fell back: {how}"
    return None


def _held(before: Kept, now: Kept, slack: float) -> str:
    """Go on: nobody fell back, or by how much somebody did within what is allowed."""
    fell = _fallen(before, now, 0.0)
    if fell is None:
        return ", but neither median nor worst seed fell back"
    return f"; {fell}; a fall of up to {slack:g} is allowed"


def _stability(before: Figures, now: Figures, rules: CycleRules) -> float:
    """1 where nothing changed since the last kept cycle, 0 where everything did."""
    widths = rules.stability
    changes = (
        abs(now.hold_rate - before.hold_rate) / widths.hold_rate,
        abs(now.trades_per_day - before.trades_per_day) / widths.trades_per_day,
        abs(now.return_frac - before.return_frac) / widths.return_frac,
        abs(now.drawdown_frac - before.drawdown_frac) / widths.drawdown_frac,
    )
    # min(1, NaN) is 1: what cannot be compared counts as changed altogether.
    return 1.0 - math.fsum(min(1.0, change) for change in changes) / len(changes)


def _outcome(
    cycle: int, improvement: float, stability: float, decision: Decision, rules: CycleRules
) -> Outcome:
    may_stop = decision is Decision.KEEP and cycle >= rules.stop_from_cycle
    if may_stop and stability > rules.converged_stability:
        return Outcome.CONVERGED
    # A kept cycle that fell back a little is no end: what it lost may be had again.
    if may_stop and 0.0 <= improvement < rules.early_stop_frac:
        return Outcome.EARLY_STOP
    return Outcome.FINISHED if cycle >= rules.cycles else Outcome.CONTINUE


def _next(state: State) -> Step:
    report = _report(state)
    clear = State(
        phase=Phase.TRAIN,
        cycle=state.cycle + 1,
        gains=report.gains,
        kept=state.kept,
        earlier=state.lanes if report.decision is Decision.KEEP else (),
        reports=(*state.reports, report),
    )
    if report.outcome is Outcome.CONTINUE:
        return Step(clear, Train(clear.cycle, clear.gains))
    done = msgspec.structs.replace(clear, phase=Phase.DONE, cycle=state.cycle)
    return Step(done, Stop(report.outcome))


def _report(state: State) -> CycleReport:
    if state.report is None:
        msg = f"phase {state.phase} of cycle {state.cycle} has no report to go on with"
        raise InvariantError(msg)
    return state.report
