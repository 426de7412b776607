"""What of a run must outlive the process, and who keeps it.

A run is kept at the two kinds of places where it can be taken up again: between two
roll-outs of a seed, and between two cycles of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from stairway.training.cycle import State
from stairway.training.journal import SeedCycle
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
