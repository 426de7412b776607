"""A training run in words and rows: the headline, who was compared with what, and the gate.

Everything is read from the result; nothing is measured here. What the reference did stands
beside what the seeds did, because a figure alone says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from stairway.base.verdict import Pass
from stairway.dashboard.practice.bounds import missed
from stairway.dashboard.words import count, counted, percent, ratio, share, trades
from stairway.training.journal import (
    CycleReport,
    Decision,
    Outcome,
    PracticeResult,
    SeedCycle,
    last_kept,
)
from stairway.training.measured import Rollout, Walked

_ENDS = {
    Outcome.CONTINUE: "not finished",
    Outcome.CONVERGED: "its figures had settled",
    Outcome.EARLY_STOP: "the last cycle brought too little",
    Outcome.FINISHED: "all cycles are done",
}
_DECIDED = {Decision.KEEP: "kept", Decision.REVERT: "undone"}

LEGEND = (
    ("hold rate", "share of steps whose action is to hold both positions as they are"),
    ("no fill", "share of steps in which no position changed"),
    ("trades", "changes of position a day, both instruments together"),
    ("kept", "a cycle's weights stay: it passed, or fell back by no more than is allowed"),
    ("passed", "all bounds of the gate held, for the median seed and for the worst"),
    ("accepted", "the last kept cycle passed: its policy may become a member"),
)
"""What the words of a training run mean, the same in the terminal and on the page."""

STEPS = ("steps", "of a seed since it left the reference, whose own are not counted")
"""The same for a word that stands on the board and on the page, and not in the account."""


@dataclass(frozen=True, slots=True)
class Row:
    """One policy over one span, as text."""

    who: str
    hold: str
    fills: str
    still: str
    total_return: str
    drawdown: str
    sharpe: str
    trips: str
    wins: str


@dataclass(frozen=True, slots=True)
class Habits:
    """How often a policy holds and trades, as text; an empty one where nobody knows."""

    hold: str = ""
    still: str = ""
    fills: str = ""


class Ended(NamedTuple):
    """A seed at the end of the run.

    Attributes
    ----------
    shown
        What it showed in the cycle that its policy is of; where no cycle was kept, in the one
        that was refused last. ``None`` where its policy is the reference.
    back
        Where it went back to: its policy is not of the last kept cycle. Else empty.
    """

    seed: int
    shown: SeedCycle | None
    back: str

    @property
    def who(self) -> str:
        """Its name beside what the policy does that it ended with."""
        return f"seed {self.seed}, back at {self.back}" if self.back else f"seed {self.seed}"


def headline(result: PracticeResult) -> str:
    """Say in one sentence what came of the training.

    Examples
    --------
    >>> from stairway.testing.journal import practice_result
    >>> headline(practice_result(accepted=False))
    'No policy was accepted'
    """
    if not result.finished:
        return "Training is not finished"
    if result.accepted and result.chosen_seed is not None:
        return f"The policy of seed {result.chosen_seed} was accepted"
    return "No policy was accepted"


def because(result: PracticeResult) -> str:
    """Say why training ended where it did."""
    done = counted(len(result.cycles), "cycle")
    kept = sum(1 for cycle in result.cycles if cycle.decision == Decision.KEEP)
    passed = sum(1 for cycle in result.cycles if isinstance(cycle.gate, Pass))
    came = f"{kept} kept, {passed or 'none'} passed the gate"
    return f"{done} of {result.cycles_planned}: {came}; {_ENDS[result.outcome]}"


def standing_cycle(result: PracticeResult) -> int:
    """Cycle whose policies the seeds ended with: the last one kept, 0 for the reference."""
    kept = last_kept(result.cycles)
    return 0 if kept is None else kept.cycle


def gate(result: PracticeResult) -> CycleReport | None:
    """Give the gate's answer about what stands; about the last cycle where none was kept."""
    return last_kept(result.cycles) or next(reversed(result.cycles), None)


def in_training(result: PracticeResult) -> Habits:
    """Medians over the seeds, each in the cycle that its policy is of; see :func:`ended`."""
    mine = last_cycles(result)
    return _habits(
        [one.hold_rate for one in mine],
        [one.no_fill_share for one in mine],
        [one.fills_per_session for one in mine],
    )


def held_out(result: PracticeResult) -> Habits:
    """Give the same for days that nothing was decided on."""
    walks = [one.sampled for one in result.held_out]
    return _habits(
        [one.hold_rate for one in walks],
        [one.no_fill_share for one in walks],
        [one.fills_per_session for one in walks],
    )


def aimed(result: PracticeResult) -> Habits:
    """Give what the controller was after: medians of the last targets of the same cycles."""
    cycles = {one.seed: one.cycle for one in last_cycles(result)}
    last: dict[int, Rollout] = {}
    for one in sorted(result.rollouts, key=lambda r: r.steps):
        if cycles.get(one.seed) == one.cycle:
            last[one.seed] = one
    return _habits(
        [one.target_hold for one in last.values()],
        [],
        [one.target_fills for one in last.values()],
    )


def _habits(
    hold: Sequence[float | None], still: Sequence[float | None], fills: Sequence[float | None]
) -> Habits:
    def middle(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return median(known) if known else None

    held, stood, traded = middle(hold), middle(still), middle(fills)
    return Habits(
        hold="" if held is None else share(held),
        still="" if stood is None else percent(stood, signed=False),
        fills="" if traded is None else trades(traded),
    )


def ended(result: PracticeResult) -> tuple[Ended, ...]:
    """Every seed as it ended, by seed; none while no cycle was judged.

    A seed that strays goes back alone, even where the cycle is kept: its policy is then that
    of an earlier cycle, or the reference.
    """
    if not result.cycles:
        return ()
    kept = {one.cycle for one in result.cycles if one.decision == Decision.KEEP}
    # Cycle 0 is the reference, which is no seed of this run, whatever number it was made under.
    mine = [one for one in result.seed_cycles if one.cycle > 0]
    own = {one.seed: one for one in mine if one.cycle in kept and not one.rolled_back}
    refused = {one.seed: one for one in mine if one.cycle == result.cycles[-1].cycle}
    return tuple(
        Ended(seed, own.get(seed) if kept else refused.get(seed), _back(own.get(seed), result))
        for seed in result.seeds
    )


def _back(own: SeedCycle | None, result: PracticeResult) -> str:
    if own is None:
        return "the reference"
    return "" if own.cycle == standing_cycle(result) else f"cycle {own.cycle}"


def last_cycles(result: PracticeResult) -> tuple[SeedCycle, ...]:
    """Every seed in the cycle that its policy is of; one that is back at the reference is out.

    Where no cycle was kept, as it was judged last, since that is what was refused.
    """
    return tuple(one.shown for one in ended(result) if one.shown is not None)


def judged(result: PracticeResult) -> SeedCycle | None:
    """Give the seed that the page shows in detail: the chosen one, or the median of the end."""
    cycles = last_cycles(result)
    wanted = result.chosen_seed
    said = gate(result)
    if wanted is None and said is not None:
        wanted = said.median_seed
    return next((one for one in cycles if one.seed == wanted), cycles[0] if cycles else None)


def reasons(shown: SeedCycle) -> tuple[str, ...]:
    """Say which bounds of the gate this seed missed, one line each."""
    return missed(shown.criteria)


def rows(result: PracticeResult) -> tuple[Row, ...]:
    """Write reference and seeds on validation days as text.

    Where no cycle was kept, what was refused stands for each seed, and is called undone.
    """
    gold = None if result.gold is None else result.gold.validation
    walks: list[tuple[str, Walked | None]] = [("reference", gold)]
    for one in ended(result):
        if one.shown is None:
            walks.append((one.who, gold))
        else:
            who = one.who if standing_cycle(result) else f"seed {one.seed}, undone"
            walks.append((who, one.shown.validation))
    return tuple(row(who, walked) for who, walked in walks if walked is not None)


def rows_held_out(result: PracticeResult) -> tuple[Row, ...]:
    """Write reference and seeds on days that nothing was decided on as text."""
    walk = None if result.gold is None else result.gold.held_out
    gold = () if walk is None else (row("reference", walk),)
    who = _names(result)
    return (*gold, *(row(who[one.seed], one.sampled) for one in result.held_out))


def rows_likeliest(result: PracticeResult) -> tuple[Row, ...]:
    """Write the same days walked with the likeliest action at each bar, none drawn."""
    who = _names(result)
    return tuple(row(f"{who[one.seed]}, likeliest", one.greedy) for one in result.held_out)


def _names(result: PracticeResult) -> dict[int, str]:
    plain = {one.seed: f"seed {one.seed}" for one in result.held_out}
    return plain | {one.seed: one.who for one in ended(result)}


def row(who: str, walked: Walked) -> Row:
    """Write one walk as text."""
    return Row(
        who=who,
        hold=share(walked.hold_rate),
        fills=trades(walked.fills_per_session),
        still=percent(walked.no_fill_share, signed=False),
        total_return=percent(walked.return_frac),
        drawdown=percent(walked.drawdown_frac, signed=False),
        sharpe=ratio(walked.sharpe),
        trips=count(walked.round_trips),
        wins="" if walked.win_rate is None else percent(walked.win_rate, 0, signed=False),
    )


def cycle_line(cycle: CycleReport) -> str:
    """Say what became of one cycle.

    Examples
    --------
    >>> from stairway.testing.journal import practice_result
    >>> cycle_line(practice_result().cycles[0])
    'kept: the gate passed'
    """
    return f"{_DECIDED[cycle.decision]}: {cycle.reason}"
