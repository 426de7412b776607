"""What of a run must outlive the process, and who keeps it.

A run is kept at the two kinds of places where it can be taken up again: between two
roll-outs of a seed, and between two cycles of all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple, Protocol

from stairway.base.errors import DataError
from stairway.training.cycle import Phase, State
from stairway.training.journal import Outcome, SeedCycle
from stairway.training.measured import Rollout
from stairway.training.pupil_state import Good, PutDown


class Midway(NamedTuple):
    """One seed inside a cycle: where it stands, and its roll-outs of this cycle so far."""

    seed: int
    cycle: int
    put_down: PutDown
    rollouts: tuple[Rollout, ...]


class Saved(NamedTuple):
    """A whole run at the start of a cycle.

    Attributes
    ----------
    machine
        Of the cycles.
    pupils, goods
        Every seed as it stands, and what it would be rolled back to.
    rollouts, seed_cycles
        What happened before.
    """

    machine: State
    pupils: Mapping[int, PutDown]
    goods: Mapping[int, Good]
    rollouts: tuple[Rollout, ...]
    seed_cycles: tuple[SeedCycle, ...]


class Keeper(Protocol):
    """Keeps what must outlive the process."""

    def midway(self, midway: Midway) -> None:
        """Keep one seed; called in its own thread."""
        ...

    def cycle(self, saved: Saved) -> None:
        """Keep the run; once this returns, a later start goes on from here."""
        ...


def ordered(rollouts: Sequence[Rollout]) -> tuple[Rollout, ...]:
    """Put roll-outs in an order that does not depend on which thread was faster."""
    return tuple(sorted(rollouts, key=lambda r: (r.cycle, r.seed, r.steps)))


def require_whole(saved: Saved, seeds: Sequence[int], per_cycle: int, cycles: int) -> None:
    """Refuse a whole run that no run of these seeds can have left where a cycle begins.

    Parameters
    ----------
    seeds
        In the order of their numbers.
    per_cycle, cycles
        Roll-outs of a seed in each cycle, and cycles at most.

    Raises
    ------
    DataError
        Naming the first part that cannot be.
    """
    machine, reports = saved.machine, saved.machine.reports
    n = len(reports)
    over = [report.outcome is not Outcome.CONTINUE for report in reports]
    ended = bool(over) and over[-1]
    walked = [*product(range(1, n + 1), seeds)]
    parts: tuple[tuple[str, Any, Any], ...] = (
        ("such seeds", [sorted(saved.pupils), sorted(saved.goods)], [[*seeds], [*seeds]]),
        ("such cycles", [r.cycle for r in reports], [*range(1, n + 1)]),
        ("such an end", [any(over[:-1]), n > cycles, n == cycles and not ended], [False] * 3),
        ("such a phase", machine.phase, Phase.DONE if ended else Phase.TRAIN),
        ("such a cycle begun", machine.cycle, n if ended else n + 1),
        ("such standings", [machine.lanes, machine.standings, machine.report], [(), (), None]),
        ("such a reference", [one.cycle for one in saved.seed_cycles[:1]], [0]),
        ("such judgements", [(c.cycle, c.seed) for c in saved.seed_cycles[1:]], walked),
        ("such roll-outs", saved.rollouts, ordered(saved.rollouts)),
        ("such roll-outs", _odd(saved, walked, per_cycle), []),
    )
    for what, found, wanted in parts:
        if found != wanted:
            msg = f"no run of seeds {[*seeds]} leaves {what} after {n} cycles"
            raise DataError(msg)


def _odd(
    saved: Saved, walked: Sequence[tuple[int, int]], per_cycle: int
) -> list[tuple[int, int]]:
    """Cycles and seeds with a wrong number of roll-outs; who ceased to learn has fewer."""
    counts = Counter((one.cycle, one.seed) for one in saved.rollouts)
    fell = {(one.cycle, one.seed) for one in saved.seed_cycles if one.rolled_back}
    missed = [at for at in walked if counts[at] != per_cycle]
    odd = [at for at in missed if at not in fell or counts[at] > per_cycle]
    return [*odd, *(counts.keys() - walked)]


def require_midway(midway: Midway, machine: State, per_cycle: int) -> None:
    """Refuse a seed that cannot stand inside of the cycle that a run is in.

    Raises
    ------
    DataError
        If cycle or roll-outs are those of something else.
    """
    told, steps = midway.rollouts, [one.steps for one in midway.rollouts]
    good = (
        midway.cycle == machine.cycle
        and machine.phase is Phase.TRAIN
        and 1 <= len(told) <= per_cycle
        and {(one.seed, one.cycle) for one in told} == {(midway.seed, midway.cycle)}
        and steps == sorted(set(steps))
    )
    if not good:
        msg = (
            f"its {len(told)} roll-outs are not those of seed {midway.seed} inside of cycle "
            f"{machine.cycle}"
        )
        raise DataError(msg)
