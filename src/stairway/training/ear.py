"""Who is told how a training in cycles goes, without being waited for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from stairway.training.journal import CycleReport, SeedCycle
from stairway.training.measured import Rollout

Result = TypeVar("Result")


class Ear(Protocol):
    """Listens. Called by one thread at a time, whichever it is."""

    def begin(self, label: str, total: int) -> None:
        """Hear that a stage starts; ``total`` is in the unit of ``advance``."""
        ...

    def advance(self, done: int) -> None:
        """Hear how much of the stage is done."""
        ...

    def rollout(self, rollout: Rollout) -> None:
        """Hear of a roll-out of one seed, and of the update that followed."""
        ...

    def seed_cycle(self, seed_cycle: SeedCycle) -> None:
        """Hear what one seed showed at the end of a cycle, once that is settled."""
        ...

    def cycle(self, report: CycleReport) -> None:
        """Hear what was decided on a cycle."""
        ...


class Deaf:
    """Hears nothing."""

    def begin(self, label: str, total: int) -> None:
        """Ignore it."""

    def advance(self, done: int) -> None:
        """Ignore it."""

    def rollout(self, rollout: Rollout) -> None:
        """Ignore it."""

    def seed_cycle(self, seed_cycle: SeedCycle) -> None:
        """Ignore it."""

    def cycle(self, report: CycleReport) -> None:
        """Ignore it."""


class Every(Protocol):
    """Does the same for each seed, side by side or one after the other."""

    def __call__(self, work: Callable[[int], Result], seeds: Sequence[int]) -> list[Result]:
        """Return the results in the order of the seeds; the first error ends it."""
        ...


def one_by_one(work: Callable[[int], Result], seeds: Sequence[int]) -> list[Result]:
    """Do it in the order of the seeds.

    Examples
    --------
    >>> one_by_one(lambda seed: seed + 1, [3, 1])
    [4, 2]
    """
    return [work(seed) for seed in seeds]
