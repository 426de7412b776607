"""Who is told how a training in cycles goes, without being waited for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from stairway.training.journal import CycleReport, SeedCycle
from stairway.training.measured import Rollout

Result = TypeVar("Result")


class Stages(Protocol):
    """Listens to how far a piece of work is."""

    def begin(self, label: str, total: int) -> None:
        """Hear that a stage starts; ``total`` is in the unit of ``advance``."""
        ...

    def advance(self, done: int) -> None:
        """Hear how much of the stage is done."""
        ...


class Ear(Stages, Protocol):
    """Listens. Called by one thread at a time, whichever it is."""

    def rollout(self, rollout: Rollout) -> None:
        """Hear of a roll-out of one seed, and of the update that followed."""
        ...

    def seed_cycle(self, seed_cycle: SeedCycle) -> None:
        """Hear what one seed showed at the end of a cycle, once that is settled."""
        ...

    def cycle(self, report: CycleReport) -> None:
        """Hear what was decided on a cycle."""
        ...

    def note(self, line: str) -> None:
        """Hear one line that a person should read, and that stops nothing."""
        ...


class Nobody:
    """Hears stages, and does nothing with them."""

    def begin(self, label: str, total: int) -> None:
        """Ignore it."""

    def advance(self, done: int) -> None:
        """Ignore it."""


class Every(Protocol):
    """Does the same for each seed, side by side or one after the other."""

    def __call__(self, work: Callable[[int], Result], seeds: Sequence[int]) -> list[Result]:
        """Return the results in the order of the seeds; the first error ends it."""
        ...
